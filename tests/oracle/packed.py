"""Reads the canonical msgpack in which stores hash and show things (docs/protocol.md 1): nil, booleans, integers, bytes, text, arrays."""


def unpack(data):
    value, end = _value(data, 0)
    if end != len(data):
        raise ValueError('%d bytes behind the end' % (len(data) - end))
    return value


def _value(data, at):
    first = data[at]
    if first <= 0x7f:
        return first, at + 1
    if first >= 0xe0:
        return first - 0x100, at + 1
    if first in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[first], at + 1
    if 0x90 <= first <= 0x9f:
        return _array(data, at + 1, first & 15)
    if 0xa0 <= first <= 0xbf:
        return _bytes(data, at + 1, first & 31).decode(), at + 1 + (first & 31)
    sizes = {0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8}
    if first not in sizes:
        raise ValueError('no value of ours begins with %02x' % first)
    size = sizes[first]
    number, at = int.from_bytes(_bytes(data, at + 1, size), 'big', signed=0xd0 <= first <= 0xd3), at + 1 + size
    if first <= 0xc6:
        return _bytes(data, at, number), at + number
    if 0xd9 <= first <= 0xdb:
        return _bytes(data, at, number).decode(), at + number
    return _array(data, at, number) if first >= 0xdc else (number, at)


def _bytes(data, at, size):
    if at + size > len(data):
        raise ValueError('it ends too early')
    return data[at:at + size]


def _array(data, at, count):
    out = []
    for _ in range(count):
        value, at = _value(data, at)
        out.append(value)
    return out, at

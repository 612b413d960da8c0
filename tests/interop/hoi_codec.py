"""Canonical encoding (docs/protocol.md, section 1): the one place that turns bytes into values and back.

A value is None, bool, int, str, bytes or a list of values. Every value has exactly one byte string; the reader refuses all
others, so `encode(decode(data)) == data` holds for whatever `decode` accepts. It knows nothing of what the values mean.
"""

from __future__ import annotations

from typing import Union

Value = Union[None, bool, int, str, bytes, list["Value"]]

DEPTH_MAX = 16
UINT_MAX = 2**64 - 1
INT_MIN = -(2**63)

# Type byte: (bytes of the number that follows, the least number that has no shorter form).
_UINT_FORMS = {0xCC: (1, 0x80), 0xCD: (2, 1 << 8), 0xCE: (4, 1 << 16), 0xCF: (8, 1 << 32)}
_STR_FORMS = {0xD9: (1, 0x20), 0xDA: (2, 1 << 8), 0xDB: (4, 1 << 16)}
_BIN_FORMS = {0xC4: (1, 0), 0xC5: (2, 1 << 8), 0xC6: (4, 1 << 16)}
_ARRAY_FORMS = {0xDC: (2, 0x10), 0xDD: (4, 1 << 16)}
# Type byte: (bytes of the two's complement that follows, the greatest number that has no shorter form).
_INT_FORMS = {0xD0: (1, -33), 0xD1: (2, -(1 << 7) - 1), 0xD2: (4, -(1 << 15) - 1), 0xD3: (8, -(1 << 31) - 1)}


class NotCanonical(ValueError):
    """The bytes are not the one canonical byte string of a value."""


def decode(data: bytes) -> Value:
    """Return the value that `data` is the canonical encoding of; raise NotCanonical for any other bytes."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.position != len(data):
        raise NotCanonical(f"{len(data) - reader.position} bytes follow the end")
    return value


def decode_members(data: bytes, count: int) -> list[Value]:
    """Return the first members of the array that `data` begins with, whatever follows them; raise NotCanonical where they can't be read."""
    reader = _Reader(data)
    if reader.array_length() < count:
        raise NotCanonical("too few members")
    return [reader.value(1) for _ in range(count)]


def is_canonical(data: bytes) -> bool:
    """Say whether `data` is the canonical encoding of some value."""
    try:
        decode(data)
    except NotCanonical:
        return False
    return True


def encode(value: Value) -> bytes:
    """Return the canonical encoding of `value`; raise ValueError for a value that has none."""
    out = bytearray()
    _write(out, value, 0)
    return bytes(out)


class _Reader:
    """A cursor over untrusted bytes; nothing is allocated that the bytes still to come could not fill."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def value(self, depth: int) -> Value:
        """Read one value that stands inside `depth` arrays."""
        tag = self._take(1)[0]
        if tag <= 0x7F:
            return tag
        if tag <= 0x8F:
            raise NotCanonical("a map")
        if tag <= 0x9F:
            return self._array(tag & 0x0F, depth)
        if tag <= 0xBF:
            return self._text(tag & 0x1F)
        if tag >= 0xE0:
            return tag - 0x100
        if tag in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[tag]
        if tag in _UINT_FORMS:
            return self._number(_UINT_FORMS[tag])
        if tag in _INT_FORMS:
            return self._negative(_INT_FORMS[tag])
        if tag in _BIN_FORMS:
            return self._take(self._number(_BIN_FORMS[tag]))
        if tag in _STR_FORMS:
            return self._text(self._number(_STR_FORMS[tag]))
        if tag in _ARRAY_FORMS:
            return self._array(self._number(_ARRAY_FORMS[tag]), depth)
        raise NotCanonical(f"type byte {tag:02x} never occurs")

    def array_length(self) -> int:
        """Read the beginning of an array."""
        tag = self._take(1)[0]
        if tag not in _ARRAY_FORMS and not 0x90 <= tag <= 0x9F:
            raise NotCanonical("no array")
        return self._number(_ARRAY_FORMS[tag]) if tag in _ARRAY_FORMS else tag & 0x0F

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise NotCanonical("the bytes end too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def _number(self, form: tuple[int, int]) -> int:
        width, least = form
        number = int.from_bytes(self._take(width), "big")
        if number < least:
            raise NotCanonical("a longer form than needed")
        return number

    def _negative(self, form: tuple[int, int]) -> int:
        width, greatest = form
        number = int.from_bytes(self._take(width), "big", signed=True)
        if number > greatest:
            raise NotCanonical("a negative number in a longer form than needed, or not negative")
        return number

    def _text(self, count: int) -> str:
        raw = self._take(count)
        try:
            text = raw.decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            raise NotCanonical("text is not well-formed UTF-8") from error
        if "\0" in text:
            raise NotCanonical("text holds U+0000")
        return text

    def _array(self, count: int, depth: int) -> list[Value]:
        if depth == DEPTH_MAX:
            raise NotCanonical("nested too deep")
        if count > len(self.data) - self.position:
            raise NotCanonical("the bytes end too early")
        return [self.value(depth + 1) for _ in range(count)]


def _write(out: bytearray, value: Value, depth: int) -> None:
    if value is None:
        out.append(0xC0)
    elif isinstance(value, bool):
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _write_int(out, value)
    elif isinstance(value, str):
        raw = value.encode("utf-8", "strict")
        if b"\0" in raw:
            raise ValueError("text holds U+0000")
        _write_length(out, len(raw), (0xA0, 0x20), _STR_FORMS)
        out += raw
    elif isinstance(value, bytes):
        _write_length(out, len(value), (0, 0), _BIN_FORMS)
        out += value
    elif isinstance(value, list):
        if depth == DEPTH_MAX:
            raise ValueError("nested too deep")
        _write_length(out, len(value), (0x90, 0x10), _ARRAY_FORMS)
        for item in value:
            _write(out, item, depth + 1)
    else:
        raise ValueError(f"{type(value).__name__} has no encoding")


def _write_int(out: bytearray, value: int) -> None:
    if not INT_MIN <= value <= UINT_MAX:
        raise ValueError("integer out of range")
    if -32 <= value <= 0x7F:
        out.append(value & 0xFF)
        return
    if value > 0:
        tag, width = next((tag, width) for tag, (width, _) in _UINT_FORMS.items() if value < 1 << (8 * width))
    else:
        tag, width = next((tag, width) for tag, (width, _) in _INT_FORMS.items() if value >= -(1 << (8 * width - 1)))
    out.append(tag)
    out += value.to_bytes(width, "big", signed=value < 0)


def _write_length(out: bytearray, count: int, fixed: tuple[int, int], forms: dict[int, tuple[int, int]]) -> None:
    first, limit = fixed
    if count < limit:
        out.append(first | count)
        return
    for tag, (width, _) in forms.items():
        if count < 1 << (8 * width):
            out.append(tag)
            out += count.to_bytes(width, "big")
            return
    raise ValueError("too long")

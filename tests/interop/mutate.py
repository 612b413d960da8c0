"""Seeded damage to canonical bytes: what a reader must refuse, or take for exactly what it now says."""

from __future__ import annotations

import random
from typing import Any, Callable, Iterator

import hoi_codec
from hoi_codec import Value

# A name of damage that can never leave canonical bytes: the codec itself has to refuse it.
NEVER_CANONICAL = {"cut short", "bytes behind the end", "longer form"}


def mutations(data: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield named damage to `data` without end, the same for the same seed; never `data` itself."""
    dice = random.Random(seed)
    kinds = list(_KINDS.items())
    while True:
        for name, damage in kinds:
            damaged = damage(data, dice)
            if damaged != data:
                yield name, damaged


def _flip_bit(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(8 * len(data))
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def _replace_byte(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]


def _cut_short(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def _insert(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.randbytes(dice.randint(1, 4)) + data[at:]


def _remove(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + data[at + dice.randint(1, 4) :]


def _trail(data: bytes, dice: random.Random) -> bytes:
    return data + dice.randbytes(dice.randint(1, 4))


def _longer_form(data: bytes, dice: random.Random) -> bytes:
    value = hoi_codec.decode(data)
    count = len(list(_parts(value)))
    return _write_with_longer(value, [dice.randrange(count)], dice)


def _swap(data: bytes, dice: random.Random) -> bytes:
    value = hoi_codec.decode(data)
    lists = [part for part in _parts(value) if isinstance(part, list) and len(part) > 1]
    if lists:
        chosen = dice.choice(lists)
        at = dice.randrange(len(chosen) - 1)
        chosen[at], chosen[at + 1] = chosen[at + 1], chosen[at]
    return hoi_codec.encode(value)


def _repeat(data: bytes, dice: random.Random) -> bytes:
    value = hoi_codec.decode(data)
    lists = [part for part in _parts(value) if isinstance(part, list) and part]
    if lists:
        chosen = dice.choice(lists)
        at = dice.randrange(len(chosen))
        chosen.insert(at, chosen[at])
    return hoi_codec.encode(value)


def _other_number(data: bytes, dice: random.Random) -> bytes:
    """Put an edge number in the place of a number: still canonical, so only rules and hashes can tell."""
    value = hoi_codec.decode(data)
    places = [(part, at) for part in _parts(value) if isinstance(part, list) for at, inner in enumerate(part) if type(inner) is int]
    if places:
        chosen, at = dice.choice(places)
        near = [number for number in (chosen[at] + 1, chosen[at] - 1) if hoi_codec.INT_MIN <= number <= hoi_codec.UINT_MAX]
        chosen[at] = dice.choice([*near, 0, 1, 31, 32, 33, 255, 2**63 - 1, 2**63, 2**64 - 1, -1, -(2**63), None, False])
    return hoi_codec.encode(value)


def _other_value(data: bytes, dice: random.Random) -> bytes:
    """Put a value of another type or length in the place of a part."""
    value = hoi_codec.decode(data)
    places = [(part, at) for part in _parts(value) if isinstance(part, list) for at in range(len(part))]
    if places:
        chosen, at = dice.choice(places)
        old = chosen[at]
        others: list[Value] = [None, True, 0, "", "a", b"", bytes(8), bytes(16), bytes(32), [], [[]]]
        if isinstance(old, str):
            others = [old + "a", old[:-1], "á" * 16, "a" * 33, "a" * 64, "a" * 65, "a" * 200, "a" * 201]
        elif isinstance(old, bytes):
            others = [old + b"\0", old[:-1], bytes(len(old)), b"\xff" * len(old), b""]
        chosen[at] = dice.choice(others)
    return hoi_codec.encode(value)


_KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bit flipped": _flip_bit,
    "byte replaced": _replace_byte,
    "cut short": _cut_short,
    "bytes inserted": _insert,
    "bytes removed": _remove,
    "bytes behind the end": _trail,
    "longer form": _longer_form,
    "order swapped": _swap,
    "item repeated": _repeat,
    "other number": _other_number,
    "other value": _other_value,
}


def _parts(value: Value) -> Iterator[Any]:
    """Yield a value and all that it holds, outermost first."""
    yield value
    if isinstance(value, list):
        for inner in value:
            yield from _parts(inner)


def _write_with_longer(value: Value, left: list[int], dice: random.Random) -> bytes:
    """Return the encoding of `value` with the part that `left[0]` counts down to in a longer form than needed."""
    mine = left[0] == 0
    left[0] -= 1
    if isinstance(value, list):
        inner = b"".join(_write_with_longer(item, left, dice) for item in value)
        return _longer_head(value, dice) + inner if mine else hoi_codec.encode([None] * len(value))[: -len(value) or None] + inner
    encoded = hoi_codec.encode(value)
    if not mine or value is None or isinstance(value, bool):
        return encoded
    if isinstance(value, int):
        first = 0xCC if value >= 0 else 0xD0
        longer = [(first + at, 1 << at) for at in range(4) if 1 << at > len(encoded) - 1]
        if not longer:
            return encoded
        tag, width = dice.choice(longer)
        return bytes([tag]) + value.to_bytes(width, "big", signed=value < 0)
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return _longer_head(value, dice) + raw


def _longer_head(value: Value, dice: random.Random) -> bytes:
    """Return a type byte and length of a str, bin or array in a longer form, or the same where there is none."""
    assert isinstance(value, (str, bytes, list))
    count = len(value.encode()) if isinstance(value, str) else len(value)
    if isinstance(value, str):
        forms = [(0xD9, 1, 0x20), (0xDA, 2, 1 << 8), (0xDB, 4, 1 << 16)]
    elif isinstance(value, bytes):
        forms = [(0xC5, 2, 1 << 8), (0xC6, 4, 1 << 16)]
    else:
        forms = [(0xDC, 2, 0x10), (0xDD, 4, 1 << 16)]
    longer = [(tag, width) for tag, width, least in forms if count < least]
    if not longer:
        encoded = hoi_codec.encode([None] * count if isinstance(value, list) else value)
        return encoded[: len(encoded) - count]
    tag, width = dice.choice(longer)
    return bytes([tag]) + count.to_bytes(width, "big")

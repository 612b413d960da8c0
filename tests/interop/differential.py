"""The canonical reader against msgpack's own: both ways, on any bytes."""

from __future__ import annotations

from typing import Any

import hoi_codec
import msgpack


def agree(data: bytes) -> bool:
    """Say whether our reader accepts `data` exactly when msgpack does, its value is of our subset, and packs back to `data`.

    Where both accept, the values must be equal, types included.
    """
    theirs, readable = _msgpack(data)
    expected = readable and _is_subset(theirs, 0) and msgpack.packb(theirs, use_bin_type=True) == data
    try:
        ours = hoi_codec.decode(data)
    except hoi_codec.NotCanonical:
        return not expected
    return expected and same(ours, theirs) and hoi_codec.encode(ours) == data


def same(ours: Any, theirs: Any) -> bool:
    """Say whether two values are equal and of the same types throughout."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def _msgpack(data: bytes) -> tuple[Any, bool]:
    try:
        return msgpack.unpackb(data, raw=False, use_list=True, strict_map_key=False), True
    except (ValueError, msgpack.exceptions.UnpackException, TypeError):
        return None, False


def _is_subset(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth < hoi_codec.DEPTH_MAX and all(_is_subset(item, depth + 1) for item in value)
    if isinstance(value, str):
        return "\0" not in value
    return value is None or type(value) in (bool, int, bytes)

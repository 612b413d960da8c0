"""One zstd frame with its content size, through the system's libzstd: the compression of suite 1."""

from __future__ import annotations

import ctypes

_LIBRARY = ctypes.CDLL("libzstd.so.1")
_SIZE = ctypes.c_size_t
_LIBRARY.ZSTD_compressBound.restype = _SIZE
_LIBRARY.ZSTD_compressBound.argtypes = [_SIZE]
_LIBRARY.ZSTD_compress.restype = _SIZE
_LIBRARY.ZSTD_compress.argtypes = [ctypes.c_char_p, _SIZE, ctypes.c_char_p, _SIZE, ctypes.c_int]
_LIBRARY.ZSTD_decompress.restype = _SIZE
_LIBRARY.ZSTD_decompress.argtypes = [ctypes.c_char_p, _SIZE, ctypes.c_char_p, _SIZE]
_LIBRARY.ZSTD_isError.restype = ctypes.c_uint
_LIBRARY.ZSTD_isError.argtypes = [_SIZE]
_LIBRARY.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
_LIBRARY.ZSTD_getFrameContentSize.argtypes = [ctypes.c_char_p, _SIZE]
_LIBRARY.ZSTD_findFrameCompressedSize.restype = _SIZE
_LIBRARY.ZSTD_findFrameCompressedSize.argtypes = [ctypes.c_char_p, _SIZE]

_LEVEL = 3


class BadFrame(ValueError):
    """Not exactly one zstd frame of the size that was said."""


def compress(data: bytes) -> bytes:
    """Return one frame that holds `data` and says its size."""
    bound = _LIBRARY.ZSTD_compressBound(len(data))
    buffer = ctypes.create_string_buffer(bound)
    size = _LIBRARY.ZSTD_compress(buffer, bound, data, len(data), _LEVEL)
    if _LIBRARY.ZSTD_isError(size):
        raise MemoryError("zstd could not compress")
    return buffer.raw[:size]


def decompress(frame: bytes, expected: int) -> bytes:
    """Return the `expected` bytes that the one frame holds; the size it says itself is checked before anything is allocated."""
    if _LIBRARY.ZSTD_getFrameContentSize(frame, len(frame)) != expected:
        raise BadFrame("the frame does not say the size expected")
    if _LIBRARY.ZSTD_findFrameCompressedSize(frame, len(frame)) != len(frame):
        raise BadFrame("not exactly one frame")
    buffer = ctypes.create_string_buffer(max(expected, 1))
    size = _LIBRARY.ZSTD_decompress(buffer, expected, frame, len(frame))
    if _LIBRARY.ZSTD_isError(size) or size != expected:
        raise BadFrame("the frame is damaged")
    return buffer.raw[:expected]

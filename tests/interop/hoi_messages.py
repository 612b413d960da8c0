"""Messages, their items and digests, and enrolment (docs/protocol.md, sections 9 and 11)."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Iterable, Iterator, Optional

import hoi_codec
import hoi_crypto
import hoi_zstd
from hoi_common import (
    ASSOCIATION,
    BODY_BYTES_MAX,
    EXTENSIONS,
    ID,
    KEY,
    LINE_MAX,
    LOG,
    MESSAGE_BYTES_MAX,
    REF,
    SEQ,
    SHORT_HASH,
    SIGNATURE,
    TIME,
    Versioned,
    check_critical,
    check_log,
    log_fields,
    log_key,
)
from hoi_control import CORE, check_line_above
from hoi_formats import FOUNDING_BYTES_MAX, HEADER_BYTES_MAX, RECEIPT, RECEIPT_BYTES_MAX, RECOVERY_KEYS_MAX
from hoi_shape import Bin, Blob, Fields, Int, ListOf, OneOf, Refused, SetAside, Shape, Struct, Structure, Text, UInt

BUCKETS = 64
ITEMS_MAX = 4096
PLAIN, ZSTD = 0, 1
TOKEN_PREFIX = "hoi1-"
BLANKS = " \t\r\n"


def _hello(item: Fields, where: str) -> None:
    check_critical(item, where)


def _pairs(flat: list[int], where: str) -> list[tuple[int, int]]:
    if len(flat) % 2:
        raise Refused(where, "not pairs")
    return list(zip(flat[::2], flat[1::2]))


def _log_state(item: Fields, where: str) -> None:
    check_log(item, where)
    free = 1
    for first, last in _pairs(item["gaps"], f"{where}.gaps"):
        if not free <= first <= last <= item["seq"]:
            raise Refused(f"{where}.gaps", "not ascending ranges within the log that neither touch nor overlap")
        free = last + 2
    earlier = 0
    for seq, held in _pairs(item["partial"], f"{where}.partial"):
        if not earlier < seq <= item["seq"] or not 0 < held < BODY_BYTES_MAX:
            raise Refused(f"{where}.partial", "not ascending entries of the log")
        earlier = seq


def _held(item: Fields, where: str) -> None:
    if not item["applied"] <= item["bodies"] <= item["seq"]:
        raise Refused(where, "not applied <= bodies <= seq")


HELD = Struct([("holder", ID), ("seq", SEQ), ("bodies", UInt()), ("applied", UInt())], _held)
HELDS = ListOf(HELD, 0, 64, key=lambda item: item["holder"])
LOG_STATE = Struct(
    [
        *log_fields(),
        ("seq", SEQ),
        ("hash", SHORT_HASH),
        ("gaps", ListOf(UInt(), 0, 512)),
        ("partial", ListOf(UInt(), 0, 128)),
        ("receipts", HELDS),
    ],
    _log_state,
)


def _have(item: Fields, where: str) -> None:
    marked = marked_buckets(item["buckets"])
    for at, state in enumerate(item["logs"]):
        if bucket_of(state["node"]) not in marked:
            raise Refused(f"{where}.logs[{at}]", "of a bucket that is not marked")


def _entries(item: Fields, where: str) -> None:
    if item["codec"] == PLAIN and len(item["data"]) != item["raw_bytes"]:
        raise Refused(f"{where}.data", "not raw bytes long")
    if item["codec"] == ZSTD and len(item["data"]) >= item["raw_bytes"]:
        raise Refused(f"{where}.data", "a frame that is no shorter than what it holds")


def _number(value: int) -> tuple[str, Shape]:
    return ("type", UInt(value, value))


HELLO = Versioned(
    [
        _number(1),
        ("version", UInt()),
        ("suite", UInt()),
        ("association", ASSOCIATION),
        ("node", ID),
        ("unit", ID),
        ("incarnation", Bin(8)),
        ("feature_level", UInt()),
        ("window", UInt(65_536, 1_048_576)),
        ("message_max", UInt(4096, 1_048_576)),
        ("state", SHORT_HASH),
        ("missing", UInt()),
        ("time", TIME),
        ("extensions", EXTENSIONS),
    ],
    _hello,
)
STATE = Struct([_number(2), ("state", SHORT_HASH), ("missing", UInt())])
BUCKETS_MESSAGE = Struct([_number(3), ("digests", ListOf(Bin(8), BUCKETS, BUCKETS))])
HAVE = Struct([_number(4), ("buckets", Bin(8)), ("logs", ListOf(LOG_STATE, key=log_key))], _have)
ENTRIES = Struct([_number(5), ("codec", UInt(PLAIN, ZSTD)), ("raw_bytes", UInt(1, MESSAGE_BYTES_MAX)), ("data", Blob(0, MESSAGE_BYTES_MAX))], _entries)


def readable_receipt(data: bytes) -> Optional[Fields]:
    """Return a receipt, or None for one to pass over because only a later version can read it; raise ValueError for a malformed one."""
    try:
        receipt: Fields = RECEIPT.decode(data)
    except SetAside:
        return None
    return receipt


def _signed(item: Fields, where: str) -> None:
    try:
        readable_receipt(item["receipt"])
    except ValueError as error:
        raise Refused(f"{where}.receipt", str(error)) from error


def _joined(item: Fields, where: str) -> None:
    check_line_above(item["core"]["unit"], item["line"], f"{where}.line")


SIGNED = Struct([("receipt", Blob(0, RECEIPT_BYTES_MAX)), ("signature", SIGNATURE)], _signed)
RECEIPTS = Struct([_number(6), ("receipts", ListOf(SIGNED, 0, 256))])
PROGRESS = Struct([_number(7), ("bytes", UInt())])
REFUSED = Struct([_number(8), *log_fields(), ("seq", SEQ), ("reason", UInt(1, 8))], check_log)
BYE = Struct([_number(9), ("reason", UInt(0, 5))])
JOIN = Versioned(
    [
        _number(16),
        ("version", UInt()),
        ("suite", UInt()),
        ("association", ASSOCIATION),
        ("secret", Bin(16)),
        ("signing_key", KEY),
        ("transport_key", KEY),
        ("signature", SIGNATURE),
    ],
)
JOINED = Struct(
    [
        _number(17),
        ("statement", Blob(0, FOUNDING_BYTES_MAX)),
        ("signature", SIGNATURE),
        ("core", CORE),
        ("admission", REF),
        ("line", ListOf(ID, 0, LINE_MAX)),
    ],
    _joined,
)
JOIN_REFUSED = Struct([_number(18), ("reason", UInt(1, 5))])

MESSAGE_NAMES = {
    1: "hello",
    2: "state",
    3: "buckets",
    4: "have",
    5: "entries",
    6: "receipts",
    7: "progress",
    8: "refused",
    9: "bye",
    16: "join",
    17: "joined",
    18: "join_refused",
}
MESSAGE_SHAPES = (HELLO, STATE, BUCKETS_MESSAGE, HAVE, ENTRIES, RECEIPTS, PROGRESS, REFUSED, BYE, JOIN, JOINED, JOIN_REFUSED)
MESSAGE = Structure("message", OneOf(dict(zip(MESSAGE_NAMES, MESSAGE_SHAPES))), MESSAGE_BYTES_MAX)


def read_message(data: bytes) -> Fields:
    """Return the message that one ZeroMQ part holds."""
    message: Fields = MESSAGE.decode(data)
    return message


def _entry_item(item: Fields, where: str) -> None:
    if len(item["signature"]) != 64 and (not item["signature"] or len(item["signature"]) % 65):
        raise Refused(f"{where}.signature", "neither one signature nor parts of 65 bytes")
    if not item["salt"] and item["body"]:
        raise Refused(f"{where}.body", "a body without its salt")


def _part_item(item: Fields, where: str) -> None:
    check_log(item, where)
    if item["offset"] + len(item["part"]) > BODY_BYTES_MAX:
        raise Refused(f"{where}.part", "ends behind the longest body")


ITEM = OneOf(
    {
        1: Struct(
            [
                _number(1),
                ("header", Blob(1, HEADER_BYTES_MAX)),
                ("signature", Blob(64, 65 * RECOVERY_KEYS_MAX)),
                ("salt", Bin(0, 32)),
                ("body", Blob(0, BODY_BYTES_MAX)),
            ],
            _entry_item,
        ),
        2: Struct(
            [
                _number(2),
                *log_fields(),
                ("seq", SEQ),
                ("salt", Bin(32)),
                ("offset", UInt(0, BODY_BYTES_MAX)),
                ("part", Blob(1, BODY_BYTES_MAX)),
            ],
            _part_item,
        ),
    }
)
ITEMS = Structure("items", ListOf(ITEM, 1, ITEMS_MAX))


def unpack_items(message: Fields) -> list[Any]:
    """Return the items of an entries message that was read."""
    raw = message["data"] if message["codec"] == PLAIN else hoi_zstd.decompress(message["data"], message["raw_bytes"])
    items: list[Any] = ITEMS.decode(raw)
    return items


def pack_items(items: list[Any], codec: int = ZSTD) -> Fields:
    """Return the entries message that carries these items."""
    raw = ITEMS.encode(items)
    return {"type": 5, "codec": codec, "raw_bytes": len(raw), "data": hoi_zstd.compress(raw) if codec == ZSTD else raw}


def pack_shortest(items: list[Any]) -> Fields:
    """Return the entries message that carries these items, compressed only where that makes it shorter."""
    message = pack_items(items)
    return message if len(message["data"]) < message["raw_bytes"] else pack_items(items, PLAIN)


def split_items(items: list[Any], wanted: int) -> Iterator[Fields]:
    """Yield the entries messages that carry these items in order, each of about `wanted` bytes before compression; one item may be longer."""
    chunk: list[Any] = []
    size = 0
    for item in items:
        length = len(ITEMS.encode([item]))
        if chunk and (size + length > wanted or len(chunk) == ITEMS_MAX):
            yield pack_shortest(chunk)
            chunk, size = [], 0
        chunk.append(item)
        size += length
    if chunk:
        yield pack_shortest(chunk)


def named_by(header: bytes) -> tuple[Fields, int]:
    """Return the log and the seq that a header names, though the rest of it may be malformed; raise ValueError where it names none."""
    author, kind, epoch, seq = hoi_codec.decode_members(header, 6)[2:]
    log: Fields = LOG.read([author, kind, epoch], "header")
    return log, SEQ.read(seq, "header.seq")


def have(buckets: Iterable[int], logs: list[Fields]) -> bytes:
    """Return the frame of the have message that marks these buckets and lists these logs."""
    bitmap = bytearray(BUCKETS // 8)
    for bucket in buckets:
        bitmap[bucket // 8] |= 1 << (bucket % 8)
    return MESSAGE.encode({"type": 4, "buckets": bytes(bitmap), "logs": sorted(logs, key=log_key)})


def bucket_of(node: bytes) -> int:
    """Return the bucket of a node's logs."""
    return node[0] & 63


def marked_buckets(bitmap: bytes) -> set[int]:
    """Return the buckets marked in the bitmap of a have message, bit 0 of a byte being its lowest."""
    return {bucket for bucket in range(BUCKETS) if bitmap[bucket // 8] >> (bucket % 8) & 1}


def bucket_digest(association: bytes, logs: Iterable[Fields]) -> bytes:
    """Return the digest of one bucket over its shared logs, each a dict with at least the fields of LOG_STATE but gaps and partial."""
    elements = b"".join(
        hoi_codec.encode([log["node"], log["kind"], log["epoch"], log["seq"], log["hash"], HELDS.write(log["receipts"])])
        for log in sorted(logs, key=log_key)
    )
    return hoi_crypto.H("bucket", association, elements)[:8] if elements else bytes(8)


def state_of(association: bytes, digests: list[bytes]) -> bytes:
    """Return the state that the 64 digests of the buckets make."""
    return hoi_crypto.H("state", association, b"".join(digests))[:16]


TOKEN = Structure(
    "token",
    Struct(
        [
            ("version", UInt(1, 1)),
            ("association", ASSOCIATION),
            ("inviter", ID),
            ("unit", ID),
            ("transport_key", KEY),
            ("secret", Bin(16)),
            ("expires", Int()),
            ("addresses", ListOf(Text(1, 200, r"tcp://[!-~]+:[0-9]{1,5}"), 1, 4)),
        ]
    ),
)


def write_token(token: Fields) -> str:
    """Return the text of a token as it is handed over."""
    return token_text(TOKEN.encode(token))


def token_text(array: bytes) -> str:
    """Return the text of a token's array, whatever it holds; the check is of the association it names, or of none."""
    value = hoi_codec.decode(array) if hoi_codec.is_canonical(array) else None
    named = value[1] if isinstance(value, list) and len(value) > 1 else None
    association = named if isinstance(named, bytes) and len(named) == 32 else hoi_crypto.NO_ASSOCIATION
    letters = base64.b32encode(array + hoi_crypto.H("token", association, array)[:4]).decode().lower().rstrip("=")
    return TOKEN_PREFIX + "-".join(letters[at : at + 5] for at in range(0, len(letters), 5))


def read_token(text: str) -> Fields:
    """Return the token that was typed or pasted; case, blanks and hyphens do not matter after the prefix."""
    plain = text.lstrip(BLANKS)
    if plain[: len(TOKEN_PREFIX)].lower() != TOKEN_PREFIX:
        raise Refused("token", "does not begin with hoi1-")
    letters = "".join(letter for letter in plain[len(TOKEN_PREFIX) :] if letter not in BLANKS + "-")
    if not letters.isascii():
        raise Refused("token", "not base32")
    letters = letters.upper()
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError) as error:
        raise Refused("token", "not base32") from error
    if base64.b32encode(data).decode().rstrip("=") != letters:
        raise Refused("token", "unused bits are set")
    array, check = data[:-4], data[-4:]
    token: Fields = TOKEN.decode(array)
    if hoi_crypto.H("token", token["association"], array)[:4] != check:
        raise Refused("token", "mistyped: the check does not match")
    return token


def join_signed(join: Fields, inviter: bytes) -> bytes:
    """Return the bytes that the signature of a join is over."""
    return bytes(join["secret"] + join["signing_key"] + join["transport_key"] + inviter)


def verify_join(join: Fields, inviter: bytes) -> bool:
    """Say whether a join is signed by the new key for the token's inviter."""
    return hoi_crypto.verify(join["signing_key"], join["signature"], "join", join["association"], join_signed(join, inviter))

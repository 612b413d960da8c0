"""Messages, their items and digests, and enrolment (docs/protocol.md, sections 9 and 11)."""

from __future__ import annotations

import base64
import re
from typing import Any, Iterable, Iterator, Optional

import hoi_codec
import hoi_crypto
import hoi_zstd
from hoi_codec import Value
from hoi_common import (
    ASSOCIATION,
    BODY_BYTES_MAX,
    DIRECTIVE,
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
from hoi_formats import FOUNDING, FOUNDING_BYTES_MAX, HEADER_BYTES_MAX, RECEIPT, RECEIPT_BYTES_MAX, RECOVERY_KEYS_MAX
from hoi_shape import Bin, Blob, Fields, Flag, Int, ListOf, Maybe, OneOf, Refused, SetAside, Shape, Struct, Structure, Text, UInt

BUCKETS = 64
ITEMS_MAX = 4096
PLAIN, ZSTD = 0, 1
TOKEN_PREFIX = "hoi1-"
TOKEN_BYTES_MAX = 1200
JOIN_FILE_BYTES_MAX = 5_242_880
SCHEME = "tcp://"
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ALIKE = {"0": "o", "1": "l", "8": "b"}
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


def _fork(item: Fields, where: str) -> None:
    if not item["one"] < item["other"]:
        raise Refused(where, "hashes not ascending")


HELD = Struct([("holder", ID), ("seq", SEQ), ("bodies", UInt()), ("applied", UInt())], _held)
HELDS = ListOf(HELD, 0, 64, key=lambda item: item["holder"])
FORK_MARK = Maybe(Struct([("seq", SEQ), ("one", SHORT_HASH), ("other", SHORT_HASH)], _fork))
LOG_STATE = Struct(
    [
        *log_fields(),
        ("seq", SEQ),
        ("hash", SHORT_HASH),
        ("gaps", ListOf(UInt(), 0, 512)),
        ("partial", ListOf(UInt(), 0, 128)),
        ("receipts", HELDS),
        ("fork", FORK_MARK),
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
    if item["root"]["kind"] != DIRECTIVE:
        raise Refused(f"{where}.root", "the head of no directive log")


SIGNED = Struct([("receipt", Blob(0, RECEIPT_BYTES_MAX)), ("signature", SIGNATURE)], _signed)
RECEIPTS = Struct([_number(6), ("receipts", ListOf(SIGNED, 0, 256))])
PROGRESS = Struct([_number(7), ("bytes", UInt())])
REFUSED = Struct([_number(8), *log_fields(), ("seq", SEQ), ("reason", UInt(1, 9))], check_log)
BYE = Struct([_number(9), ("reason", UInt(0, 5))])
JOIN = Versioned(
    [
        _number(16),
        ("version", UInt()),
        ("suite", UInt()),
        ("secret", Bin(10)),
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
        ("root", REF),
    ],
    _joined,
)
JOIN_REFUSED = Struct([_number(18), ("reason", UInt(1, 6))])

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


def _signed_item(item: Fields, where: str) -> None:
    if len(item["signature"]) != 64 and (not item["signature"] or len(item["signature"]) % 65):
        raise Refused(f"{where}.signature", "neither one signature nor parts of 65 bytes")


def _entry_item(item: Fields, where: str) -> None:
    _signed_item(item, where)
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
        3: Struct(
            [
                _number(3),
                ("header", Blob(1, HEADER_BYTES_MAX)),
                ("signature", Blob(64, 65 * RECOVERY_KEYS_MAX)),
                ("own", Flag()),
            ],
            _signed_item,
        ),
        4: Struct([_number(4), *log_fields(), ("seq", SEQ), ("of", Maybe(REF))], check_log),
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
        hoi_codec.encode([log["node"], log["kind"], log["epoch"], log["seq"], log["hash"], HELDS.write(log["receipts"]), FORK_MARK.write(log.get("fork"))])
        for log in sorted(logs, key=log_key)
    )
    return hoi_crypto.H("bucket", association, elements)[:8] if elements else bytes(8)


def state_of(association: bytes, digests: list[bytes]) -> bytes:
    """Return the state that the 64 digests of the buckets make."""
    return hoi_crypto.H("state", association, b"".join(digests))[:16]


class Address(Shape):
    """tcp://HOST:PORT; four numbers and a port as six bytes, anything else as text without the scheme."""

    PLACE = Text(1, 194, r"[!-~]+:[0-9]{1,5}")
    NUMBER = r"(0|[1-9][0-9]{0,2})"
    IPV4 = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}\.{NUMBER}:(0|[1-9][0-9]{{0,4}})")

    @classmethod
    def packed(cls, place: str) -> Optional[bytes]:
        """Return the six bytes of a place, None where it is written as text."""
        match = cls.IPV4.fullmatch(place)
        numbers = [int(number) for number in match.groups()] if match else [256]
        if max(numbers[:4]) > 255 or numbers[-1] > 65_535:
            return None
        return bytes(numbers[:4]) + numbers[4].to_bytes(2, "big")

    def read(self, value: Value, where: str) -> str:
        if isinstance(value, bytes):
            data = Bin(6).read(value, where)
            return SCHEME + ".".join(map(str, data[:4])) + f":{int.from_bytes(data[4:], 'big')}"
        place = self.PLACE.read(value, where)
        if self.packed(place) is not None:
            raise Refused(where, "numbers are written as six bytes")
        return SCHEME + place

    def write(self, item: Any) -> Value:
        place = item.removeprefix(SCHEME) if item.startswith(SCHEME) else ""
        return self.packed(place) or place


class Token(Shape):
    """The array of a token: 50 bytes of keys, then the addresses."""

    ADDRESS = Address()

    def read(self, value: Value, where: str) -> Fields:
        if not isinstance(value, list) or not 2 <= len(value) <= 5:
            raise Refused(where, "not keys and one to four addresses")
        keys = Bin(50).read(value[0], f"{where}.keys")
        addresses = [self.ADDRESS.read(each, f"{where}.addresses[{at}]") for at, each in enumerate(value[1:])]
        return {"transport_key": keys[:32], "secret": keys[32:42], "bond": keys[42:], "addresses": addresses}

    def write(self, item: Any) -> Value:
        return [item["transport_key"] + item["secret"] + item["bond"], *map(self.ADDRESS.write, item["addresses"])]


TOKEN = Structure("token", Token(), TOKEN_BYTES_MAX - 1)


def group_check(number: int, values: list[int]) -> int:
    """Return the check of a group: each value weighs by another power of x in the field of 32, the group's number (from 1) by the highest."""
    check = number % 32
    for value in [*values, 0]:
        check = (check << 1 ^ (0b100101 if check & 16 else 0)) ^ value
    return check


def write_token(token: Fields) -> str:
    """Return the text of a token as it is handed over."""
    return token_text(TOKEN.encode(token))


def token_text(array: bytes) -> str:
    """Return the text of a token's array, whatever it holds."""
    letters = base64.b32encode(array + hoi_crypto.H("token", hoi_crypto.NO_ASSOCIATION, array)[:1]).decode().lower().rstrip("=")
    groups = [letters[at : at + 4] for at in range(0, len(letters), 4)]
    checks = [group_check(number, list(map(ALPHABET.index, group))) for number, group in enumerate(groups, 1)]
    return TOKEN_PREFIX + "-".join(group + ALPHABET[check] for group, check in zip(groups, checks))


class WrongGroup(Refused):
    """A group of a token does not fit its check character; `number` counts from 1."""

    def __init__(self, number: int) -> None:
        super().__init__("token", f"group {number} is wrong")
        self.number = number


def read_token(text: str) -> Fields:
    """Return the token that was typed or pasted; case, blanks and hyphens do not matter after the prefix, and three digits are the letters they look like."""
    plain = text.lstrip(BLANKS)
    if plain[: len(TOKEN_PREFIX)].lower() != TOKEN_PREFIX:
        raise Refused("token", "does not begin with hoi1-")
    letters = [letter for letter in plain[len(TOKEN_PREFIX) :] if letter not in BLANKS + "-"]
    values = [ALPHABET.find(ALIKE.get(letter, letter).lower() if letter.isascii() else "?") for letter in letters]
    data: list[int] = []
    for number, at in enumerate(range(0, len(values), 5), 1):
        *group, check = values[at : at + 5]
        if -1 in group or not group or group_check(number, group) != check:
            raise WrongGroup(number)
        data += group
    plain = "".join(ALPHABET[value] for value in data).upper()
    whole = base64.b32decode(plain + "=" * (-len(plain) % 8)) if len(plain) % 8 in (0, 2, 4, 5, 7) else b""
    if not 1 < len(whole) <= TOKEN_BYTES_MAX or base64.b32encode(whole).decode().rstrip("=") != plain:
        raise Refused("token", "not whole bytes, or unused bits are set")
    array, check_byte = whole[:-1], whole[-1:]
    if hoi_crypto.H("token", hoi_crypto.NO_ASSOCIATION, array)[:1] != check_byte:
        raise Refused("token", "mistyped: the check does not match")
    token: Fields = TOKEN.decode(array)
    return token


def token_bond(token: Fields, association: bytes, inviter: bytes, unit: bytes, root: Fields) -> bytes:
    """Return the bond of a token that stands for these."""
    terms = [token["secret"], token["transport_key"], inviter, unit, REF.write(root)]
    return hoi_crypto.H("bond", association, hoi_codec.encode(terms))[:8]


def _request(item: Fields, where: str) -> None:
    signed = item["signing_key"] + item["transport_key"]
    if not hoi_crypto.verify(item["signing_key"], item["signature"], "join-request", hoi_crypto.NO_ASSOCIATION, signed):
        raise Refused(f"{where}.signature", "not signed by the keys that it names")


JOIN_REQUEST = Structure(
    "join_request",
    Versioned(
        [_number(19), ("version", UInt()), ("suite", UInt()), ("signing_key", KEY), ("transport_key", KEY), ("signature", SIGNATURE)],
        _request,
    ),
)
JOIN_CONTENT = Structure(
    "content",
    Struct(
        [
            ("joined", Blob(1, MESSAGE_BYTES_MAX)),
            ("signing_key", KEY),
            ("transport_key", KEY),
            ("addresses", ListOf(Text(1, 200, r"tcp://[!-~]+:[0-9]{1,5}"), 0, 4)),
            ("hello", Blob(1, MESSAGE_BYTES_MAX)),
            ("messages", ListOf(Blob(1, MESSAGE_BYTES_MAX), 0, 65_536)),
        ]
    ),
    JOIN_FILE_BYTES_MAX,
)


def _admission(item: Fields, where: str) -> None:
    content = JOIN_CONTENT.decode(item["content"])
    joined = JOINED.read(hoi_codec.decode(content["joined"]), f"{where}.joined")
    FOUNDING.decode(joined["statement"])
    association = hoi_crypto.association_id(joined["statement"])
    signed = hoi_crypto.H("admission", association, item["content"])
    if not hoi_crypto.verify(content["signing_key"], item["signature"], "admission", association, signed):
        raise Refused(f"{where}.signature", "not signed by the key that it names")


JOIN_ADMISSION = Structure(
    "join_admission",
    Versioned([_number(20), ("version", UInt()), ("suite", UInt()), ("content", Blob(1, JOIN_FILE_BYTES_MAX)), ("signature", SIGNATURE)], _admission),
)


def fingerprint(signing_key: bytes, transport_key: bytes) -> str:
    """Return what two people compare: twenty letters of the hash of a request's keys."""
    letters = base64.b32encode(hoi_crypto.H("fingerprint", hoi_crypto.NO_ASSOCIATION, signing_key + transport_key)).decode().lower()[:20]
    return "-".join(letters[at : at + 5] for at in range(0, 20, 5))


def join_signed(join: Fields, bond: bytes, inviter_key: bytes) -> bytes:
    """Return the bytes that the signature of a join is over."""
    return bytes(join["secret"] + bond + join["signing_key"] + join["transport_key"] + inviter_key)


def verify_join(join: Fields, bond: bytes, inviter_key: bytes) -> bool:
    """Say whether a join is signed by the new key for the token with this bond, of the inviter with this transport key."""
    return hoi_crypto.verify(join["signing_key"], join["signature"], "join", hoi_crypto.NO_ASSOCIATION, join_signed(join, bond, inviter_key))

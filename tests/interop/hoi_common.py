"""What several structures share: logs, references, dates, extensions, languages (docs/protocol.md, sections 1 and 2)."""

from __future__ import annotations

from typing import Any

from hoi_codec import Value
from hoi_shape import Bin, Blob, Fields, Flag, Int, ListOf, Refused, SetAside, Shape, Struct, Text, UInt

VERSION = 1
SUITE = 1
REPORT, DIRECTIVE, RECOVERY = 1, 2, 3
LEVEL_MAX = 30
LINE_MAX = 30
BODY_BYTES_MAX = 262_144
MESSAGE_BYTES_MAX = 1 << 20

ASSOCIATION = Bin(32)
ID = Bin(16)
EPOCH = Bin(8)
HASH = Bin(32)
KEY = Bin(32)
SIGNATURE = Bin(64)
SHORT_HASH = Bin(16)
NONCE = Bin(16)
DATE = Int(-25_567, 47_481)
TIME = Int()
SEQ_MAX = 2**63 - 1
SEQ = UInt(1, SEQ_MAX)
KIND = UInt(REPORT, RECOVERY)
EXTENSIONS_MAX = 16
MEMBERS_MAX = 64

NO_NODE = bytes(16)
NO_EPOCH = bytes(8)

LANGUAGE = Text(2, 8, r"[a-z-]+")
TRANSLATIONS = ListOf(Struct([("lang", LANGUAGE), ("text", Text(0, 500))]), 0, 8, key=lambda item: item["lang"].encode())
EXTENSIONS = ListOf(
    Struct([("number", UInt()), ("critical", Flag()), ("data", Blob(0, 4096))]), 0, EXTENSIONS_MAX, key=lambda item: item["number"]
)


class UnknownVersion(SetAside):
    """A version or suite this reader does not have: headers and receipts are passed over, all else is refused."""


class UnknownExtension(SetAside):
    """A critical extension that this reader does not know, of a structure that is good otherwise."""


class Versioned(Struct):
    """A struct that names its version and suite, which are judged before its number of fields: another version may have others."""

    def read(self, value: Value, where: str) -> Fields:
        first = [name for name, _ in self.fields].index("version")
        if not isinstance(value, list) or not first + 2 <= len(value) <= MEMBERS_MAX:
            raise Refused(where, "not an array that names its version and suite")
        said = [shape.read(part, f"{where}.{name}") for (name, shape), part in zip(self.fields, value[: first + 2])]
        if said[first:] != [VERSION, SUITE]:
            raise UnknownVersion(where, f"version and suite are {said[first:]}")
        return super().read(value, where)


def log_key(item: Fields, node: str = "node") -> tuple[bytes, int, bytes]:
    """Return the key that logs are ordered by, of anything that names one."""
    return item[node], item["kind"], item["epoch"]


def ref_key(item: Fields) -> tuple[Any, ...]:
    """Return the key that references are ordered by."""
    return (*log_key(item), item["seq"], item["hash"])


def check_log(item: Fields, where: str, node: str = "node") -> None:
    """Refuse the name of a second recovery log: only the one of zeros exists."""
    if item["kind"] == RECOVERY and (item[node] != NO_NODE or item["epoch"] != NO_EPOCH):
        raise Refused(where, "only one recovery log exists, its node and epoch are zeros")


def log_fields(kind: Shape = KIND) -> list[tuple[str, Shape]]:
    """Return the three fields that name a log."""
    return [("node", ID), ("kind", kind), ("epoch", EPOCH)]


LOG = Struct(log_fields(), check_log)
REF = Struct(log_fields() + [("seq", SEQ), ("hash", SHORT_HASH)], check_log)


def refs(most: int) -> ListOf:
    """Return the shape of a list of references: always strictly ascending."""
    return ListOf(REF, 0, most, key=ref_key)


def check_critical(item: Fields, where: str) -> None:
    """Raise UnknownExtension for a critical extension: no number is defined yet. To be asked last: all other faults come before."""
    if any(extension["critical"] for extension in item["extensions"]):
        raise UnknownExtension(f"{where}.extensions", "a critical extension of unknown number")


def check_distinct(values: list[Any], where: str) -> None:
    """Refuse a list of values that holds one of them twice."""
    if len(set(values)) != len(values):
        raise Refused(where, "one occurs twice")

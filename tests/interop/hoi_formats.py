"""What is signed and stored: founding statement, header, body, document, receipt (docs/protocol.md, sections 3, 4, 7 and 8)."""

from __future__ import annotations

from typing import Any, Optional

import hoi_codec
import hoi_crypto
from hoi_codec import Value
from hoi_common import (
    BODY_BYTES_MAX,
    DATE,
    DIRECTIVE,
    EPOCH,
    EXTENSIONS,
    HASH,
    ID,
    KEY,
    KIND,
    LEVEL_MAX,
    NONCE,
    RECOVERY,
    REF,
    REPORT,
    SEQ,
    SHORT_HASH,
    SIGNATURE,
    TIME,
    UnknownExtension,
    Versioned,
    check_critical,
    check_distinct,
    check_log,
    log_key,
    refs,
)
from hoi_control import ADMISSION, FORM, LEVEL_TABLE, UNIT, UNIT_SET
from hoi_put import EXTRACT, PUT
from hoi_shape import Bin, Blob, Fields, Flag, ListOf, Maybe, Refused, SetAside, Shape, Struct, Structure, Text, UInt
from hoi_trust import ACCEPT, CLOSE, ERASE, FORK_DECISION, HANDOVER, PIN, PLACING, REASON, REVOCATION

CONTROL, RECORD, DOCUMENT = 1, 2, 3
PRIVATE = 31
CHANGES_MAX = 4096
RECOVERY_KEYS_MAX = 16
FOUNDING_BYTES_MAX = 4096
HEADER_BYTES_MAX = 32_768
RECEIPT_BYTES_MAX = 1024


def _founding(item: Fields, where: str) -> None:
    keys, needed = item["recovery_keys"], item["recovery_threshold"]
    if needed > len(keys) or (needed == 0) != (not keys):
        raise Refused(f"{where}.recovery_threshold", f"{needed} of {len(keys)} keys")
    check_critical(item, where)


FOUNDING = Structure(
    "founding",
    Versioned(
        [
            ("version", UInt()),
            ("suite", UInt()),
            ("name", Text(1, 200)),
            ("practice", Flag()),
            ("signing_key", KEY),
            ("transport_key", KEY),
            ("nonce", NONCE),
            ("recovery_threshold", UInt(0, RECOVERY_KEYS_MAX)),
            ("recovery_keys", ListOf(KEY, 0, RECOVERY_KEYS_MAX, key=lambda key: key)),
            ("extensions", EXTENSIONS),
        ],
        _founding,
    ),
    FOUNDING_BYTES_MAX,
)
SIGNED_FOUNDING = Structure("signed_founding", Struct([("statement", Blob(0, FOUNDING_BYTES_MAX)), ("signature", SIGNATURE)]))


def verify_founding(statement: bytes, signature: bytes) -> Fields:
    """Return the founding statement read; raise Refused where its own key did not sign it."""
    item: Fields = FOUNDING.decode(statement)
    if not hoi_crypto.verify(item["signing_key"], signature, "founding", hoi_crypto.NO_ASSOCIATION, statement):
        raise Refused("founding", "bad signature")
    return item


_CLASS_KINDS = {CONTROL: (DIRECTIVE, RECOVERY), RECORD: (REPORT, DIRECTIVE), DOCUMENT: (REPORT, DIRECTIVE)}


def _header(item: Fields, where: str) -> None:
    check_log(item, where, "author")
    if (item["seq"] == 1) != (not item["prev"]):
        raise Refused(f"{where}.prev", "empty exactly when seq is 1")
    if item["kind"] not in _CLASS_KINDS[item["class"]]:
        raise Refused(f"{where}.class", f"class {item['class']} does not stand in a log of kind {item['kind']}")
    if item["class"] != RECORD and item["reach"]:
        raise Refused(f"{where}.reach", "only a record has a reach other than 0")
    _audience(item, f"{where}.audience")
    _seen(item, where)


def _audience(item: Fields, where: str) -> None:
    terms = item["audience"]
    if item["class"] == CONTROL and terms:
        raise Refused(where, "a control change-set has no audience")
    if item["class"] == RECORD and (len(terms) != 1 or terms[0]["scope"]):
        raise Refused(where, "not the one unit concerned")
    if item["class"] == DOCUMENT and not terms:
        raise Refused(where, "a document for nobody")


def _seen(item: Fields, where: str) -> None:
    own = [log_key(item, "author")]
    continued = item["continues"]
    if continued:
        if item["seq"] != 1 or (continued["node"], continued["kind"]) != own[0][:2] or continued["epoch"] == item["epoch"]:
            raise Refused(f"{where}.continues", "not an earlier epoch of the same author and kind, at seq 1")
        own.append(log_key(continued))
    logs = [log_key(ref) for ref in item["seen"]]
    if any(log in own for log in logs):
        raise Refused(f"{where}.seen", "names its own log or the epoch it continues")
    if len(set(logs)) != len(logs):
        raise Refused(f"{where}.seen", "names a log twice")


TERM = Struct([("unit", ID), ("scope", UInt(0, 2 + LEVEL_MAX))])
HEADER = Structure(
    "header",
    Versioned(
        [
            ("version", UInt()),
            ("suite", UInt()),
            ("author", ID),
            ("kind", KIND),
            ("epoch", EPOCH),
            ("seq", SEQ),
            ("prev", Bin(0, 32)),
            ("continues", Maybe(REF)),
            ("class", UInt(CONTROL, DOCUMENT)),
            ("reach", UInt(0, PRIVATE)),
            ("audience", ListOf(TERM, 0, 64, key=lambda term: (term["unit"], term["scope"]))),
            ("seen", refs(256)),
            ("body_hash", HASH),
            ("body_bytes", UInt(0, BODY_BYTES_MAX)),
            ("batch", Bin(0, 16)),
            ("time", TIME),
            ("extensions", EXTENSIONS),
        ],
        _header,
    ),
    HEADER_BYTES_MAX,
)


def verify_header(header: bytes, signature: bytes, association: bytes, author_key: Optional[bytes], founding: Fields) -> Fields:
    """Return the header read; raise Refused where it is not signed by its author, or in the recovery log by the recovery keys."""
    item: Fields = HEADER.decode(header)
    if item["kind"] == RECOVERY:
        good = hoi_crypto.verify_recovery(founding["recovery_keys"], founding["recovery_threshold"], signature, association, header)
    else:
        good = author_key is not None and hoi_crypto.verify(author_key, signature, "header", association, header)
    if not good:
        raise Refused("header", "bad signature")
    return item


def check_body(header: Fields, association: bytes, salt: bytes, body: bytes) -> Fields:
    """Return the body read; raise Refused where it is not the one that the header commits to."""
    if len(body) != header["body_bytes"] or hoi_crypto.body_hash(association, salt, body) != header["body_hash"]:
        raise Refused("body", "not the header's")
    return read_body(header, body)


def read_body(header: Fields, body: bytes) -> Fields:
    """Return the body that a header commits to; raise SetAside or NotCanonical where it is set aside as a whole."""
    item: Fields = BODY.decode(body)
    if class_of(item["changes"][0]["kind"]) != header["class"]:
        raise SetAside("body", "changes of another class than the header's")
    return item


def _document(item: Fields, where: str) -> None:
    check_distinct([attachment["name"] for attachment in item["attachments"]], f"{where}.attachments")
    check_critical(item, where)


ATTACHMENT = Struct([("name", Text(1, 200)), ("bytes", UInt()), ("hash", HASH)])
DOCUMENT_CHANGE = Struct(
    [
        ("kind", UInt(0, 4)),
        ("number", Text(0, 100)),
        ("date", Maybe(DATE)),
        ("title", Text(1, 500)),
        ("text", Text(0, 200_000)),
        ("ask", UInt(0, 2)),
        ("due", Maybe(DATE)),
        ("supersedes", Maybe(REF)),
        ("attachments", ListOf(ATTACHMENT, 0, 64)),
        ("extensions", EXTENSIONS),
    ],
    _document,
)

PERSON = Struct([("account", Text(1, 64)), ("name", Text(0, 100)), ("role", Text(0, 100))])
PERSONS = (68, 101)

# Changes whose payload the page describes; the other numbers of a class are kept and applied by nobody.
CHANGES: dict[int, tuple[str, Shape]] = {
    1: ("unit", UNIT),
    2: ("unit_set", UNIT_SET),
    3: ("move", PLACING),
    4: ("close", CLOSE),
    5: ("same", PLACING),
    6: ("handover", HANDOVER),
    7: ("admission", ADMISSION),
    8: ("revocation", REVOCATION),
    9: ("pin", PIN),
    10: ("fork_decision", FORK_DECISION),
    11: ("form", FORM),
    12: ("level_table", LEVEL_TABLE),
    18: ("erase", ERASE),
    22: ("accept", ACCEPT),
    64: ("put", PUT),
    66: ("extract", EXTRACT),
    68: ("person", PERSON),
    96: ("document", DOCUMENT_CHANGE),
    100: ("reason", REASON),
    101: ("person", PERSON),
}


def class_of(kind: int) -> int:
    """Return the class of a kind of change, 0 for a number outside all classes."""
    if 1 <= kind <= 63:
        return CONTROL
    if 64 <= kind <= 95:
        return RECORD
    return DOCUMENT if 96 <= kind <= 127 else 0


class Payload(Shape):
    """An array of any values: a payload before its kind is looked at."""

    def read(self, value: Value, where: str) -> list[Value]:
        if not isinstance(value, list):
            raise Refused(where, "not an array")
        return value


class Malformed(SetAside):
    """A body with a malformed change: like one against a rule of its own it is set aside as a whole."""


class Body(Struct):
    """A body. Known changes are read to dicts; unknown ones, and those with an unknown critical extension, keep their values.

    Whatever breaks a rule raises SetAside, and Malformed where only a change does: the header is good, so the chain goes on.
    """

    def __init__(self) -> None:
        change = Struct([("kind", UInt(1, 127)), ("payload", Payload())])
        super().__init__([("nonce", Bin(0, 16)), ("changes", ListOf(change, 1, CHANGES_MAX))])

    def read(self, value: Value, where: str) -> Fields:
        try:
            item = super().read(value, where)
        except Refused as error:
            raise SetAside(error.where, error.why) from error
        classes = {class_of(change["kind"]) for change in item["changes"]}
        if len(classes) != 1:
            raise SetAside(where, "changes of two classes")
        if (CONTROL in classes) != bool(item["nonce"]):
            raise SetAside(f"{where}.nonce", "a control body, and no other, has a nonce")
        named = [at for at, change in enumerate(item["changes"]) if change["kind"] in PERSONS]
        if named and (named != [len(item["changes"]) - 1] or named == [0]):
            raise SetAside(f"{where}.changes", "a person stands once, last, and behind another change")
        for at, change in enumerate(item["changes"]):
            if change["kind"] in CHANGES:
                change["payload"] = self._known(change["kind"], change["payload"], f"{where}.changes[{at}]")
        return item

    def write(self, item: Any) -> Value:
        changes: list[Value] = [
            [change["kind"], CHANGES[change["kind"]][1].write(change["payload"]) if isinstance(change["payload"], dict) else change["payload"]]
            for change in item["changes"]
        ]
        return [item["nonce"], changes]

    @staticmethod
    def _known(kind: int, payload: Value, where: str) -> Any:
        name, shape = CHANGES[kind]
        try:
            return shape.read(payload, f"{where}.{name}")
        except UnknownExtension:
            return payload
        except Refused as error:
            raise Malformed(error.where, error.why) from error


BODY = Structure("body", Body(), BODY_BYTES_MAX)


def _receipt(item: Fields, where: str) -> None:
    check_log(item, where)
    if not item["applied"] <= item["bodies"] <= item["seq"] or item["aside"] > item["seq"]:
        raise Refused(where, "not applied <= bodies <= seq and aside <= seq")
    check_critical(item, where)


RECEIPT = Structure(
    "receipt",
    Versioned(
        [
            ("version", UInt()),
            ("suite", UInt()),
            ("holder", ID),
            ("node", ID),
            ("kind", KIND),
            ("epoch", EPOCH),
            ("seq", SEQ),
            ("hash", SHORT_HASH),
            ("bodies", UInt()),
            ("applied", UInt()),
            ("aside", UInt()),
            ("time", TIME),
            ("extensions", EXTENSIONS),
        ],
        _receipt,
    ),
    RECEIPT_BYTES_MAX,
)
SIGNED_RECEIPT = Structure("signed_receipt", Struct([("receipt", Blob(0, RECEIPT_BYTES_MAX)), ("signature", SIGNATURE)]))


def verify_receipt(receipt: bytes, signature: bytes, association: bytes, holder_key: bytes) -> Fields:
    """Return the receipt read; raise Refused where its holder did not sign it."""
    item: Fields = RECEIPT.decode(receipt)
    if not hoi_crypto.verify(holder_key, signature, "receipt", association, receipt):
        raise Refused("receipt", "bad signature")
    return item


def payload_bytes(shape: Shape, item: Any) -> bytes:
    """Return the bytes of a payload or core inside a body: canonical, so what was read is what was sent."""
    return hoi_codec.encode(shape.write(item))

"""What is held, and the proof of all of it: founding statement, chains, bodies, receipts (docs/protocol.md, sections 3, 4.3, 8 and 10).

A `Holdings` begins with nothing but the association id, which came by a token. Whatever is added has been verified by then: a bad
item raises `Rejected` and leaves everything as it was. It does not know who may hold what (hoi_tree) nor how things come (hoi_session).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, NamedTuple, Optional

import hoi_codec
import hoi_crypto
import hoi_formats
from hoi_common import NO_EPOCH, NO_NODE, RECOVERY, UnknownVersion, log_key
from hoi_control import CORE
from hoi_shape import Fields, Refused, SetAside

AUTHOR_UNKNOWN, NOT_ENTITLED, GAP, FORK, BAD_SIGNATURE, MALFORMED = 1, 2, 3, 4, 5, 6

LogKey = tuple[bytes, int, bytes]
RECOVERY_LOG: LogKey = (NO_NODE, RECOVERY, NO_EPOCH)


class Rejected(Exception):
    """An item that is not what it says: `reason` is the number of a `refused` message."""

    def __init__(self, reason: int, why: str) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(eq=False)
class Entry:
    """An entry whose header is verified; `salt` and `body` once they are."""

    header_bytes: bytes
    signature: bytes
    header: Fields
    hash: bytes
    salt: bytes = b""
    body: Optional[bytes] = None
    read: list[Optional[Fields]] = field(default_factory=list, repr=False)  # the body once it was read, see body_of

    @property
    def log(self) -> LogKey:
        """The log that it stands in."""
        return log_key(self.header, "author")

    @property
    def ref(self) -> Fields:
        """What other structures name it by."""
        return {"node": self.header["author"], "kind": self.header["kind"], "epoch": self.header["epoch"], "seq": self.header["seq"], "hash": self.hash[:16]}


class Admitted(NamedTuple):
    """A node as its admission names it."""

    id: bytes
    unit: bytes
    signing_key: bytes
    transport_key: bytes
    roles: int
    inviter: bytes


@dataclass
class Holdings:
    """Everything one node holds of an association."""

    association: bytes
    statement: bytes = b""
    signature: bytes = b""
    logs: dict[LogKey, list[Entry]] = field(default_factory=dict)
    parts: dict[tuple[LogKey, int], tuple[bytes, bytes]] = field(default_factory=dict)  # the salt and the bytes of a body begun
    receipts: dict[LogKey, dict[bytes, tuple[bytes, bytes, Fields]]] = field(default_factory=dict)
    forks: list[Entry] = field(default_factory=list)
    beside: dict[bytes, Entry] = field(default_factory=dict)  # by hash: entries of branches that had to make room for another
    admitted: dict[bytes, Admitted] = field(default_factory=dict)
    changed: int = 0  # rises with every body of class control that came: what the tree is made from

    def found(self, statement: bytes, signature: bytes) -> None:
        """Take the founding statement: it must hash to the association's id and be signed by its own key."""
        if hoi_crypto.association_id(statement) != self.association:
            raise Rejected(MALFORMED, "the founding statement of another association")
        try:
            self.founding = hoi_formats.verify_founding(statement, signature)
        except ValueError as error:
            raise Rejected(BAD_SIGNATURE, str(error)) from error
        self.statement, self.signature = statement, signature
        self.founder = hoi_crypto.node_id(self.association, statement)
        self.root = hoi_crypto.unit_id(self.association, self.founding["nonce"], 0)
        self.admitted[self.founder] = Admitted(self.founder, self.root, self.founding["signing_key"], self.founding["transport_key"], 3, b"")
        self.changed += 1

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, log by log."""
        for key in sorted(self.logs):
            yield from self.logs[key]

    def entry(self, key: LogKey, seq: int) -> Optional[Entry]:
        """Return the entry of that number, if it is held."""
        log = self.logs.get(key, [])
        return log[seq - 1] if 1 <= seq <= len(log) else None

    def evidence(self, key: LogKey) -> list[Entry]:
        """Return the two headers that prove a fork of the log: at the lowest forked seq those of the two lowest hashes; none where none is known."""
        others = [entry for entry in self.forks if entry.log == key]
        if not others:
            return []
        seq = min(entry.header["seq"] for entry in others)
        held = self.entry(key, seq)
        found = {entry.hash: entry for entry in [*others, *([held] if held else [])] if entry.header["seq"] == seq}
        return [found[each] for each in sorted(found)[:2]] if len(found) > 1 else []

    def note_fork(self, entry: Entry) -> None:
        """Keep another header at a seq held, as evidence."""
        if all(known.hash != entry.hash for known in self.forks):
            self.forks.append(entry)
            self.changed += 1

    def check_header(self, header_bytes: bytes, signature: bytes) -> Entry:
        """Return an entry whose header is read and signed by its author; its place in the chain is not judged here."""
        try:
            header = hoi_formats.HEADER.decode(header_bytes)
        except UnknownVersion:
            raise
        except ValueError as error:
            raise Rejected(MALFORMED, str(error)) from error
        author = self.admitted.get(header["author"])
        if header["kind"] != RECOVERY and author is None:
            raise Rejected(AUTHOR_UNKNOWN, "an author without an admission")
        try:
            hoi_formats.verify_header(header_bytes, signature, self.association, author.signing_key if author else None, self.founding)
        except Refused as error:
            raise Rejected(BAD_SIGNATURE, str(error)) from error
        return Entry(header_bytes, signature, header, hoi_crypto.entry_hash(self.association, header_bytes))

    def check_place(self, entry: Entry) -> bool:
        """Say whether the entry is new; raise Rejected where it neither follows the head of its log nor is held."""
        held, seq = self.logs.get(entry.log, []), entry.header["seq"]
        if seq <= len(held):
            if held[seq - 1].hash == entry.hash:
                return False
            self.note_fork(entry)
            raise Rejected(FORK, "another header at a seq that is held")
        if entry.hash in self.beside:
            raise Rejected(FORK, "of a branch that had to make room")
        if seq != len(held) + 1:
            raise Rejected(GAP, "does not follow the head")
        if entry.header["prev"] != (held[-1].hash if held else b""):
            raise Rejected(FORK, "follows another entry than the head")
        return True

    def check_body(self, entry: Entry, salt: bytes, body: bytes) -> None:
        """Raise Rejected where a body is not the one that the header commits to."""
        if len(body) != entry.header["body_bytes"] or hoi_crypto.body_hash(self.association, salt, body) != entry.header["body_hash"]:
            raise Rejected(MALFORMED, "a body that is not the header's")

    def append(self, entry: Entry) -> None:
        """Keep an entry that was checked."""
        self.logs.setdefault(entry.log, []).append(entry)

    def make_room(self, key: LogKey, seq: int, wanted: bytes = b"") -> None:
        """Put what is held of a log from a fork on beside, and what was put there of the branch that `wanted` (a short hash) stands on in its place."""
        chain = self._branch_beside(key, wanted)
        seq = chain[0].header["seq"] if chain else seq  # of forks within a fork the one where the two branches part
        fallen, self.logs[key] = self.logs[key][seq - 1 :], self.logs[key][: seq - 1]
        for each in chain:
            del self.beside[each.hash]
            self.append(each)
            if each.body is not None:
                self.keep_body(each, each.salt, each.body)
        self.beside.update({each.hash: each for each in fallen})
        if fallen:
            self.note_fork(fallen[0])
        self.changed += 1

    def keep_beside(self, entry: Entry) -> Entry:
        """Keep an entry that was checked, of a branch that may lead to one that was pinned; return what is kept, as it may be here already."""
        known = self.beside.setdefault(entry.hash, entry)
        if known.body is None and entry.body is not None:
            known.salt, known.body = entry.salt, entry.body
        self.changed += 1
        return known

    def _branch_beside(self, key: LogKey, wanted: bytes) -> list[Entry]:
        entry = next((each for each in self.beside.values() if each.log == key and each.hash[:16] == wanted), None)
        chain: list[Entry] = []
        while entry is not None:
            chain.insert(0, entry)
            entry = self.beside.get(entry.header["prev"])
        log = self.logs[key]
        if chain and chain[0].header["seq"] > 1 and chain[0].header["prev"] not in {each.hash for each in log}:
            return []  # what comes before it is not here any more
        while chain and (after := next((each for each in self.beside.values() if each.header["prev"] == chain[-1].hash), None)):
            chain.append(after)
        return chain

    def keep_body(self, entry: Entry, salt: bytes, body: bytes) -> None:
        """Keep a body that was checked; the admissions in it make their nodes' keys known."""
        entry.salt, entry.body = salt, body
        self.parts.pop((entry.log, entry.header["seq"]), None)
        if entry.header["class"] != hoi_formats.CONTROL:
            return
        self.changed += 1
        for core in admissions(entry):
            node = core_id(self.association, core)
            self.admitted[node] = Admitted(node, core["unit"], core["signing_key"], core["transport_key"], core["roles"], core["inviter"])

    def add(self, header_bytes: bytes, signature: bytes, salt: bytes, body: bytes) -> Entry:
        """Verify an entry with or without its body and keep it; what is held already gains at most its body."""
        entry = self.check_header(header_bytes, signature)
        if salt:
            self.check_body(entry, salt, body)
        if self.check_place(entry):
            self.append(entry)
        entry = self.logs[entry.log][entry.header["seq"] - 1]
        if salt and entry.body is None:
            self.keep_body(entry, salt, body)
        return entry

    def add_part(self, item: Fields) -> None:
        """Keep a part of a body whose header is held; the last one is taken when the whole verifies, else all of it is forgotten."""
        key, seq = log_key(item), item["seq"]
        entry = self.entry(key, seq)
        if entry is None:
            raise Rejected(GAP, "a part of what is not held")
        if entry.body is not None:
            return
        salt, held = self.parts.get((key, seq), (item["salt"], b"")) if item["offset"] else (item["salt"], b"")
        whole = held[: item["offset"]] + item["part"]
        if item["offset"] > len(held):
            raise Rejected(GAP, "a part that does not follow what is held")
        if len(whole) > entry.header["body_bytes"]:
            raise Rejected(MALFORMED, "more than the header says")
        self.parts.pop((key, seq), None)
        if salt != item["salt"]:
            raise Rejected(GAP, "parts with two salts")
        if len(whole) < entry.header["body_bytes"]:
            self.parts[(key, seq)] = (salt, whole)
            return
        try:
            self.check_body(entry, item["salt"], whole)
        except Rejected as rejected:
            raise Rejected(GAP if item["offset"] else MALFORMED, "parts that make no body") from rejected
        self.keep_body(entry, item["salt"], whole)

    def check_receipt(self, receipt: bytes, signature: bytes) -> Fields:
        """Return a receipt that its holder, an admitted node, signed; of a forked log it may speak of another branch than the one held."""
        try:
            item = hoi_formats.RECEIPT.decode(receipt)
        except SetAside:
            raise
        except ValueError as error:
            raise Rejected(MALFORMED, str(error)) from error
        holder = self.admitted.get(item["holder"])
        if holder is None:
            raise Rejected(AUTHOR_UNKNOWN, "a holder without an admission")
        try:
            hoi_formats.verify_receipt(receipt, signature, self.association, holder.signing_key)
        except Refused as error:
            raise Rejected(BAD_SIGNATURE, str(error)) from error
        return item

    def add_receipt(self, receipt: bytes, signature: bytes, by_holder: bool) -> bool:
        """Verify a receipt and keep it if it says more, or comes from its holder; say whether anything changed."""
        item = self.check_receipt(receipt, signature)
        of_log = self.receipts.setdefault(log_key(item), {})
        held = of_log.get(item["holder"])
        if held and held[0] == receipt or held and not by_holder and reach_of(item) <= reach_of(held[2]):
            return False
        of_log[item["holder"]] = (receipt, signature, item)
        return True


def reach_of(receipt: Fields) -> tuple[int, int, int]:
    """Return what two receipts of one holder are compared by."""
    return receipt["seq"], receipt["bodies"], receipt["applied"]


def body_of(entry: Entry) -> Optional[Fields]:
    """Return a body that is held and well-formed for its class; None for one set aside as a whole."""
    if not entry.read:
        assert entry.body is not None
        try:
            entry.read = [hoi_formats.read_body(entry.header, entry.body)]
        except (SetAside, hoi_codec.NotCanonical):
            entry.read = [None]
    return entry.read[0]


def core_id(association: bytes, core: Fields) -> bytes:
    """Return the id of the node with this admission core."""
    return hoi_crypto.node_id(association, hoi_formats.payload_bytes(CORE, core))


def admissions(entry: Entry) -> Iterator[Fields]:
    """Yield the cores of the admissions in a control body that stand in a log of the inviter they name."""
    body = body_of(entry) if entry.header["class"] == hoi_formats.CONTROL else None
    for change in body["changes"] if body else []:
        if change["kind"] == 7 and isinstance(change["payload"], dict) and change["payload"]["core"]["inviter"] == entry.header["author"]:
            yield change["payload"]["core"]

"""A made association: a founding statement, nodes with keys of their own, and whatever they write, lawful or not (docs/protocol.md, 3 to 5).

Everything is signed and chained as the page says, in one order of writing; branches of one log are kept side by side. What a holder makes
of it is asked of `holdings`, or of an office that takes the admission file of `admission_file`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Iterable, Optional, Sequence

import hoi_crypto
import hoi_formats
from hoi_common import DIRECTIVE, NO_EPOCH, NO_NODE, RECOVERY, REPORT, SUITE, VERSION, log_key, ref_key
from hoi_control import CORE
from hoi_formats import CONTROL, DOCUMENT, RECORD
from hoi_shape import Fields
from hoi_verify import Entry, Holdings, LogKey
from nacl.public import PrivateKey
from nacl.signing import SigningKey

BEGUN = 1_750_000_000


@dataclass(eq=False)
class Branch:
    """One branch of a log: its entries from seq 1."""

    key: LogKey
    entries: list[Entry] = field(default_factory=list)

    @property
    def head(self) -> Entry:
        """The last entry."""
        return self.entries[-1]

    def ref(self, seq: int = 0) -> Fields:
        """Return the reference to an entry, the last one if none is named."""
        return self.entries[(seq or len(self.entries)) - 1].ref


@dataclass(eq=False)
class Member:
    """A node with its keys, or the public halves `given`; `branches` holds by kind the one that it writes on."""

    name: str
    seed: bytes
    transport_secret: bytes
    id: bytes = b""
    unit: bytes = b""
    roles: int = 3
    given: tuple[bytes, bytes] = (b"", b"")
    branches: dict[int, Branch] = field(default_factory=dict)

    @property
    def signing_key(self) -> bytes:
        """The public key that it signs with."""
        return self.given[0] or bytes(SigningKey(self.seed).verify_key)

    @property
    def transport_key(self) -> bytes:
        """The public key of its links."""
        return self.given[1] or bytes(PrivateKey(self.transport_secret).public_key)

    @property
    def log(self) -> Branch:
        """The directive log."""
        return self.branches[DIRECTIVE]


class World:
    """The association; `name` makes its keys, so one name is always one association."""

    def __init__(self, name: str = "world", recovery: int = 0) -> None:
        self.name, self._drawn = name, 0
        self.recovery_seeds = sorted((self.draw(32) for _ in range(recovery)), key=lambda seed: bytes(SigningKey(seed).verify_key))
        self.threshold = (recovery + 1) // 2
        self.founder = self.member("founder")
        statement: Fields = {
            "version": VERSION,
            "suite": SUITE,
            "name": "Hội",
            "practice": True,
            "signing_key": self.founder.signing_key,
            "transport_key": self.founder.transport_key,
            "nonce": self.draw(16),
            "recovery_threshold": self.threshold,
            "recovery_keys": [bytes(SigningKey(seed).verify_key) for seed in self.recovery_seeds],
            "extensions": [],
        }
        self.statement = hoi_formats.FOUNDING.encode(statement)
        self.signature = hoi_crypto.sign(self.founder.seed, "founding", hoi_crypto.NO_ASSOCIATION, self.statement)
        self.association = hoi_crypto.association_id(self.statement)
        self.root = hoi_crypto.unit_id(self.association, statement["nonce"], 0)
        self.founder.id, self.founder.unit = hoi_crypto.node_id(self.association, self.statement), self.root
        self.keys = Member("recovery", b"", b"", NO_NODE, self.root)
        self.members = [self.founder]
        self.sender = self.founder  # whose key signs what is carried to others
        self.written: list[Entry] = []
        self.parents: dict[bytes, bytes] = {}  # as its people believe them to be: what lines are made from

    def draw(self, length: int) -> bytes:
        """Return bytes that nobody has drawn before."""
        self._drawn += 1
        return hashlib.blake2b(f"{self.name} {self._drawn}".encode(), digest_size=length).digest()

    def member(self, name: str) -> Member:
        """Return a node with keys, admitted by nobody yet."""
        return Member(name, self.draw(32), self.draw(32))

    def line(self, unit: bytes) -> list[bytes]:
        """Return the units above a unit, the parent first."""
        out = []
        while unit in self.parents:
            unit = self.parents[unit]
            out.append(unit)
        return out

    # Writing

    def write(self, author: Member, *changes: Fields, nonce: Optional[bytes] = None, seen: Iterable[Fields] = (), **more: Any) -> Entry:
        """Sign the next entry of an author; `more` says what of the header is not that of a plain control entry."""
        kind, own = more.get("class", CONTROL), more.get("kind", RECOVERY if author is self.keys else DIRECTIVE)
        drawn = self.draw(16) if nonce is None else nonce
        body = hoi_formats.BODY.encode({"nonce": drawn if kind == CONTROL else b"", "changes": list(changes)})
        return self.sign(author, body, **{"kind": own, "class": kind, "seen": sorted(latest(seen), key=ref_key), **more})

    def sign(self, author: Member, body: bytes, **more: Any) -> Entry:
        """Sign the next entry of an author over any bytes."""
        kind, salt = more["kind"], self.draw(32)
        branch = author.branches.get(kind)
        if branch is None:
            branch = author.branches[kind] = Branch((author.id, kind, NO_EPOCH if kind == RECOVERY else self.draw(8)))
        header: Fields = {
            "version": VERSION,
            "suite": SUITE,
            "author": author.id,
            "kind": kind,
            "epoch": branch.key[2],
            "seq": len(branch.entries) + 1,
            "prev": branch.head.hash if branch.entries else b"",
            "continues": None,
            "class": CONTROL,
            "reach": 0,
            "audience": [],
            "seen": [],
            "body_hash": hoi_crypto.body_hash(self.association, salt, body),
            "body_bytes": len(body),
            "batch": b"",
            "time": BEGUN + len(self.written),
            "extensions": [],
        }
        header.update(more)
        if header["seen"]:
            own = [branch.key, *([log_key(header["continues"])] if header["continues"] else [])]
            header["seen"] = [ref for ref in header["seen"] if log_key(ref) not in own]
        data = hoi_formats.HEADER.encode(header)
        entry = Entry(data, self._signed(author, data), header, hoi_crypto.entry_hash(self.association, data), salt, body)
        branch.entries.append(entry)
        self.written.append(entry)
        return entry

    def _signed(self, author: Member, data: bytes) -> bytes:
        if author is not self.keys:
            return hoi_crypto.sign(author.seed, "header", self.association, data)
        seeds = list(enumerate(self.recovery_seeds))[: self.threshold]
        return b"".join(bytes([at]) + hoi_crypto.sign(seed, "header", self.association, data) for at, seed in seeds)

    def part(self, author: Member, seq: int, kind: int = DIRECTIVE) -> Branch:
        """Let an author's log go on from `seq` on another branch; return the branch that it leaves, to be written on by giving it back."""
        old = author.branches[kind]
        author.branches[kind] = Branch(old.key, old.entries[:seq])
        return old

    def new_epoch(self, author: Member, kind: int = DIRECTIVE, seq: int = 0) -> Fields:
        """Leave a log; return what the header of the first entry of the next epoch says, which continues it at `seq`."""
        return {"continues": author.branches.pop(kind).ref(seq)}

    # Changes

    def unit(self, author: Member, parent: bytes, code: str, level: int = 1, **more: Any) -> bytes:
        """Create a unit; return its id."""
        nonce = more.pop("nonce", None) or self.draw(16)
        unit = hoi_crypto.unit_id(self.association, nonce, 0)
        self.parents.setdefault(unit, parent)
        self.write(author, creation(parent, code, [parent, *self.line(parent)], level), nonce=nonce, **more)
        return unit

    def admit(self, author: Member, unit: bytes, name: str, roles: int = 3, pins: Sequence[Fields] = (), **more: Any) -> Member:
        """Admit a new node; return it."""
        made = self.member(name)
        self.admit_keys(author, unit, made, roles, pins, **more)
        return made

    def admit_keys(self, author: Member, unit: bytes, made: Member, roles: int = 3, pins: Sequence[Fields] = (), **more: Any) -> Fields:
        """Admit a node that has its keys; return the core."""
        core = {"inviter": more.pop("inviter", author.id), "unit": unit, "signing_key": made.signing_key, "transport_key": made.transport_key}
        core.update(nonce=self.draw(16), roles=roles, succeeds=more.pop("succeeds", b""))
        made.id, made.unit, made.roles = hoi_crypto.node_id(self.association, hoi_formats.payload_bytes(CORE, core)), unit, roles
        self.members.append(made)
        line = self.line(unit)
        self.write(author, {"kind": 7, "payload": {"core": core, "line": line, "pins": sorted(pins, key=ref_key)}}, **more)
        return core

    def placing(self, kind: int, unit: bytes, parent: bytes, **more: Any) -> Fields:
        """Return a move (3), close (4) or same (5) of a unit, and believe it."""
        former = more.pop("former", None) or self.line(unit)
        payload = {"unit": unit, "effective": None, "line": more.pop("line", None) or [parent, *self.line(parent)], "former": former}
        if kind == 4:
            payload["successors"] = more.pop("successors", [])
        if more.pop("believed", True):
            self.parents[unit] = parent
        return {"kind": kind, "payload": payload}

    # What a holder has

    def holdings(self, *branches: Branch, without: Sequence[Entry] = ()) -> Holdings:
        """Return what one holds who has all that was written but what is left out; of forked logs the branch named, else the first written, and evidence of the other."""
        held = Holdings(self.association)
        held.found(self.statement, self.signature)
        preferred = {each.hash for branch in branches for each in branch.entries}
        first = [each for each in self.written if each.hash in preferred]
        for entry in [*first, *(each for each in self.written if each.hash not in preferred)]:
            if entry in without:
                continue
            log, seq = held.logs.get(entry.log, []), entry.header["seq"]
            if seq <= len(log):
                held.note_fork(entry)
            elif entry.header["prev"] == (log[-1].hash if log else b"") and seq == len(log) + 1:
                held.append(Entry(entry.header_bytes, entry.signature, entry.header, entry.hash))
                held.keep_body(held.logs[entry.log][-1], entry.salt, entry.body or b"")
        return held


def latest(refs: Iterable[Fields]) -> list[Fields]:
    """Return of each log the highest of some references."""
    best: dict[LogKey, Fields] = {}
    for each in refs:
        known = best.get(log_key(each))
        if known is None or known["seq"] < each["seq"]:
            best[log_key(each)] = each
    return list(best.values())


def creation(parent: bytes, code: str, line: list[bytes], level: int = 1) -> Fields:
    """Return the creation of a unit."""
    return {"kind": 1, "payload": {"parent": parent, "level": level, "code": code, "name": f"Đơn vị {code}", "effective": None, "line": line}}


def named(unit: bytes, name: str, effective: Optional[int] = None) -> Fields:
    """Return a unit-set of a name."""
    return {"kind": 2, "payload": {"unit": unit, "attribute": 2, "value": name, "effective": effective}}


def handover(unit: bytes, parent: bytes, *upto: Fields) -> Fields:
    """Return a handover of a unit to a parent."""
    return {"kind": 6, "payload": {"unit": unit, "parent": parent, "upto": sorted(upto, key=ref_key)}}


def revocation(node: Member, *upto: Fields) -> Fields:
    """Return the revocation of a node, its logs cut at these entries."""
    return {"kind": 8, "payload": {"node": node.id, "upto": sorted(upto, key=ref_key), "reason": None}}


def pin(*pins: Fields) -> Fields:
    """Return a pin of entries."""
    return {"kind": 9, "payload": {"pins": sorted(pins, key=ref_key)}}


def decision(keeps: Fields, rival: Fields) -> Fields:
    """Return the decision of a fork."""
    return {"kind": 10, "payload": {"keeps": keeps, "rival": rival}}


def erase(*entries: Fields) -> Fields:
    """Return the erasure of bodies."""
    return {"kind": 18, "payload": {"entries": sorted(entries, key=ref_key), "reason": None}}


def accept(*entries: Fields) -> Fields:
    """Return the accept of waiting entries."""
    return {"kind": 22, "payload": {"entries": sorted(entries, key=ref_key)}}


def letter(title: str) -> Fields:
    """Return a document."""
    plain = {"kind": 4, "number": "", "date": None, "ask": 0, "due": None, "supersedes": None, "attachments": [], "extensions": []}
    return {"kind": 96, "payload": {**plain, "title": title, "text": title}}


def to(*terms: tuple[bytes, int]) -> Fields:
    """Return what makes an entry a document for these units and scopes, in the directive log."""
    audience = [{"unit": unit, "scope": scope} for unit, scope in sorted(terms)]
    return {"class": DOCUMENT, "kind": DIRECTIVE, "audience": audience}


def about(unit: bytes, kind: int = REPORT, reach: int = 0) -> Fields:
    """Return what makes an entry a record of a unit."""
    return {"class": RECORD, "kind": kind, "reach": reach, "audience": [{"unit": unit, "scope": 0}]}

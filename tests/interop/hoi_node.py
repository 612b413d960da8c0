"""A node: its keys, what it holds, what it says of it (receipts) and what it writes (docs/protocol.md, sections 4, 8 and 10).

It is kept in one JSON file. It knows no socket (hoi_link) and no conversation (hoi_session).
"""

from __future__ import annotations

import json
import os
import secrets
import time
from typing import Any, Callable, Iterator, Optional

import hoi_crypto
import hoi_formats
import hoi_messages
from hoi_common import REPORT, SUITE, VERSION
from hoi_records import Views
from hoi_shape import Fields
from hoi_entitle import Entitled
from hoi_verify import AUTHOR_UNKNOWN, GAP, Entry, Holdings, LogKey, Rejected
from nacl.public import PrivateKey
from nacl.signing import SigningKey

RECEIPTS_AT_ONCE_MAX = 64


class Node:
    """One node of an association."""

    def __init__(self, association: bytes = b"", clock: Callable[[], float] = time.time) -> None:
        self.held = Holdings(association)
        self.association = association
        self.signing_seed, self.transport_secret = secrets.token_bytes(32), bytes(PrivateKey.generate())
        self.id, self.unit, self.inviter = b"", b"", b""
        self.line: list[bytes] = []
        self.incarnation = secrets.token_bytes(8)
        self.clock = clock
        self._tree: tuple[int, Optional[Entitled]] = (-1, None)

    def begin(self, association: bytes) -> None:
        """Take the association that the answer to a join names, where none is known yet; a token's bond holds the answer to it."""
        if not self.association:
            self.association, self.held = association, Holdings(association)

    @property
    def signing_key(self) -> bytes:
        """Return the public key that this node signs with."""
        return bytes(SigningKey(self.signing_seed).verify_key)

    @property
    def transport_key(self) -> bytes:
        """Return the public key that its links are authenticated with."""
        return bytes(PrivateKey(self.transport_secret).public_key)

    def now(self) -> int:
        """Return the time as structures carry it."""
        return int(self.clock())

    @property
    def tree(self) -> Entitled:
        """Return the views, made anew where a control body has come."""
        made, tree = self._tree
        if tree is None or made != self.held.changed:
            tree = Entitled(self.held)
            self._tree = (self.held.changed, tree)
        return tree

    # What it may hold and holds

    def may_log(self, key: LogKey) -> bool:
        """Say whether this node may hold a log; views made before the last entries came may say yes, only new ones say no."""
        return any(tree.may_accept_log(self.unit, key, self.line) for tree in self._trees())

    def may_body(self, header: Fields) -> bool:
        """Say whether this node may hold the body of an entry."""
        return any(tree.may_hold_body(self.unit, header, self.line, True) for tree in self._trees())

    def _trees(self) -> Iterator[Entitled]:
        made = self._tree[1]
        if made is not None:
            yield made
        if self.tree is not made:
            yield self.tree

    def missing(self, key: LogKey) -> list[int]:
        """Return the entries of a log whose bodies this node may hold and does not."""
        return [each.header["seq"] for each in self.held.logs.get(key, []) if each.body is None and self.may_body(each.header)]

    def settle(self) -> None:
        """Let branches make room for those that were pinned, and drop the bodies that are nobody's any more."""
        for key in sorted(self.held.logs):
            found = self.tree.judge.makes_room(key)
            if found:
                self.held.make_room(key, *found)
        for entry in self.held.entries():
            if entry.body is not None and entry.header["class"] != hoi_formats.CONTROL and self.tree.erased(entry):
                entry.salt, entry.body, entry.read = b"", None, []

    # Receipts

    def renew_receipts(self) -> Iterator[LogKey]:
        """Sign a receipt for each log of others of which more is held than was said; yield those logs."""
        verdicts = Views(self.tree).verdicts
        for key, log in self.held.logs.items():
            if not log or key[0] == self.id or not self.tree.may_hold_receipt(self.unit, self.id, key):
                continue
            missing = self.missing(key)
            bodies = missing[0] - 1 if missing else len(log)
            receipt = {
                "version": VERSION,
                "suite": SUITE,
                "holder": self.id,
                **dict(zip(("node", "kind", "epoch"), key)),
                "seq": len(log),
                "hash": log[-1].hash[:16],
                "bodies": bodies,
                "applied": bodies if self.tree.facts.begun(key) else 0,
                "aside": len({each.entry.header["seq"] for each in verdicts if each.entry.log == key}),
                "time": self.now(),
                "extensions": [],
            }
            mine = self.held.receipts.get(key, {}).get(self.id)
            if mine and {**mine[2], "time": 0} == {**receipt, "time": 0}:
                continue
            data = hoi_formats.RECEIPT.encode(receipt)
            if self.held.add_receipt(data, hoi_crypto.sign(self.signing_seed, "receipt", self.association, data), True):
                yield key

    # Writing

    def log_of(self, kind: int) -> Optional[LogKey]:
        """Return its own log of a kind, if it has begun one."""
        return next((key for key in self.held.logs if key[:2] == (self.id, kind)), None)

    def write(self, body: Fields, **header: Any) -> Entry:
        """Append an entry of its own: `header` says class, and whatever differs from a plain one in the report log."""
        raw, salt = hoi_formats.BODY.encode(body), secrets.token_bytes(32)
        return self.sign_entry(raw, salt, **header)

    def sign_entry(self, body: bytes, salt: bytes, **more: Any) -> Entry:
        """Sign and keep the next entry of an own log over any bytes as its body."""
        header = self.next_header(body, salt, **more)
        data = hoi_formats.HEADER.encode(header)
        return self.held.add(data, hoi_crypto.sign(self.signing_seed, "header", self.association, data), salt, body)

    def next_header(self, body: bytes, salt: bytes, **more: Any) -> Fields:
        """Return the header of the next entry of an own log."""
        kind = more.get("kind", REPORT)
        key = self.log_of(kind) or (self.id, kind, secrets.token_bytes(8))
        log = self.held.logs.get(key, [])
        header: Fields = {
            "version": VERSION,
            "suite": SUITE,
            "author": self.id,
            "kind": kind,
            "epoch": key[2],
            "seq": len(log) + 1,
            "prev": log[-1].hash if log else b"",
            "continues": None,
            "class": hoi_formats.RECORD,
            "reach": 0,
            "audience": [{"unit": self.unit, "scope": 0}],
            "seen": [],
            "body_hash": hoi_crypto.body_hash(self.association, salt, body),
            "body_bytes": len(body),
            "batch": b"",
            "time": self.now(),
            "extensions": [],
        }
        header.update(more)
        return header

    # Its file

    def save(self, path: str) -> None:
        """Write everything to a file, the old one kept until the new one is whole."""
        state = {
            "association": self.association.hex(),
            "statement": [self.held.statement.hex(), self.held.signature.hex()],
            "secrets": [self.signing_seed.hex(), self.transport_secret.hex()],
            "node": [self.id.hex(), self.unit.hex(), self.inviter.hex(), [unit.hex() for unit in self.line]],
            "entries": [[each.header_bytes.hex(), each.signature.hex(), each.salt.hex(), (each.body or b"").hex()] for each in self.held.entries()],
            "parts": [[key[0].hex(), key[1], key[2].hex(), seq, salt.hex(), data.hex()] for (key, seq), (salt, data) in self.held.parts.items()],
            "receipts": [[data.hex(), signature.hex()] for log in self.held.receipts.values() for data, signature, _ in log.values()],
        }
        with open(path + ".new", "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump(state, file)
        os.replace(path + ".new", path)

    @classmethod
    def load(cls, path: str) -> "Node":
        """Read a file that `save` wrote; everything in it is verified again."""
        with open(path, encoding="ascii") as file:
            state = json.load(file)
        node = cls(bytes.fromhex(state["association"]))
        node.signing_seed, node.transport_secret = map(bytes.fromhex, state["secrets"])
        node.id, node.unit, node.inviter = map(bytes.fromhex, state["node"][:3])
        node.line = [bytes.fromhex(unit) for unit in state["node"][3]]
        node.held.found(*map(bytes.fromhex, state["statement"]))
        waiting = [tuple(map(bytes.fromhex, entry)) for entry in state["entries"]]
        take_all(node.held, waiting)
        for owner, kind, epoch, seq, salt, data in state["parts"]:
            node.held.parts[((bytes.fromhex(owner), kind, bytes.fromhex(epoch)), seq)] = (bytes.fromhex(salt), bytes.fromhex(data))
        for data, signature in state["receipts"]:
            node.held.add_receipt(bytes.fromhex(data), bytes.fromhex(signature), False)
        return node


def take_all(held: Holdings, entries: list[tuple[bytes, ...]]) -> None:
    """Add entries in whatever order of logs: an author's key comes with an admission in another log. Raise the last Rejected if some never fit."""
    while entries:
        later, last = [], None
        for entry in entries:
            try:
                held.add(*entry)
            except Rejected as rejected:
                if rejected.reason not in (AUTHOR_UNKNOWN, GAP):
                    raise
                last = rejected
                later.append(entry)
        if len(later) == len(entries):
            assert last is not None
            raise last
        entries = later


def states_of(node: Node, peer_unit: bytes) -> list[Fields]:
    """Return the log states, in log order, of the logs that this node and a peer of that unit share."""
    tree, states = node.tree, []
    for key in sorted(node.held.logs):
        log = node.held.logs[key]
        if not log or not node.may_log(key) or not tree.may_hold_log(peer_unit, key):
            continue
        missing = node.missing(key)
        receipts = [
            {"holder": holder, **{name: item[name] for name in ("seq", "bodies", "applied")}}
            for holder, (_, _, item) in sorted(node.held.receipts.get(key, {}).items())
            if tree.may_hold_receipt(node.unit, holder, key) and tree.may_hold_receipt(peer_unit, holder, key)
        ]
        states.append(
            {
                **dict(zip(("node", "kind", "epoch"), key)),
                "seq": len(log),
                "hash": log[-1].hash[:16],
                "gaps": [bound for pair in ranges(missing) for bound in pair],
                "partial": [number for seq in missing if (key, seq) in node.held.parts for number in (seq, len(node.held.parts[(key, seq)][1]))],
                "receipts": receipts,
                "fork": fork_of(node, key),
            }
        )
    return states


def fork_of(node: Node, key: LogKey) -> Optional[Fields]:
    """Return what is known of a fork of a log, as its state tells it."""
    proof = node.held.evidence(key)
    return {"seq": proof[0].header["seq"], "one": proof[0].hash[:16], "other": proof[1].hash[:16]} if proof else None


def says_more(mine: Optional[Fields], theirs: Optional[Fields]) -> bool:
    """Say whether what one knows of a fork is news to one who knows `theirs`."""
    return mine is not None and (theirs is None or tuple(mine.values()) < tuple(theirs.values()))


def ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as pairs from, to."""
    pairs: list[tuple[int, int]] = []
    for number in numbers:
        if pairs and number == pairs[-1][1] + 1:
            pairs[-1] = (pairs[-1][0], number)
        else:
            pairs.append((number, number))
    return pairs


def digests_of(node: Node, states: list[Fields]) -> list[bytes]:
    """Return the digests of the 64 buckets."""
    by_bucket: list[list[Fields]] = [[] for _ in range(hoi_messages.BUCKETS)]
    for state in states:
        for at in range(0, max(1, len(state["receipts"])), RECEIPTS_AT_ONCE_MAX):
            element = {**state, "receipts": state["receipts"][at : at + RECEIPTS_AT_ONCE_MAX]}
            by_bucket[hoi_messages.bucket_of(state["node"])].append(element)
    return [hoi_messages.bucket_digest(node.association, logs) for logs in by_bucket]

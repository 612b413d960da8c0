"""What control bodies say, before anybody asks whether it counts: changes in order, and what an entry has seen (docs/protocol.md, 4.1 to 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import hoi_crypto
from hoi_common import RECOVERY, REPORT, log_key
from hoi_formats import CONTROL
from hoi_verify import RECOVERY_LOG, Entry, Holdings, LogKey, body_of

WRITER, STEWARD = 1, 2
UNIT, UNIT_SET, MOVE, CLOSE, SAME, HANDOVER, ADMISSION, REVOCATION, PIN, FORK_DECISION, FORM, LEVEL_TABLE = range(1, 13)
ERASE, ACCEPT, PUT, EXTRACT, DOCUMENT, REASON = 18, 22, 64, 66, 96, 100
PLACINGS = (MOVE, CLOSE, SAME)
CONTROL_KINDS = (*range(UNIT, LEVEL_TABLE + 1), ERASE, ACCEPT)
BODY_BAD, WHOLE_EXTENSION, KIND_UNKNOWN = 201, 205, 208
NOT_STANDING, FORKED, UNLAWFUL, TOO_DEEP, PAST_CUT = 302, 305, 306, 307, 313
REQUEST, HANDED_OVER, NOTHING_HANDED, IN_A_CYCLE, UNIT_MISSING = 314, 315, 316, 317, 401


class Change(NamedTuple):
    """One control change that is read, with where it stands."""

    entry: Entry
    place: int
    kind: int
    payload: Any
    nonce: bytes

    @property
    def key(self) -> tuple[bytes, int]:
        """What tells it from every other change."""
        return self.entry.hash, self.place


OF_ITS_AUTHOR = b""


class Verdict(NamedTuple):
    """Why one change (or at place 0 perhaps the whole body) is set aside, and the unit that it concerns: none where that is its author's who does not stand."""

    entry: Entry
    place: int
    reason: int
    unit: bytes


@dataclass(frozen=True)
class Node:
    """A node that an admission, or the founding statement, makes; `steps` is the chain of admissions to the founder, or to one that the
    recovery log admitted: `origin` says which. Of each step it says whether it is a succession, and where it stands."""

    id: bytes
    unit: bytes
    signing_key: bytes
    transport_key: bytes
    roles: int
    inviter: bytes
    steps: tuple[tuple[Any, ...], ...] = ()
    origin: tuple[Any, ...] = (1,)

    @property
    def rank(self) -> tuple[Any, ...]:
        """What orders authors by seniority, the most senior first."""
        return (sum(not succession for succession, *_ in self.steps), self.origin, self.steps)

    @property
    def steward(self) -> bool:
        """Whether it may write structure."""
        return bool(self.roles & STEWARD)


class Facts:
    """All control changes of what is held, log by log; `aside` is what was never read as one."""

    def __init__(self, held: Holdings) -> None:
        self.held = held
        self.aside: list[Verdict] = []
        self._begun: dict[LogKey, bool] = {}
        self.changes: dict[LogKey, list[Change]] = {}
        for key in sorted(held.logs):
            if key[1] != REPORT and self.begun(key):
                self.changes[key] = list(self._changes(key))

    # What is applied

    def begun(self, key: LogKey) -> bool:
        """Say whether a log is applied at all: one that continues another waits for that one, where no fork has taken away what it waits for."""
        if key not in self._begun:
            log = self.held.logs.get(key, [])
            continued = log[0].header["continues"] if log else None
            self._begun[key] = not continued or self._continued_is_here(continued)
        return self._begun[key]

    def _continued_is_here(self, continued: Any) -> bool:
        before = log_key(continued)
        entry = self.held.entry(before, continued["seq"])
        fork = self.held.evidence(before)
        here = entry is not None and entry.hash[:16] == continued["hash"] or bool(fork) and fork[0].header["seq"] <= continued["seq"]
        return here and self.begun(before)

    def _changes(self, key: LogKey) -> Iterator[Change]:
        for entry in self.held.logs[key]:
            if entry.header["class"] == CONTROL:
                if entry.body is None:
                    break
                yield from self._body_of(entry)

    def _body_of(self, entry: Entry) -> Iterator[Change]:
        if any(extension["critical"] for extension in entry.header["extensions"]):
            self.aside.append(Verdict(entry, 0, WHOLE_EXTENSION, OF_ITS_AUTHOR))
            return
        body = body_of(entry)
        if body is None:
            self.aside.append(Verdict(entry, 0, BODY_BAD, OF_ITS_AUTHOR))
            return
        for place, change in enumerate(body["changes"]):
            if change["kind"] not in CONTROL_KINDS:
                self.aside.append(Verdict(entry, place, KIND_UNKNOWN, OF_ITS_AUTHOR))
            elif not isinstance(change["payload"], dict):
                self.aside.append(Verdict(entry, place, WHOLE_EXTENSION, change["payload"][0]))
            else:
                yield Change(entry, place, change["kind"], change["payload"], body["nonce"])

    def created(self, change: Change) -> bytes:
        """Return the id of the unit that a creation makes."""
        return hoi_crypto.unit_id(self.held.association, change.nonce, change.place)

    # Orders

    def continued(self, key: LogKey) -> int:
        """Return how many epochs a log continues."""
        log = self.held.logs.get(key, [])
        before = log[0].header["continues"] if log else None
        return 1 + self.continued(log_key(before)) if before else 0

    def position(self, change: Change) -> tuple[Any, ...]:
        """Where a change stands among those of one author: what orders two of them."""
        return (self.continued(change.entry.log), change.entry.header["epoch"], change.entry.header["seq"], change.place)

    def logs_of(self, node: bytes) -> list[LogKey]:
        """Return the applied control logs of a node, in the order in which they are judged; of the recovery keys their one log."""
        return sorted((key for key in self.changes if key[0] == node), key=lambda key: (self.continued(key), key[2]))

    def recovery_keys(self) -> Node:
        """Return the recovery keys as what they count for: the most senior steward of the root unit."""
        return Node(RECOVERY_LOG[0], self.held.root, b"", b"", STEWARD, b"", origin=(0,))

    def founder(self) -> Node:
        """Return the founder, whom the founding statement makes a node of the root unit with both roles."""
        known = self.held.admitted[self.held.founder]
        return Node(known.id, known.unit, known.signing_key, known.transport_key, WRITER | STEWARD, b"")

    def admitted_by(self, inviter: Node, change: Change, node: bytes) -> Node:
        """Return the node that an admission in a log of this inviter makes."""
        core, position = change.payload["core"], self.position(change)
        by_recovery = change.entry.header["kind"] == RECOVERY
        succession = core["succeeds"] == core["inviter"] and core["unit"] == inviter.unit
        origin, steps = ((2, position), ()) if by_recovery else (inviter.origin, (*inviter.steps, (succession, position)))
        return Node(node, core["unit"], core["signing_key"], core["transport_key"], core["roles"], b"" if by_recovery else core["inviter"], steps, origin)

    # Seen

    def has_seen(self, later: Entry, earlier: Entry) -> bool:
        """Say whether `later` has seen `earlier`, another entry (4.1)."""
        key, upto = later.log, later.header["seq"] - 1
        while True:
            if earlier.log == key and earlier.header["seq"] <= upto:
                return True
            log = self.held.logs.get(key, [])
            continued = log[0].header["continues"] if log else None
            if not continued:
                break
            key, upto = log_key(continued), continued["seq"]
        return any(log_key(ref) == earlier.log and earlier.header["seq"] <= ref["seq"] for ref in later.header["seen"])

    def overtakes(self, later: tuple[Entry, int], earlier: tuple[Entry, int]) -> bool:
        """Say whether the write of one register at an entry and place has seen another; two that claim it of one another have not."""
        if earlier[0] is later[0]:
            return earlier[1] < later[1]
        return self.has_seen(later[0], earlier[0]) and not self.has_seen(earlier[0], later[0])

    def unseen(self, writes: Sequence[Any]) -> list[Any]:
        """Return, of writes that have `entry` and `place`, those that no other has seen; all of them where each is seen by another."""
        heads = [each for each in writes if not any(self.overtakes((other.entry, other.place), (each.entry, each.place)) for other in writes)]
        return heads or list(writes)


def names(refs: Sequence[Any], entry: Entry) -> bool:
    """Say whether a list of references names an entry."""
    return any(ref == entry.ref for ref in refs)


def upto_of(refs: Sequence[Any], key: LogKey) -> int:
    """Return the entry up to which a list of one reference a log leaves that log standing: 0 where it does not name it."""
    return next((ref["seq"] for ref in refs if log_key(ref) == key), 0)


def concerned(change: Change) -> bytes:
    """Return the unit that a change itself names, as set-asides are told (section 12)."""
    payload = change.payload
    if change.kind == UNIT:
        return bytes(payload["parent"])
    if change.kind == ADMISSION:
        return bytes(payload["core"]["unit"])
    if change.kind == FORM:
        return bytes(payload["issuer"])
    return bytes(payload["unit"]) if change.kind in (UNIT_SET, HANDOVER, *PLACINGS) else OF_ITS_AUTHOR


def about(change: Change) -> Optional[bytes]:
    """Return the node that a revocation names, or the author of the first entry that a pin, fork decision or erase names (section 12)."""
    if change.kind == REVOCATION:
        return bytes(change.payload["node"])
    if change.kind == FORK_DECISION:
        return bytes(change.payload["keeps"]["node"])
    if change.kind in (PIN, ERASE):
        return bytes(change.payload["pins" if change.kind == PIN else "entries"][0]["node"])
    return None

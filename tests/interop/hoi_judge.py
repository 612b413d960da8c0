"""Who may say what: every control change judged once, node by node from the most senior down (docs/protocol.md, 5.11).

A `Judge` ends with a verdict on each control change, the nodes that stand, and where each of their logs ends. The tree of today and what
may be held follow from it elsewhere (hoi_tree, hoi_entitle).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from hoi_common import REPORT, log_key
from hoi_facts import (
    ACCEPT,
    ADMISSION,
    ERASE,
    FORK_DECISION,
    FORKED,
    FORM,
    HANDED_OVER,
    HANDOVER,
    LEVEL_TABLE,
    NOT_STANDING,
    NOTHING_HANDED,
    PAST_CUT,
    PIN,
    PLACINGS,
    REQUEST,
    REVOCATION,
    TOO_DEEP,
    UNIT,
    UNIT_MISSING,
    UNIT_SET,
    UNLAWFUL,
    Change,
    Facts,
    Node,
    names,
    upto_of,
)
from hoi_parents import DEPTH_MAX, Parents
from hoi_shape import Fields
from hoi_verify import Entry, LogKey, core_id

NEVER = 1 << 63


class Pin(NamedTuple):
    """An entry that a standing pin names, and by whom."""

    author: Node
    ref: Fields


class Cut(NamedTuple):
    """A standing cut of one log at an entry, by whom and in which change."""

    author: Node
    change: Change
    seq: int


class Ending(NamedTuple):
    """Where what stands of a log ends, and why, whatever of it is held; 0: it stands whole."""

    upto: int
    reason: int


@dataclass
class Handover:
    """A handover of verdict 0."""

    author: Node
    change: Change

    @property
    def unit(self) -> bytes:
        """Return the unit that was handed over."""
        return bytes(self.change.payload["unit"])

    @property
    def parent(self) -> bytes:
        """Return the unit that it was handed to."""
        return bytes(self.change.payload["parent"])


@dataclass
class Accept:
    """An accept of verdict 0."""

    author: Node
    entries: list[Fields]


@dataclass
class Judge:
    """All verdicts; 0 is a change that stands. Verdicts are never taken back."""

    facts: Facts
    verdicts: dict[tuple[bytes, int], int] = field(default_factory=dict)
    nodes: dict[bytes, Node] = field(default_factory=dict)  # those judged
    branches: dict[LogKey, Ending] = field(default_factory=dict)  # the logs of nodes judged, as they were when their turn came
    pins: dict[LogKey, list[Pin]] = field(default_factory=dict)
    decisions: dict[LogKey, list[Cut]] = field(default_factory=dict)  # the cuts of fork decisions
    revocations: dict[bytes, list[tuple[Node, Change]]] = field(default_factory=dict)  # what cuts all logs of a node
    handovers: list[Handover] = field(default_factory=list)
    accepts: list[Accept] = field(default_factory=list)
    placed: list[Change] = field(default_factory=list)  # moves, closes and sames that stand
    erased: list[Fields] = field(default_factory=list)  # what erases name that stand at last
    _erasing: list[tuple[Change, Fields]] = field(default_factory=list)
    _later: list[tuple[Node, Change]] = field(default_factory=list)  # what cuts from the next turn on
    _parents: tuple[Any, Optional[Parents]] = (None, None)

    def __post_init__(self) -> None:
        waiting = [self.facts.recovery_keys(), self.facts.founder()]
        while waiting:
            waiting.sort(key=lambda node: node.rank)
            node = waiting.pop(0)
            waiting += [each for each in self._turn(node) if each.id not in {other.id for other in waiting} | self.nodes.keys()]
        self._finish()

    # Logs

    def cut_of(self, key: LogKey) -> int:
        """Return the lowest entry that the cuts of a log leave standing."""
        of_node = [Cut(author, change, upto_of(change.payload["upto"], key)) for author, change in self.revocations.get(key[0], [])]
        cuts = of_node + self.decisions.get(key, [])
        standing = [each for each in cuts if not any(self._replaces(other, each) for other in cuts)]
        return min((self._not_below(each, key) for each in standing), default=NEVER)

    def _replaces(self, later: Cut, cut: Cut) -> bool:
        if later.change.entry is cut.change.entry or later.author.rank > cut.author.rank:
            return False  # of two in one body neither replaces the other
        return self.facts.overtakes((later.change.entry, 0), (cut.change.entry, 0))

    def _not_below(self, cut: Cut, key: LogKey) -> int:
        return max([cut.seq, *(pin.ref["seq"] for pin in self.pins.get(key, []) if pin.author.rank < cut.author.rank)])

    def walk(self, key: LogKey) -> Ending:
        """Return where a log ends by the cuts and pins that stand so far."""
        cut, fork = self.cut_of(key), self.facts.held.evidence(key)
        if fork and fork[0].header["seq"] <= cut and not self.settled(key, fork):
            return Ending(fork[0].header["seq"] - 1, FORKED)
        return Ending(cut, PAST_CUT if cut < NEVER else 0)

    def settled(self, key: LogKey, fork: list[Entry]) -> bool:
        """Say whether the branch held is the one that the most senior pin follows."""
        best = self.followed(key, fork)
        entry = self.facts.held.entry(key, best["seq"]) if best else None
        return entry is not None and entry.ref == best

    def followed(self, key: LogKey, fork: list[Entry]) -> Optional[Fields]:
        """Return the most senior pin of an entry on one of the branches of a fork, as far as they are held."""
        seq = fork[0].header["seq"]
        on_one = [pin for pin in self.pins.get(key, []) if pin.ref["seq"] >= seq and self._held(key, pin.ref, fork)]
        best = min(on_one, key=self._by_seniority, default=None)
        return best.ref if best else None

    def _held(self, key: LogKey, ref: Fields, fork: list[Entry]) -> bool:
        held = self.facts.held
        entry = held.entry(key, ref["seq"])
        return entry is not None and entry.ref == ref or any(each.ref == ref for each in (*fork, *held.beside.values()))

    def makes_room(self, key: LogKey) -> Optional[tuple[int, bytes]]:
        """Return from where the branch held has to make room, and the short hash of the entry that was pinned; None where it has not."""
        held, fork = self.facts.held, self.facts.held.evidence(key)
        if not fork:
            return None
        seq = fork[0].header["seq"]
        best = self.foremost(key, seq)
        here = held.entry(key, best["seq"]) if best else None
        if best is None or here is not None and here.ref == best:
            return None
        beside = any(each.ref == best for each in held.beside.values())
        known = here is not None or any(each.ref == best for each in fork)
        return (seq, best["hash"]) if beside or known and held.entry(key, seq) is not None else None

    def foremost(self, key: LogKey, seq: int) -> Optional[Fields]:
        """Return the most senior pin of an entry from a fork at `seq` on, held or not."""
        best = min((pin for pin in self.pins.get(key, []) if pin.ref["seq"] >= seq), key=self._by_seniority, default=None)
        return best.ref if best else None

    @staticmethod
    def _by_seniority(pin: Pin) -> tuple[Any, ...]:
        return pin.author.rank, pin.ref["seq"], pin.ref["hash"]

    def awaited(self, key: LogKey) -> Optional[Fields]:
        """Return the entry of a forked log that was pinned and is not here, where it is that which the log waits for."""
        held, fork = self.facts.held, self.facts.held.evidence(key)
        best = self.foremost(key, fork[0].header["seq"]) if fork else None
        if self.walk(key).reason != FORKED:
            return None
        known = best is None or held.entry(key, best["seq"]) is not None or any(each.ref == best for each in held.beside.values())
        return None if known else best

    def chains(self) -> dict[LogKey, int]:
        """Return up to where each control log speaks: judged ones as they were judged, others as they are walked by now."""
        out = {}
        for key in self.facts.changes:
            ending = self.branches.get(key)
            out[key] = (ending or self.walk(key)).upto
        return out

    def parents(self) -> Parents:
        """Return the parents ever lawfully written, as they are by now."""
        chains = self.chains()
        made, parents = self._parents
        if parents is None or made != (chains, len(self.nodes)):
            parents = Parents(self.facts, self.nodes, chains)
            self._parents = ((chains, len(self.nodes)), parents)
        return parents

    # A node's turn

    def _turn(self, node: Node) -> list[Node]:
        """Judge all that a node wrote; return the nodes that it admits."""
        self.nodes[node.id] = node
        for key in self.facts.held.logs:
            if key[0] == node.id and self.facts.begun(key):
                self.branches[key] = self.walk(key)
        admitted: dict[bytes, Node] = {}
        for key in self.facts.logs_of(node.id):
            for change in self.facts.changes[key]:
                verdict = self._judge(node, change)
                self.verdicts[change.key] = verdict
                self._pin(node, change, verdict)
                if verdict:
                    continue
                if change.kind == ADMISSION:
                    made = core_id(self.facts.held.association, change.payload["core"])
                    admitted.setdefault(made, self.facts.admitted_by(node, change, made))
                self._take(node, change)
        for author, change in self._later:
            self._cut(author, change)
        self._later.clear()
        return list(admitted.values())

    def _judge(self, node: Node, change: Change) -> int:
        payload, ending = change.payload, self.branches[change.entry.log]
        if change.kind == ADMISSION and payload["core"]["inviter"] != change.entry.header["author"]:
            return UNLAWFUL
        if change.entry.header["seq"] > ending.upto:
            return ending.reason
        if change.kind == REVOCATION and payload["node"] == node.id:
            return 0
        if change.kind == FORM:
            return 0  # its own rules are asked where forms are (hoi_records)
        if change.kind == ACCEPT:
            return 0 if node.steward else UNLAWFUL
        if change.kind in (PIN, ERASE):
            refs = payload["pins" if change.kind == PIN else "entries"]
            verdicts = [self._judge_ref(node, each, change.kind == PIN) for each in refs]
            return 0 if 0 in verdicts else verdicts[0]
        return self._judge_structure(node, change)

    def _judge_ref(self, node: Node, ref: Fields, pinned: bool) -> int:
        """Return why a node may not speak of one entry of another's log, 0 where it may."""
        if pinned and ref["node"] in self.nodes:
            return REQUEST
        parents = self.parents()
        unit = self.unit_of(ref["node"], parents)
        if unit is None or not parents.known(unit):
            return UNIT_MISSING
        return 0 if node.steward and parents.over(node.unit, unit) else UNLAWFUL

    def unit_of(self, node: bytes, parents: Parents) -> Optional[bytes]:
        """Return a node's unit: of one not judged yet what an admission says in its inviter's log as far as that is walked by now."""
        judged = self.nodes.get(node)
        return judged.unit if judged else self.facts.held.root if node == self.facts.held.founder else parents.claims.get(node)

    def _judge_structure(self, node: Node, change: Change) -> int:
        payload, parents = change.payload, self.parents()
        if change.kind == FORK_DECISION:
            return self._judge_ref(node, payload["keeps"], True)
        if change.kind == REVOCATION:
            wrong, unit = self._judge_ref(node, payload, True), self.unit_of(payload["node"], parents)
            return wrong or (HANDED_OVER if unit is not None and self.past_handover(node, change.entry, unit, parents) else 0)
        spoken_of = self._spoken_of(change)
        if not all(parents.known(unit) for unit in spoken_of):
            return UNIT_MISSING
        if not node.steward or not all(parents.over(node.unit, unit) for unit in spoken_of):
            return UNLAWFUL
        if change.kind in (HANDOVER, *PLACINGS):
            if not parents.strictly_over(node.unit, payload["unit"]) or payload["unit"] == spoken_of[1]:
                return UNLAWFUL
        if change.kind in PLACINGS and not parents.lines_hold(change):
            return TOO_DEEP
        if change.kind == HANDOVER and payload["parent"] not in parents.above[payload["unit"]]:
            return NOTHING_HANDED
        if change.kind == UNIT:
            wrong = self._judge_creation(change, parents)
            if wrong:
                return wrong
        return HANDED_OVER if change.kind in (UNIT, UNIT_SET, ADMISSION, *PLACINGS) and self.past_handover(node, change.entry, spoken_of[0], parents) else 0

    def _spoken_of(self, change: Change) -> list[bytes]:
        """Return the units that a change of structure speaks of, the one first that a handover of it or of one above it would bind."""
        payload = change.payload
        if change.kind == UNIT:
            return [payload["parent"]]
        if change.kind == ADMISSION:
            return [payload["core"]["unit"]]
        if change.kind == HANDOVER:
            return [payload["unit"], payload["parent"]]
        if change.kind == LEVEL_TABLE:
            return [self.facts.held.root]
        return [payload["unit"], payload["line"][0]] if change.kind in PLACINGS else [payload["unit"]]

    def _judge_creation(self, change: Change, parents: Parents) -> int:
        unit, parent = self.facts.created(change), change.payload["parent"]
        if unit in (self.facts.held.root, parent):
            return UNLAWFUL
        if parents.depth(parent) >= DEPTH_MAX:
            return TOO_DEEP
        return 0 if parents.created.get(unit, parent) == parent else UNLAWFUL

    def past_handover(self, node: Node, entry: Entry, unit: bytes, parents: Parents) -> bool:
        """Say whether an entry about a unit waits for an accept."""
        return any(self._binds(handover, node, entry, unit, parents) and not self._accepted(handover, node, entry, parents) for handover in self.handovers)

    def _binds(self, handover: Handover, node: Node, entry: Entry, unit: bytes, parents: Parents) -> bool:
        moved = handover.unit
        if not parents.over(moved, unit) or handover.author.rank >= node.rank:
            return False
        if node.unit in (moved, unit) or parents.over(node.unit, handover.parent) or parents.over_without(node.unit, unit, moved):
            return False
        for change in self.placed:
            back = change.payload["unit"] == moved and parents.over(node.unit, change.payload["line"][0])
            if back and self.facts.has_seen(change.entry, handover.change.entry):
                return False
        return entry.header["seq"] > upto_of(handover.change.payload["upto"], entry.log)

    def _accepted(self, handover: Handover, node: Node, entry: Entry, parents: Parents) -> bool:
        for accept in self.accepts:
            if names(accept.entries, entry) and parents.over(accept.author.unit, handover.parent):
                if entry.header["class"] != 1 or accept.author.rank < node.rank:
                    return True
        return False

    # What a change does

    def _pin(self, node: Node, change: Change, verdict: int) -> None:
        """Let stand what a change pins, each by itself, whatever becomes of an admission or handover that carries it."""
        payload = change.payload
        if change.entry.header["seq"] > self.branches[change.entry.log].upto:
            return
        if change.kind == REVOCATION and (verdict or payload["node"] == node.id):
            return
        members = {PIN: "pins", ADMISSION: "pins", HANDOVER: "upto", REVOCATION: "upto"}
        refs = [payload["keeps"]] if change.kind == FORK_DECISION else payload[members[change.kind]] if change.kind in members else []
        for ref in refs:
            if not self._judge_ref(node, ref, True):
                self.pins.setdefault(log_key(ref), []).append(Pin(node, ref))

    def _take(self, node: Node, change: Change) -> None:
        """Let a change of verdict 0 do what it does beside pinning."""
        payload, kind = change.payload, change.kind
        if kind in (REVOCATION, FORK_DECISION):
            self._later.append((node, change))
        elif kind == HANDOVER:
            self.handovers.append(Handover(node, change))
        elif kind == ACCEPT:
            self.accepts.append(Accept(node, payload["entries"]))
        elif kind in PLACINGS:
            self.placed.append(change)
        elif kind == ERASE:
            self._erasing += [(change, ref) for ref in payload["entries"] if not self._judge_ref(node, ref, False)]

    def _cut(self, node: Node, change: Change) -> None:
        if change.kind == REVOCATION:
            self.revocations.setdefault(change.payload["node"], []).append((node, change))
        else:
            keeps = change.payload["keeps"]
            self.decisions.setdefault(log_key(keeps), []).append(Cut(node, change, keeps["seq"]))

    # When all are judged

    def _finish(self) -> None:
        placed = [(each.payload["unit"], each.payload["line"][0]) for each in self.placed]
        created = []
        for key in self.facts.changes:
            for change in self.facts.changes[key]:
                if change.kind == UNIT and self.verdicts.get(change.key) == 0:
                    created.append((self.facts.created(change), change.payload["parent"]))
        chains = {key: ending.upto for key, ending in self.branches.items() if key[1] != REPORT}
        self.final = Parents(self.facts, self.nodes, chains, created, placed)
        for key, changes in self.facts.changes.items():
            for change in changes:
                self.verdicts.setdefault(change.key, self._judge_stranger(change))

        self.erased = [ref for change, ref in self._erasing if not self.for_views(change)]

    @staticmethod
    def _judge_stranger(change: Change) -> int:
        elsewhere = change.kind == ADMISSION and change.payload["core"]["inviter"] != change.entry.header["author"]
        return UNLAWFUL if elsewhere else NOT_STANDING

    def revoked(self, node: bytes) -> bool:
        """Say whether a revocation of a node stands."""
        return node in self.revocations

    def for_views(self, change: Change) -> int:
        """Return the verdict on a change, or 313 for one that stood and whose author has cut it off since."""
        verdict = self.verdicts[change.key]
        if verdict:
            return verdict
        ending = self.walk(change.entry.log)
        return ending.reason if change.entry.header["seq"] > ending.upto else 0


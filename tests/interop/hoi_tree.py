"""Who stands where, and who may hold what: the tree of units and nodes that control bodies make (docs/protocol.md, sections 5, 10 and 12).

A `Tree` is made anew from all that is held, whatever the order in which it came. It judges control changes but for forms (hoi_records).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import hoi_crypto
from hoi_common import DIRECTIVE, RECOVERY, REPORT, log_key
from hoi_formats import CONTROL, PRIVATE, RECORD
from hoi_shape import Fields
from hoi_verify import Entry, Holdings, LogKey, body_of, core_id

WRITER, STEWARD = 1, 2
CODE, NAME, LEVEL = 1, 2, 3
DEPTH_MAX = 30
UNIT, UNIT_SET, ADMISSION, FORM, LEVEL_TABLE, PUT, DOCUMENT = 1, 2, 7, 11, 12, 64, 96
WHOLE_EXTENSION, NOT_STANDING, UNLAWFUL, TOO_DEEP, UNIT_MISSING, BODY_BAD, KIND_UNKNOWN = 205, 302, 306, 307, 401, 201, 208


class Change(NamedTuple):
    """One control change that is read, with where it stands."""

    entry: Entry
    place: int
    kind: int
    payload: Any
    nonce: bytes


class Write(NamedTuple):
    """One write of a unit's attribute."""

    attribute: int
    effective: Optional[int]
    value: Any
    entry: Entry
    place: int
    created: bool = False  # by the unit's creation


@dataclass
class Unit:
    """A unit that stands."""

    id: bytes
    parent: bytes
    depth: int
    writes: list[Write] = field(default_factory=list)


@dataclass
class Node:
    """A node that stands; `steps` is the chain of admissions to the founder, or to one that the recovery log admitted: `origin` says which."""

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
        return (len(self.steps), self.origin, self.steps)


class Verdict(NamedTuple):
    """Why one change (or at place 0 perhaps the whole body) is set aside, and the unit that it concerns."""

    entry: Entry
    place: int
    reason: int
    unit: bytes


class Tree:
    """The structure as the control bodies held make it."""

    def __init__(self, held: Holdings) -> None:
        self.held = held
        self.units: dict[bytes, Unit] = {held.root: Unit(held.root, b"", 0)}
        founder = held.admitted[held.founder]
        self.nodes: dict[bytes, Node] = {founder.id: Node(founder.id, founder.unit, founder.signing_key, founder.transport_key, 3, b"")}
        self.verdicts: list[Verdict] = []
        self.level_tables: list[Change] = []
        self.forms: list[Change] = []  # for hoi_records to judge
        self._begun: dict[LogKey, bool] = {}
        changes = list(self._changes())
        self._grow([each for each in changes if each.kind in (UNIT, ADMISSION)])
        self._write([each for each in changes if each.kind in (UNIT_SET, LEVEL_TABLE, FORM)])

    # What can be applied

    def begun(self, key: LogKey) -> bool:
        """Say whether a log is applied at all: one that continues another waits for that one."""
        if key not in self._begun:
            log = self.held.logs.get(key, [])
            continued = log[0].header["continues"] if log else None
            self._begun[key] = bool(log)
            if continued:
                before = self.held.entry(log_key(continued), continued["seq"])
                self._begun[key] = before is not None and before.hash[:16] == continued["hash"] and self.begun(before.log)
        return self._begun[key]

    def _changes(self) -> Iterator[Change]:
        for key in sorted(self.held.logs):
            if not self.begun(key):
                continue
            for entry in self.held.logs[key]:
                if entry.header["class"] == CONTROL:
                    if entry.body is None:
                        break
                    yield from self._body_of(entry)

    def _body_of(self, entry: Entry) -> Iterator[Change]:
        author = self.held.admitted.get(entry.header["author"])
        unit = author.unit if author else self.held.root
        if any(extension["critical"] for extension in entry.header["extensions"]):
            self.verdicts.append(Verdict(entry, 0, WHOLE_EXTENSION, unit))
            return
        body = body_of(entry)
        if body is None:
            self.verdicts.append(Verdict(entry, 0, BODY_BAD, unit))
            return
        for place, change in enumerate(body["changes"]):
            if change["kind"] not in (UNIT, UNIT_SET, ADMISSION, FORM, LEVEL_TABLE):
                self.verdicts.append(Verdict(entry, place, KIND_UNKNOWN, unit))
            elif not isinstance(change["payload"], dict):
                self.verdicts.append(Verdict(entry, place, WHOLE_EXTENSION, change["payload"][0]))
            else:
                yield Change(entry, place, change["kind"], change["payload"], body["nonce"])

    # Units and nodes: what is lawful by now is taken until nothing more is

    def _grow(self, changes: list[Change]) -> None:
        waiting = changes
        while True:
            admitted = [each for each in waiting if each.kind == ADMISSION and not self._judge(each)]
            for each in admitted:
                self._admit(each)
            waiting = [each for each in waiting if each not in admitted]
            lawful = [each for each in waiting if each.kind == UNIT and not self._standing(each) and not self._judge(each)]
            if not lawful:
                if not admitted:
                    break
                continue
            first = min(lawful, key=lambda each: (self.units[self._unit_of(each.entry)].depth, self.seniority(each)))
            self._create(first)
            waiting.remove(first)
        for each in waiting:
            concerned = each.payload["parent"] if each.kind == UNIT else each.payload["core"]["unit"]
            taken = self._standing(each) if each.kind == UNIT else None
            wrong = self._judge(each) or (UNLAWFUL if taken and taken.parent != each.payload["parent"] else 0)
            if wrong:
                self.verdicts.append(Verdict(each.entry, each.place, wrong, concerned))

    def _standing(self, change: Change) -> Optional[Unit]:
        return self.units.get(hoi_crypto.unit_id(self.held.association, change.nonce, change.place))

    def _judge(self, change: Change) -> int:
        """Return why a creation or an admission is not lawful by now, 0 where it is."""
        author, payload = self.author(change.entry), change.payload
        if change.kind == ADMISSION:
            core = payload["core"]
            if core["inviter"] != change.entry.header["author"]:
                return UNLAWFUL
            return self._judge_control(author, core["unit"])
        wrong = self._judge_control(author, payload["parent"])
        identity = hoi_crypto.unit_id(self.held.association, change.nonce, change.place)
        if wrong or identity == self.held.root or self.under(payload["parent"], identity):
            return wrong or UNLAWFUL
        return TOO_DEEP if self.units[payload["parent"]].depth >= DEPTH_MAX else 0

    def _judge_control(self, author: Optional[Node], unit: bytes) -> int:
        if author is None:
            return NOT_STANDING
        if unit not in self.units:
            return UNIT_MISSING
        return 0 if author.roles & STEWARD and self.under(unit, author.unit) else UNLAWFUL

    def author(self, entry: Entry) -> Optional[Node]:
        """Return the standing author of an entry; the recovery log counts as a steward of the root."""
        if entry.header["kind"] == RECOVERY:
            return Node(entry.header["author"], self.held.root, b"", b"", STEWARD, b"", origin=(0,))
        return self.nodes.get(entry.header["author"])

    def _unit_of(self, entry: Entry) -> bytes:
        author = self.author(entry)
        assert author is not None
        return author.unit

    def _admit(self, change: Change) -> None:
        core = change.payload["core"]
        identity = core_id(self.held.association, core)
        inviter = self.author(change.entry)
        assert inviter is not None
        position = self._position(change)
        by_recovery = change.entry.header["kind"] == RECOVERY
        origin, steps = ((2, position), ()) if by_recovery else (inviter.origin, (*inviter.steps, position))
        node = Node(identity, core["unit"], core["signing_key"], core["transport_key"], core["roles"], b"" if by_recovery else core["inviter"], steps, origin)
        known = self.nodes.get(identity)
        if known is None or node.rank < known.rank:
            self.nodes[identity] = node

    def _position(self, change: Change) -> tuple[Any, ...]:
        """Where a change stands among those of one author: what orders two of them."""
        return (self._continued(change.entry.log), change.entry.header["epoch"], change.entry.header["seq"], change.place)

    def _continued(self, key: LogKey) -> int:
        log = self.held.logs.get(key, [])
        before = log[0].header["continues"] if log else None
        return 1 + self._continued(log_key(before)) if before else 0

    def seniority(self, change: Change) -> tuple[Any, ...]:
        """Return what orders changes by seniority, the most senior first."""
        author = self.author(change.entry)
        assert author is not None
        return (*author.rank, self._position(change))

    def _create(self, change: Change) -> None:
        payload = change.payload
        identity = hoi_crypto.unit_id(self.held.association, change.nonce, change.place)
        unit = Unit(identity, payload["parent"], self.units[payload["parent"]].depth + 1)
        for attribute, name in ((CODE, "code"), (NAME, "name"), (LEVEL, "level")):
            unit.writes.append(Write(attribute, payload["effective"], payload[name], change.entry, change.place, True))
        self.units[identity] = unit

    # Attributes and the level table

    def _write(self, changes: list[Change]) -> None:
        for each in changes:
            author, concerned, wrong = self.author(each.entry), b"", 0
            if each.kind == FORM:
                self.forms.append(each)
                continue
            if each.kind == UNIT_SET:
                concerned = each.payload["unit"]
                wrong = self._judge_control(author, concerned)
            else:
                concerned = author.unit if author else self.held.admitted[each.entry.header["author"]].unit
                wrong = self._judge_control(author, self.held.root)
            if wrong:
                self.verdicts.append(Verdict(each.entry, each.place, wrong, concerned))
            elif each.kind == LEVEL_TABLE:
                self.level_tables.append(each)
            else:
                payload = each.payload
                self.units[concerned].writes.append(Write(payload["attribute"], payload["effective"], payload["value"], each.entry, each.place))

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

    def counting(self, writes: Sequence[Write]) -> list[Write]:
        """Return the writes of a register that count: of each log the latest unit-set, and the creation's (5.2)."""
        latest: dict[LogKey, Write] = {}
        for each in writes:
            known = latest.get(each.entry.log)
            if not each.created and (known is None or (known.entry.header["seq"], known.place) < (each.entry.header["seq"], each.place)):
                latest[each.entry.log] = each
        return [each for each in writes if each.created or latest[each.entry.log] is each]

    def standing(self, writes: Sequence[Write]) -> list[Write]:
        """Return the writes of a register that no other has seen, the one that holds first: the most senior author's, then the lower hash."""
        count = self.counting(writes)
        heads = [each for each in count if not any(self.overtakes((other.entry, other.place), (each.entry, each.place)) for other in count)]
        return sorted(heads or count, key=lambda each: (self._rank(each.entry), each.entry.hash))

    def _rank(self, entry: Entry) -> tuple[Any, ...]:
        author = self.author(entry)
        return author.rank if author else (99,)

    def there(self, unit: bytes, day: int) -> bool:
        """Say whether a unit that stands, and all above it, had begun by a day."""
        created = [write for each in (unit, *self.above(unit)) for write in self.units[each].writes if write.created]
        return all(write.effective is None or write.effective <= day for write in created)

    def shown(self, unit: bytes, attribute: int, day: Optional[int] = None) -> Any:
        """Return an attribute's value: of the latest effective date, or of the latest up to a day; None for none."""
        best: Optional[Write] = None
        dates = {each.effective for each in self.units[unit].writes if each.attribute == attribute}
        for date in sorted(dates, key=lambda each: (each is not None, each or 0)):
            if day is None or date is None or date <= day:
                same = [each for each in self.units[unit].writes if each.attribute == attribute and each.effective == date]
                best = self.standing(same)[0]
        if best is None:
            return 0 if attribute == LEVEL and unit == self.held.root else None
        return best.value

    # Lines and entitlement

    def above(self, unit: bytes) -> list[bytes]:
        """Return the units above one that stands, the parent first."""
        line = []
        while unit in self.units and self.units[unit].parent:
            unit = self.units[unit].parent
            line.append(unit)
        return line

    def under(self, unit: bytes, upper: bytes) -> bool:
        """Say whether `unit` is `upper` or stands below it."""
        return unit == upper or upper in self.above(unit)

    def may_hold_log(self, unit: bytes, key: LogKey, line: Sequence[bytes] = ()) -> bool:
        """Say whether a node of `unit` may hold a log; `line` is what a newcomer was told in the answer to its join."""
        if key[1] == RECOVERY:
            return True
        author = self.nodes.get(key[0])
        if author is None:
            return False
        if unit not in self.units:
            return key[1] == DIRECTIVE and (author.unit == self.held.root or author.unit in line)
        return self.under(author.unit, unit) or key[1] == DIRECTIVE and self.under(unit, author.unit)

    def may_hold_body(self, unit: bytes, header: Fields, line: Sequence[bytes] = ()) -> bool:
        """Say whether a node of `unit` may hold the body of an entry."""
        if not self.may_hold_log(unit, log_key(header, "author"), line):
            return False
        if header["class"] == CONTROL:
            return True
        if unit not in self.units:
            return False
        author = self.nodes[header["author"]].unit
        if header["class"] != RECORD:
            return unit == author or unit in self.above(author) or self._selected(unit, author, header["audience"])
        concerned = header["audience"][0]["unit"]
        if unit in (concerned, author):
            return True
        if header["kind"] != REPORT:
            return unit in self.above(concerned) or unit in self.above(author)
        if unit not in self.above(concerned) or header["reach"] == PRIVATE:
            return False
        line = self.above(concerned)
        return header["reach"] == 0 or all(self._level(each) >= header["reach"] for each in line[: line.index(unit) + 1])

    def _level(self, unit: bytes) -> int:
        level: int = self.shown(unit, LEVEL)
        return level

    def _selected(self, unit: bytes, author: bytes, audience: list[Fields]) -> bool:
        for term in audience:
            base, scope = term["unit"], term["scope"]
            passes = self.under(unit, author) and unit != author
            if scope < 2:
                if unit == base or scope == 1 and self.under(unit, base) or passes and unit in self.above(base):
                    return True
                continue
            meant = [each for each in self.units if self.under(each, base) and self._level(each) == scope - 2]
            if unit in meant or passes and any(unit in self.above(each) for each in meant):
                return True
        return False

    def may_hold_receipt(self, unit: bytes, holder: bytes, key: LogKey) -> bool:
        """Say whether a node of `unit` may hold the receipt of one node for a log: only on the path between the two units."""
        if holder not in self.nodes or key[0] not in self.nodes:
            return False
        first, second = self.nodes[holder].unit, self.nodes[key[0]].unit
        lower, upper = (first, second) if self.under(first, second) else (second, first)
        return self.under(lower, upper) and self.under(lower, unit) and self.under(unit, upper)


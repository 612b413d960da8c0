"""The structure as it stands: nodes, the tree of today, what units are called (docs/protocol.md, sections 5 and 12).

A `Tree` is made anew from all that is held, whatever the order in which it came. Forms are for hoi_records, who may hold what is for hoi_entitle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional, Sequence

from hoi_common import RECOVERY
from hoi_facts import (
    CLOSE,
    FORM,
    IN_A_CYCLE,
    LEVEL_TABLE,
    PLACINGS,
    SAME,
    TOO_DEEP,
    UNIT,
    UNIT_SET,
    Change,
    Facts,
    Node,
    Verdict,
    about,
    concerned,
)
from hoi_judge import Judge
from hoi_parents import DEPTH_MAX, reached
from hoi_verify import Entry, Holdings, LogKey

CODE, NAME, LEVEL = 1, 2, 3


class Write(NamedTuple):
    """One write of a unit's attribute."""

    attribute: int
    effective: Optional[int]
    value: Any
    entry: Entry
    place: int
    created: bool = False  # by the unit's creation


class Placing(NamedTuple):
    """One write of a unit's parent."""

    unit: bytes
    parent: bytes
    kind: int
    entry: Entry
    place: int
    change: Change


@dataclass
class Unit:
    """A unit that stands."""

    id: bytes
    parent: bytes
    closed: bool = False
    writes: list[Write] = field(default_factory=list)


class Tree:
    """The structure as the control bodies held make it."""

    def __init__(self, held: Holdings) -> None:
        self.held = held
        self.facts = Facts(held)
        self.judge = Judge(self.facts)
        self.ever = self.judge.final
        recovery = self.facts.recovery_keys().id
        self.nodes: dict[bytes, Node] = {each: node for each, node in self.judge.nodes.items() if each != recovery}
        self.verdicts: list[Verdict] = [each._replace(unit=each.unit or self.unit_of_author(each.entry)) for each in self.facts.aside]
        self.level_tables: list[Change] = []
        self.forms: list[Change] = []  # for hoi_records to judge
        changes = [each for key in sorted(self.facts.changes) for each in self.facts.changes[key]]
        standing = [each for each in changes if not self._set_aside(each, self.judge.for_views(each))]
        self.creations = self._creations([each for each in standing if each.kind == UNIT])
        self.units: dict[bytes, Unit] = {held.root: Unit(held.root, b"")}
        self._today([*self.creations.values(), *(each for each in standing if each.kind in PLACINGS)])
        self._say(standing)

    def _set_aside(self, change: Change, reason: int) -> int:
        if reason and change.kind != FORM:
            self.verdicts.append(Verdict(change.entry, change.place, reason, self._concerned(change)))
        return reason

    def _concerned(self, change: Change) -> bytes:
        """Return the unit that a change set aside concerns (section 12, item 7); none where the node that it is about does not stand."""
        node = about(change)
        if node is None:
            return concerned(change) or self.unit_of_author(change.entry)
        return self.facts.recovery_keys().unit if node == self.facts.recovery_keys().id else self.nodes[node].unit if node in self.nodes else b""

    def author(self, entry: Entry) -> Optional[Node]:
        """Return the standing author of an entry; the recovery log counts as a steward of the root."""
        return self.facts.recovery_keys() if entry.header["kind"] == RECOVERY else self.nodes.get(entry.header["author"])

    def unit_of_author(self, entry: Entry) -> bytes:
        """Return the unit of an entry's author; none where he does not stand."""
        author = self.author(entry)
        return author.unit if author else b""

    def rank(self, entry: Entry) -> tuple[Any, ...]:
        """What orders entries by the seniority of their authors."""
        author = self.author(entry)
        assert author is not None
        return author.rank

    # The tree of today

    def _creations(self, changes: list[Change]) -> dict[bytes, Change]:
        """Return of each unit the creation that holds: all that stand are under one parent (5.1), the most senior one says what it is."""
        out: dict[bytes, Change] = {}
        for each in sorted(changes, key=lambda each: (*self.rank(each.entry), self.facts.position(each))):
            out.setdefault(self.facts.created(each), each)
        return out

    def _today(self, changes: list[Change]) -> None:
        """Make the tree of today, write by write set aside until it is one."""
        left = [self._placing(each) for each in changes]
        while True:
            holding = {each.unit: each for each in self._holding(left)}
            wrong, reason = self._misplaced(holding)
            if not wrong:
                break
            for each in wrong:
                self._set_aside(each.change, reason)
            left = [each for each in left if each not in wrong]
        for unit, held in holding.items():
            self.units[unit] = Unit(unit, held.parent, held.kind in (CLOSE, SAME))

    def _placing(self, change: Change) -> Placing:
        unit = self.facts.created(change) if change.kind == UNIT else change.payload["unit"]
        parent = change.payload["parent"] if change.kind == UNIT else change.payload["line"][0]
        return Placing(unit, parent, change.kind, change.entry, change.place, change)

    def _holding(self, writes: list[Placing]) -> list[Placing]:
        units: dict[bytes, list[Placing]] = {}
        for each in writes:
            units.setdefault(each.unit, []).append(each)
        return [min(self.facts.unseen(each), key=lambda write: (self.rank(write.entry), write.entry.hash, write.place)) for each in units.values()]

    def _misplaced(self, holding: dict[bytes, Placing]) -> tuple[list[Placing], int]:
        """Return the writes that are to be set aside first: of cycles, else those without a parent, else those too deep."""
        above = {unit: {each.parent} for unit, each in holding.items()}
        in_cycles = {unit for unit in holding if unit in reached(above, unit)}
        worst: dict[tuple[bytes, int], Placing] = {}
        for unit in in_cycles:
            cycle = [holding[each] for each in {unit} | reached(above, unit) if each in in_cycles]
            most_junior = max(cycle, key=lambda write: (self.rank(write.entry), write.entry.hash, write.place))
            worst[most_junior.change.key] = most_junior
        if worst:
            return list(worst.values()), IN_A_CYCLE
        orphans = [each for each in holding.values() if each.parent != self.held.root and each.parent not in holding]
        if orphans:
            return orphans, IN_A_CYCLE
        return [each for unit, each in holding.items() if len(reached(above, unit)) == DEPTH_MAX + 1], TOO_DEEP

    # What units are called, and the level table

    def _say(self, standing: list[Change]) -> None:
        for unit, change in self.creations.items():
            payload = change.payload
            for attribute, name in ((CODE, "code"), (NAME, "name"), (LEVEL, "level")):
                self._write(unit, Write(attribute, payload["effective"], payload[name], change.entry, change.place, True))
        for each in standing:
            payload = each.payload
            if each.kind == UNIT_SET:
                self._write(payload["unit"], Write(payload["attribute"], payload["effective"], payload["value"], each.entry, each.place))
            elif each.kind == LEVEL_TABLE:
                self.level_tables.append(each)
        self.forms += [each for changes in self.facts.changes.values() for each in changes if each.kind == FORM]

    def _write(self, unit: bytes, write: Write) -> None:
        if unit in self.units:
            self.units[unit].writes.append(write)

    def overtakes(self, later: tuple[Entry, int], earlier: tuple[Entry, int]) -> bool:
        """Say whether a write at an entry and place has seen another."""
        return self.facts.overtakes(later, earlier)

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
        return sorted(self.facts.unseen(self.counting(writes)), key=lambda each: (self.rank(each.entry), each.entry.hash))

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

    # Lines of today

    def above(self, unit: bytes) -> list[bytes]:
        """Return the units above one that stands, the parent first."""
        line = []
        while unit in self.units and self.units[unit].parent:
            unit = self.units[unit].parent
            line.append(unit)
        return line

    def under(self, unit: bytes, upper: bytes) -> bool:
        """Say whether `unit` is `upper` or stands below it today."""
        return unit == upper or upper in self.above(unit)

    def erased(self, entry: Entry) -> bool:
        """Say whether the body of an entry is nobody's any more."""
        return any(ref == entry.ref for ref in self.judge.erased)

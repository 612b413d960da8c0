"""The parents ever lawfully written: which unit was ever under which, by the writes that count (docs/protocol.md, 5.1 and 5.11).

A `Parents` is the least set for given chains of logs and given nodes. It knows nothing of verdicts: hoi_judge says which chains, and asks.
"""

from __future__ import annotations

from typing import Iterable, Optional

from hoi_facts import ADMISSION, PLACINGS, UNIT, Change, Facts, Node
from hoi_verify import LogKey, core_id

DEPTH_MAX = 30
Edge = tuple[bytes, bytes]  # a unit and a parent of it


class Parents:
    """Who was ever under whom. `nodes` are those judged; `chains` says up to where each log speaks; `created` and `placed` are what standing creations, and
    standing moves, give whatever becomes of the rest."""

    def __init__(
        self, facts: Facts, nodes: dict[bytes, Node], chains: dict[LogKey, int], created: Iterable[Edge] = (), placed: Iterable[Edge] = ()
    ) -> None:
        self.facts, self.root = facts, facts.held.root
        self.above: dict[bytes, set[bytes]] = {self.root: set()}  # of each known unit its parents
        self.created: dict[bytes, bytes] = {}  # of each unit that a creation makes, the parent
        self.authors = dict(nodes)
        self.authors[facts.recovery_keys().id] = facts.recovery_keys()
        self._judged = frozenset(self.authors)
        self.authors.setdefault(facts.founder().id, facts.founder())
        self._ancestors: dict[bytes, frozenset[bytes]] = {}
        for unit, parent in created:
            self.created.setdefault(unit, parent)
        for unit, parent in (*self.created.items(), *placed):
            self._add(unit, parent)
        said = [change for key, length in chains.items() for change in facts.changes.get(key, []) if change.entry.header["seq"] <= length]
        self.claims = {core_id(facts.held.association, each.payload["core"]): each.payload["core"]["unit"] for each in said if self._admits(each)}
        self._grow(said)

    @staticmethod
    def _admits(change: Change) -> bool:
        return change.kind == ADMISSION and change.payload["core"]["inviter"] == change.entry.header["author"]

    # The least set

    def _grow(self, said: list[Change]) -> None:
        """Take what counts by now until nothing more does; of the creations one by one, when nothing else is left to take."""
        admissions = [each for each in said if self._admits(each)]
        placings = [each for each in said if each.kind in PLACINGS]
        creations = [each for each in said if each.kind == UNIT]
        while True:
            moved = True
            while moved:
                moved = any([self._admit(each) for each in admissions]) | any([self._place(each) for each in placings])
            creations = [each for each in creations if self.facts.created(each) not in self.created]
            lawful = [each for each in creations if self.may_create(each)]
            if not lawful:
                return
            first = min(lawful, key=self._order)
            unit, parent = self.facts.created(first), first.payload["parent"]
            self.created[unit] = parent
            self._add(unit, parent)

    def _order(self, change: Change) -> tuple[object, ...]:
        author = self.author(change)
        assert author is not None
        return (self.depth(author.unit), *author.rank, self.facts.position(change))

    def author(self, change: Change) -> Optional[Node]:
        """Return who wrote a change, as what this set takes him for."""
        return self.authors.get(change.entry.header["author"])

    def _admit(self, change: Change) -> bool:
        inviter, node = self.author(change), core_id(self.facts.held.association, change.payload["core"])
        if inviter is None or not inviter.steward or node in self._judged or not self.over(inviter.unit, change.payload["core"]["unit"]):
            return False
        made, known = self.facts.admitted_by(inviter, change, node), self.authors.get(node)
        if known is not None and known.rank <= made.rank:
            return False
        self.authors[node] = made
        return True

    def _place(self, change: Change) -> bool:
        author, unit, parent = self.author(change), change.payload["unit"], change.payload["line"][0]
        if parent in self.above.get(unit, set()) or author is None or not author.steward or unit == self.root:
            return False
        if not self.over(author.unit, parent) or not self.strictly_over(author.unit, unit) or not self.lines_hold(change):
            return False
        self._add(unit, parent)
        return True

    def may_create(self, change: Change) -> bool:
        """Say whether a creation is lawful by now, but for what else makes the same unit."""
        author, unit, parent = self.author(change), self.facts.created(change), change.payload["parent"]
        if author is None or not author.steward or unit in (self.root, parent) or not self.over(author.unit, parent):
            return False
        return not self.over(unit, parent) and self.depth(parent) < DEPTH_MAX

    def _add(self, unit: bytes, parent: bytes) -> None:
        self.above.setdefault(unit, set()).add(parent)
        self._ancestors.clear()

    # What is asked of it

    def depth(self, unit: bytes) -> int:
        """Return how far below the root a unit is by creations alone."""
        line: list[bytes] = []
        while unit in self.created and unit not in line:
            line.append(unit)
            unit = self.created[unit]
        return len(line)

    def known(self, unit: bytes) -> bool:
        """Say whether a unit is the root or was ever lawfully put under another."""
        return unit in self.above

    def over(self, upper: bytes, unit: bytes) -> bool:
        """Say whether `upper` is a known unit that is `unit` or was ever above it."""
        return unit in self.above and (upper == unit or upper in self._above(unit))

    def strictly_over(self, upper: bytes, unit: bytes) -> bool:
        """Say whether `upper` was ever above `unit` and is another."""
        return upper != unit and self.over(upper, unit)

    def _above(self, unit: bytes) -> frozenset[bytes]:
        if unit not in self._ancestors:
            self._ancestors[unit] = frozenset(reached(self.above, unit))
        return self._ancestors[unit]

    def over_without(self, upper: bytes, unit: bytes, without: bytes) -> bool:
        """Say the same of parents but for those of the unit `without`."""
        return unit in self.above and (upper == unit or upper in reached({**self.above, without: set()}, unit))

    def lines_hold(self, change: Change) -> bool:
        """Say whether the lines of a move, close or same are lines of parents that end at the root, `former` one of the unit's."""
        line, former = change.payload["line"], change.payload["former"]
        if former[0] not in self.above.get(change.payload["unit"], set()):
            return False
        return all(each[-1] == self.root and all(upper in self.above.get(lower, set()) for lower, upper in zip(each, each[1:])) for each in (line, former))

    def edges(self) -> set[Edge]:
        """Return all of them."""
        return {(unit, parent) for unit, parents in self.above.items() for parent in parents}


def reached(above: dict[bytes, set[bytes]], unit: bytes) -> set[bytes]:
    """Return all that stand above a unit by a table of parents; itself only where it is above itself."""
    found: set[bytes] = set()
    left = [unit]
    while left:
        for parent in above.get(left.pop(), set()):
            if parent not in found:
                found.add(parent)
                left.append(parent)
    return found


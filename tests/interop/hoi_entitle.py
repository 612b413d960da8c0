"""Who may hold what: logs, bodies and receipts (docs/protocol.md, section 10, Entitlement and Accepting)."""

from __future__ import annotations

from typing import Sequence

import hoi_crypto
from hoi_common import DIRECTIVE, RECOVERY, REPORT, log_key
from hoi_facts import ADMISSION, FORKED, HANDED_OVER, NOT_STANDING, PLACINGS, UNIT_MISSING
from hoi_formats import CONTROL, HEADER, PRIVATE, RECORD
from hoi_parents import reached
from hoi_shape import Fields
from hoi_tree import LEVEL, Tree
from hoi_verify import Holdings, LogKey, core_id


class Entitled(Tree):
    """The structure, and what it lets the nodes of each unit hold."""

    def __init__(self, held: Holdings) -> None:
        super().__init__(held)
        self.waiting = self._waiting()
        self.ever_above = {unit: set(parents) for unit, parents in self.ever.above.items()}
        self._named: list[set[bytes]] = []
        for changes in self.facts.changes.values():
            for change in changes:
                if change.kind in PLACINGS:
                    payload = change.payload
                    lines = [[payload["unit"], *payload["line"]], [payload["unit"], *payload["former"]]]
                    self._named.append({unit for line in lines for unit in line})
                    if self.judge.verdicts[change.key] == 0:
                        for line in lines:
                            for lower, upper in zip(line, line[1:]):
                                self.ever_above.setdefault(lower, set()).add(upper)
        self._moved = [change.payload["unit"] for changes in self.facts.changes.values() for change in changes if change.kind in PLACINGS]
        self._above_subtree: dict[bytes, set[bytes]] = {}

    def _waiting(self) -> dict[bytes, bytes]:
        """Return the nodes that wait, with the unit of their admission."""
        admissions = [each for changes in self.facts.changes.values() for each in changes if each.kind == ADMISSION]
        own = [each for each in admissions if each.payload["core"]["inviter"] == each.entry.header["author"]]
        out: dict[bytes, bytes] = {}
        while True:
            before = len(out)
            for each in own:
                core, verdict = each.payload["core"], self.judge.verdicts[each.key]
                node = core_id(self.held.association, core)
                if node not in self.nodes and (verdict in (FORKED, HANDED_OVER, UNIT_MISSING) or verdict == NOT_STANDING and core["inviter"] in out):
                    out[node] = core["unit"]
            if len(out) == before:
                return out

    def unit_of(self, node: bytes) -> bytes:
        """Return the unit of a node that stands or waits; nothing of any other."""
        known = self.nodes.get(node)
        return known.unit if known else self.waiting.get(node, b"")

    # Logs

    def may_hold_log(self, unit: bytes, key: LogKey, line: Sequence[bytes] = ()) -> bool:
        """Say whether a node of `unit` may hold a log; `line` is what a newcomer was told in the answer to its join."""
        if key[1] == RECOVERY:
            return True
        author = self.unit_of(key[0])
        if not author:
            return False
        if unit not in self.units:
            return key[1] == DIRECTIVE and (author == self.held.root or author in line)
        return self.under(author, unit) or key[1] == DIRECTIVE and author in self._directing(unit)

    def _directing(self, unit: bytes) -> set[bytes]:
        """Return the units whose directive logs concern a unit: those ever above it, above its subtree, or above what was ever directly under one of these."""
        if unit not in self._above_subtree:
            subtree = {each for each in self.units if self.under(each, unit)}
            left = {each for each, parents in self.ever_above.items() if parents & subtree}
            self._above_subtree[unit] = {upper for each in subtree | left for upper in reached(self.ever_above, each)}
        return self._above_subtree[unit]

    def may_accept_log(self, unit: bytes, key: LogKey, line: Sequence[bytes] = ()) -> bool:
        """Say whether a node of `unit` may take a log from others: what it may hold, and by what a move that touches it can be judged."""
        if self.may_hold_log(unit, key, line):
            return True
        author = self.held.admitted.get(key[0])
        return key[1] == DIRECTIVE and author is not None and author.unit in self._touching(unit)

    def _touching(self, unit: bytes) -> set[bytes]:
        subtree = {each for each in self.units if self.under(each, unit)} | {unit}
        named: set[bytes] = set()
        left = list(zip(self._moved, self._named))
        while True:
            touching = [each for each in left if each[1] & subtree or each[0] in named]
            if not touching:
                return named
            left = [each for each in left if each not in touching]
            named.update(*(each[1] for each in touching))

    # Bodies

    def may_hold_body(self, unit: bytes, header: Fields, line: Sequence[bytes] = (), accept: bool = False) -> bool:
        """Say whether a node of `unit` may hold the body of an entry; with `accept`, of logs that it may only take, too."""
        key = log_key(header, "author")
        if not self.may_hold_log(unit, key, line):
            return accept and header["class"] == CONTROL and self.may_accept_log(unit, key, line)
        if header["class"] == CONTROL:
            return True
        if unit not in self.units or self._erased_by(header):
            return False
        author = self.unit_of(header["author"])
        if header["class"] != RECORD:
            return unit == author or unit in self.above(author) or self._selected(unit, author, header["audience"])
        concerned = header["audience"][0]["unit"]
        if unit in (concerned, author):
            return True
        if header["kind"] != REPORT:
            return unit in self.above(concerned) or unit in self.above(author)
        if unit not in self.above(concerned) or header["reach"] == PRIVATE:
            return False
        upper = self.above(concerned)
        return header["reach"] == 0 or all(self._level(each) >= header["reach"] for each in upper[: upper.index(unit) + 1])

    def _erased_by(self, header: Fields) -> bool:
        named = [ref for ref in self.judge.erased if log_key(ref) == log_key(header, "author") and ref["seq"] == header["seq"]]
        return any(ref["hash"] == hoi_crypto.entry_hash(self.held.association, HEADER.encode(header))[:16] for ref in named)

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

    # Receipts

    def may_hold_receipt(self, unit: bytes, holder: bytes, key: LogKey) -> bool:
        """Say whether a node of `unit` may hold the receipt of one node for a log: only on the path between the two units."""
        if holder not in self.nodes or key[0] not in self.nodes:
            return False
        first, second = self.nodes[holder].unit, self.nodes[key[0]].unit
        lower, upper = (first, second) if self.under(first, second) else (second, first)
        return self.under(lower, upper) and self.under(lower, unit) and self.under(unit, upper)

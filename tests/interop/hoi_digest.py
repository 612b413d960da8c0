"""The digest of what two units may both hold (docs/protocol.md, section 12)."""

from __future__ import annotations

from typing import Any, Iterator, Optional

import hoi_codec
import hoi_crypto
from hoi_control import LEVEL_TABLE as LEVEL_TABLE_SHAPE
from hoi_facts import FORKED, PAST_CUT
from hoi_put import VALUE
from hoi_records import Views, Written
from hoi_tree import CODE, LEVEL, NAME, Write
from hoi_verify import Entry


class Digest:
    """The items of one digest, in order."""

    def __init__(self, views: Views, first: bytes, second: bytes) -> None:
        self.views, self.tree = views, views.tree
        self.units = (first, second)
        self.low = first if self.tree.under(first, second) else second
        self.scope = sorted(unit for unit in self.tree.units if self.tree.under(unit, self.low) or unit in self.tree.above(self.low))

    def both(self, entry: Entry) -> bool:
        """Say whether nodes of both units may hold an entry's body, and it is held."""
        held = entry.body is not None and not self.tree.erased(entry)
        return held and all(self.tree.may_hold_body(unit, entry.header) for unit in self.units)

    def value(self) -> bytes:
        """Return the digest."""
        return hoi_crypto.H("digest", self.views.held.association, b"".join(map(hoi_codec.encode, self.items())))

    def items(self) -> Iterator[list[Any]]:
        """Yield the items in the order of the page."""
        for unit in self.scope:
            yield [1, unit, self.tree.units[unit].parent, self.tree.units[unit].closed, self._attributes(unit)]
        for identity in sorted(self.tree.nodes):
            node = self.tree.nodes[identity]
            if node.unit in self.scope:
                yield [2, identity, node.unit, node.signing_key, node.transport_key, node.roles, node.inviter, self.tree.judge.revoked(identity)]
        table = self._level_table()
        if table is not None:
            yield [3, table]
        for version in sorted(self.views.forms):
            if self.views.forms[version].payload["issuer"] in self.scope:
                yield [4, version, self.views.forms[version].payload["issuer"]]
        yield from self._records()
        yield from ([6, document.hash[:16]] for document in sorted(self.views.documents, key=lambda each: each.hash) if self.both(document))
        told = [each for each in self.views.verdicts if each.unit in self.scope and self._in_its_log(each.entry) and self.both(each.entry)]
        yield from ([7, *each] for each in sorted((each.entry.hash[:16], each.place, each.reason) for each in told))
        yield from self._endings()
        extracts = [each for each in self.views.extracts if self.tree.under(each.unit, self.low) and self.both(each.entry) and not self.views.falls(each)]
        yield from sorted([9, each.entry.hash[:16], each.place] for each in extracts)

    def _in_its_log(self, entry: Entry) -> bool:
        """Say whether an entry is not past a cut or an open fork of its log: past that, offices need not hold the same."""
        ending = self.tree.judge.walk(entry.log)
        return ending.reason not in (FORKED, PAST_CUT) or bool(entry.header["seq"] <= ending.upto)

    def _endings(self) -> Iterator[list[Any]]:
        for key, log in sorted(self.views.held.logs.items()):
            ending, node = self.tree.judge.walk(key), self.tree.nodes.get(key[0])
            told = ending.reason == FORKED and ending.upto <= len(log) or ending.reason == PAST_CUT and 0 < ending.upto <= len(log)
            if told and node is not None and node.unit in self.scope and self.tree.facts.begun(key) and all(self.tree.may_hold_log(unit, key) for unit in self.units):
                yield [8, *key, ending.upto, ending.reason]

    def _attributes(self, unit: bytes) -> list[list[Any]]:
        out = []
        for attribute in (CODE, NAME, LEVEL):
            writes = [each for each in self.tree.units[unit].writes if each.attribute == attribute and self.both(each.entry)]
            for date in sorted({each.effective for each in writes}, key=lambda each: (each is not None, each or 0)):
                same = [each for each in writes if each.effective == date]
                holds = self.tree.standing(same)[0]
                ordered = sorted(self.tree.counting(same), key=lambda each: (each.entry.hash[:16], bytes_of(each.value), each is holds))
                out += [[attribute, date, each.value, each is holds, each.entry.hash[:16]] for each in ordered]
        return out

    def _level_table(self) -> Optional[Any]:
        tables = [each for each in self.tree.level_tables if self.both(each.entry)]
        standing = self.tree.standing([Write(0, None, each.payload, each.entry, each.place) for each in tables])
        return LEVEL_TABLE_SHAPE.write(standing[0].value)[0] if standing else None

    def _records(self) -> Iterator[list[Any]]:
        keys = [key for key in self.views.records if self.tree.under(key[0], self.low)]
        for key in sorted(keys, key=lambda each: (each[1], each[2], each[0], each[3].encode())):
            fields = []
            for name in sorted(self.views.records[key]):
                writes = [each for each in self.views.records[key][name] if self.both(each.entry)]
                if writes:
                    fields.append([name, [self._head(each) for each in self.views.heads(writes)]])
            if fields:
                unit, form, period, row = key
                yield [5, [unit, form, period, row, fields]]

    @staticmethod
    def _head(head: Written) -> list[Any]:
        return [head.entry.hash[:16], head.state, head.value if head.state == VALUE else None, head.qualifier]


def bytes_of(value: Any) -> bytes:
    """Return what orders the values of one attribute: text by its bytes, levels as numbers."""
    return value.encode() if isinstance(value, str) else bytes([value])


def digest(views: Views, unit: bytes, other: bytes) -> str:
    """Return digest(U, V) in hex."""
    return Digest(views, unit, other).value().hex()



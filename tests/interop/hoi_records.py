"""What the entries say once they are applied: forms, records as registers, documents, and what is set aside (docs/protocol.md, sections 5.4, 6, 7 and 12).

A `Views` is made from a whole tree at once, whatever the order in which things came. The bounds that only somebody who means harm
would reach (status 107) depend on that order, so they are not judged here.
"""

from __future__ import annotations

import datetime
from typing import Any, Callable, Iterator, NamedTuple, Optional

import hoi_codec
import hoi_crypto
import hoi_put
from hoi_common import REPORT, log_key
from hoi_control import CHOICE, COMPUTED, FORM
from hoi_formats import DOCUMENT as DOCUMENT_CLASS
from hoi_formats import PERSONS, RECORD, payload_bytes
from hoi_put import Cell
from hoi_shape import Fields, SetAside
from hoi_entitle import Entitled
from hoi_facts import (
    BODY_BAD,
    DOCUMENT,
    EXTRACT,
    HANDED_OVER,
    KIND_UNKNOWN,
    NOT_STANDING,
    PUT,
    REASON,
    UNIT_MISSING,
    UNLAWFUL,
    WHOLE_EXTENSION,
    WRITER,
    Node,
    Verdict,
)
from hoi_tree import LEVEL
from hoi_verify import Entry, body_of

FORM_MISSING, FORM_NARROWED, LEVEL_UNNAMED = 407, 410, 420
OFFICIAL = 2

Record = tuple[bytes, bytes, int, str]  # unit, form id, period, row ("" without rows)


class Form(NamedTuple):
    """A form version that stands."""

    version: bytes
    id: bytes
    payload: Fields


class Written(NamedTuple):
    """One write of a field of a record."""

    entry: Entry
    place: int
    state: int
    value: Any
    qualifier: int


class Extract(NamedTuple):
    """An extract of records of a unit."""

    entry: Entry
    place: int
    unit: bytes
    cut: list[Fields]


class Views:
    """Forms, records and documents of a tree."""

    def __init__(self, tree: Entitled) -> None:
        self.tree, self.held = tree, tree.held
        self.verdicts: list[Verdict] = list(tree.verdicts)
        self.forms: dict[bytes, Form] = {}
        self.records: dict[Record, dict[str, list[Written]]] = {}
        self.documents: list[Entry] = []
        self.extracts: list[Extract] = []  # those that are not set aside
        self._forms()
        for entry in self._applied():
            self._entry(entry)

    def _applied(self) -> Iterator[Entry]:
        for key in sorted(self.held.logs):
            if self.tree.facts.begun(key):
                for entry in self.held.logs[key]:
                    if entry.body is not None and entry.header["class"] in (RECORD, DOCUMENT_CLASS) and not self.tree.erased(entry):
                        yield entry

    # Forms

    def _forms(self) -> None:
        waiting = list(self.tree.forms)
        while True:
            standing = [each for each in waiting if not self._judge_form(each)]
            for each in standing:
                raw = payload_bytes(FORM, each.payload)
                form = Form(
                    hoi_crypto.form_version(self.held.association, raw),
                    hoi_crypto.form_id(self.held.association, each.payload["issuer"], each.payload["name"]),
                    each.payload,
                )
                self.forms[form.version] = form
            if not standing:
                break
            waiting = [each for each in waiting if each not in standing]
        self.verdicts += [Verdict(each.entry, each.place, self._judge_form(each), each.payload["issuer"]) for each in waiting]

    def _judge_form(self, change: Any) -> int:
        author, form = self.tree.author(change.entry), change.payload
        whole = self.tree.judge.for_views(change)
        if whole:
            return whole
        if author is None or not author.signing_key or not author.steward or form["issuer"] != author.unit:
            return UNLAWFUL
        if not form["previous"]:
            return 0
        before = self.forms.get(form["previous"])
        if before is None:
            return FORM_MISSING
        return 0 if follows(before.payload, form) else FORM_NARROWED

    # Records and documents

    def _entry(self, entry: Entry) -> None:
        header = entry.header
        author = self.tree.author(entry)
        concerned = header["audience"][0]["unit"] if header["class"] == RECORD else self.tree.unit_of_author(entry)
        body = body_of(entry)
        whole = self._judge_whole(entry)
        if whole or body is None:
            self.verdicts.append(Verdict(entry, 0, whole or BODY_BAD, concerned))
            return
        for place, change in enumerate(body["changes"]):
            wrong = self._change(entry, place, change["kind"], change["payload"])
            if wrong:
                self.verdicts.append(Verdict(entry, place, wrong, concerned))
        if header["class"] == DOCUMENT_CLASS and not any(verdict.entry is entry for verdict in self.verdicts):
            self.documents.append(entry)

    def _judge_whole(self, entry: Entry) -> int:
        header, tree, author = entry.header, self.tree, self.tree.author(entry)
        if any(extension["critical"] for extension in header["extensions"]):
            return WHOLE_EXTENSION
        if author is None:
            return NOT_STANDING
        ending = tree.judge.walk(entry.log)
        if header["seq"] > ending.upto:
            return ending.reason
        if not author.roles & WRITER:
            return UNLAWFUL
        return self._judge_record(entry, author) if header["class"] == RECORD else self._judge_audience(header, author)

    def _judge_record(self, entry: Entry, author: Node) -> int:
        ever, unit = self.tree.ever, entry.header["audience"][0]["unit"]
        if not ever.known(unit):
            return UNIT_MISSING
        if entry.header["kind"] == REPORT:
            return 0 if unit == author.unit else UNLAWFUL
        if not ever.over(author.unit, unit):
            return UNLAWFUL
        return HANDED_OVER if self.tree.judge.past_handover(author, entry, unit, ever) else 0

    def _judge_audience(self, header: Fields, author: Node) -> int:
        ever, own = self.tree.ever, author.unit
        lawful = any(ever.over(own, term["unit"]) or term["scope"] == 0 and ever.over(term["unit"], own) for term in header["audience"])
        return 0 if lawful else UNIT_MISSING

    def _change(self, entry: Entry, place: int, kind: int, payload: Any) -> int:
        if kind in (*PERSONS, REASON):
            return 0
        if kind not in (PUT, EXTRACT, DOCUMENT):
            return KIND_UNKNOWN
        if not isinstance(payload, dict):
            return WHOLE_EXTENSION
        if kind == EXTRACT:
            return self._extract(entry, place, payload)
        return self._put(entry, place, payload) if kind == PUT else 0

    def _extract(self, entry: Entry, place: int, extract: Fields) -> int:
        wrong = self._judge_put(entry, extract["figures"], lambda form: hoi_put.check_extract(extract, form))
        if not wrong and entry.header["kind"] == REPORT:
            wrong = BODY_BAD
        if not wrong:
            self.extracts.append(Extract(entry, place, entry.header["audience"][0]["unit"], extract["cut"]))
        return wrong

    def falls(self, extract: Extract) -> bool:
        """Say whether what an extract was cut from stands no more."""
        for ref in extract.cut:
            held = self.held.entry(log_key(ref), ref["seq"])
            if ref in self.tree.judge.erased or ref["seq"] > self.tree.judge.walk(log_key(ref)).upto:
                return True
            if held is not None and (held.ref != ref or self.tree.author(held) is None):
                return True
        return False

    def _judge_put(self, entry: Entry, put: Fields, check: Callable[[Fields], None]) -> int:
        """Return why a put, or the figures of an extract, is set aside; 0 where it is not."""
        form = self.forms.get(put["form_version"])
        unit = entry.header["audience"][0]["unit"]
        if form is None or not self.tree.ever.over(form.payload["issuer"], unit):
            return FORM_MISSING
        try:
            check(form.payload)
        except SetAside:
            return BODY_BAD
        levels = form.payload["levels"]
        for key in hoi_put.records(put):
            day = last_day(form.payload["period"], form.payload["window"], key.period)
            if levels and (not self.tree.there(unit, day) or self.tree.shown(unit, LEVEL, day) not in levels):
                return LEVEL_UNNAMED
        return 0

    def _put(self, entry: Entry, place: int, put: Fields) -> int:
        wrong = self._judge_put(entry, put, lambda form: hoi_put.check_against_form(put, form))
        if wrong:
            return wrong
        form, unit = self.forms[put["form_version"]], entry.header["audience"][0]["unit"]
        for cell in hoi_put.cells(put):
            name = form.payload["fields"][cell.ordinal]["name"]
            record = self.records.setdefault((unit, form.id, cell.record.period, cell.record.row or ""), {})
            record.setdefault(name, []).append(Written(entry, place, cell.state, value_of(form.payload, cell), cell.qualifier))
        return 0

    def heads(self, writes: list[Written]) -> list[Written]:
        """Return the writes of a field that no later write of it has seen, by entry."""

        def overtaken(write: Written) -> bool:
            return any(self.tree.overtakes((other.entry, other.place), (write.entry, write.place)) for other in writes)

        return sorted([each for each in writes if not overtaken(each)] or writes, key=lambda each: (each.entry.hash[:16], each.place))


def value_of(form: Fields, cell: Cell) -> Any:
    """Return the value of a cell, a choice as its code."""
    field = form["fields"][cell.ordinal]
    return field["choices"][cell.value]["code"] if field["type"] == CHOICE and cell.state == hoi_put.VALUE else cell.value


def follows(before: Fields, after: Fields) -> bool:
    """Say whether a form may follow another as its next version."""
    if any(before[name] != after[name] for name in ("issuer", "name", "period", "window", "list")) or after["reach"] > before["reach"]:
        return False
    fields = {field["name"]: field for field in after["fields"]}
    for old in before["fields"]:
        new = fields.get(old["name"])
        if new is None or (new["type"], new["measure"]) != (old["type"], old["measure"]):
            return False
        if old["type"] != COMPUTED and new["places"] != old["places"]:
            return False
        if not {each["code"] for each in old["choices"]} <= {each["code"] for each in new["choices"]}:
            return False
    return True


def last_day(kind: int, window: int, ordinal: int) -> int:
    """Return the last day of a period, in days since 1970: the 14th of its last month where the window is official."""
    if kind == 8:
        return days(ordinal // 10000, ordinal // 100 % 100, ordinal % 100)
    if kind == 6:
        return days(ordinal // 1000 + ordinal % 1000, 12, 31)
    if kind == 7:
        return days(ordinal + 1, 8, 31)
    months = {1: 1, 2: 3, 3: 6, 4: 9, 5: 12}[kind]
    year, part = divmod(ordinal, 12 // months) if kind < 4 else (ordinal, 0)
    month = (part + 1) * months
    if window == OFFICIAL:
        return days(year, month, 14)
    return days(year + month // 12, month % 12 + 1, 1) - 1


def days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date."""
    return datetime.date(year, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal()


def total(views: Views, unit: bytes, form_id: bytes, period: int, field: str) -> Optional[int]:
    """Return the sum of a field over a unit and all below it for one period, of records without rows and without conflicts; None where nobody gave any."""
    values = []
    for (owner, form, when, row), fields in views.records.items():
        if form == form_id and when == period and not row and views.tree.under(owner, unit) and field in fields:
            heads = views.heads(fields[field])
            if len({hoi_codec.encode([head.state, head.value]) for head in heads}) != 1:
                raise ValueError("a field in conflict")
            if heads[0].state == hoi_put.VALUE:
                values.append(heads[0].value)
    return sum(values) if values else None

"""Records (docs/protocol.md, section 6): a put as columns, as records and cells, and judged against its form."""

from __future__ import annotations

import datetime
from typing import Any, Iterator, NamedTuple, Optional

from hoi_codec import Value
from hoi_common import DATE, HASH, refs
from hoi_control import CHOICE, COMPUTED, DATE_TYPE, NUMBERS, SUM, TEXT, YES_NO, extracted
from hoi_shape import Blob, Fields, Flag, Int, ListOf, Refused, SetAside, Shape, Struct, Text, UInt

RECORDS_MAX = 1000
FIELDS_MAX = 300
ROW_KEY_BYTES_MAX = 200
UNTOUCHED, MISSING, NOT_APPLICABLE, VALUE = range(4)
QUALIFIER_MAX = 5
CORRECTION, ON_BEHALF, SETTLES = 1, 2, 4
YEAR_MIN, YEAR_MAX = 1900, 2099
PERIOD_MAX = 2**32 - 1
CUT_MAX = 256
ALL_ROWS = "*"


class Record(NamedTuple):
    """The key of one record: its period's ordinal, and its row key in a list."""

    period: int
    row: Optional[str]


class Cell(NamedTuple):
    """One touched cell of a record."""

    record: Record
    ordinal: int
    state: int
    value: Any
    qualifier: int
    note: Optional[tuple[str, str]]


class CellValue(Shape):
    """A value whose type only the form tells: here what one of the types could hold."""

    def read(self, value: Value, where: str) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return Text(0, 4000).read(value, where)
        return Int().read(value, where)


def common_prefix(earlier: str, later: str) -> int:
    """Return how many bytes of whole characters both texts begin with."""
    same = 0
    for left, right in zip(earlier, later):
        if left != right:
            break
        same += len(left.encode())
    return same


def records(put: Fields, where: str = "put") -> list[Record]:
    """Return the records of a put in order; raise Refused where its keys are not the canonical ones."""
    found: list[Record] = []
    period = 0
    for at, group in enumerate(put["keys"]):
        if at and not group["period"]:
            raise Refused(f"{where}.keys[{at}]", "the same period again")
        period += group["period"]
        if period > PERIOD_MAX:
            raise Refused(f"{where}.keys[{at}]", "an ordinal above 2^32 - 1")
        row = b""
        for place, entry in enumerate(group["rows"]):
            here = f"{where}.keys[{at}].rows[{place}]"
            if entry["shared"] > len(row) or (place == 0 and entry["shared"]):
                raise Refused(here, "shares more than there is")
            try:
                before, key = row.decode(), (row[: entry["shared"]] + entry["rest"].encode()).decode()
            except UnicodeDecodeError as error:
                raise Refused(here, "shares a part of a character") from error
            if not 1 <= len(key.encode()) <= ROW_KEY_BYTES_MAX or not row < key.encode():
                raise Refused(here, "not a longer list in order of row keys of 1 to 200 bytes")
            if entry["shared"] != common_prefix(before, key):
                raise Refused(here, "shares less than it could")
            row = key.encode()
            found.append(Record(period, key))
        if not group["rows"]:
            found.append(Record(period, None))
    if not 1 <= len(found) <= RECORDS_MAX:
        raise Refused(f"{where}.keys", f"{len(found)} records, not 1 to {RECORDS_MAX}")
    return found


def states(column: Fields, count: int, where: str = "column") -> list[int]:
    """Return the state of each of `count` cells of a column; raise Refused where they are not in the canonical form."""
    packed = column["states"]
    if not packed:
        return [VALUE] * count
    if len(packed) != (count + 3) // 4:
        raise Refused(f"{where}.states", "not two bits a cell")
    cells = [packed[at // 4] >> (2 * (at % 4)) & 3 for at in range(4 * len(packed))]
    if any(cells[count:]):
        raise Refused(f"{where}.states", "unused bits are set")
    if not any(cells):
        raise Refused(f"{where}.states", "no cell is touched")
    if all(cell == VALUE for cell in cells[:count]):
        raise Refused(f"{where}.states", "spelt out where every cell has a value")
    return cells[:count]


def _column(column: Fields, count: int, where: str) -> None:
    cells = states(column, count, where)
    if len(column["values"]) != cells.count(VALUE):
        raise Refused(f"{where}.values", "not one value per cell that has one")
    flat = column["qualifiers"]
    if len(flat) % 2:
        raise Refused(f"{where}.qualifiers", "not pairs")
    for cell, qualifier in zip(flat[::2], flat[1::2]):
        if cell >= count or cells[cell] != VALUE or not 1 <= qualifier <= QUALIFIER_MAX:
            raise Refused(f"{where}.qualifiers", "of a cell without value, or unknown")
        if type(column["values"][cells[:cell].count(VALUE)]) is not int:
            raise Refused(f"{where}.qualifiers", "of a value that is no int")
    if any(later <= earlier for earlier, later in zip(flat[::2], flat[2::2])):
        raise Refused(f"{where}.qualifiers", "cells not strictly ascending")
    for note in column["notes"]:
        if note["cell"] >= count or cells[note["cell"]] == UNTOUCHED:
            raise Refused(f"{where}.notes", "of a cell not touched")
        if not note["raw"] and not note["source"]:
            raise Refused(f"{where}.notes", "an empty note")


def _put(item: Fields, where: str) -> None:
    if item["flags"] & (CORRECTION | SETTLES) and not item["reason"]:
        raise Refused(f"{where}.reason", "a correction, or what settles a conflict, has a reason")
    count = len(records(item, where))
    touched: set[int] = set()
    for at, column in enumerate(item["columns"]):
        _column(column, count, f"{where}.columns[{at}]")
        touched.update(cell for cell, state in enumerate(states(column, count)) if state != UNTOUCHED)
    if len(touched) != count:
        raise Refused(f"{where}.keys", "a record of which no cell is touched")


GROUP = Struct([("period", UInt()), ("rows", ListOf(Struct([("shared", UInt(0, ROW_KEY_BYTES_MAX)), ("rest", Text(1, ROW_KEY_BYTES_MAX))]), 0, RECORDS_MAX))])
COLUMN = Struct(
    [
        ("ordinal", UInt(0, FIELDS_MAX - 1)),
        ("states", Blob(0, (RECORDS_MAX + 3) // 4)),
        ("values", ListOf(CellValue(), 0, RECORDS_MAX)),
        ("qualifiers", ListOf(UInt(), 0, 2 * RECORDS_MAX)),
        (
            "notes",
            ListOf(
                Struct([("cell", UInt()), ("raw", Text(0, 500)), ("source", Text(0, 500))]), 0, RECORDS_MAX, key=lambda note: note["cell"]
            ),
        ),
    ]
)
PUT = Struct(
    [
        ("form_version", HASH),
        ("flags", UInt(0, 7)),
        ("reason", Text(0, 2000)),
        ("keys", ListOf(GROUP, 1, RECORDS_MAX)),
        ("columns", ListOf(COLUMN, 1, FIELDS_MAX, key=lambda column: column["ordinal"])),
    ],
    _put,
)


def _extract(item: Fields, where: str) -> None:
    put = item["figures"]
    if not item["cut"]:
        raise Refused(f"{where}.cut", "empty")
    if put["flags"] or put["reason"] or any(column["notes"] for column in put["columns"]):
        raise Refused(f"{where}.figures", "flags, a reason or notes")
    for at, column in enumerate(put["columns"]):
        if any(type(value) is not int for value in column["values"]):
            raise Refused(f"{where}.figures.columns[{at}]", "a value that is no int")
    if not set(item["contested"]) <= {column["ordinal"] for column in put["columns"]}:
        raise Refused(f"{where}.contested", "no column")


EXTRACT = Struct(
    [("cut", refs(CUT_MAX)), ("contested", ListOf(UInt(0, FIELDS_MAX - 1), 0, FIELDS_MAX, key=lambda ordinal: ordinal)), ("figures", PUT)], _extract
)


def cells(put: Fields) -> Iterator[Cell]:
    """Yield the touched cells of a put that was read, column by column."""
    keys = records(put)
    for column in put["columns"]:
        values = iter(column["values"])
        qualifiers = dict(zip(column["qualifiers"][::2], column["qualifiers"][1::2]))
        notes = {note["cell"]: (note["raw"], note["source"]) for note in column["notes"]}
        for at, state in enumerate(states(column, len(keys))):
            if state != UNTOUCHED:
                value = next(values) if state == VALUE else None
                yield Cell(keys[at], column["ordinal"], state, value, qualifiers.get(at, 0), notes.get(at))


def is_period(kind: int, ordinal: int) -> bool:
    """Say whether `ordinal` is a period's of the form's kind, in the years 1900 to 2099."""
    if kind in (1, 2, 3):
        return YEAR_MIN <= ordinal // {1: 12, 2: 4, 3: 2}[kind] <= YEAR_MAX
    if kind in (4, 5, 7):
        return YEAR_MIN <= ordinal <= YEAR_MAX
    if kind == 6:
        first, length = divmod(ordinal, 1000)
        return YEAR_MIN <= first and first + length <= YEAR_MAX
    try:
        return YEAR_MIN <= datetime.date(ordinal // 10000, ordinal // 100 % 100, ordinal % 100).year <= YEAR_MAX
    except (ValueError, OverflowError):
        return False


def check_against_form(put: Fields, form: Fields) -> None:
    """Raise SetAside where the ordinals, periods, values or qualifiers of a put that was read do not fit its form version."""
    for key in records(put):
        if (key.row is not None) != form["list"]:
            raise SetAside("put.keys", "row keys in a form without rows, or none in a list")
        if not is_period(form["period"], key.period):
            raise SetAside("put.keys", "no period of the form's kind")
    for cell in cells(put):
        where = f"put.columns of ordinal {cell.ordinal}"
        if cell.ordinal >= len(form["fields"]):
            raise SetAside(where, "the form has no such field")
        field = form["fields"][cell.ordinal]
        if field["type"] == COMPUTED:
            raise SetAside(where, "a computed field is never written")
        if cell.qualifier and field["type"] not in NUMBERS:
            raise SetAside(where, "a qualifier of what is no number")
        if cell.state == VALUE:
            try:
                _value_shape(field).read(cell.value, where)
            except Refused as error:
                raise SetAside(where, "a value not of the field's type") from error


def check_extract(extract: Fields, form: Fields) -> None:
    """Raise SetAside where an extract that was read does not fit its form version."""
    check_against_form(extract["figures"], form)
    if not extracted(form) or not 1 <= form["reach"] <= 30:
        raise SetAside("extract", "of a form whose records have none")
    for column in extract["figures"]["columns"]:
        field = form["fields"][column["ordinal"]]
        if field["type"] not in NUMBERS or field["over_units"] != SUM:
            raise SetAside("extract.figures", "a field that is not summed over units")
    if form["list"] and any(record.row != ALL_ROWS for record in records(extract["figures"])):
        raise SetAside("extract.figures", "a row of its own")


def _value_shape(field: Fields) -> Shape:
    shapes: dict[int, Shape] = {TEXT: Text(0, 4000), YES_NO: Flag(), DATE_TYPE: DATE}
    if field["type"] == CHOICE:
        return UInt(0, len(field["choices"]) - 1)
    return shapes.get(field["type"], Int())

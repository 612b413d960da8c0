"""Control changes (docs/protocol.md, section 5): unit, unit-set, admission, form and level table."""

from __future__ import annotations

import hoi_codec
from hoi_common import DATE, EXTENSIONS, ID, KEY, LEVEL_MAX, LINE_MAX, NONCE, TRANSLATIONS, check_critical, check_distinct, refs
from hoi_shape import Anything, Bin, Fields, Flag, Int, ListOf, Maybe, Refused, Shape, Struct, Text, UInt

NAME_PATTERN = r"[a-z][a-z0-9_]*"
INTEGER, DECIMAL, MONEY, TEXT, YES_NO, CHOICE, DATE_TYPE, COMPUTED = range(1, 9)
NUMBERS = (INTEGER, DECIMAL, MONEY)
SUM, AVERAGE = 1, 4  # of `over units`
EXTRACTS = 16  # the extension of a form
SUPPRESS_BELOW_MAX = 1000

CODE = Text(0, 32)
UNIT_NAME = Text(1, 200)
LEVEL = UInt(0, LEVEL_MAX)


def _unit(item: Fields, where: str) -> None:
    if item["line"][0] != item["parent"]:
        raise Refused(f"{where}.line", "does not begin with the parent")
    check_distinct(item["line"], f"{where}.line")


def check_line_above(unit: bytes, line: list[bytes], where: str) -> None:
    """Refuse a line that holds a unit twice, or the unit that it is said to stand above."""
    check_distinct([unit, *line], where)


UNIT = Struct(
    [("parent", ID), ("level", UInt(1, LEVEL_MAX)), ("code", CODE), ("name", UNIT_NAME), ("effective", Maybe(DATE)), ("line", ListOf(ID, 1, LINE_MAX))],
    _unit,
)

_ATTRIBUTES: dict[int, Shape] = {1: CODE, 2: UNIT_NAME, 3: LEVEL}


def _unit_set(item: Fields, where: str) -> None:
    _ATTRIBUTES[item["attribute"]].read(item["value"], f"{where}.value")


UNIT_SET = Struct([("unit", ID), ("attribute", UInt(1, 3)), ("value", Anything()), ("effective", Maybe(DATE))], _unit_set)

CORE = Struct(
    [("inviter", ID), ("unit", ID), ("signing_key", KEY), ("transport_key", KEY), ("nonce", NONCE), ("roles", UInt(1, 3)), ("succeeds", Bin(0, 16))]
)


def _admission(item: Fields, where: str) -> None:
    check_line_above(item["core"]["unit"], item["line"], f"{where}.line")


ADMISSION = Struct([("core", CORE), ("line", ListOf(ID, 0, LINE_MAX)), ("pins", refs(64))], _admission)

LEVEL_TABLE = Struct(
    [("levels", ListOf(Struct([("number", LEVEL), ("names", TRANSLATIONS)]), 0, LEVEL_MAX + 1, key=lambda item: item["number"]))]
)


def _field(item: Fields, where: str) -> None:
    kind = item["type"]
    if item["places"] and kind not in (DECIMAL, COMPUTED):
        raise Refused(f"{where}.places", "only a decimal or computed field has places")
    if (kind == CHOICE) != bool(item["choices"]):
        raise Refused(f"{where}.choices", "a choice field, and no other, has choices")
    check_distinct([choice["code"] for choice in item["choices"]], f"{where}.choices")
    if (kind == COMPUTED) != bool(item["formula"]):
        raise Refused(f"{where}.formula", "a computed field, and no other, has a formula")
    if item["weight"] and item["over_units"] != AVERAGE:
        raise Refused(f"{where}.weight", "only an average is weighted")
    limits = [limit for limit in (item["minimum"], item["maximum"]) if limit is not None]
    if limits and kind not in NUMBERS:
        raise Refused(where, "only numbers have a minimum and a maximum")
    if limits != sorted(limits):
        raise Refused(where, "the minimum is above the maximum")


FIELD = Struct(
    [
        ("name", Text(1, 64, NAME_PATTERN)),
        ("type", UInt(INTEGER, COMPUTED)),
        ("labels", TRANSLATIONS),
        ("places", UInt(0, 9)),
        ("measure", Text(0, 64)),
        ("over_units", UInt(0, 5)),
        ("over_time", UInt(0, 5)),
        ("weight", Text(0, 64, f"({NAME_PATTERN})?")),
        ("required", Flag()),
        ("minimum", Maybe(Int())),
        ("maximum", Maybe(Int())),
        ("choices", ListOf(Struct([("code", Text(1, 64)), ("labels", TRANSLATIONS)]), 0, 100)),
        ("formula", Text(0, 1000)),
        ("retired", Flag()),
        ("extensions", EXTENSIONS),
    ],
    _field,
)


def _form(item: Fields, where: str) -> None:
    check_distinct([field["name"] for field in item["fields"]], f"{where}.fields")
    numbers = {field["name"] for field in item["fields"] if field["type"] in NUMBERS}
    for at, field in enumerate(item["fields"]):
        if field["weight"] and field["weight"] not in numbers:
            raise Refused(f"{where}.fields[{at}].weight", "no field of this form that holds a number")
    for extension in item["extensions"]:
        if extension["number"] == EXTRACTS:
            try:
                EXTRACTS_DATA.read(hoi_codec.decode(extension["data"]), f"{where}.extensions")
            except hoi_codec.NotCanonical as error:
                raise Refused(f"{where}.extensions", str(error)) from error
    for at, field in enumerate(item["fields"]):
        check_critical(field, f"{where}.fields[{at}]")
    check_critical({"extensions": [each for each in item["extensions"] if each["number"] != EXTRACTS]}, where)


EXTRACTS_DATA = Struct([("extract", Flag()), ("suppress_below", UInt(0, SUPPRESS_BELOW_MAX))])


def extracted(form: Fields) -> bool:
    """Say whether extracts go on where the bodies of a form's records stop."""
    found = [each["data"] for each in form["extensions"] if each["number"] == EXTRACTS]
    return bool(found) and bool(EXTRACTS_DATA.read(hoi_codec.decode(found[0]), "extensions")["extract"])


FORM = Struct(
    [
        ("issuer", ID),
        ("name", Text(1, 64, NAME_PATTERN)),
        ("label", UInt(1)),
        ("previous", Bin(0, 32)),
        ("titles", TRANSLATIONS),
        ("period", UInt(1, 8)),
        ("window", UInt(1, 2)),
        ("levels", ListOf(LEVEL, 0, LEVEL_MAX + 1, key=lambda level: level)),
        ("list", Flag()),
        ("reach", UInt(0, 31)),
        ("policy", UInt(1, 2)),
        ("due", ListOf(Struct([("level", LEVEL), ("day", Int(-3660, 3660))]), 0, LEVEL_MAX + 1, key=lambda item: item["level"])),
        ("fields", ListOf(FIELD, 1, 300)),
        (
            "rules",
            ListOf(Struct([("severity", UInt(1, 2)), ("expression", Text(1, 1000)), ("texts", TRANSLATIONS)]), 0, 100),
        ),
        ("extensions", EXTENSIONS),
    ],
    _form,
)

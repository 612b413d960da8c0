#!/usr/bin/env python3
"""Writes the seeds of every corpus: tests/fuzz/seed.py BUILD_DIR.

Formats come from tests/golden/vectors.json, the session's conversations from BUILD_DIR/tests/fuzz/session_seeds, the rest from the lists below.
Files that fuzzing found (their names are hashes, or begin with regression-) are left as they are.
"""
import base64
import json
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# The order of the tables in fuzz_change.c and fuzz_enrolment.c: the first byte of an input.
CHANGES = ["founding", "header", "unit", "unit_set", "admission", "core", "form", "level_table", "document", "body", "person",
           "move", "close", "same", "handover", "revocation", "pin", "fork_decision", "erase", "accept", "reason", "extract"]
ENROLMENT = ["token_text", "token", "join", "joined", "join_request", "join_admission"]
MESSAGES = ["hello", "state", "buckets", "have", "entries", "receipts", "progress", "refused", "bye", "join", "joined", "join_refused"]
# As enum field_type; the second byte: places, measure (16, 32, 48: kg, %, hộ), style (64: unknown, 128: machine).
INTEGER, DECIMAL, MONEY, TEXT, YESNO, CHOICE, DATE = range(7)
VALUES = [
    (INTEGER, 0, "4.731"), (INTEGER, 0, "4 731"), (INTEGER, 48, "18.498 hộ"), (INTEGER, 0, "trên 173"), (INTEGER, 0, "không"), (INTEGER, 0, "-12"),
    (DECIMAL, 2, "3.359,80"), (DECIMAL, 1, "28.6"), (DECIMAL, 34, "82,91%"), (DECIMAL, 19, "3,9 tấn"), (DECIMAL, 3, "101.705"),
    (MONEY, 0, "173 tỉ đồng"), (MONEY, 0, "5 tỷ 298,2 triệu"), (MONEY, 0, "500k"), (MONEY, 0, "1 triệu 500"), (MONEY, 0, "20 nghìn"),
    (TEXT, 0, "Chi hội Ấp 1"), (TEXT, 0, "đang cập nhật"), (TEXT, 0, "n/a"), (YESNO, 0, "có"), (YESNO, 0, "No"),
    (CHOICE, 0, "Tốt"), (CHOICE, 0, "KHA"), (DATE, 0, "ngày 30 tháng 6 năm 2025"), (DATE, 0, "30/6/2025"),
]
PERIODS = ["2025-06", "T6/2025", "tháng 06 năm 2025", "quý II năm 2025", "2025-H1", "6 tháng đầu năm 2025", "9 tháng năm 2025", "cả năm 2025",
           "nhiệm kỳ 2021-2026", "năm học 2025-2026", "2025-SY", "2025-06-30", "30.6.2025"]
FORMS = [
    {"name": "f", "period": "month", "fields": [{"name": "a", "type": "integer"}]},
    {"name": "l", "title": {"vi": "Vay", "en": "Loans"}, "period": "year", "window": "official", "list": True, "reach": "private", "policy": "upper",
     "levels": [1, "3"], "due": {"3": 2, "1": -7},
     "fields": [{"name": "m", "type": "money", "label": "Tiền", "minimum": "0", "maximum": 9000, "measure": "đồng"},
                {"name": "d", "type": "decimal", "places": 3, "over_units": "average", "weight": "m", "minimum": "-1.5"},
                {"name": "c", "type": "choice", "choices": ["x", {"code": "y", "label": {"vi": "Ý"}}], "over_units": "count"},
                {"name": "e", "type": "computed", "places": 2, "formula": "100 * (m - 2.5) / d"},
                {"name": "t", "type": "date", "over_units": "max", "retired": True}, {"name": "y", "type": "yesno", "required": True}]},
    {"name": "", "period": "week", "fields": [{"name": "a", "type": "text", "places": 1}, {"name": "a", "formula": "a +"}], "more": []},
]
CELL = {"state": "value", "value": "5", "qualifier": "over", "raw": "tren 5", "source": "so"}
REQUESTS = [
    [["hello", {}], ["status", {}], ["level.list", {}], ["digest", {}], ["node.list", {}], ["config", {"key": "metered", "value": "yes"}]],
    [["unit.add", {"code": "0103", "name": "Xã C", "level": "commune", "parent": "01", "effective": "2025-07-01"}], ["unit.list", {"as_of": "2025-06-30"}],
     ["unit.show", {"unit": "01/Xa A"}]],
    [["unit.import", {"rows": [[2, "02", "00", "1", "Tỉnh"], [3, "0201", "02", "3", "Xã"]]}], ["unit.list", {"under": "02"}]],
    [["form.check", {"form": FORMS[1]}], ["form.add", {"form": {**FORMS[1], "name": "n"}}], ["form.list", {}], ["form.show", {"form": "n@00"}]],
    [["put", {"form": "f", "period": "2025-06", "unit": "0101", "cells": {"a": CELL, "b": {"state": "na"}, "c": {"state": "value", "value": "xa"}},
              "reason": "sua"}], ["show", {"form": "f", "period": "2025-06", "unit": "0101", "history": True}]],
    [["put", {"form": "l", "period": "2025", "unit": "0102", "row": "An", "cells": {"m": CELL, "y": {"state": "value", "value": "yes"}}}],
     ["show", {"form": "l", "period": "2025", "unit": "0102", "after": "A"}], ["log", {"unit": "0102", "limit": 5}]],
    [["rollup", {"form": "f", "period": "2025-Q2", "unit": "00", "by": "unit"}], ["rollup", {"form": "f", "period": "2025-05", "period_to": "2025-07",
      "by": "period", "fields": ["a", "e"]}], ["rollup", {"form": "f", "period": "2025", "by": "level", "level": "3", "as_of": "2025-08-01"}]],
    [["import.begin", {"form": "f", "columns": ["a", "d"], "codes_as_of": "2025-06-30"}],
     ["import.rows", {"import": "@", "rows": [[2, "0101", "2025-06", "", [CELL, None]], [3, "0101", "2025-05", "", [None, {"state": "na"}]]]}],
     ["import.commit", {"import": "@"}], ["import.abort", {"import": "@"}]],
    [["import.begin", {"form": "f", "columns": ["c"], "dry_run": True, "on_behalf": True, "reason": "x"}],
     ["import.rows", {"import": "@", "rows": [[2, "0102", "2025-08", "", [{"state": "missing"}]]]}], ["import.abort", {"import": "@"}]],
    [["invite", {"unit": "01", "addresses": ["tcp://127.0.0.1:5555"], "expires": 60}], ["invite", {"unit": "0101"}]],
    [["send", {"to": "01/*,00/level:3", "title": "Thong bao", "text": "a\nb", "number": "1/TB", "date": "2025-06-30", "due": "2025-07-30"}],
     ["inbox", {"all": True}], ["check", {}], ["rebuild", {}], ["sync", {"wait": 1}]],
]


def write(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def token_array(text):
    letters = "".join(group[:-1] for group in text.removeprefix("hoi1-").split("-")).upper()
    return base64.b32decode(letters + "=" * (-len(letters) % 8))[:-1]


def seed_formats():
    for vector in json.loads((HERE / "../golden/vectors.json").read_text(encoding="utf-8")):
        name, structure = vector["name"], vector["structure"]
        if structure == "token":
            text = vector["text"]
            write("enrolment", name + "-text", bytes([ENROLMENT.index("token_text")]) + text.encode())
            write("enrolment", name, bytes([ENROLMENT.index("token")]) + token_array(text))
            continue
        data = bytes.fromhex(vector["bytes"])
        if structure in CHANGES:
            write("change", name, bytes([CHANGES.index(structure)]) + data)
        if structure in ENROLMENT:
            write("enrolment", name, bytes([ENROLMENT.index(structure)]) + data)
        if structure in MESSAGES:
            write("message", name, data)
        if structure in ("put", "receipt"):
            write(structure, name, data)
        if structure in ("header", "put", "form", "body", "close", "revocation", "fork_decision") and len(data) < 1000:
            write("codec", name, data)
            write("differential", name, data)


def seed_texts():
    for number, text in enumerate(PERIODS):
        write("text", f"period-{number:02}", b"\x00" + text.encode())
    for number, (kind, shape, text) in enumerate(VALUES):
        write("text", f"value-{number:02}", bytes([1, kind, shape]) + text.encode())
    for number, form in enumerate(FORMS):
        write("form_json", f"form-{number}", json.dumps(form, ensure_ascii=False).encode())
    for number, lines in enumerate(REQUESTS):
        requests = [json.dumps({"do": verb, "id": f"request-{number}-{place}", "args": args}, ensure_ascii=False) for place, (verb, args) in enumerate(lines)]
        write("request", f"requests-{number}", "\n".join(requests).encode())


def seed_apply():
    """What the bytes mean is for apply_world.c to say: any will do to begin with, as long as they say much."""
    draw = random.Random(1)
    for number in range(24):
        write("apply", f"random-{number:02}", draw.randbytes(draw.randrange(40, 400)))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    seed_formats()
    seed_texts()
    seed_apply()
    folder = HERE / "corpus" / "session"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([pathlib.Path(sys.argv[1]) / "tests/fuzz/session_seeds", folder], check=True)


main()

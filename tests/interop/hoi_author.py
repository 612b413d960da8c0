"""Writing: change-sets that a node makes of its own (docs/protocol.md, sections 4, 6 and 7)."""

from __future__ import annotations

import secrets
from typing import Any, Optional

import hoi_put
from hoi_common import DIRECTIVE, REPORT, ref_key
from hoi_control import CHOICE
from hoi_formats import CONTROL, DOCUMENT, RECORD
from hoi_node import Node
from hoi_records import Form, Views
from hoi_shape import Fields
from hoi_verify import Entry


def form_named(views: Views, name: str) -> Form:
    """Return the version of a form that no other follows."""
    versions = [form for form in views.forms.values() if form.payload["name"] == name]
    followed = {form.payload["previous"] for form in versions}
    return next(form for form in versions if form.version not in followed)


def put_change(form: Form, period: int, values: dict[str, Any], row: str = "", flags: int = 0, reason: str = "") -> Fields:
    """Return the change that writes fields of one record; None as a value says that there is no figure."""
    ordinals = {field["name"]: at for at, field in enumerate(form.payload["fields"])}
    columns = []
    for name in sorted(values, key=lambda each: ordinals[each]):
        value, field = values[name], form.payload["fields"][ordinals[name]]
        if field["type"] == CHOICE and value is not None:
            value = [choice["code"] for choice in field["choices"]].index(value)
        states, filled = (b"", [value]) if value is not None else (bytes([hoi_put.MISSING]), [])
        columns.append({"ordinal": ordinals[name], "states": states, "values": filled, "qualifiers": [], "notes": []})
    rows = [{"shared": 0, "rest": row}] if row else []
    payload = {"form_version": form.version, "flags": flags, "reason": reason, "keys": [{"period": period, "rows": rows}], "columns": columns}
    return {"kind": 64, "payload": payload}


def seen_of(node: Node, views: Views, unit: bytes, form: Form, period: int, row: str = "") -> list[Fields]:
    """Return what a write of a record has seen: of each log of others the last entry that wrote it."""
    last: dict[Any, Entry] = {}
    for writes in views.records.get((unit, form.id, period, row), {}).values():
        for write in writes:
            log = write.entry.log
            if log not in last or last[log].header["seq"] < write.entry.header["seq"]:
                last[log] = write.entry
    return sorted((entry.ref for entry in last.values()), key=ref_key)


def put(node: Node, name: str, period: int, values: dict[str, Any], unit: Optional[bytes] = None, **more: Any) -> Entry:
    """Write one record of the own unit, or as a correction or on behalf one of a unit below."""
    views = Views(node.tree)
    form, unit = form_named(views, name), unit or node.unit
    kind = REPORT if unit == node.unit else DIRECTIVE
    seen = [ref for ref in seen_of(node, views, unit, form, period, more.get("row", "")) if (ref["node"], ref["kind"]) != (node.id, kind)]
    body = {"nonce": b"", "changes": [put_change(form, period, values, **more)]}
    terms = [{"unit": unit, "scope": 0}]
    return node.write(body, **{"kind": kind, "class": RECORD, "reach": form.payload["reach"], "audience": terms, "seen": seen})


def document_change(title: str, text: str) -> Fields:
    """Return a notice."""
    plain = {"kind": 4, "number": "", "date": None, "ask": 0, "due": None, "supersedes": None, "attachments": [], "extensions": []}
    return {"kind": 96, "payload": {**plain, "title": title, "text": text}}


def document(node: Node, title: str, text: str, kind: int = REPORT) -> Entry:
    """Write a document for the own unit."""
    terms = [{"unit": node.unit, "scope": 0}]
    return node.write({"nonce": b"", "changes": [document_change(title, text)]}, **{"kind": kind, "class": DOCUMENT, "audience": terms})


def control(node: Node, *changes: Fields, nonce: Optional[bytes] = None, **more: Any) -> Entry:
    """Write changes of structure into the directive log."""
    body = {"nonce": nonce or secrets.token_bytes(16), "changes": list(changes)}
    return node.write(body, **{"kind": DIRECTIVE, "class": CONTROL, "audience": [], **more})


def unit_change(node: Node, parent: bytes, level: int, code: str, name: str, effective: Optional[int] = None) -> Fields:
    """Return the creation of a unit."""
    line = [parent, *node.tree.above(parent)]
    return {"kind": 1, "payload": {"parent": parent, "level": level, "code": code, "name": name, "effective": effective, "line": line}}


def unit_set_change(unit: bytes, attribute: int, value: Any, effective: Optional[int] = None) -> Fields:
    """Return a write of a unit's attribute."""
    return {"kind": 2, "payload": {"unit": unit, "attribute": attribute, "value": value, "effective": effective}}

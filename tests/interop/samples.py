"""One full value of every structure, made by this writer alone from fixed seeds: what the tests begin from."""

from __future__ import annotations

import hashlib
from typing import Any

import hoi_common
import hoi_control
import hoi_crypto
import hoi_formats
import hoi_messages
from hoi_shape import Fields, Structure
from nacl.signing import SigningKey


def octets(name: str, length: int = 32) -> bytes:
    """Return bytes that only depend on `name`."""
    return hashlib.blake2b(name.encode(), digest_size=length).digest()


def public(name: str) -> bytes:
    """Return the public key of the Ed25519 seed called `name`."""
    return bytes(SigningKey(octets(name)).verify_key)


def ref(node: bytes, kind: int = 2, seq: int = 7) -> Fields:
    """Return a reference to an entry of a log of `node`."""
    return {"node": node, "kind": kind, "epoch": octets("epoch", 8), "seq": seq, "hash": octets("hash", 16)}


def refs(count: int) -> list[Fields]:
    """Return `count` references in order, each of another log."""
    return sorted((ref(octets(f"node {at}", 16), seq=at + 1) for at in range(count)), key=hoi_common.ref_key)


def texts(vietnamese: str, english: str) -> list[Fields]:
    """Return a text in two languages."""
    return [{"lang": "en", "text": english}, {"lang": "vi", "text": vietnamese}]


EXTENSIONS = [{"number": 3, "critical": False, "data": b"later"}, {"number": 9, "critical": False, "data": b""}]


def founding() -> Fields:
    """Return a founding statement with 2 of 3 recovery keys."""
    return {
        "version": 1,
        "suite": 1,
        "name": "Hội Mẫu",
        "practice": True,
        "signing_key": public("founder"),
        "transport_key": octets("founder transport"),
        "nonce": octets("founding nonce", 16),
        "recovery_threshold": 2,
        "recovery_keys": sorted(public(f"recovery {at}") for at in range(3)),
        "extensions": EXTENSIONS,
    }


ASSOCIATION = hoi_crypto.association_id(hoi_formats.FOUNDING.encode(founding()))


def field(name: str, kind: int, **more: Any) -> Fields:
    """Return a field of a form with the defaults of a plain sum."""
    plain = {
        "name": name,
        "type": kind,
        "labels": texts("Số " + name, "Number of " + name),
        "places": 0,
        "measure": "",
        "over_units": 1,
        "over_time": 2,
        "weight": "",
        "required": False,
        "minimum": None,
        "maximum": None,
        "choices": [],
        "formula": "",
        "retired": False,
        "extensions": [],
    }
    return {**plain, **more}


def form() -> Fields:
    """Return a list form with a field of every type."""
    return {
        "issuer": octets("unit", 16),
        "name": "hoi_vien",
        "label": 2,
        "previous": octets("previous"),
        "titles": texts("Hội viên", "Members"),
        "period": 1,
        "window": 2,
        "levels": [3, 4],
        "list": True,
        "reach": 0,
        "policy": 1,
        "due": [{"level": 3, "day": 5}, {"level": 4, "day": -1}],
        "fields": [
            field("total", 1, required=True, minimum=0, maximum=10**12),
            field("area", 2, places=2, measure="ha"),
            field("fees", 3),
            field("remark", 4, over_units=0, over_time=0),
            field("active", 5, over_units=5),
            field("rank", 6, choices=[{"code": "A", "labels": texts("Tốt", "Good")}, {"code": "B", "labels": []}]),
            field("founded", 7, over_units=2),
            field("mean", 8, places=1, formula="fees / total", over_units=4, weight="total", extensions=EXTENSIONS),
        ],
        "rules": [{"severity": 2, "expression": "total >= 0", "texts": texts("Sai", "Wrong")}],
        "extensions": [],
    }


def put() -> Fields:
    """Return a put of four records under `form()` with every state, qualifiers and notes."""

    def column(ordinal: int, values: list[Any], states: bytes = b"", **more: Any) -> Fields:
        return {"ordinal": ordinal, "states": states, "values": values, "qualifiers": [], "notes": [], **more}

    note = {"cell": 1, "raw": "khoảng 12", "source": "A!B7"}
    return {
        "form_version": hoi_crypto.form_version(ASSOCIATION, hoi_formats.payload_bytes(hoi_control.FORM, form())),
        "flags": 1,
        "reason": "sửa số",
        "keys": [
            {"period": 12 * 2025 + 5, "rows": [{"shared": 0, "rest": "Ấp 1"}, {"shared": 5, "rest": "à"}, {"shared": 5, "rest": "á"}]},
            {"period": 1, "rows": [{"shared": 0, "rest": "Ấp"}]},
        ],
        "columns": [
            column(0, [10, 12, 0, 2**40], qualifiers=[1, 3, 3, 1], notes=[note]),
            column(1, [-125], bytes([0b11_10_01_00])),
            column(2, [5_000_000_000, 1], bytes([0b00_11_00_11])),
            column(3, ["", "chưa rõ"], bytes([0b11_11_00_00])),
            column(4, [True, False, True, True]),
            column(5, [0, 1, 0, 0]),
            column(6, [-25567, 20254, 0, 47481]),
        ],
    }


def control_body() -> Fields:
    """Return a control body with every known change and one unknown one."""
    line = [octets("parent", 16), octets("root", 16)]
    unit = {"parent": line[0], "level": 3, "code": "00560", "name": "Xã Mẫu", "effective": None, "line": line}
    core = {
        "inviter": octets("inviter", 16),
        "unit": octets("unit", 16),
        "signing_key": public("writer"),
        "transport_key": octets("writer transport"),
        "nonce": octets("core nonce", 16),
        "roles": 3,
        "succeeds": b"",
    }
    level_table = {"levels": [{"number": 0, "names": texts("Trung ương", "Central")}, {"number": 4, "names": []}]}
    payloads: list[tuple[int, Any]] = [
        (1, unit),
        (2, {"unit": line[0], "attribute": 3, "value": 2, "effective": 20270}),
        (2, {"unit": line[0], "attribute": 1, "value": "", "effective": None}),
        (7, {"core": core, "line": line, "pins": refs(3)}),
        (11, form()),
        (12, level_table),
        (63, [None, [[-1, "later"]], b"", True]),
    ]
    return {"nonce": octets("body nonce", 16), "changes": [{"kind": kind, "payload": payload} for kind, payload in payloads]}


def trust_body() -> Fields:
    """Return a control body with every change by which trust and structure move: of 5.6 to 5.10, in the order of their numbers."""
    unit, node = octets("unit", 16), octets("author", 16)
    line, former = [octets("parent", 16), octets("root", 16)], [octets("old parent", 16), octets("district", 16), octets("root", 16)]
    placing = {"unit": unit, "effective": 20270, "line": line, "former": former}
    logs = sorted(({**ref(node, kind, seq), "epoch": octets(f"epoch {seq}", 8)} for kind, seq in ((1, 5), (2, 300))), key=hoi_common.ref_key)
    rival = {**ref(node, 1, 8), "hash": octets("rival", 16)}
    reason = ref(octets("inviter", 16), 2, 70_000)
    payloads: list[tuple[int, Any]] = [
        (3, placing),
        (4, {**placing, "successors": [line[0], octets("other successor", 16)]}),
        (5, {**placing, "effective": None}),
        (6, {"unit": unit, "parent": line[0], "upto": refs(3)}),
        (8, {"node": node, "upto": logs, "reason": reason}),
        (9, {"pins": [*refs(2), {**refs(2)[1], "seq": 1000}]}),
        (10, {"keeps": ref(node, 1, 7), "rival": rival}),
        (18, {"entries": refs(2), "reason": None}),
        (22, {"entries": refs(3)}),
    ]
    return {"nonce": octets("trust nonce", 16), "changes": [{"kind": kind, "payload": payload} for kind, payload in payloads]}


def reason_body() -> Fields:
    """Return a document body with the reason for a change that is control."""
    return {"nonce": b"", "changes": [{"kind": 100, "payload": {"text": "Máy bị mất trộm ngày 3/6"}}]}


def record_body() -> Fields:
    """Return a record body with one put."""
    return {"nonce": b"", "changes": [{"kind": 64, "payload": put()}]}


def person() -> Fields:
    """Return a person as a body names one."""
    return {"account": "lan.nt", "name": "Nguyễn Thị Lan", "role": "Chủ tịch"}


def signed_body(body: Fields, kind: int) -> Fields:
    """Return a body with the person that it says wrote it."""
    return {**body, "changes": [*body["changes"], {"kind": kind, "payload": person()}]}


def document_body() -> Fields:
    """Return a document body with one attachment."""
    document = {
        "kind": 3,
        "number": "15/KH",
        "date": 20270,
        "title": "Kế hoạch",
        "text": "Nội dung " * 30,
        "ask": 2,
        "due": None,
        "supersedes": ref(octets("inviter", 16)),
        "attachments": [{"name": "a.pdf", "bytes": 3, "hash": hoi_crypto.attachment_hash(ASSOCIATION, b"pdf")}],
        "extensions": EXTENSIONS,
    }
    return {"nonce": b"", "changes": [{"kind": 96, "payload": document}]}


def header(class_number: int = 2, body: bytes = b"body") -> Fields:
    """Return the first header of an epoch, of a class, for a body."""
    author = octets("author", 16)
    scopes: dict[int, list[int]] = {1: [], 2: [0], 3: [0, 1, 5]}
    return {
        "version": 1,
        "suite": 1,
        "author": author,
        "kind": 2,
        "epoch": octets("new epoch", 8),
        "seq": 1,
        "prev": b"",
        "continues": ref(author),
        "class": class_number,
        "reach": 0,
        "audience": [{"unit": octets("unit", 16), "scope": scope} for scope in scopes[class_number]],
        "seen": refs(3),
        "body_hash": hoi_crypto.body_hash(ASSOCIATION, octets("salt"), body),
        "body_bytes": len(body),
        "batch": octets("batch", 16),
        "time": 1_700_000_000,
        "extensions": EXTENSIONS,
    }


def receipt() -> Fields:
    """Return a receipt."""
    return {
        "version": 1,
        "suite": 1,
        "holder": octets("holder", 16),
        **ref(octets("author", 16), 1, 40),
        "bodies": 39,
        "applied": 38,
        "aside": 2,
        "time": 1_700_000_000,
        "extensions": EXTENSIONS,
    }


def items() -> list[Fields]:
    """Return an entry with its body, one without, a part of a body, evidence, and two offers."""
    body = hoi_formats.BODY.encode(record_body())
    head = hoi_formats.HEADER.encode(header(2, body))
    signature = hoi_crypto.sign(octets("author"), "header", ASSOCIATION, head)
    log = {name: value for name, value in ref(octets("author", 16), 1).items() if name != "hash"}
    return [
        {"type": 1, "header": head, "signature": signature, "salt": octets("salt"), "body": body},
        {"type": 1, "header": head, "signature": signature, "salt": b"", "body": b""},
        {"type": 2, **log, "salt": octets("salt"), "offset": 65_536, "part": b"part"},
        {"type": 3, "header": head, "signature": signature, "own": True},
        {"type": 4, **log, "of": None},
        {"type": 4, **log, "of": ref(octets("author", 16), 1, 40)},
    ]


def messages() -> list[Fields]:
    """Return one message of every type."""
    author = octets("author", 16)
    log = {name: value for name, value in ref(author, 1, 40).items() if name != "hash"}
    held = {"holder": octets("holder", 16), "seq": 40, "bodies": 39, "applied": 38}
    state = {**ref(author, 1, 40), "gaps": [2, 2, 5, 9], "partial": [2, 65_536], "receipts": [held], "fork": {"seq": 7, "one": bytes(16), "other": octets("hash", 16)}}
    bucket = author[0] & 63
    bitmap = bytes(1 << (bucket % 8) if at == bucket // 8 else 0 for at in range(8))
    hello: Fields = {
        "type": 1,
        "version": 1,
        "suite": 1,
        "association": ASSOCIATION,
        "node": author,
        "unit": octets("unit", 16),
        "incarnation": octets("start", 8),
        "feature_level": 0,
        "window": 262_144,
        "message_max": 65_536,
        "state": octets("state", 16),
        "missing": 4,
        "time": 1_700_000_000,
        "extensions": EXTENSIONS,
    }
    keys = {"signing_key": public("joiner"), "transport_key": octets("joiner transport")}
    join: Fields = {"type": 16, "version": 1, "suite": 1, "secret": octets("secret", 10), **keys}
    signed = hoi_messages.join_signed(join, octets("bond", 8), octets("founder transport"))
    join["signature"] = hoi_crypto.sign(octets("joiner"), "join", hoi_crypto.NO_ASSOCIATION, signed)
    statement = hoi_formats.FOUNDING.encode(founding())
    core, root = control_body()["changes"][3]["payload"]["core"], {**ref(octets("root's node", 16)), "kind": 2}
    receipts = {"receipt": hoi_formats.RECEIPT.encode(receipt()), "signature": octets("signature", 64)}
    return [
        hello,
        {"type": 2, "state": octets("state", 16), "missing": 0},
        {"type": 3, "digests": [octets(f"bucket {at}", 8) for at in range(64)]},
        {"type": 4, "buckets": bitmap, "logs": [state]},
        hoi_messages.pack_items(items()),
        hoi_messages.pack_items(items()[1:], hoi_messages.PLAIN),
        {"type": 6, "receipts": [receipts, receipts]},
        {"type": 7, "bytes": 123_456},
        {"type": 8, **log, "reason": 3},
        {"type": 9, "reason": 5},
        join,
        {"type": 17, "statement": statement, "signature": octets("s", 64), "core": core, "admission": ref(author), "line": [octets("root", 16)], "root": root},
        {"type": 18, "reason": 1},
    ]


def token() -> Fields:
    """Return an enrolment token."""
    return {
        "transport_key": octets("founder transport"),
        "secret": octets("secret", 10),
        "bond": octets("bond", 8),
        "addresses": ["tcp://203.0.113.7:4747", "tcp://[2001:db8::1]:4747"],
    }


def all_samples() -> list[tuple[Structure, Any]]:
    """Return every structure with a value of it."""
    signed = {"statement": hoi_formats.FOUNDING.encode(founding()), "signature": octets("signature", 64)}
    return [
        (hoi_formats.FOUNDING, founding()),
        (hoi_formats.SIGNED_FOUNDING, signed),
        *((hoi_formats.HEADER, header(class_number)) for class_number in (1, 2, 3)),
        (hoi_formats.BODY, control_body()),
        (hoi_formats.BODY, trust_body()),
        (hoi_formats.BODY, reason_body()),
        (hoi_formats.BODY, record_body()),
        (hoi_formats.BODY, document_body()),
        (hoi_formats.BODY, signed_body(record_body(), 68)),
        (hoi_formats.BODY, signed_body(document_body(), 101)),
        (hoi_formats.RECEIPT, receipt()),
        (hoi_formats.SIGNED_RECEIPT, {"receipt": hoi_formats.RECEIPT.encode(receipt()), "signature": octets("signature", 64)}),
        *((hoi_messages.MESSAGE, message) for message in messages()),
        (hoi_messages.ITEMS, items()),
        (hoi_messages.TOKEN, token()),
    ]


def all_bytes() -> list[tuple[Structure, bytes]]:
    """Return every sample as bytes."""
    return [(structure, structure.encode(item)) for structure, item in all_samples()]

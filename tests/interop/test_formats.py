"""Tests of every structure: samples there and back, each rule of the page broken once, hashes, signatures, tokens, frames."""

from __future__ import annotations

import copy
import hashlib
import unittest
from typing import Any

import hoi_codec
import hoi_control
import hoi_crypto
import hoi_formats
import hoi_messages
import hoi_put
import hoi_zstd
import samples
from hoi_common import SEQ_MAX, UnknownExtension, UnknownVersion
from hoi_shape import Fields, Refused, SetAside, Structure
from nacl import bindings
from samples import ASSOCIATION, octets, ref

BODY, FOUNDING, HEADER, RECEIPT, MESSAGE, ITEMS, TOKEN = (
    hoi_formats.BODY,
    hoi_formats.FOUNDING,
    hoi_formats.HEADER,
    hoi_formats.RECEIPT,
    hoi_messages.MESSAGE,
    hoi_messages.ITEMS,
    hoi_messages.TOKEN,
)
CRITICAL = [{"number": 1, "critical": True, "data": b""}]
NOT_ASCENDING = [{"number": 2, "critical": False, "data": b""}, {"number": 2, "critical": False, "data": b""}]
SEVENTEEN = [{"number": at, "critical": False, "data": b""} for at in range(17)]
LONG_DATA = [{"number": 1, "critical": False, "data": bytes(4097)}]


def altered(item: Any, changes: dict[str, Any]) -> Any:
    """Return a deep copy of `item` with the values at dotted paths replaced."""
    made = copy.deepcopy(item)
    for path, value in changes.items():
        *outer, last = path.split(".")
        holder = made
        for name in outer:
            holder = holder[int(name) if isinstance(holder, list) else name]
        holder[int(last) if isinstance(holder, list) else last] = value
    return made


def unchecked(structure: Structure, item: Any) -> bytes:
    """Return the bytes of an item that the rules were not asked about."""
    return hoi_codec.encode(structure.shape.write(item))


class Samples(unittest.TestCase):
    def test_there_and_back(self) -> None:
        for structure, item in samples.all_samples():
            with self.subTest(structure.name):
                data = structure.encode(item)
                self.assertEqual(structure.decode(data), item)
                self.assertEqual(structure.encode(structure.decode(data)), data)

    def test_every_field_is_needed_and_no_more(self) -> None:
        for structure, data in samples.all_bytes():
            value = hoi_codec.decode(data)
            assert isinstance(value, list)
            if structure not in (ITEMS, TOKEN):  # of any number of members
                for wrong in (value[:-1], value + [None], value + [[]]):
                    with self.subTest(structure.name, fields=len(wrong)), self.assertRaises(Refused):
                        structure.decode(hoi_codec.encode(wrong))

    def test_put_as_cells(self) -> None:
        put = samples.put()
        self.assertEqual([record.row for record in hoi_put.records(put)], ["Ấp 1", "Ấp à", "Ấp á", "Ấp"])
        self.assertEqual([record.period for record in hoi_put.records(put)], [24305, 24305, 24305, 24306])
        found = {(cell.ordinal, cell.record.row): cell for cell in hoi_put.cells(put)}
        self.assertEqual(found[0, "Ấp à"][2:], (hoi_put.VALUE, 12, 3, ("khoảng 12", "A!B7")))
        self.assertEqual(found[1, "Ấp á"][2:], (hoi_put.NOT_APPLICABLE, None, 0, None))
        self.assertEqual(found[2, "Ấp 1"].value, 5_000_000_000)
        self.assertNotIn((1, "Ấp 1"), found)
        hoi_put.check_against_form(put, samples.form())


class Rules(unittest.TestCase):
    """Each test breaks one rule at a time in a good sample."""

    def refuses(self, structure: Structure, item: Any, table: list[dict[str, Any]], error: type[Refused] = Refused) -> None:
        structure.decode(unchecked(structure, item))
        for changes in table:
            with self.subTest(structure=structure.name, changes=str(changes)[:100]), self.assertRaises(error):
                structure.decode(unchecked(structure, altered(item, changes)))

    def test_extensions(self) -> None:
        bad: list[dict[str, Any]] = [{"extensions": value} for value in (NOT_ASCENDING, SEVENTEEN, LONG_DATA)]
        for structure, item in ((FOUNDING, samples.founding()), (HEADER, samples.header()), (RECEIPT, samples.receipt()), (MESSAGE, samples.messages()[0])):
            self.refuses(structure, item, bad)
            if structure is not HEADER:
                self.refuses(structure, item, [{"extensions": CRITICAL}], SetAside)
        HEADER.decode(unchecked(HEADER, altered(samples.header(), {"extensions": CRITICAL})))

    def test_versions(self) -> None:
        for structure, item in ((FOUNDING, samples.founding()), (HEADER, samples.header()), (RECEIPT, samples.receipt()), (MESSAGE, samples.messages()[0])):
            self.refuses(structure, item, [{"version": 2}, {"version": 0}, {"suite": 2}, {"suite": 0}], UnknownVersion)
            value = hoi_codec.decode(structure.encode(altered(item, {})))
            assert isinstance(value, list)
            value[1 if structure is MESSAGE else 0] = 2
            with self.assertRaises(UnknownVersion):
                structure.decode(hoi_codec.encode(value + [None]))

    def test_longest(self) -> None:
        long = [{"number": at, "critical": False, "data": bytes(4000)} for at in range(9)]
        for structure, item, count in ((FOUNDING, samples.founding(), 1), (HEADER, samples.header(), 8), (RECEIPT, samples.receipt(), 1)):
            structure.encode(altered(item, {"extensions": long[: count - 1]}))
            self.refuses(structure, item, [{"extensions": long[: count + 1]}])

    def test_founding(self) -> None:
        keys = samples.founding()["recovery_keys"]
        self.refuses(
            FOUNDING,
            samples.founding(),
            [
                {"name": ""},
                {"name": "á" * 101},
                {"practice": 1},
                {"signing_key": bytes(31)},
                {"transport_key": bytes(33)},
                {"nonce": bytes(15)},
                {"recovery_threshold": 0},
                {"recovery_threshold": 4},
                {"recovery_threshold": -1},
                {"recovery_keys": []},
                {"recovery_keys": keys[::-1]},
                {"recovery_keys": [keys[0], keys[0], keys[1]]},
                {"recovery_keys": [at.to_bytes(32, "big") for at in range(17)]},
            ],
        )
        FOUNDING.decode(unchecked(FOUNDING, altered(samples.founding(), {"recovery_threshold": 0, "recovery_keys": []})))

    def test_sequence_numbers(self) -> None:
        messages = samples.messages()
        have, refused, joined = messages[3], messages[8], messages[11]
        pairs = [[SEQ_MAX, SEQ_MAX], [SEQ_MAX + 1, SEQ_MAX + 1]]
        following = altered(samples.header(), {"continues": None, "prev": bytes(32)})
        good: list[tuple[Structure, Any, str, Any]] = [
            (HEADER, following, "seq", SEQ_MAX),
            (HEADER, samples.header(), "seen.0.seq", SEQ_MAX),
            (HEADER, samples.header(), "continues.seq", SEQ_MAX),
            (RECEIPT, samples.receipt(), "seq", SEQ_MAX),
            (MESSAGE, have, "logs.0.seq", SEQ_MAX),
            (MESSAGE, have, "logs.0.receipts.0.seq", SEQ_MAX),
            (MESSAGE, refused, "seq", SEQ_MAX),
            (MESSAGE, joined, "admission.seq", SEQ_MAX),
            (ITEMS, samples.items(), "2.seq", SEQ_MAX),
            (BODY, samples.document_body(), "changes.0.payload.supersedes.seq", SEQ_MAX),
        ]
        for structure, item, path, most in good:
            with self.subTest(structure.name, path=path):
                structure.decode(unchecked(structure, altered(item, {path: most})))
                with self.assertRaises(Refused):
                    structure.decode(unchecked(structure, altered(item, {path: most + 1})))
        MESSAGE.decode(unchecked(MESSAGE, altered(have, {"logs.0.seq": SEQ_MAX, "logs.0.gaps": pairs[0], "logs.0.partial": [SEQ_MAX, 1]})))
        with self.assertRaises(Refused):
            MESSAGE.decode(unchecked(MESSAGE, altered(have, {"logs.0.seq": SEQ_MAX, "logs.0.gaps": pairs[1]})))

    def test_header(self) -> None:
        author = octets("author", 16)
        term = samples.header()["audience"][0]
        two = samples.refs(2)
        self.refuses(
            HEADER,
            samples.header(),
            [
                {"author": bytes(15)},
                {"kind": 0},
                {"kind": 4},
                {"kind": 3},
                {"seq": 0},
                {"seq": 2},
                {"seq": 2, "prev": bytes(32)},
                {"prev": bytes(32)},
                {"prev": bytes(16), "seq": 2, "continues": None},
                {"continues.node": octets("other", 16)},
                {"continues.kind": 1},
                {"continues.epoch": octets("new epoch", 8)},
                {"class": 0},
                {"class": 4},
                {"class": 1},
                {"class": 1, "audience": [], "kind": 1, "continues.kind": 1},
                {"reach": 32},
                {"audience": []},
                {"audience": [term, {**term, "scope": 1}]},
                {"audience.0.scope": 1},
                {"seen": two[::-1]},
                {"seen": [two[0], two[0]]},
                {"seen": [two[0], {**two[0], "seq": two[0]["seq"] + 1}]},
                {"seen": samples.refs(257)},
                {"seen": [{**two[0], "kind": 4}]},
                {"seen": [{**two[0], "kind": 3}]},
                {"seen": [{**ref(author), "epoch": octets("new epoch", 8)}]},
                {"seen": [ref(author, seq=3)]},
                {"body_bytes": 262_145},
                {"body_hash": bytes(16)},
                {"batch": bytes(8)},
                {"time": "now"},
                {"time": 2**63},
            ],
        )
        document = samples.header(3)
        terms = [{"unit": at.to_bytes(16, "big"), "scope": 0} for at in range(65)]
        self.refuses(HEADER, document, [{"reach": 1}, {"reach": 31}])
        self.refuses(HEADER, document, [{"audience": []}, {"audience": terms}, {"audience": document["audience"][::-1]}, {"audience.2.scope": 33}])
        HEADER.decode(unchecked(HEADER, altered(document, {"audience.2.scope": 32})))
        control = samples.header(1)
        self.refuses(HEADER, control, [{"reach": 1}, {"audience": [term]}])

    def test_recovery_log(self) -> None:
        good = altered(samples.header(1), {"kind": 3, "author": bytes(16), "epoch": bytes(8), "continues": None})
        self.refuses(HEADER, good, [{"author": octets("author", 16)}, {"epoch": octets("epoch", 8)}, {"class": 2, "audience": samples.header(2)["audience"]}])

    def test_body(self) -> None:
        one = samples.control_body()["changes"][0]
        unknown = {"kind": 63, "payload": []}
        self.refuses(
            BODY,
            samples.control_body(),
            [
                {"nonce": b""},
                {"nonce": bytes(8)},
                {"changes": []},
                {"changes": [{"kind": 0, "payload": []}]},
                {"changes": [{"kind": 128, "payload": []}]},
                {"changes": [unknown, {"kind": 64, "payload": samples.put()}]},
                {"changes": [unknown] * 4097},
                {"changes": [{"kind": 63, "payload": 1}]},
                {"changes": [{"kind": 63, "payload": None}]},
            ],
        )
        self.refuses(BODY, samples.record_body(), [{"nonce": bytes(16)}], SetAside)
        self.refuses(BODY, samples.control_body(), [{"nonce": b""}, {"changes": []}, {"changes": [unknown, {"kind": 128, "payload": []}]}], SetAside)
        BODY.decode(unchecked(BODY, altered(samples.control_body(), {"changes": [one] + [unknown] * 4095})))

    def sets_aside(self, body: Fields, at: int, table: list[dict[str, Any]]) -> None:
        self.refuses(BODY, body, [{f"changes.{at}.payload.{path}": value for path, value in changes.items()} for changes in table], SetAside)

    def test_unit_and_unit_set(self) -> None:
        body = samples.control_body()
        many = [octets("parent", 16)] * 31
        self.sets_aside(body, 0, [{"level": 0}, {"level": 31}, {"code": "0" * 33}, {"name": ""}, {"name": "n" * 201}, {"line": []}, {"line": many}])
        self.sets_aside(body, 0, [{"line.1": octets("parent", 16)}])
        self.sets_aside(body, 0, [{"parent": bytes(16)}, {"parent": bytes(8)}, {"effective": -25_568}, {"effective": 47_482}, {"effective": True}])
        self.sets_aside(body, 1, [{"attribute": 0}, {"attribute": 4}, {"value": 31}, {"value": "3"}, {"attribute": 1}, {"attribute": 2, "value": ""}])
        self.sets_aside(body, 2, [{"value": "0" * 33}, {"value": 1}, {"value": None}])

    def test_admission(self) -> None:
        pins = samples.refs(65)
        table: list[dict[str, Any]] = [{"core.roles": 0}, {"core.roles": 4}, {"core.succeeds": bytes(8)}, {"core.nonce": b""}, {"line": [bytes(16)] * 31}]
        table += [{"line.1": octets("parent", 16)}, {"line.0": octets("unit", 16)}, {"line.1": octets("unit", 16)}]
        table += [{"pins": pins}, {"pins": pins[:2][::-1]}, {"pins": [pins[0], pins[0]]}, {"pins": [{**pins[0], "seq": 0}]}]
        self.sets_aside(samples.control_body(), 3, table)
        BODY.decode(unchecked(BODY, altered(samples.control_body(), {"changes.3.payload.line": []})))

    def test_placing(self) -> None:
        body, unit, parent = samples.trust_body(), octets("unit", 16), octets("parent", 16)
        many = [octets(f"unit {at}", 16) for at in range(65)]
        lines: list[list[bytes]] = [[], [unit], [parent, unit], [parent, parent], many[:31], [bytes(8)]]
        for at in range(3):
            self.sets_aside(body, at, [{name: line} for name in ("line", "former") for line in lines])
            self.sets_aside(body, at, [{"effective": 47_482}, {"effective": -25_568}, {"effective": ""}, {"unit": bytes(8)}])
            BODY.decode(unchecked(BODY, altered(body, {f"changes.{at}.payload.former": many[:30], f"changes.{at}.payload.effective": None})))
        others: list[list[bytes]] = [[many[0]], [many[0], parent], [parent, parent], [parent, unit], [parent, *many[:64]], [parent, many[0], many[0]]]
        self.sets_aside(body, 1, [{"successors": successors} for successors in others])
        for successors in ([], [parent], [parent, *many[:63]]):
            BODY.decode(unchecked(BODY, altered(body, {"changes.1.payload.successors": successors})))

    def test_refs_of_trust(self) -> None:
        body, many = samples.trust_body(), samples.refs(257)
        twice = [many[0], {**many[0], "seq": many[0]["seq"] + 1}]
        wrong = [many, many[1::-1], [many[0]] * 2, [{**many[0], "seq": 0}], [{**many[0], "hash": bytes(8)}]]
        for at, name in ((3, "upto"), (5, "pins"), (7, "entries"), (8, "entries")):
            self.sets_aside(body, at, [{name: refs} for refs in wrong])
            BODY.decode(unchecked(BODY, altered(body, {f"changes.{at}.payload.{name}": many[:256]})))
        self.sets_aside(body, 3, [{"upto": twice}, {"unit": b""}, {"parent": bytes(17)}])
        for at, name in ((5, "pins"), (7, "entries"), (8, "entries")):
            self.sets_aside(body, at, [{name: []}])
            BODY.decode(unchecked(BODY, altered(body, {f"changes.{at}.payload.{name}": twice})))
        own = body["changes"][4]["payload"]["upto"]
        table: list[dict[str, Any]] = [{"upto": wrong[3]}, {"upto": many[:1]}, {"upto": own[::-1]}, {"node": octets("inviter", 16)}]
        self.sets_aside(body, 4, [*table, {"upto": [own[0], {**own[0], "seq": own[0]["seq"] + 1}]}])
        for accepted in ({"upto": []}, {"reason": None}):
            BODY.decode(unchecked(BODY, altered(body, {f"changes.4.payload.{name}": value for name, value in accepted.items()})))
        self.sets_aside(body, 7, [{"reason": {**many[0], "seq": 2**63}}])

    def test_fork_decision_and_reason(self) -> None:
        body = samples.trust_body()
        keeps, rival = (body["changes"][6]["payload"][name] for name in ("keeps", "rival"))
        others: list[Fields] = [keeps, {**rival, "seq": 9}, {**rival, "kind": 2}, {**rival, "epoch": bytes(8)}, {**rival, "hash": keeps["hash"]}, {**rival, "seq": 0}]
        self.sets_aside(body, 6, [*({"rival": other} for other in others)])
        for seq in (1, 7, 8):
            BODY.decode(unchecked(BODY, altered(body, {"changes.6.payload.rival.seq": seq})))
        self.sets_aside(samples.reason_body(), 0, [{"text": ""}, {"text": "r" * 2001}, {"text": b"a"}])
        BODY.decode(unchecked(BODY, altered(samples.reason_body(), {"changes.0.payload.text": "r" * 2000})))

    def test_form(self) -> None:
        languages = samples.texts("a", "b")
        table: list[dict[str, Any]] = [
            *({"name": name} for name in ("", "Hoi", "1a", "a-b", "a" * 65, "hội", "a\n")),
            {"label": 0},
            {"previous": bytes(16)},
            {"titles": languages[::-1]},
            {"titles": [languages[0]] * 2},
            {"titles.0.lang": "e"},
            {"titles.0.lang": "EN"},
            {"titles.0.lang": "aaaaaaaaa"},
            {"titles.0.text": "t" * 501},
            {"period": 0},
            {"period": 9},
            {"window": 0},
            {"window": 3},
            {"levels": [4, 3]},
            {"levels": [3, 3]},
            {"levels": [31]},
            {"list": 1},
            {"reach": 32},
            {"policy": 0},
            {"policy": 3},
            {"due": [{"level": 4, "day": 1}, {"level": 3, "day": 1}]},
            {"fields": []},
            {"fields": [samples.field(f"f{at}", 1) for at in range(301)]},
            {"fields": [samples.field("f", 1)] * 2},
            {"rules": [samples.form()["rules"][0]] * 101},
            {"rules.0.severity": 0},
            {"rules.0.severity": 3},
            {"rules.0.expression": ""},
            {"rules.0.expression": "e" * 1001},
            {"titles": [{"lang": f"a{letter}", "text": ""} for letter in "abcdefghi"]},
            {"due.0.day": 3661},
            {"due.0.day": -3661},
            {"extensions": NOT_ASCENDING},
        ]
        self.sets_aside(samples.control_body(), 4, table)

    def test_field(self) -> None:
        choice = samples.form()["fields"][5]["choices"][0]
        many = [{"code": str(at), "labels": []} for at in range(101)]
        table: list[dict[str, Any]] = [
            {"0.name": "A"},
            {"0.name": "area"},
            {"0.type": 0},
            {"0.type": 9},
            {"0.places": 1},
            {"1.places": 10},
            {"2.places": 1},
            {"7.places": 10},
            {"0.measure": "m" * 65},
            {"0.over_units": 6},
            {"0.over_time": 6},
            {"7.weight": "w" * 65},
            {"7.weight": "W"},
            {"0.weight": "area"},
            {"0.required": 0},
            {"0.minimum": 2**63},
            {"0.maximum": "9"},
            {"0.choices": [choice]},
            {"5.choices": []},
            {"5.choices": [choice, choice]},
            {"5.choices": many},
            {"5.choices.0.code": ""},
            {"5.choices.0.code": "c" * 65},
            {"0.formula": "1"},
            {"7.formula": ""},
            {"7.formula": "1" * 1001},
            {"0.retired": None},
            {"0.minimum": 10**12 + 1},
            {"0.maximum": -1},
            *({f"{at}.{limit}": 1} for at in range(3, 8) for limit in ("minimum", "maximum")),
            {"7.weight": "nothing"},
            *({"7.weight": name} for name in ("remark", "active", "rank", "founded", "mean")),
        ]
        self.sets_aside(samples.control_body(), 4, [{f"fields.{path}": value for path, value in changes.items()} for changes in table])

    def test_weights_are_numbers(self) -> None:
        for name in ("total", "area", "fees", ""):
            hoi_control.FORM.read(hoi_control.FORM.write(altered(samples.form(), {"fields.7.weight": name})), "form")

    def test_critical_extension_of_a_change(self) -> None:
        form = {"4.payload.extensions": CRITICAL, "4.payload.fields.7.extensions": CRITICAL}
        for body, at, paths in ((samples.control_body(), 4, form), (samples.document_body(), 0, {"0.payload.extensions": CRITICAL})):
            for path, value in paths.items():
                data = unchecked(BODY, altered(body, {f"changes.{path}": value}))
                item = BODY.decode(data)  # the body stands, with this change unread
                self.assertEqual(BODY.encode(item), data)
                payload = item["changes"][at]["payload"]
                self.assertIsInstance(payload, list)
                self.assertTrue(all(isinstance(change["payload"], dict) for change in item["changes"][:at]))
                shape = hoi_formats.CHANGES[item["changes"][at]["kind"]][1]
                with self.subTest(path), self.assertRaises(UnknownExtension):
                    shape.read(payload, "change")
                # Another fault makes the whole body malformed, whatever the extension.
                self.refuses(BODY, body, [{f"changes.{path}": value, f"changes.{at}.payload.extensions": NOT_ASCENDING}], hoi_formats.Malformed)

    def test_level_table(self) -> None:
        first, second = samples.control_body()["changes"][5]["payload"]["levels"]
        self.sets_aside(samples.control_body(), 5, [{"levels": [second, first]}, {"levels": [first, first]}, {"levels.1.number": 31}])

    def test_put_keys(self) -> None:
        row = {"shared": 0, "rest": "b"}
        many = [{"period": 1, "rows": []}] * 1001
        table: list[dict[str, Any]] = [
            {"form_version": bytes(16)},
            {"flags": 8},
            *({"flags": flags, "reason": ""} for flags in (1, 3, 4, 5, 6, 7)),
            {"columns": samples.put()["columns"][1:2]},
            {"reason": "r" * 2001},
            {"keys": []},
            {"keys": many, "columns": []},
            {"keys.0.period": 2**32},
            {"keys.1.period": 2**32 - 24_305},
            {"keys.1.period": 0},
            {"keys.0.rows.0.shared": 1},
            {"keys.0.rows.2": {"shared": 6, "rest": "b"}},
            {"keys.0.rows.1": {"shared": 0, "rest": "Ấp à"}},
            {"keys.0.rows.1": {"shared": 4, "rest": " à"}},
            {"keys.0.rows.1": {"shared": 1, "rest": "à"}},
            {"keys.0.rows.1": {"shared": 5, "rest": "1"}},
            {"keys.0.rows.1": {"shared": 5, "rest": "0"}},
            {"keys.0.rows.1": {"shared": 7, "rest": "0"}},
            {"keys.0.rows.2": {"shared": 6, "rest": "á"}},
            {"keys.0.rows.2": {"shared": 5, "rest": "a"}},
            {"keys.1.rows": [{"shared": 0, "rest": ""}]},
            {"keys.1.rows": [{"shared": 0, "rest": "r" * 201}]},
            {"keys.1.rows": [row, {"shared": 1, "rest": "r" * 200}]},
        ]
        self.sets_aside(samples.record_body(), 0, table)

    def test_put_columns(self) -> None:
        columns = samples.put()["columns"]
        note = columns[0]["notes"][0]
        table: list[dict[str, Any]] = [
            {"": columns[::-1]},
            {"": [columns[0]] * 2},
            {"0.ordinal": 300},
            {"0.states": b"\xff"},
            {"1.states": b"\x00", "1.values": []},
            {"1.states": b"\xe4\x00"},
            {"1.states": b"\xe4\x01"},
            {"1.values": []},
            {"1.values": [1, 2]},
            {"0.values": [1, 2, 3]},
            {"0.values": [1, 2, 3, 4, 5]},
            {"0.values.0": None},
            {"0.values.0": b"1"},
            {"0.values.0": 2**63},
            {"3.values.0": "t" * 4001},
            {"0.qualifiers": [0]},
            {"0.qualifiers": [0, 0]},
            {"0.qualifiers": [0, 6]},
            {"0.qualifiers": [4, 1]},
            {"0.qualifiers": [1, 1, 1, 2]},
            {"0.qualifiers": [2, 1, 1, 2]},
            {"1.qualifiers": [2, 1]},
            {"3.qualifiers": [2, 1]},
            {"4.qualifiers": [0, 1]},
            {"0.notes": [note, note]},
            {"0.notes": [{**note, "cell": 4}]},
            {"1.notes": [{**note, "cell": 0}]},
            {"0.notes.0.raw": "", "0.notes.0.source": ""},
            {"0.notes.0.raw": "r" * 501},
            {"0.notes.0.source": "s" * 501},
        ]
        self.sets_aside(samples.record_body(), 0, [{f"columns.{path}".rstrip("."): value for path, value in changes.items()} for changes in table])

    def test_unused_state_bits(self) -> None:
        key = {"period": 1, "rows": []}
        column = {"ordinal": 0, "states": b"\x07", "values": [1], "qualifiers": [], "notes": []}
        body = altered(samples.record_body(), {"changes.0.payload.keys": [key, key], "changes.0.payload.columns": [column]})
        self.sets_aside(body, 0, [{"columns.0.states": b"\x17"}, {"columns.0.states": b"\x47"}, {"columns.0.states": b"\x07\x00"}])

    def test_put_against_form(self) -> None:
        good, form = samples.put(), samples.form()
        table: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({}, {"list": False}),
            ({"keys.1.rows": []}, {}),
            ({"keys.0.period": 12 * 1900 - 1}, {}),
            ({"keys.0.period": 12 * 2100 - 1}, {}),
            ({"columns.6.ordinal": 7}, {}),
            ({"columns.6.ordinal": 8}, {}),
            ({"columns.0.values.0": "10"}, {}),
            ({"columns.0.values.0": True}, {}),
            ({"columns.3.values.0": 1}, {}),
            ({"columns.4.values.0": 1}, {}),
            ({"columns.5.values.0": 2}, {}),
            ({"columns.5.values.0": -1}, {}),
            ({"columns.6.values.0": 47_482}, {}),
            ({"columns.5.qualifiers": [0, 1]}, {}),
            ({"columns.6.qualifiers": [0, 1]}, {}),
        ]
        for put_changes, form_changes in table:
            with self.subTest(put=put_changes, form=form_changes), self.assertRaises(SetAside):
                hoi_put.check_against_form(altered(good, put_changes), altered(form, form_changes))

    def test_flags_and_retired_fields(self) -> None:
        for flags, reason in ((0, ""), (2, ""), (0, "why"), (2, "why"), (7, "why")):
            BODY.decode(unchecked(BODY, altered(samples.record_body(), {"changes.0.payload.flags": flags, "changes.0.payload.reason": reason})))
        retired = altered(samples.form(), {f"fields.{at}.retired": True for at in range(8)})
        hoi_put.check_against_form(altered(samples.put(), {"columns.1.qualifiers": [2, 1], "columns.2.qualifiers": [0, 5]}), retired)

    def test_period_ordinals(self) -> None:
        kinds = {1: (22_800, 25_199), 2: (7600, 8399), 3: (3800, 4199), 4: (1900, 2099), 5: (1900, 2099), 7: (1900, 2099), 6: (1_900_000, 2_099_000)}
        kinds[8] = (19_000_101, 20_991_231)
        for kind, (first, last) in kinds.items():
            with self.subTest(kind=kind):
                self.assertEqual([hoi_put.is_period(kind, at) for at in (first - 1, first, last, last + 1)], [False, True, True, False])
        self.assertTrue(hoi_put.is_period(6, 2_021_005))
        self.assertFalse(hoi_put.is_period(8, 20_250_229))
        self.assertTrue(hoi_put.is_period(8, 20_240_229))

    def test_document(self) -> None:
        attachment = samples.document_body()["changes"][0]["payload"]["attachments"][0]
        table: list[dict[str, Any]] = [
            {"kind": 5},
            {"number": "n" * 101},
            {"date": 47_482},
            {"title": ""},
            {"title": "t" * 501},
            {"text": "t" * 200_001},
            {"ask": 3},
            {"due": "soon"},
            {"supersedes.seq": 0},
            {"attachments": [{**attachment, "name": str(at)} for at in range(65)]},
            {"attachments": [attachment, {**attachment, "bytes": 4}]},
            {"attachments.0.name": ""},
            {"attachments.0.hash": bytes(16)},
            {"attachments.0.bytes": -1},
        ]
        self.sets_aside(samples.document_body(), 0, table)

    def test_person(self) -> None:
        table: list[dict[str, Any]] = [{"account": ""}, {"account": "a" * 65}, {"name": "n" * 101}, {"role": "r" * 101}, {"name": None}]
        for body, kind in ((samples.record_body(), 68), (samples.document_body(), 101)):
            signed = samples.signed_body(body, kind)
            self.sets_aside(signed, 1, table)
            for bounds in ({"account": "a" * 64}, {"name": "", "role": ""}, {"name": "n" * 100, "role": "r" * 100}):
                BODY.decode(unchecked(BODY, altered(signed, {f"changes.1.payload.{name}": value for name, value in bounds.items()})))
            what, who = signed["changes"]
            for changes in ([who], [who, what], [what, who, who], [what, who, what]):
                with self.subTest(kind=kind, kinds=[change["kind"] for change in changes]), self.assertRaises(SetAside):
                    BODY.decode(unchecked(BODY, {"nonce": b"", "changes": changes}))

    def test_receipt(self) -> None:
        table: list[dict[str, Any]] = [{"seq": 0, "bodies": 0, "applied": 0}, {"bodies": 41}, {"bodies": 37}, {"applied": 40}, {"kind": 0}, {"kind": 3}]
        self.refuses(RECEIPT, samples.receipt(), table + [{"hash": bytes(32)}, {"time": None}, {"aside": -1}, {"aside": 41}])

    def test_messages(self) -> None:
        hello, state, buckets, have, entries, plain, receipts, progress, refused, bye, join, joined, join_refused = samples.messages()
        self.refuses(MESSAGE, hello, [{"window": 65_535}, {"window": 1_048_577}, {"message_max": 4095}, {"message_max": 1_048_577}, {"state": b""}])
        self.refuses(MESSAGE, state, [{"missing": -1}])
        self.refuses(MESSAGE, buckets, [{"digests": buckets["digests"][1:]}, {"digests": buckets["digests"] + [bytes(8)]}, {"digests.0": bytes(9)}])
        self.refuses(MESSAGE, have, [{"buckets": bytes(8)}, {"buckets": bytes(7)}, {"logs": have["logs"] * 2}, {"logs.0.seq": 0}])
        gaps = ([1], [0, 1], [2, 1], [1, 2, 3, 4], [3, 4, 1, 1], [5, 41], [at for n in range(257) for at in (3 * n + 1, 3 * n + 1)])
        self.refuses(MESSAGE, altered(have, {"logs.0.seq": 1000}), [{"logs.0.gaps": gaps[-1]}])
        self.refuses(MESSAGE, have, [{"logs.0.gaps": value} for value in gaps])
        self.refuses(MESSAGE, have, [{"logs.0.partial": value} for value in ([1], [2, 1, 1, 1], [2, 1, 2, 1], [41, 1], [2, 0], [2, 262_144], [1] * 130)])
        self.refuses(MESSAGE, have, [{"logs.0.receipts": have["logs"][0]["receipts"] * 2}, {"logs.0.receipts.0.bodies": 41}])
        self.refuses(MESSAGE, entries, [{"codec": 2}, {"raw_bytes": 1_048_577}, {"raw_bytes": len(entries["data"])}, {"raw_bytes": 0}])
        self.refuses(MESSAGE, plain, [{"raw_bytes": plain["raw_bytes"] + 1}])
        self.refuses(MESSAGE, receipts, [{"receipts": receipts["receipts"] * 129}, {"receipts.0.signature": bytes(63)}])
        self.refuses(MESSAGE, progress, [{"bytes": -1}])
        self.refuses(MESSAGE, refused, [{"reason": 0}, {"reason": 10}, {"kind": 0}, {"epoch": bytes(9)}])
        self.refuses(MESSAGE, bye, [{"reason": 6}])
        self.refuses(MESSAGE, join, [{"version": 2}, {"suite": 2}, {"secret": bytes(16)}, {"signature": b""}])
        self.refuses(MESSAGE, joined, [{"line": [octets("root", 16)] * 2}, {"line": [octets("unit", 16), octets("root", 16)]}])
        self.refuses(MESSAGE, joined, [{"core.roles": 4}, {"admission.seq": 0}, {"line.0": bytes(8)}, {"root.kind": 1}, {"root.seq": 0}])
        self.refuses(MESSAGE, join_refused, [{"reason": 0}, {"reason": 7}])
        MESSAGE.decode(unchecked(MESSAGE, altered(hello, {"feature_level": 7})))
        for number in (0, 10, 15, 19):
            with self.assertRaises(Refused):
                MESSAGE.decode(hoi_codec.encode([number, 0]))
        with self.assertRaises(Refused):
            hoi_messages.read_message(bytes((1 << 20) + 1))

    def test_a_receipts_message_is_as_good_as_its_receipts(self) -> None:
        message, good = samples.messages()[6], samples.receipt()

        def with_receipt(data: bytes) -> bytes:
            return unchecked(MESSAGE, altered(message, {"receipts.1.receipt": data}))

        for later in ({"version": 2}, {"suite": 2}, {"extensions": CRITICAL}):
            data = unchecked(RECEIPT, altered(good, later))
            MESSAGE.decode(with_receipt(data))
            self.assertIsNone(hoi_messages.readable_receipt(data))
        self.assertEqual(hoi_messages.readable_receipt(RECEIPT.encode(good)), good)
        data = RECEIPT.encode(good)
        bad = (b"", data[:-1], data + b"\0", hoi_codec.encode([1]), unchecked(RECEIPT, altered(good, {"seq": 0})))
        critical = unchecked(RECEIPT, altered(good, {"extensions": CRITICAL, "bodies": 41}))
        second = unchecked(RECEIPT, altered(good, {"version": 2}))
        for each in (*bad, critical, second + b"\0", second[:-1]):
            with self.subTest(each.hex()), self.assertRaises(Refused):
                MESSAGE.decode(with_receipt(each))

    def test_items(self) -> None:
        table: list[dict[str, Any]] = [{"1.body": b"body"}, {"0.salt": bytes(16)}, {"0.signature": bytes(66)}, {"0.signature": b""}]
        table += [{"2.salt": b""}, {"2.kind": 4}, {"2.part": b""}, {"2.offset": 262_141}]
        self.refuses(ITEMS, samples.items(), table)
        with self.assertRaises(Refused):
            ITEMS.decode(unchecked(ITEMS, []))
        with self.assertRaises(Refused):
            ITEMS.decode(unchecked(ITEMS, samples.items()[1:2] * 4097))


class Proofs(unittest.TestCase):
    def test_founding_signature(self) -> None:
        statement = FOUNDING.encode(samples.founding())
        signature = hoi_crypto.sign(octets("founder"), "founding", bytes(32), statement)
        hoi_formats.verify_founding(statement, signature)
        for bad in (signature[::-1], hoi_crypto.sign(octets("other"), "founding", bytes(32), statement)):
            with self.assertRaises(Refused):
                hoi_formats.verify_founding(statement, bad)

    def test_signatures_are_verified_as_libsodium_does(self) -> None:
        order = 2**252 + 27742317777372353535851937790883648493
        public, data = samples.public("founder"), b"data"
        good = hoi_crypto.sign(octets("founder"), "header", ASSOCIATION, data)
        self.assertTrue(hoi_crypto.verify(public, good, "header", ASSOCIATION, data))
        larger = good[:32] + (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
        self.assertFalse(hoi_crypto.verify(public, larger, "header", ASSOCIATION, data))
        # With the neutral element as public key a laxer verification would take S and S·B for a signature of anything.
        scalar = (7).to_bytes(32, "little")
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)
        for neutral in (b"\x01" + bytes(31), b"\xee" + b"\xff" * 30 + b"\x7f", b"\x01" + bytes(30) + b"\x80"):
            self.assertFalse(hoi_crypto.verify(neutral, point + scalar, "header", ASSOCIATION, data))
        # The neutral element as R: S = h·a, with a the secret scalar.
        secret = bytearray(hashlib.sha512(octets("founder")).digest()[:32])
        secret[0] &= 248
        secret[31] = secret[31] & 127 | 64
        for first in (b"\x01" + bytes(31), b"\xee" + b"\xff" * 30 + b"\x7f"):
            challenge = hashlib.sha512(first + public + hoi_crypto.tagged("header", ASSOCIATION, data)).digest()
            product = int.from_bytes(challenge, "little") * int.from_bytes(secret, "little") % order
            self.assertFalse(hoi_crypto.verify(public, first + product.to_bytes(32, "little"), "header", ASSOCIATION, data))

    def test_header_and_body(self) -> None:
        founding = samples.founding()
        body = BODY.encode(samples.record_body())
        data = HEADER.encode(samples.header(2, body))
        signature = hoi_crypto.sign(octets("author"), "header", ASSOCIATION, data)
        header = hoi_formats.verify_header(data, signature, ASSOCIATION, samples.public("author"), founding)
        self.assertEqual(hoi_formats.check_body(header, ASSOCIATION, octets("salt"), body), samples.record_body())
        with self.assertRaises(Refused):
            hoi_formats.verify_header(data, signature, bytes(32), samples.public("author"), founding)
        with self.assertRaises(Refused):
            hoi_formats.verify_header(data, signature, ASSOCIATION, None, founding)
        for salt, other in ((octets("other"), body), (octets("salt"), body[:-1]), (octets("salt"), body + b"\0")):
            with self.assertRaises(Refused):
                hoi_formats.check_body(header, ASSOCIATION, salt, other)

    def test_body_of_another_class(self) -> None:
        body = BODY.encode(samples.document_body())
        header = samples.header(2, body)
        with self.assertRaises(Refused):
            hoi_formats.check_body(header, ASSOCIATION, octets("salt"), body)

    def test_recovery_signature(self) -> None:
        founding = samples.founding()
        good_header = altered(samples.header(1), {"kind": 3, "author": bytes(16), "epoch": bytes(8), "continues": None})
        data = HEADER.encode(good_header)
        seeds = {samples.public(f"recovery {at}"): octets(f"recovery {at}") for at in range(3)}
        parts = [bytes([at]) + hoi_crypto.sign(seeds[key], "header", ASSOCIATION, data) for at, key in enumerate(founding["recovery_keys"])]
        hoi_formats.verify_header(data, parts[0] + parts[2], ASSOCIATION, None, founding)
        for bad in (b"", parts[0], parts[2] + parts[0], parts[0] * 2, b"".join(parts), parts[0] + b"\3" + parts[2][1:], parts[0] + b"\1" + parts[2][1:]):
            with self.assertRaises(Refused):
                hoi_formats.verify_header(data, bad, ASSOCIATION, None, founding)
        with self.assertRaises(Refused):
            hoi_formats.verify_header(data, b"", ASSOCIATION, None, altered(founding, {"recovery_threshold": 0, "recovery_keys": []}))

    def test_receipt_and_join(self) -> None:
        data = RECEIPT.encode(samples.receipt())
        signature = hoi_crypto.sign(octets("holder"), "receipt", ASSOCIATION, data)
        hoi_formats.verify_receipt(data, signature, ASSOCIATION, samples.public("holder"))
        with self.assertRaises(Refused):
            hoi_formats.verify_receipt(data, signature, ASSOCIATION, samples.public("author"))
        join = samples.messages()[10]
        self.assertTrue(hoi_messages.verify_join(join, octets("bond", 8), octets("founder transport")))
        self.assertFalse(hoi_messages.verify_join(join, octets("other", 8), octets("founder transport")))
        self.assertFalse(hoi_messages.verify_join(join, octets("bond", 8), octets("other transport")))

    def test_ids_of_core_and_form_do_not_depend_on_the_body(self) -> None:
        body = samples.control_body()
        core = hoi_formats.payload_bytes(hoi_control.CORE, body["changes"][3]["payload"]["core"])
        form = hoi_formats.payload_bytes(hoi_control.FORM, samples.form())
        self.assertIn(core, BODY.encode(body))
        self.assertIn(form, BODY.encode(body))
        self.assertEqual(hoi_crypto.form_version(ASSOCIATION, form), samples.put()["form_version"])

    def test_token(self) -> None:
        text = hoi_messages.write_token(samples.token())
        self.assertRegex(text, r"^hoi1(-[a-z2-7]{5})*(-[a-z2-7]{2,5})$")
        one = {**samples.token(), "addresses": samples.token()["addresses"][:1]}
        self.assertEqual(hoi_messages.write_token(one).count("-"), 25, "five rows of five groups, for a usual address")
        for same in (text, text.upper(), " " + text.replace("-", " - ").replace("hoi1 - ", "hoi1-") + "\n", "hoi1-" + text[5:].replace("-", "")):
            self.assertEqual(hoi_messages.read_token(same), samples.token())
        for at in range(5, len(text)):
            if text[at] != "-":
                with self.assertRaises(hoi_messages.WrongGroup) as wrong:
                    hoi_messages.read_token(text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :])
                self.assertEqual(wrong.exception.number, (at - 5) // 6 + 1)
        alike = text[:5] + text[5:].translate(str.maketrans("olb", "018"))
        self.assertNotEqual(alike, text)
        self.assertEqual(hoi_messages.read_token(alike), samples.token())
        self.assertEqual(hoi_messages.read_token("\t\r\n " + text[:20] + "\t\r\n " + text[20:] + " "), samples.token())
        strange = [text[:20] + blank + text[20:] for blank in "\x0b\x0c\x1c\x85\xa0\u2003_"] + ["\x0b" + text, "\x0c" + text, "\xa0" + text, text + "\x0c"]
        for bad in ("", "hoi1-", "hoi2-" + text[5:], text[:-1], text + "a", text + "9", *strange):
            with self.subTest(bad[:8]), self.assertRaises(ValueError):
                hoi_messages.read_token(bad)
        good = samples.token()
        table: list[dict[str, Any]] = [{"secret": bytes(8)}, {"bond": bytes(9)}, {"addresses": []}, {"addresses": ["tcp://h:1"] * 5}]
        bad_addresses = ("udp://h:1", "tcp://h", "tcp://:1", "tcp://h:123456", "tcp://h:1a", "tcp://h h:1", "tcp://ộ:1", "tcp://h\x7f:1", "tcp://h\t:1")
        for changes in table + [{"addresses.0": address} for address in bad_addresses]:
            with self.subTest(changes=changes), self.assertRaises(Refused):
                TOKEN.encode(altered(good, changes))

    def test_frames(self) -> None:
        message = hoi_messages.pack_items(samples.items())
        self.assertEqual(hoi_messages.unpack_items(message), samples.items())
        data, size = message["data"], message["raw_bytes"]
        for frame, expected in ((data, size + 1), (data, size - 1), (data + data, size), (data + b"\0", size), (data[:-1], size), (b"", 0), (b"plain", 5)):
            with self.assertRaises(hoi_zstd.BadFrame):
                hoi_zstd.decompress(frame, expected)

    def test_buckets_and_state(self) -> None:
        first = {**ref(octets("author", 16), 1, 40), "receipts": [{"holder": octets("holder", 16), "seq": 40, "bodies": 39, "applied": 38}]}
        second = {**first, "kind": 2, "receipts": []}
        digest = hoi_messages.bucket_digest(ASSOCIATION, [first, second])
        self.assertEqual(digest, hoi_messages.bucket_digest(ASSOCIATION, [second, first]))
        self.assertNotEqual(digest, hoi_messages.bucket_digest(ASSOCIATION, [first]))
        self.assertEqual(hoi_messages.bucket_digest(ASSOCIATION, []), bytes(8))
        self.assertEqual(hoi_messages.marked_buckets(bytes([1, 0x80, 0, 0, 0, 0, 0, 0x80])), {0, 15, 63})
        self.assertEqual(len(hoi_messages.state_of(ASSOCIATION, [bytes(8)] * 64)), 16)


if __name__ == "__main__":
    unittest.main()

"""Change-sets that no hoi writes but that anybody with a key may: what is set aside, what rivals, what conflicts.

A row writes with a node of a district or of the centre, both stewards and writers; what it must come to is what the other
implementation makes of it, so rows say nothing of that. Each is written once what came before it has arrived everywhere.
"""

from __future__ import annotations

import secrets
from typing import Any, Callable, Iterator, NamedTuple

import hoi_crypto
from hoi_author import control, document_change, form_named, put_change, unit_change, unit_set_change
from hoi_codec import encode
from hoi_common import DIRECTIVE, REPORT
from hoi_control import CORE
from hoi_formats import CONTROL, DOCUMENT, RECORD, payload_bytes
from hoi_node import Node
from hoi_records import Views
from hoi_shape import Fields
from hoi_verify import Entry
from nacl.signing import SigningKey

CRITICAL = [{"number": 9, "critical": True, "data": b"new"}]


class Row(NamedTuple):
    """What is written, by which node."""

    name: str
    writer: str
    write: Callable[[Node], Entry]


class Odd:
    """The rows; `ids` are the units by code, `nonce` is that of a creation that is copied."""

    def __init__(self, ids: dict[str, bytes], district: Node, centre: Node) -> None:
        self.ids, self.district, self.centre = ids, district, centre
        self.nonce, self.other = secrets.token_bytes(16), secrets.token_bytes(16)
        self.keys: dict[str, Node] = {}

    def rows(self) -> Iterator[Row]:
        """Yield all rows, in an order in which later ones build on earlier ones."""
        yield from self.units()
        yield from self.attributes()
        yield from self.admissions()
        yield from self.forms()
        yield from self.bodies()
        yield from self.puts()
        yield from self.documents()

    # Structure

    def units(self) -> Iterator[Row]:
        ids = self.ids

        def makes(name: str, writer: str, parent: str, level: int, code: str, effective: Any = None, nonce: bytes = b"") -> Row:
            return Row(name, writer, lambda node: control(node, unit_change(node, ids[parent], level, code, name, effective), nonce=nonce or None))

        yield makes("a unit", "district", "560", 3, "X1", nonce=self.nonce)
        yield makes("the same, made again by a senior", "centre", "560", 3, "X1b", 10, self.nonce)
        yield makes("the same, by one who has no say", "commune", "560", 3, "X1c", nonce=self.nonce)
        yield makes("its nonce copied, under another parent", "district", "22165", 4, "X2", nonce=self.nonce)
        yield makes("the same nearer to the root", "centre", "54", 3, "X3", nonce=self.nonce)
        yield makes("a unit where one has no say", "district", "562", 3, "X4")
        yield makes("the root again", "centre", "VN", 1, "X5", nonce=self.centre.held.founding["nonce"])
        yield Row("a unit under none", "district", lambda node: control(node, self.orphan(node)))
        yield Row("a unit under itself", "district", lambda node: control(node, self.orphan(node, self.other), nonce=self.other))
        yield Row("a chain past the deepest level", "district", lambda node: self.chain(node, False))
        yield Row("a chain from the bottom", "district", lambda node: self.chain(node, True))

    def orphan(self, node: Node, nonce: bytes = b"") -> Fields:
        """Return the creation of a unit under a parent that nobody made; with the nonce of its body, under itself."""
        change = unit_change(node, self.ids["560"], 3, "X9", "Mồ côi")
        parent = hoi_crypto.unit_id(node.association, nonce, 0) if nonce else secrets.token_bytes(16)
        change["payload"].update(parent=parent, line=[parent, *change["payload"]["line"]])
        return change

    def chain(self, node: Node, upwards: bool) -> Entry:
        """Write 32 units, each under the one before it, in one body."""
        nonce, count = secrets.token_bytes(16), 32
        places = [count - 1 - at for at in range(count)] if upwards else list(range(count))
        ids = {at: hoi_crypto.unit_id(node.association, nonce, places[at]) for at in range(count)}
        changes: dict[int, Fields] = {}
        for at in range(count):
            line = ([ids[above] for above in range(at - 1, -1, -1)] + [self.ids["560"], self.ids["54"], self.ids["VN"]])[:30]
            payload = {"parent": line[0], "level": min(30, 3 + at), "code": "", "name": f"Tầng {at}", "effective": None, "line": line}
            changes[places[at]] = {"kind": 1, "payload": payload}
        return control(node, *(changes[place] for place in range(count)), nonce=nonce)

    def attributes(self) -> Iterator[Row]:
        ids, unit = self.ids, self.ids["22168"]

        def sets(writer: str, name: str, *values: tuple[int, Any, Any], **more: Any) -> Row:
            return Row(name, writer, lambda node: control(node, *(unit_set_change(more.get("unit", unit), *each) for each in values)))

        yield sets("district", "a name from a day on", (2, "Tên mới", 19_000), (1, "22168b", 19_000), (3, 4, 21_000))
        yield sets("centre", "a rival of it, of the same day", (2, "Tên khác", 19_000))
        yield sets("district", "one that has seen its own, not the rival", (2, "Tên ba", 19_000))
        yield sets("centre", "another day", (2, "Tên bốn", 18_000), (2, "Tên năm", None))
        yield sets("district", "the same twice in a body", (2, "Một", 20_000), (2, "Hai", 20_000))
        yield sets("district", "for a unit above", (2, "Không", 20_000), unit=ids["54"])
        yield sets("district", "for a unit nobody made", (2, "Không", 20_000), unit=secrets.token_bytes(16))
        yield sets("centre", "the root's own", (3, 1, None), (1, "TW", 100), unit=ids["VN"])
        yield sets("centre", "the root's level as it was", (3, 0, 200), unit=ids["VN"])
        for writer in ("district", "centre"):
            names = [{"lang": "vi", "text": f"cấp của {writer}"}]
            payload = {"levels": [{"number": number, "names": names} for number in (0, 1, 2, 3)]}
            yield Row(f"a level table by the {writer}", writer, lambda node, payload=payload: control(node, {"kind": 12, "payload": payload}))

    def admissions(self) -> Iterator[Row]:
        ids = self.ids
        for name, unit, roles in (("writer", "22168", 1), ("steward", "22168", 2)):
            yield Row(f"a node that is {name} only", "district", lambda node, name=name, unit=unit, roles=roles: self.admit(node, name, ids[unit], roles))
        yield Row("the same admission again", "district", lambda node: self.admit(node, "steward", ids["22168"], 2, again=True))
        yield Row("a node of a unit above", "district", lambda node: self.admit(node, "no 1", ids["54"], 3))
        yield Row("a node of no unit", "district", lambda node: self.admit(node, "no 2", secrets.token_bytes(16), 3))
        yield Row("a node in another's name", "district", lambda node: self.admit(node, "no 3", ids["560"], 3, inviter=self.centre.id))
        yield Row("a writer's structure", "writer", lambda node: control(node, unit_set_change(ids["22168"], 2, "Không", 20_500)))
        yield Row("a steward's structure", "steward", lambda node: control(node, unit_set_change(ids["22168"], 2, "Được", 20_600)))
        yield Row("a steward's record", "steward", lambda node: self.put(node, {"members_total": 5}, 3))
        yield Row("a writer's record", "writer", lambda node: self.put(node, {"members_total": 6}, 4))

    def admit(self, node: Node, name: str, unit: bytes, roles: int, inviter: bytes = b"", again: bool = False) -> Entry:
        """Admit a node made up here, whose keys are kept so that it can write later."""
        if not again:
            made = self.keys[name] = Node(node.association)
            made.core = {  # type: ignore[attr-defined]
                "inviter": inviter or node.id,
                "unit": unit,
                "signing_key": bytes(SigningKey(made.signing_seed).verify_key),
                "transport_key": made.transport_key,
                "nonce": secrets.token_bytes(16),
                "roles": roles,
                "succeeds": b"",
            }
        made = self.keys[name]
        core = made.core  # type: ignore[attr-defined]
        made.id, made.unit = hoi_crypto.node_id(node.association, payload_bytes(CORE, core)), unit
        return control(node, {"kind": 7, "payload": {"core": core, "line": node.tree.above(unit) or [node.held.root], "pins": []}})

    # Forms

    def forms(self) -> Iterator[Row]:
        def add(title: str, previous: str = "", **more: Any) -> Row:
            return Row(title, "district", lambda node: control(node, {"kind": 11, "payload": self.form(node, previous, **more)}))

        yield add("a form of every type")
        yield add("its next version", previous="kinds", label=2, titles=[{"lang": "en", "text": "Kinds"}])
        yield add("one that lost a field", previous="kinds", label=3, fields=lambda fields: fields[:-1])
        yield add("one with another type", previous="kinds", label=3, fields=lambda fields: [{**fields[0], "type": 3}, *fields[1:]])
        yield add("one with more places", previous="kinds", label=3, fields=lambda fields: [fields[0], {**fields[1], "places": 3}, *fields[2:]])
        yield add("one of another period", previous="kinds", label=3, period=2)
        yield add("one with a higher reach", previous="kinds", label=3, reach=2)
        yield add("one of another's", issuer=self.ids["54"])
        yield add("one after none that stands", previous="nobody's")
        yield add("one with an extension to know", extensions=CRITICAL, name="critical")
        yield add("a list for one level", name="rows", list=True, levels=[3], reach=0)
        yield add("one that is for the office itself", name="own", reach=31)

    def form(self, node: Node, previous: str, **more: Any) -> Fields:
        """Return a form with a field of each type, or what makes it another."""
        plain: Fields = {"labels": [], "places": 0, "measure": "", "over_units": 1, "over_time": 1, "weight": "", "required": False, "minimum": None}
        plain.update(maximum=None, choices=[], formula="", retired=False, extensions=[])
        kinds = ("integer", "decimal", "money", "text", "yesno", "choice", "date", "computed")
        fields = [{**plain, "name": name, "type": at + 1} for at, name in enumerate(kinds)]
        fields[1]["places"] = 2
        fields[5]["choices"] = [{"code": code, "labels": []} for code in ("a", "b")]
        fields[7]["formula"] = "integer + money"
        for at in range(3, 8):
            fields[at]["over_units"] = 0 if at < 7 else 1
        form: Fields = {"issuer": self.ids["560"], "name": "kinds", "label": 1, "previous": b"", "titles": [], "period": 1, "window": 1, "levels": []}
        form.update(list=False, reach=1, policy=1, due=[], fields=fields, rules=[], extensions=[])
        if previous:
            views = Views(node.tree)
            form["previous"] = form_named(views, previous).version if previous == "kinds" else secrets.token_bytes(32)
        change = more.pop("fields", None)
        form.update(more)
        if change:
            form["fields"] = change(fields)
        return form

    # Bodies that are none

    def bodies(self) -> Iterator[Row]:
        plain = {"class": CONTROL, "kind": DIRECTIVE, "audience": []}

        def raw(name: str, value: Any, writer: str = "district", **header: Any) -> Row:
            data = value if isinstance(value, bytes) else encode(value)
            return Row(name, writer, lambda node: node.sign_entry(data, secrets.token_bytes(32), **{**plain, **header}))

        nonce = secrets.token_bytes(16)
        set_name = [2, [self.ids["560"], 2, "Tên", None]]
        yield raw("bytes that are no structure", b"\xc1\xc1")
        yield raw("an empty body", b"")
        yield raw("no change", [nonce, []])
        yield raw("a control body without nonce", [b"", [set_name]])
        yield raw("a record among control changes", [nonce, [set_name, [64, []]]])
        yield raw("one malformed change spoils the rest", [nonce, [set_name, [2, [self.ids["560"], 9, "Tên", None]]]])
        yield raw("kinds that are reserved, and none", [nonce, [[3, []], [20, [1, [2]]], [50, []], set_name]])
        yield raw("a kind of no class", [nonce, [[128, []]]])
        yield raw("too deep", encode([nonce, [[50, []]]])[:-1] + b"\x91" * 13 + b"\x90")
        yield raw("as deep as may be", encode([nonce, [[50, []]]])[:-1] + b"\x91" * 12 + b"\x90")
        yield raw("another class than the header's", [nonce, [set_name]], **{"class": RECORD, "audience": [{"unit": self.ids["560"], "scope": 0}]})
        yield raw("a header with an extension to know", [nonce, [set_name]], extensions=CRITICAL)
        named = [nonce, [[2, [self.ids["560"], 2, "Tên mở rộng", 50]]]]
        yield raw("a header with one to pass over", named, extensions=[{**CRITICAL[0], "critical": False}])

    # Records

    def put(self, node: Node, values: dict[str, Any], quarter: int, form: str = "members", **header: Any) -> Entry:
        """Write a record of the node's own unit, having seen nothing of others."""
        body = {"nonce": b"", "changes": [put_change(form_named(Views(node.tree), form), 4 * 2020 + quarter, values)]}
        return node.write(body, **header)

    def puts(self) -> Iterator[Row]:
        ids = self.ids

        def writes(name: str, change: Callable[[Views], list[Fields]], writer: str = "commune", **header: Any) -> Row:
            return Row(name, writer, lambda node: node.write({"nonce": b"", "changes": change(Views(node.tree))}, **header))

        def one(form: str, period: int, values: dict[str, Any], **more: Any) -> Callable[[Views], list[Fields]]:
            return lambda views: [put_change(form_named(views, form), period, values, **more)]

        def bent(**more: Any) -> Callable[[Views], list[Fields]]:
            def change(views: Views) -> list[Fields]:
                made = one("kinds", 12 * 2025, {"integer": 1})(views)
                made[0]["payload"].update(more)
                return made

            return change

        every = {"integer": -5, "decimal": 12_345, "money": 1, "text": "chữ", "yesno": True, "choice": "b", "date": 20_000}
        column = {"ordinal": 0, "states": b"", "values": [1], "qualifiers": [], "notes": []}
        yield writes("a value of every type", one("kinds", 12 * 2025, every))
        yield writes("some of them otherwise, by another node, unseen", one("kinds", 12 * 2025, {**every, "choice": "a", "date": None}), "commune 2")
        yield writes("qualified, with a note", bent(columns=[{**column, "qualifiers": [0, 1], "notes": [{"cell": 0, "raw": "trên 1", "source": "B2"}]}]))
        yield writes("twice in one body", lambda views: one("kinds", 12 * 2024, {"integer": 1})(views) + one("kinds", 12 * 2024, {"integer": 2})(views))
        yield writes("a form that nobody made", bent(form_version=bytes(32)))
        yield writes("a field that is not there", bent(columns=[{**column, "ordinal": 8}]))
        yield writes("a computed field", bent(columns=[{**column, "ordinal": 7}]))
        yield writes("a value of another type", bent(columns=[{**column, "ordinal": 3}]))
        yield writes("a choice that is not there", bent(columns=[{**column, "ordinal": 5, "values": [2]}]))
        yield writes("a date out of bounds", bent(columns=[{**column, "ordinal": 6, "values": [50_000]}]))
        yield writes("a qualified choice", bent(columns=[{**column, "ordinal": 5, "qualifiers": [0, 1]}]))
        yield writes("a month that is none", bent(keys=[{"period": 12 * 2100, "rows": []}]))
        yield writes("a row in a form without rows", one("kinds", 12 * 2025, {"integer": 1}, row="a"))
        yield writes("rows", lambda views: one("rows", 12 * 2025, {"integer": 1}, row="ă")(views) + one("rows", 12 * 2025, {"integer": 2}, row="a")(views))
        yield writes("a list without row", one("rows", 12 * 2025, {"integer": 1}))
        yield writes("a list when the unit was of another level", one("rows", 12 * 2027 + 7, {"integer": 1}, row="a"))
        yield writes("one good and one bad", lambda views: one("kinds", 12 * 2023, {"integer": 7})(views) + bent(form_version=bytes(32))(views))
        yield writes("kinds that are reserved", lambda _: [{"kind": 65, "payload": []}, {"kind": 80, "payload": [1]}])
        yield writes("for nobody above", one("own", 12 * 2025, {"integer": 3}), reach=31)
        yield writes("for the district", one("kinds", 12 * 2022, {"integer": 3}), reach=2)
        other = [{"unit": ids["22165"], "scope": 0}]
        yield writes("a sibling's record", one("kinds", 12 * 2025, {"integer": 3}), audience=other)
        yield writes("a sibling's record as a directive", one("kinds", 12 * 2025, {"integer": 3}), audience=other, kind=DIRECTIVE)
        yield writes("on behalf, from above", one("kinds", 12 * 2025, {"integer": 4}, flags=2), "district", audience=other, kind=DIRECTIVE)
        nobody = [{"unit": bytes(16), "scope": 0}]
        yield writes("for a unit nobody made", one("kinds", 12 * 2025, {"integer": 3}), "district", audience=nobody, kind=DIRECTIVE)
        own = [{"unit": ids["560"], "scope": 0}]
        yield writes("a correction with an extension to know", one("kinds", 12 * 2025, {"integer": 3}), "district", audience=own, extensions=CRITICAL)
        yield Row("a new epoch that continues", "commune 2", lambda node: self.next_epoch(node, True))
        yield Row("one that continues what is not there", "commune 2", lambda node: self.next_epoch(node, False))

    def next_epoch(self, node: Node, known: bool) -> Entry:
        """Begin a new epoch of the report log, after the last entry of the one before or after one that nobody holds."""
        key = node.log_of(REPORT)
        assert key is not None
        ref = dict(node.held.logs[key][-1].ref)
        if not known:
            ref["seq"] += 5
        form = form_named(Views(node.tree), "kinds")
        body = {"nonce": b"", "changes": [put_change(form, 12 * 2025, {"choice": "a" if known else "b", "integer": 9})]}
        return node.write(body, epoch=secrets.token_bytes(8), seq=1, prev=b"", continues=ref)

    def documents(self) -> Iterator[Row]:
        ids = self.ids

        def sends(name: str, terms: list[tuple[str, int]], writer: str = "district", kind: int = DIRECTIVE, **more: Any) -> Row:
            audience = sorted(({"unit": ids.get(code, bytes(16)), "scope": scope} for code, scope in terms), key=lambda term: (term["unit"], term["scope"]))
            change = document_change(name, "Chữ")
            change["payload"].update(more)
            body = {"nonce": b"", "changes": [change]}
            return Row("a document " + name, writer, lambda node: node.write(body, **{"class": DOCUMENT, "kind": kind, "audience": audience}))

        yield sends("for one below", [("22165", 0)])
        yield sends("for all below", [("560", 1)])
        yield sends("for a level", [("560", 2 + 3)])
        yield sends("for the level above", [("54", 0), ("560", 0)])
        yield sends("for all below the level above", [("54", 1)])
        yield sends("for a branch beside", [("562", 0)])
        yield sends("for nobody", [("?", 0)])
        yield sends("for one below, one beside and nobody", [("22165", 0), ("562", 0), ("?", 0)])
        yield sends("for one beside and nobody", [("562", 0), ("?", 0)])
        yield sends("from below", [("22168", 0)], "commune", REPORT)
        yield sends("from the centre for a level far below", [("VN", 2 + 3)], "centre")
        yield sends("with an extension to know", [("560", 1)], extensions=CRITICAL)

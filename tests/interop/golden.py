"""The golden vectors: how they are written down, and how every fact beside one is derived anew from its bytes.

A vector is a JSON object: `name`, `structure`, `bytes` and `association` in hex, `decoded` (the canonical value, a str as
{"str": text}, a bin as {"bin": hex}, an integer that JSON readers may round as a string of digits), facts that follow from
the bytes, and what it takes to derive these.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any, Callable, Iterable

import hoi_codec
import hoi_common
import hoi_control
import hoi_crypto
import hoi_formats
import hoi_messages
from hoi_codec import Value
from hoi_shape import Fields, Structure

_NAMED = (
    hoi_formats.FOUNDING,
    hoi_formats.SIGNED_FOUNDING,
    hoi_formats.HEADER,
    hoi_formats.BODY,
    hoi_formats.RECEIPT,
    hoi_formats.SIGNED_RECEIPT,
    hoi_messages.ITEMS,
    hoi_messages.TOKEN,
    hoi_messages.JOIN_REQUEST,
    hoi_messages.JOIN_ADMISSION,
    Structure("core", hoi_control.CORE),
    Structure("ref", hoi_common.REF),
    Structure("log", hoi_common.LOG),
)
STRUCTURES: dict[str, Structure] = {
    **{name: Structure(name, shape) for name, shape in hoi_formats.CHANGES.values()},
    **{name: Structure(name, shape) for name, shape in zip(hoi_messages.MESSAGE_NAMES.values(), hoi_messages.MESSAGE_SHAPES)},
    **{structure.name: structure for structure in _NAMED},
}
# What a vector says that does not follow from its bytes, but is needed to derive what does.
INPUTS = {"signing_key", "statement", "salt", "attachment", "inviter", "inviter_key", "bond", "unit", "root"}
# Structures of which some fact covers every byte: no damage to one may leave all facts standing.
PROVEN = {"founding", "header", "body", "receipt", "core", "form", "buckets", "join", "token"}

JSON_EXACT_MAX = 2**53 - 1


@dataclasses.dataclass(frozen=True)
class Vector:
    """One structure's bytes, the association they are of, and what the C implementation says of them."""

    name: str
    structure: Structure
    data: bytes
    association: bytes
    decoded: Any
    facts: Fields

    def given(self, name: str) -> bytes:
        """Return an input of the vector."""
        return bytes.fromhex(self.facts[name])


def load(path: pathlib.Path) -> list[Vector]:
    """Return the vectors of a file; raise KeyError for a structure that the page does not name."""
    return [_vector(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def _vector(entry: Fields) -> Vector:
    facts = dict(entry)
    name, structure = facts.pop("name"), STRUCTURES[facts.pop("structure")]
    data, association = bytes.fromhex(facts.pop("bytes")), bytes.fromhex(facts.pop("association"))
    return Vector(name, structure, data, association, facts.pop("decoded"), facts)


def rendered(value: Value) -> Any:
    """Return a canonical value as the vectors write it in JSON."""
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    if isinstance(value, str):
        return {"str": value}
    if type(value) is int and abs(value) > JSON_EXACT_MAX:
        return str(value)
    return [rendered(item) for item in value] if isinstance(value, list) else value


def wrong_decoding(vector: Vector) -> list[str]:
    """Return where the value written beside the bytes is not what the bytes say."""
    ours = rendered(hoi_codec.decode(vector.data))
    return [] if _equal(ours, vector.decoded) else [f"decoded says {vector.decoded}, the bytes say {ours}"]


def _equal(ours: Any, theirs: Any) -> bool:
    """Compare two renderings, types included: JSON's true is not 1."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_equal, ours, theirs))
    return type(ours) is type(theirs) and bool(ours == theirs)


def wrong_facts(vector: Vector, data: bytes, item: Any) -> list[str]:
    """Return which facts of the vector do not hold for `data`, read as `item`; a fact that nothing here derives does not hold."""
    derive = _DERIVED.get(vector.structure.name, lambda *_: {})
    try:
        derived = {"association": vector.association.hex(), **derive(vector, data, item)}
    except ValueError as error:
        return [str(error)]
    said = {"association": vector.association.hex(), **{name: value for name, value in vector.facts.items() if name not in INPUTS}}
    return [f"{name} is {derived.get(name)}, not {value}" for name, value in said.items() if derived.get(name) != value]


def _signature(vector: Vector, tag: str, association: bytes, data: bytes) -> str:
    """Return the vector's signature where it holds for `data`, and what is wrong where not."""
    signature = vector.given("signature")
    return signature.hex() if hoi_crypto.verify(vector.given("signing_key"), signature, tag, association, data) else "no signature of these bytes"


def _founding(vector: Vector, data: bytes, item: Fields) -> Fields:
    association = hoi_crypto.association_id(data)
    if item["signing_key"] != vector.given("signing_key"):
        raise ValueError("the statement has another signing key")
    return {
        "association": association.hex(),
        "node_id": hoi_crypto.node_id(association, data).hex(),
        "unit_id": hoi_crypto.unit_id(association, item["nonce"], 0).hex(),
        "signature": _signature(vector, "founding", hoi_crypto.NO_ASSOCIATION, data),
    }


def _header(vector: Vector, data: bytes, item: Fields) -> Fields:
    derived: Fields = {"entry_hash": hoi_crypto.entry_hash(vector.association, data).hex()}
    if any(extension["critical"] for extension in item["extensions"]):
        derived["critical"] = True
    if item["kind"] != hoi_common.RECOVERY:
        return {**derived, "signature": _signature(vector, "header", vector.association, data)}
    statement = vector.given("statement")
    if hoi_crypto.association_id(statement) != vector.association:
        raise ValueError("the statement is another association's")
    hoi_formats.verify_header(data, vector.given("signature"), vector.association, None, hoi_formats.FOUNDING.decode(statement))
    return {**derived, "signature": vector.facts["signature"]}


def _body(vector: Vector, data: bytes, item: Fields) -> Fields:
    derived: Fields = {"body_hash": hoi_crypto.body_hash(vector.association, vector.given("salt"), data).hex()}
    places = [place for place, change in enumerate(item["changes"]) if change["kind"] == 1]
    if places:
        derived["unit_ids"] = [{"unit_id": hoi_crypto.unit_id(vector.association, item["nonce"], place).hex(), "place": place} for place in places]
    return derived


def _receipt(vector: Vector, data: bytes, item: Fields) -> Fields:
    return {"signature": _signature(vector, "receipt", vector.association, data)}


def _core(vector: Vector, data: bytes, item: Fields) -> Fields:
    return {"node_id": hoi_crypto.node_id(vector.association, hoi_formats.payload_bytes(hoi_control.CORE, item)).hex()}


def _form(vector: Vector, data: bytes, item: Fields) -> Fields:
    version, form = hoi_crypto.form_version(vector.association, data), hoi_crypto.form_id(vector.association, item["issuer"], item["name"])
    return {"form_version": version.hex(), "form_id": form.hex()}


def _document(vector: Vector, data: bytes, item: Fields) -> Fields:
    if "attachment" not in vector.facts:
        return {}
    found = hoi_crypto.attachment_hash(vector.association, vector.given("attachment"))
    if found not in [attachment["hash"] for attachment in item["attachments"]]:
        raise ValueError("the attachment is not one that the document names")
    return {"attachment_hash": found.hex()}


def _have(vector: Vector, data: bytes, item: Fields) -> Fields:
    buckets = {hoi_messages.bucket_of(log["node"]) for log in item["logs"]}
    if len(buckets) != 1:
        return {}
    return {"bucket": buckets.pop(), "bucket_digest": hoi_messages.bucket_digest(vector.association, item["logs"]).hex()}


def _buckets(vector: Vector, data: bytes, item: Fields) -> Fields:
    return {"state": hoi_messages.state_of(vector.association, item["digests"]).hex()}


def _entries(vector: Vector, data: bytes, item: Fields) -> Fields:
    items = hoi_messages.unpack_items(item)
    raw = hoi_messages.ITEMS.encode(items)
    bodies: dict[tuple[Any, ...], Fields] = {}
    for each in items:
        if each["type"] == 1:
            header = hoi_formats.HEADER.decode(each["header"])
            if each["salt"]:
                hoi_formats.check_body(header, vector.association, each["salt"], each["body"])
                bodies[(*hoi_common.log_key(header, "author"), header["seq"])] = each
        elif each["type"] == 3:
            hoi_formats.HEADER.decode(each["header"])
        else:
            whole = bodies.get((*hoi_common.log_key(each), each["seq"]))
            if whole and (each["salt"] != whole["salt"] or not whole["body"][each["offset"] :].startswith(each["part"])):
                raise ValueError("a part of another body than the entry's before it")
    return {"items": raw.hex(), "items_decoded": rendered(hoi_codec.decode(raw))}


def _join(vector: Vector, data: bytes, item: Fields) -> Fields:
    if not hoi_messages.verify_join(item, vector.given("bond"), vector.given("inviter_key")):
        raise ValueError("not signed by the new key for this token and inviter")
    return {}


def _joined(vector: Vector, data: bytes, item: Fields) -> Fields:
    hoi_formats.verify_founding(item["statement"], item["signature"])
    return {"association": hoi_crypto.association_id(item["statement"]).hex(), **_core(vector, data, item["core"])}


def _request(vector: Vector, data: bytes, item: Fields) -> Fields:
    return {"fingerprint": hoi_messages.fingerprint(item["signing_key"], item["transport_key"])}


def _token(vector: Vector, data: bytes, item: Fields) -> Fields:
    text = hoi_messages.write_token(item)
    if hoi_messages.read_token(text) != item:
        raise ValueError("not a token that is read as it was written")
    root = hoi_common.REF.read(hoi_codec.decode(vector.given("root")), "root")
    if hoi_messages.token_bond(item, vector.association, vector.given("inviter"), vector.given("unit"), root) != item["bond"]:
        raise ValueError("another bond than that of its terms")
    return {"text": text}


_DERIVED: dict[str, Callable[[Vector, bytes, Any], Fields]] = {
    "founding": _founding,
    "header": _header,
    "body": _body,
    "receipt": _receipt,
    "core": _core,
    "admission": lambda vector, data, item: _core(vector, data, item["core"]),
    "form": _form,
    "document": _document,
    "have": _have,
    "buckets": _buckets,
    "entries": _entries,
    "join": _join,
    "joined": _joined,
    "token": _token,
    "join_request": _request,
}


def signing_keys(vectors: Iterable[Vector]) -> dict[bytes, bytes]:
    """Return the signing key of every node that a founding statement or admission core among the vectors creates."""
    keys: dict[bytes, bytes] = {}
    for vector in vectors:
        item = vector.structure.decode(vector.data)
        if vector.structure.name == "founding":
            keys[hoi_crypto.node_id(vector.association, vector.data)] = item["signing_key"]
        core = item if vector.structure.name == "core" else item.get("core") if vector.structure.name in ("admission", "joined") else None
        if core:
            keys[hoi_crypto.node_id(vector.association, hoi_formats.payload_bytes(hoi_control.CORE, core))] = core["signing_key"]
    return keys


def wrong_authors(vector: Vector, item: Any, keys: dict[bytes, bytes]) -> list[str]:
    """Return which signed structures of the vector are not signed by the node they name, of those whose keys are known."""
    signed: list[tuple[str, bytes, bytes, bytes]] = []
    if vector.structure.name == "header" and item["kind"] != hoi_common.RECOVERY:
        signed = [("header", item["author"], vector.data, vector.given("signature"))]
    elif vector.structure.name == "receipt":
        signed = [("receipt", item["holder"], vector.data, vector.given("signature"))]
    elif vector.structure.name == "receipts":
        readable = [(hoi_messages.readable_receipt(each["receipt"]), each) for each in item["receipts"]]
        signed = [("receipt", receipt["holder"], each["receipt"], each["signature"]) for receipt, each in readable if receipt]
    elif vector.structure.name == "entries":
        entries = [each for each in hoi_messages.unpack_items(item) if each["type"] in (1, 3)]
        signed = [("header", hoi_formats.HEADER.decode(each["header"])["author"], each["header"], each["signature"]) for each in entries]
    return [
        f"{tag} is not signed by {author.hex()}"
        for tag, author, data, signature in signed
        if author in keys and not hoi_crypto.verify(keys[author], signature, tag, vector.association, data)
    ]

"""The two implementations on the same damaged bytes: both must accept them, and write them again alike, or both refuse.

The C side is recode_lines, a filter over the protocol layer. Whatever they disagree on is a bug of one of them, or a rule
that the page does not state. Exit code 1 where they disagree anywhere.

    against_c.py RECODE_LINES [--each N] [--seed N]
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
from typing import Iterator

import golden
import hoi_codec
import hoi_formats
import hoi_messages
import mutate
import samples

SHOWN_MAX = 40


def corpus() -> Iterator[tuple[str, bytes]]:
    """Yield names of structures with good bytes: the golden vectors, and our own samples with the payloads in them."""
    for vector in golden.load(pathlib.Path(__file__).resolve().parent.parent / "golden" / "vectors.json"):
        yield vector.structure.name, vector.data
    for structure, data in samples.all_bytes():
        value = hoi_codec.decode(data)
        if structure.name == "message" and isinstance(value, list) and isinstance(value[0], int):
            yield hoi_messages.MESSAGE_NAMES[value[0]], data
        elif structure.name in ("founding", "header", "body", "receipt", "token"):
            yield structure.name, data
    for body in (samples.control_body(), samples.trust_body(), samples.reason_body(), samples.record_body(), samples.document_body()):
        for change in body["changes"]:
            if change["kind"] in hoi_formats.CHANGES:
                name, shape = hoi_formats.CHANGES[change["kind"]]
                yield name, hoi_formats.payload_bytes(shape, change["payload"])


def hand_made() -> Iterator[tuple[str, bytes]]:
    """Yield bytes that chance finds too seldom, each of which the two sides once took differently."""
    put = samples.put()
    put["keys"][0]["rows"][2]["shared"] += 1  # half of a character: the row key would be no text
    yield "put", hoi_codec.encode(hoi_formats.CHANGES[64][1].write(put))
    keys, *_ = hoi_messages.TOKEN.shape.write(samples.token())
    places = ("a b:1", ":1", "a:100000", "a:1", "192.0.2.1:1", "192.0.2.01:1", "192.0.2.256:1", "192.0.2.1:65536", "192.0.2.1:0", "192.0.2.1:01", "1.2.3:4")
    for address in (*places, "a" * 192 + ":1", "a" * 193 + ":1", bytes(6), bytes(5), bytes(7)):
        yield "token", hoi_codec.encode([keys, address])
    for aside in (40, 41):
        yield "receipt", hoi_codec.encode(hoi_formats.RECEIPT.shape.write({**samples.receipt(), "aside": aside}))
    put["keys"][0]["rows"][2] = {"shared": 6, "rest": "á"}  # and half of the one before, where the rest is text again
    yield "put", hoi_codec.encode(hoi_formats.CHANGES[64][1].write(put))
    yield from edges()
    yield from trust_edges()
    yield from extract_edges()
    header = hoi_formats.HEADER.shape.write(samples.header())
    assert isinstance(header, list)
    for value in ([2, *header[1:]], [2, *header[1:], 0], [*header, 0]):
        yield "header", hoi_codec.encode(value)


def edges() -> Iterator[tuple[str, bytes]]:
    """Yield receipts messages with receipts of later versions, good and malformed, and forms with weights and limits of every field."""
    message, receipt, form = samples.messages()[6], samples.receipt(), samples.form()
    later = [{"version": 2}, {"suite": 0}, {"extensions": [{"number": 1, "critical": True, "data": b""}]}]
    for change in [*later, {**later[2], "bodies": 41}]:
        data = hoi_codec.encode(hoi_formats.RECEIPT.shape.write({**receipt, **change}))
        for each in (data, data + b"\0", data[:-1]):
            signed = {"receipt": each, "signature": bytes(64)}
            yield "receipts", hoi_codec.encode(hoi_messages.RECEIPTS.write({**message, "receipts": [signed]}))
            yield "receipt", each
    for at, field in enumerate(form["fields"]):
        for other in ({"weight": field["name"], "over_units": 4}, {"minimum": 1, "maximum": 0}, {"minimum": 1, "maximum": 1}, {"maximum": 1}):
            fields = [{**each, **other} if place == at else each for place, each in enumerate(form["fields"])]
            yield "form", hoi_codec.encode(hoi_formats.CHANGES[11][1].write({**form, "fields": fields}))


def trust_edges() -> Iterator[tuple[str, bytes]]:
    """Yield the bounds of changes of trust, each at its edge and one past it."""
    move, close, _, handover, revocation, _, fork, erase, _ = (change["payload"] for change in samples.trust_body()["changes"])
    shapes = {name: shape for name, shape in hoi_formats.CHANGES.values()}
    units = [close["line"][0], *(samples.octets(f"unit {at}", 16) for at in range(64))]
    many, keeps = samples.refs(257), fork["keeps"]
    table = [
        *(("close", {**close, "successors": successors}) for successors in ([], units[:64], units, units[::-1][:3], [*units[:2], units[1]], [close["unit"]])),
        *(("move", {**move, line: each}) for line in ("line", "former") for each in ([], units[:30], units[:31], [move["unit"]], units[:1] * 2)),
        *(("handover", {**handover, "upto": upto}) for upto in ([], many[:256], many, [many[0], {**many[0], "seq": 9}])),
        *(("revocation", {**revocation, **other}) for other in ({"reason": None}, {"upto": []}, {"upto": many[:1]}, {"node": bytes(16)})),
        *((name, {key: each, **more}) for name, key, more in (("pin", "pins", {}), ("erase", "entries", {"reason": None}), ("accept", "entries", {}))
          for each in ([], many[:256], many, [many[0], {**many[0], "seq": 9}], many[1::-1])),
        ("erase", {**erase, "reason": keeps}),
        *(("fork_decision", {**fork, **other}) for other in ({"rival": keeps}, {"rival": {**fork["rival"], "seq": 9}}, {"rival": {**fork["rival"], "kind": 2}},
          {"rival": {**fork["rival"], "hash": keeps["hash"]}}, {"keeps": {**keeps, "seq": 2**63 - 1}, "rival": {**fork["rival"], "seq": 2**63 - 1}})),
        *(("reason", {"text": text}) for text in ("", "r" * 2000, "r" * 2001)),
    ]
    for name, item in table:
        yield name, hoi_codec.encode(shapes[name].write(item))


def extract_edges() -> Iterator[tuple[str, bytes]]:
    """Yield extracts at the edge of each rule and past it, and forms with the extension that asks for them."""
    shapes = {name: shape for name, shape in hoi_formats.CHANGES.values()}
    column = {"ordinal": 0, "states": b"", "values": [1], "qualifiers": [0, 2], "notes": []}
    put = {"form_version": samples.octets("form"), "flags": 0, "reason": "", "keys": [{"period": 5, "rows": []}], "columns": [column]}
    good, many = {"cut": samples.refs(1), "contested": [0], "figures": put}, samples.refs(257)
    for other in ({}, {"cut": []}, {"cut": many[:256]}, {"cut": many}, {"cut": many[1::-1]}, {"contested": []}, {"contested": [1]}, {"contested": [0, 0]}):
        yield "extract", hoi_codec.encode(shapes["extract"].write({**good, **other}))
    for other in ({"flags": 2}, {"flags": 1, "reason": "r"}, {"reason": "r"}, {"keys": [{"period": 5, "rows": []}, {"period": 1, "rows": []}]}):
        yield "extract", hoi_codec.encode(shapes["extract"].write({**good, "figures": {**put, **other}}))
    notes = [{"cell": 0, "raw": "r", "source": ""}]
    cells = ({"states": b"\x01", "values": []}, {"states": b"\x02", "values": []}, {"values": ["t"]}, {"values": [True]}, {"values": [-1]}, {"notes": notes})
    for other in cells:
        yield "extract", hoi_codec.encode(shapes["extract"].write({**good, "figures": {**put, "columns": [{**column, "qualifiers": [], **other}]}}))
    form = samples.form()
    for data in ([True, 0], [False, 1000], [True, 1001], [True], [True, 0, 0], [1, 0], []):
        for critical, number in ((False, 16), (True, 16), (True, 15)):
            extension = {"number": number, "critical": critical, "data": hoi_codec.encode(data)}
            yield "form", hoi_codec.encode(shapes["form"].write({**form, "extensions": [extension]}))
    yield "form", hoi_codec.encode(shapes["form"].write({**form, "extensions": [{"number": 16, "critical": False, "data": b"\x92\xc3"}]}))


def ours(name: str, data: bytes) -> str:
    """Return "" where this implementation accepts the bytes, and why not otherwise."""
    try:
        item = golden.STRUCTURES[name].decode(data)
        if name == "entries":
            hoi_messages.unpack_items(item)
        elif name == "joined":
            hoi_formats.FOUNDING.decode(item["statement"])
    except hoi_formats.Malformed:
        # The C reader of a body leaves its payloads to the readers of each change, which are asked on their own.
        return ""
    except ValueError as error:
        return str(error)
    return ""


def cases(each: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield structure, kind of damage and bytes; a third of the damaged copies are damaged again where they can be."""
    for name, data in hand_made():
        yield name, "by hand", data
    for at, (name, data) in enumerate(corpus()):
        yield name, "none", data
        stream = mutate.mutations(data, seed * 1000 + at)
        for count in range(each):
            kind, damaged = next(stream)
            yield name, kind, damaged
            if count % 3 == 0 and hoi_codec.is_canonical(damaged):
                again, twice = next(mutate.mutations(damaged, seed + count))
                yield name, f"{kind}, then {again}", twice


def asked(name: str, data: bytes) -> bytes:
    """Return what the C side is asked: a token's text, as hex of it, the bytes themselves of all else."""
    return hoi_messages.token_text(data).encode() if name == "token" else data


def main() -> int:
    """Ask both sides about every case; print the disagreements and the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recode_lines")
    parser.add_argument("--each", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1975)
    options = parser.parse_args()
    everything = list(cases(options.each, options.seed))
    lines = "".join(f"{name} {asked(name, data).hex()}\n" for name, _, data in everything)
    answers = subprocess.run([options.recode_lines], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    accepted, wrong = 0, []
    for (name, kind, data), line in zip(everything, answers, strict=True):
        status, _, written = line.partition(" ")
        why = ours(name, data)
        accepted += status == "0" and not why
        if (status == "0") != (why == ""):
            wrong.append(f"{name}, damage: {kind}: C says {status}, we say {why or 'good'}: {data.hex()}")
        elif status == "0" and written != asked(name, data).hex():
            wrong.append(f"{name}, damage: {kind}: C writes it again as {written}: {data.hex()}")
    for text in wrong[:SHOWN_MAX]:
        print(text[:1000], file=sys.stderr)
    print(f"{len(everything)} cases, {accepted} accepted by both, {len(wrong)} disagreements, seed {options.seed}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

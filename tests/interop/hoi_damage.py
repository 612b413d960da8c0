"""Every byte counts: what was fetched is verified again from the association id alone, with each of its bytes changed once.

A change that no check finds raises `Unnoticed`. The sum over all kinds is the number of bytes fetched.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Iterator

from hoi_common import log_key
from hoi_node import Node
from hoi_shape import Fields
from hoi_tree import Tree
from hoi_verify import MALFORMED, Entry, Holdings, Rejected, admissions, core_id


class Unnoticed(AssertionError):
    """Something wrong that nothing found."""


def flips(data: bytes) -> Iterator[bytes]:
    """Yield the data with one byte changed, for each byte once: one bit of it, another one from byte to byte."""
    for at, byte in enumerate(data):
        yield data[:at] + bytes([byte ^ 1 << at % 8]) + data[at + 1 :]


def each_flip(item: Fields, names: tuple[str, ...]) -> Iterator[tuple[str, Fields]]:
    """Yield an item with one byte of one of its named members changed, for each of them."""
    for name in names:
        for changed in flips(item[name]):
            yield name, {**item, name: changed}


def must_fail(attempt: Callable[[], Any], what: str) -> None:
    """Raise Unnoticed where an attempt succeeds: ValueError is what cannot be read, Rejected what is not proven."""
    try:
        attempt()
    except (ValueError, Rejected):
        return
    raise Unnoticed(what)


def mark(held: Holdings) -> tuple[int, ...]:
    """Return what must not change when something is rejected."""
    bodies = sum(entry.body is not None for entry in held.entries())
    return sum(map(len, held.logs.values())), bodies, held.changed, len(held.admitted), len(held.forks), sum(map(len, held.receipts.values()))


def sweep(node: Node, recording: list[Fields], kind: type[Holdings] = Holdings) -> "Counter[str]":
    """Replay what a node fetched into an empty holding, each byte of it changed first; return how many changes were found, by kind."""
    held, found = kind(node.association), Counter[str]()
    for changed in flips(node.held.statement):
        must_fail(lambda: held.found(changed, node.held.signature), "a founding statement")
        found["founding statement"] += 1
    for changed in flips(node.held.signature):
        must_fail(lambda: held.found(node.held.statement, changed), "a founding signature")
        found["founding signature"] += 1
    held.found(node.held.statement, node.held.signature)
    for item in recording:
        before = mark(held)
        names = {1: ("header", "signature", "salt", "body"), 2: ("salt", "part"), 6: ("receipt", "signature")}[item["type"]]
        for name, changed in each_flip(item, names):
            must_fail(lambda: _take(held, changed), f"{name} of {item}")
            if mark(held) != before:
                raise Unnoticed(f"{name} was refused and left a trace")
            found[f"receipt's {name}" if item["type"] == 6 else name] += 1
        _take(held, item)
    return found


def _take(held: Holdings, item: Fields) -> None:
    if item["type"] == 1:
        held.add(item["header"], item["signature"], item["salt"], item["body"])
    elif item["type"] == 2:
        held.add_part(item)
    else:
        held.add_receipt(item["receipt"], item["signature"], True)


def sweep_answer(node: Node, token: Fields, frame: bytes) -> int:
    """Take the answer to a join with each byte of it changed; what the answer itself does not prove, the entry that it names must."""
    from hoi_link import NotJoined, take_answer  # the one thing here that needs a line

    for changed in flips(frame):
        other = Node(node.association)
        other.signing_seed, other.transport_secret = node.signing_seed, node.transport_secret

        def attempt() -> None:
            try:
                told = take_answer(other, token, changed)
            except NotJoined as refused:
                raise Rejected(MALFORMED, str(refused)) from refused
            confirm(other, node.held, told)

        must_fail(attempt, "an answer to a join")
    confirm(node, node.held, take_answer(node, token, frame))
    return len(frame)


def confirm(node: Node, held: Holdings, told: Fields) -> None:
    """Raise Rejected where what the answer to a join told is not what the entries say by now."""
    tree, ref = Tree(held), told["admission"]
    entry = held.entry(log_key(ref), ref["seq"])
    if entry is None or entry.ref != ref:
        raise Rejected(6, "the admission stands elsewhere")
    if node.id not in tree.nodes or node.id not in admitted_by(held, entry):
        raise Rejected(6, "another admission")
    if told["line"] != tree.above(node.unit):
        raise Rejected(6, "another line")


def admitted_by(held: Holdings, entry: Entry) -> set[bytes]:
    """Return the nodes that an entry admits."""
    return {core_id(held.association, core) for core in admissions(entry)}


def audit(node: Node) -> "Counter[str]":
    """Verify all that a node holds once more, each thing by itself; return what was looked at, by kind."""
    held, tree, seen = node.held, node.tree, Counter[str]()
    held.found(held.statement, held.signature)
    places = {each: entry for entry in held.entries() if entry.body is not None for each in admitted_by(held, entry)}
    for key, log in held.logs.items():
        if not node.may_log(key):
            raise Unnoticed("a log that this node may not hold")
        for at, entry in enumerate(log):
            again = held.check_header(entry.header_bytes, entry.signature)
            if again.hash != entry.hash or entry.log != key or entry.header["seq"] != at + 1 or entry.header["prev"] != (log[at - 1].hash if at else b""):
                raise Unnoticed("a chain that is none")
            seen["entries"] += 1
            if entry.body is not None:
                held.check_body(entry, entry.salt, entry.body)
                if not node.may_body(entry.header):
                    raise Unnoticed("a body that this node may not hold")
                seen["bodies"] += 1
            elif node.may_body(entry.header):
                raise Unnoticed("a body is missing")
        _audit_author(held, tree, key[0], places)
        seen["logs"] += 1
    for key, of_log in held.receipts.items():
        for holder, (data, signature, item) in of_log.items():
            held.check_receipt(data, signature)
            if not tree.may_hold_receipt(node.unit, holder, key) or held.entry(key, item["seq"]) is None:
                raise Unnoticed("a receipt of one who gives none here, or of what is not there")
            seen["receipts"] += 1
    return seen


def _audit_author(held: Holdings, tree: Tree, author: bytes, places: dict[bytes, Entry]) -> None:
    """Follow an author's admissions back to the founding statement."""
    for _ in range(len(tree.nodes) + 1):
        if author == held.founder:
            return
        node = tree.nodes.get(author)
        if node is None or author not in places or places[author].header["author"] != node.inviter:
            raise Unnoticed("an author whose admission is not held")
        author = node.inviter
    raise Unnoticed("admissions in a circle")


def parts_of(entry: Entry, size: int) -> Iterator[Fields]:
    """Yield the body of an entry in parts."""
    body = entry.body or b""
    log = dict(zip(("node", "kind", "epoch"), entry.log))
    for offset in range(0, len(body), size):
        yield {"type": 2, **log, "seq": entry.header["seq"], "salt": entry.salt, "offset": offset, "part": body[offset : offset + size]}


def sweep_parts(node: Node, entry: Entry) -> int:
    """Take the body of an entry in two parts with each byte of them changed: the whole must be forgotten, and taken when the good parts come."""
    assert entry.body is not None
    item = {"header": entry.header_bytes, "signature": entry.signature}
    parts, count = list(parts_of(entry, -(-len(entry.body) // 2))), 0
    held = Holdings(node.association)
    held.admitted, held.founding = node.held.admitted, node.held.founding
    held.logs[entry.log] = [Entry(item["header"], item["signature"], entry.header, entry.hash) if each is entry else each for each in node.held.logs[entry.log]]
    bare = held.logs[entry.log][entry.header["seq"] - 1]
    for at, part in enumerate(parts):
        for _, changed in each_flip(part, ("salt", "part")):
            must_fail(lambda: [held.add_part(changed if place == at else each) for place, each in enumerate(parts)], "a part of a body")
            if bare.body is not None:
                raise Unnoticed("a part of a body")
            held.parts.clear()
            count += 1
    for part in parts:
        held.add_part(part)
    if bare.body != entry.body:
        raise Unnoticed("good parts were not taken")
    return count


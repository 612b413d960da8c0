"""A made association carried to an office in a file, as an admission is (docs/protocol.md, 11.5), and taken from one by a node of ours."""

from __future__ import annotations

from typing import Sequence

import hoi_crypto
import hoi_messages
from hoi_common import SUITE, VERSION
from hoi_node import Node
from hoi_push import item_of
from hoi_session import Session
from hoi_shape import Fields
from hoi_verify import Entry, admissions
from hoi_world import BEGUN, Member, World

ITEMS_PER_MESSAGE = 16


def items_of(entries: Sequence[Entry]) -> list[Fields]:
    """Return entries as items: where a log comes to a seq that it has had, another branch's header as evidence; what follows that stays out."""
    items: list[Fields] = []
    heads: dict[tuple[bytes, int, bytes], list[bytes]] = {}
    for entry in entries:
        log = heads.setdefault(entry.log, [])
        seq, prev = entry.header["seq"], entry.header["prev"]
        if seq == len(log) + 1 and prev == (log[-1] if log else b""):
            log.append(entry.hash)
            items.append(item_of(entry))
        elif seq <= len(log) and log[seq - 1] != entry.hash:
            items.append({"type": 3, "header": entry.header_bytes, "signature": entry.signature, "own": False})
    return items


def branches_of(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return all entries that stand in logs without a fork, and then each branch of the others by itself."""
    by_hash, followed = {entry.hash: entry for entry in entries}, {entry.header["prev"] for entry in entries}
    tips: dict[tuple[bytes, int, bytes], list[Entry]] = {}
    for entry in entries:
        if entry.hash not in followed:
            tips.setdefault(entry.log, []).append(entry)
    branches: list[list[Entry]] = [[entry for entry in entries if len(tips[entry.log]) == 1]]
    for tip in (each for of_log in tips.values() if len(of_log) > 1 for each in of_log):
        branch, each = [], tip
        while each is not None:
            branch.insert(0, each)
            each = by_hash.get(each.header["prev"])
        branches.append(branch)
    return branches


def messages_of(world: World, entries: Sequence[Entry]) -> list[bytes]:
    """Return the sender's hello, and the entries in messages."""
    hello = {"type": 1, "version": VERSION, "suite": SUITE, "association": world.association, "node": world.sender.id, "unit": world.sender.unit}
    hello.update(incarnation=bytes(8), feature_level=0, window=524_288, message_max=65_536, state=bytes(16), missing=0, time=BEGUN, extensions=[])
    again = [items_of(branch) for branch in branches_of(entries)]  # as in later sessions: a branch may have made room, a log may be entitled by now
    runs = [items_of(entries), *again, *again]
    packed = [hoi_messages.pack_shortest(items[at : at + ITEMS_PER_MESSAGE]) for items in runs for at in range(0, len(items), ITEMS_PER_MESSAGE)]
    return [hoi_messages.MESSAGE.encode(hello), *map(hoi_messages.MESSAGE.encode, packed)]


def admission_file(world: World, core: Fields, entries: Sequence[Entry]) -> bytes:
    """Return the file that makes an office with the keys of a core hold these entries; its sender has admitted it."""
    admission = next(each for each in world.written if core in admissions(each))
    joined = {"type": 17, "statement": world.statement, "signature": world.signature, "core": core, "admission": admission.ref}
    joined.update(line=world.line(core["unit"]), root=world.sender.log.ref())
    hello, *messages = messages_of(world, entries)
    content = {"joined": hoi_messages.MESSAGE.encode(joined), "signing_key": world.sender.signing_key, "transport_key": world.sender.transport_key}
    content.update(addresses=[], hello=hello, messages=messages)
    raw = hoi_messages.JOIN_CONTENT.encode(content)
    signature = hoi_crypto.sign(world.sender.seed, "admission", world.association, hoi_crypto.H("admission", world.association, raw))
    return hoi_messages.JOIN_ADMISSION.encode({"type": 20, "version": VERSION, "suite": SUITE, "content": raw, "signature": signature})


def receive(world: World, member: Member, entries: Sequence[Entry]) -> Node:
    """Return a node of ours that took the same messages as that member."""
    node = Node(world.association, clock=lambda: float(BEGUN))
    node.held.found(world.statement, world.signature)
    node.id, node.unit, node.inviter, node.line = member.id, member.unit, world.sender.id, world.line(member.unit)
    node.signing_seed, node.transport_secret = member.seed, member.transport_secret
    session = Session(node, world.sender.id, lambda frame: None)
    for frame in messages_of(world, entries):
        session.receive(frame)
    return node

"""Each byte of an admission, a revocation, a pin, a fork decision, a handover and a receipt is changed once, and each change is found (docs/protocol.md, 2, 4.3 and 8)."""

from __future__ import annotations

import unittest
from typing import Callable, Sequence

import hoi_crypto
import hoi_damage
import hoi_formats
from hoi_common import DIRECTIVE, SUITE, VERSION
from hoi_node import Node
from hoi_push import item_of
from hoi_shape import Fields
from hoi_verify import Entry, Holdings
from hoi_world import BEGUN, Member, World, decision, handover, named, pin, revocation


def receipt(world: World, holder: Member, entry: Entry) -> Fields:
    """Return a receipt of a holder for a log up to an entry, as a recording has it."""
    log = dict(zip(("node", "kind", "epoch"), entry.log))
    item = {"version": VERSION, "suite": SUITE, "holder": holder.id, **log, "seq": entry.header["seq"], "hash": entry.hash[:16]}
    item.update(bodies=entry.header["seq"], applied=entry.header["seq"], aside=0, time=BEGUN, extensions=[])
    data = hoi_formats.RECEIPT.encode(item)
    return {"type": 6, "receipt": data, "signature": hoi_crypto.sign(holder.seed, "receipt", world.association, data)}


class TrustDamage(unittest.TestCase):
    def setUp(self) -> None:
        world = self.world = World("damage", recovery=3)
        a, b = world.unit(world.founder, world.root, "A"), world.unit(world.founder, world.root, "B")
        c = world.unit(world.founder, a, "C", 2)
        self.na = world.admit(world.founder, a, "na")
        self.nc = world.admit(self.na, c, "nc")
        first, left = world.write(self.nc, named(c, "1")), world.write(self.nc, named(c, "left"))
        world.part(self.nc, 1)
        self.right = world.write(self.nc, named(c, "right"))
        world.write(self.na, pin(first.ref))
        world.write(self.na, decision(first.ref, left.ref))
        world.write(world.founder, world.placing(3, c, b))
        world.write(world.founder, handover(c, b, self.na.log.ref()))
        world.write(world.founder, revocation(self.nc, first.ref))
        world.write(world.keys, revocation(world.founder, world.founder.log.ref()))
        self.entries = [entry for entry in world.written if entry.hash != self.right.hash]
        self.node = Node(world.association)
        self.node.held = world.holdings(without=[self.right])
        self.recording = [*map(item_of, self.entries), receipt(world, self.na, first), receipt(world, self.nc, world.founder.log.head)]

    def test_each_byte_is_found(self) -> None:
        found = hoi_damage.sweep(self.node, self.recording)
        bodies = sum(len(entry.body or b"") for entry in self.entries)
        self.assertEqual(found["body"], bodies)
        self.assertEqual(found["receipt's receipt"], sum(len(item["receipt"]) for item in self.recording if item["type"] == 6))

    def test_the_sweep_notices_a_reader_that_does_not_look(self) -> None:
        def blind(name: str, look: Callable[..., object]) -> type[Holdings]:
            return type("Blind", (Holdings,), {name: look})

        looks: Sequence[tuple[str, Callable[..., object]]] = (
            ("check_body", lambda self, entry, salt, body: None),
            ("check_receipt", lambda self, data, signature: hoi_formats.RECEIPT.decode(data)),
        )
        for name, look in looks:
            with self.subTest(name), self.assertRaises(hoi_damage.Unnoticed):
                hoi_damage.sweep(self.node, self.recording, blind(name, look))

    def test_evidence_of_a_fork_is_verified_too(self) -> None:
        held = self.world.holdings(without=[self.right])
        for name, data in (("header", self.right.header_bytes), ("signature", self.right.signature)):
            for changed in hoi_damage.flips(data):
                parts = {"header": self.right.header_bytes, "signature": self.right.signature, name: changed}
                hoi_damage.must_fail(lambda: held.check_header(parts["header"], parts["signature"]), "evidence")
        self.assertEqual(held.check_header(self.right.header_bytes, self.right.signature).log, (self.nc.id, DIRECTIVE, self.right.log[2]))

    def test_nobody_signs_for_another(self) -> None:
        entry = self.na.log.head
        for seed in (self.nc.seed, self.world.founder.seed):
            signature = hoi_crypto.sign(seed, "header", self.world.association, entry.header_bytes)
            hoi_damage.must_fail(lambda: self.node.held.check_header(entry.header_bytes, signature), "another's signature")
        recovery = self.world.keys.branches[3].head
        for signature in (recovery.signature[:65], recovery.signature[65:], recovery.signature[65:] + recovery.signature[:65], recovery.signature[:65] * 2):
            hoi_damage.must_fail(lambda: self.node.held.check_header(recovery.header_bytes, signature), "less than a quorum")


if __name__ == "__main__":
    unittest.main()

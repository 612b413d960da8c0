#!/usr/bin/python3
"""Goal: whatever befalls trust in a tree of hoid, the second implementation (tests/interop/, from docs/protocol.md alone) judges it alike.

After each step the nodes in Python hold what the offices hold, and make the same digests of every unit.

1 moved      a commune moves to another district and is handed over; what its old district says of it afterwards waits, and is accepted; a unit is closed, one is joined to another
2 erased     an office erases a record, above and below nobody holds its body any more
3 revoked    a node is shut out by `hoi node revoke`: what it writes afterwards counts nowhere, its own copy goes on for itself
4 forked     one key writes two branches: both sides prove it, `hoi node fork` decides, and a node on the branch that fell makes room
5 waited for a node holds one branch, and an entry further on of the other is pinned: the other is kept beside until that entry is there, by hoid and by the node here
6 rotated    an office takes a new key by `hoi node rotate`: its node is revoked and succeeded
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "interop")]
sys.dont_write_bytecode = True
import hoi_author  # noqa: E402
import hoi_digest  # noqa: E402
import hoi_world  # noqa: E402
from hoi_common import DIRECTIVE, REPORT, ref_key  # noqa: E402
from hoi_facts import FORKED, HANDED_OVER, PAST_CUT  # noqa: E402
from hoi_node import Node  # noqa: E402
from hoi_records import Views  # noqa: E402
from test_second_node import FORMS, UNITS, World, text_of  # noqa: E402
from tree import Office, Refused, Tree, wait  # noqa: E402

Q1_2025 = 4 * 2025
LINE = ["VN", "54", "560", "22165"]


def found(tree):
    """The root, and the line below it."""
    root = tree.offices["VN"] = Office(tree, "VN")
    root.hoi("init", "Test", "--unit", "VN", "--name", "Centre", "--level", "0", "--recovery", "none", "--practice")
    for code, parent, level, name in UNITS:
        root.hoi("unit", "add", code, "--name", name, "--level", str(level), "--parent", parent)
    root.hoi("form", "add", os.path.join(FORMS, "members.json"))
    root.hoi("config", "listen", "tcp://127.0.0.1:*")
    root.start()
    root.fix_port()
    for above, below in zip(LINE, LINE[1:]):
        tree.join(above, below)
    wait(lambda: tree["22165"].json("form", "show", "members"), 20, "forms at the commune")


def seen_by(node):
    """The last entry of every control log that the node holds."""
    heads = [log[-1].ref for key, log in node.held.logs.items() if log and key[1] != REPORT and key[0] != node.id]
    return sorted(heads, key=ref_key)[:256]


def control(world, name, *changes):
    """Write changes of structure with a node of ours that has seen all it holds, and tell the office above."""
    entry = hoi_author.control(world.nodes[name], *changes, seen=seen_by(world.nodes[name]))
    world.sync(name)
    return entry


def placing(node, kind, unit, parent):
    """A move, close or same, with the lines as the node knows them."""
    payload = {"unit": unit, "effective": None, "line": [parent, *node.tree.above(parent)], "former": node.tree.above(unit)}
    if kind == 4:
        payload["successors"] = [parent]
    return {"kind": kind, "payload": payload}


def verdicts(world, name, entry):
    """What a node of ours says of the changes of an entry: reasons of those set aside."""
    return [each.reason for each in Views(world.nodes[name].tree).verdicts if each.entry.hash == entry.hash]


def held_by(world, name, entry):
    world.sync(name)
    return world.nodes[name].held.entry(entry.log, entry.header["seq"]) is not None


def agree(world, pairs, what):
    """Waits until each node of ours makes the digests of its office, of every unit that both know and may speak of with the root."""
    last = {}

    def same():
        last.clear()
        for name, office, codes in pairs:
            world.sync(name)
            views = Views(world.nodes[name].tree)
            for code in codes:
                mine = hoi_digest.digest(views, world.ids[code], world.ids["VN"])
                theirs = world.tree[office].json("digest", "--unit", world.ids[code].hex())["state"]
                if mine != theirs:
                    last[name, office, code] = (mine[:8], theirs[:8])
        return not last

    try:
        wait(same, 20, what)
    except AssertionError as error:
        raise AssertionError(f"{error}: digests differ: {last}") from error


EVERYWHERE = [("centre", "VN", ["VN", "54", "560", "562", "22165", "22168"]), ("district", "54", ["54", "560", "22165"]), ("commune", "560", ["22165"])]


def moved(world):
    centre, ids = world.nodes["centre"], world.ids
    kept = world.nodes["district"].log_of(DIRECTIVE)
    before = control(world, "district", hoi_author.unit_set_change(ids["22168"], 2, "Trước"))
    wait(lambda: held_by(world, "centre", before), 20, "the district's word at the centre")
    kept = centre.held.logs[before.log][-1].ref
    control(world, "centre", placing(centre, 3, ids["22168"], ids["562"]), hoi_world.handover(ids["22168"], ids["562"], kept))
    late = control(world, "district", hoi_author.unit_set_change(ids["22168"], 2, "Sau"))
    wait(lambda: held_by(world, "centre", late), 20, "what the old district wrote since, at the centre")
    assert verdicts(world, "centre", before) == [] and verdicts(world, "centre", late) == [HANDED_OVER], verdicts(world, "centre", late)
    assert centre.tree.units[ids["22168"]].parent == ids["562"] and centre.tree.shown(ids["22168"], 2) == "Trước"
    assert world.tree["VN"].json("unit", "show", ids["22168"].hex())["parent"] == ids["562"].hex()
    agree(world, EVERYWHERE, "all to agree on the move")
    control(world, "centre", hoi_world.accept(late.ref))
    assert verdicts(world, "centre", late) == [] and centre.tree.shown(ids["22168"], 2) == "Sau"
    agree(world, EVERYWHERE, "all to agree on what was accepted")
    made = hoi_author.unit_change(centre, ids["54"], 2, "563", "Huyện Cũ")
    entry = control(world, "centre", made)
    old = next(unit for unit in centre.tree.units if unit not in ids.values())
    assert centre.tree.units[old].writes[0].entry.hash == entry.hash
    ids["563"] = old
    control(world, "centre", placing(centre, 4, ids["563"], ids["562"]))
    assert centre.tree.units[old].closed
    agree(world, EVERYWHERE, "all to agree on the closing")


def erased(world):
    tree, node = world.tree, world.nodes["commune"]
    entry = hoi_author.put(node, "members", Q1_2025, {"members_total": 99})
    world.sync("commune")
    wait(lambda: held_by(world, "centre", entry), 20, "the record at the centre")
    assert world.nodes["centre"].held.entry(entry.log, 1).body
    tree["54"].hoi("erase", text_of(entry), "--reason", "nhầm người", "--yes")
    wait(lambda: held_by(world, "centre", entry) and world.nodes["centre"].held.entry(entry.log, 1).body is None, 20, "the body to be gone at the centre")
    world.sync("commune")
    agree(world, EVERYWHERE, "all to agree on what was erased")
    assert not [key for key in Views(world.nodes["centre"].tree).records if key[2] == Q1_2025]


def revoked(world):
    tree, thief = world.tree, world.enrol("thief", "560", "22165")
    world.sync("thief")
    good = hoi_author.document(thief, "good", "Chữ")
    world.sync("thief")
    wait(lambda: held_by(world, "centre", good), 20, "what it wrote, at the centre")
    done = tree["VN"].json("node", "revoke", thief.id.hex(), "--reason", "máy bị mất", "--yes")
    assert done["entry"], done
    wait(lambda: [each for each in tree["560"].json("node", "list")["nodes"] if each["node"] == thief.id.hex() and each["state"] == "revoked"], 30, "it to be shut out")
    agree(world, EVERYWHERE, "all to agree on whom was shut out")
    centre = world.nodes["centre"].tree
    assert centre.judge.revoked(thief.id) and centre.judge.walk(good.log) == (1, PAST_CUT)
    bad = hoi_author.document(thief, "bad", "Chữ")
    with world.link("thief") as link:
        link.run(lambda: link.session.open, 20, "the link of a revoked key")
        limit = time.monotonic() + 3
        link.run(lambda: time.monotonic() > limit, 20, "some time")
    agree(world, EVERYWHERE, "all to agree on what it wrote since")
    assert bad.hash not in [each.hash for each in Views(world.nodes["centre"].tree).documents]


def twin_of(node, path):
    """The same node once more, as a copied disk makes it."""
    node.save(path)
    return Node.load(path)


def shown(world, name, log):
    """A conversation of one who holds another branch: each side is shown where the two part."""
    with world.link(name) as link:
        link.run(lambda: len(world.nodes[name].held.evidence(log)) == 2, 20, "the other branch to be shown")
        limit = time.monotonic() + 1
        link.run(lambda: time.monotonic() > limit, 20, "the other side to be shown it, too")


def forked(world):
    """commune's node and its copy write on in one log; the copy's branch comes to the district second."""
    tree, node = world.tree, world.nodes["commune"]
    hoi_author.document(node, "before", "Chữ")
    world.sync("commune")
    world.nodes["twin"], world.tokens["twin"] = twin_of(node, os.path.join(tree.dir, "twin.json")), world.tokens["commune"]
    first = hoi_author.document(node, "of the office", "Chữ")
    world.sync("commune")
    wait(lambda: held_by(world, "centre", first), 20, "the first branch at the centre")
    second = hoi_author.document(world.nodes["twin"], "of the copy", "Chữ")
    world.withheld = True
    shown(world, "twin", second.log)
    seq = first.header["seq"]
    told = wait(lambda: [each for each in tree["54"].json("status")["forks"] if each["node"] == node.id.hex()], 60, "the fork to be told at 54")
    assert told[0]["waits"], told
    wait(lambda: len(synced(world, "centre").held.evidence(first.log)) == 2, 60, "the evidence at the centre")
    assert world.nodes["centre"].tree.judge.walk(first.log) == (seq - 1, FORKED)
    agree(world, EVERYWHERE, "all to agree on the fork")
    tree["54"].hoi("node", "fork", "--keep", text_of(first), "--yes")
    wait(lambda: synced(world, "centre").tree.judge.walk(first.log) == (seq, PAST_CUT), 60, "the decision at the centre")
    agree(world, EVERYWHERE, "all to agree on the decision")
    twin = world.nodes["twin"]
    wait(lambda: [each.hash for each in synced(world, "twin").held.logs[first.log]][seq - 1 :][:1] == [first.hash], 60, "the copy to take the branch that was kept")
    assert second.hash in twin.held.beside
    del world.nodes["twin"]


def synced(world, name):
    world.sync(name)
    return world.nodes[name]


def waited_for(world):
    """Of a fork the branch that a senior pins by its third entry is not the one that the centre's node holds."""
    tree, ids = world.tree, world.ids
    node = world.enrol("second", "560", "560")
    world.sync("second")
    control(world, "second", hoi_author.unit_set_change(ids["22165"], 2, "Một"))
    twin = world.nodes["second twin"] = twin_of(node, os.path.join(tree.dir, "second.json"))
    world.tokens["second twin"] = world.tokens["second"]
    left = control(world, "second", hoi_author.unit_set_change(ids["22165"], 2, "Trái"))
    branch = [hoi_author.control(twin, hoi_author.unit_set_change(ids["22165"], 2, f"Phải {at}")) for at in range(3)]
    shown(world, "second twin", left.log)
    wait(lambda: len(synced(world, "centre").held.evidence(left.log)) == 2, 60, "the evidence at the centre")
    control(world, "centre", hoi_world.pin(branch[2].ref))
    assert world.nodes["centre"].tree.judge.awaited(left.log) == branch[2].ref
    wait(lambda: held_by(world, "second", world.nodes["centre"].held.logs[world.nodes["centre"].log_of(DIRECTIVE)][-1]), 60, "the pin at 560")

    def at_560():
        synced(world, "second twin")
        return text_of(branch[2]) in [each["ref"] for each in tree["560"].json("log", "--node", node.id.hex())["entries"]]

    wait(at_560, 60, "the pinned branch at 560")
    wait(lambda: synced(world, "second").held.logs[left.log][-1].hash == branch[2].hash, 60, "the pinned branch where the other was written")
    assert left.hash in world.nodes["second"].held.beside, "what had to make room is not kept"
    agree(world, [("second", "560", ["560", "22165"])], "both to agree on the branch that was pinned")
    del world.nodes["second twin"]


def rotated(world):
    tree = world.tree
    commune = tree["22165"]
    commune.hoi("put", "members", "2025-Q2", "members_total=7")
    commune.hoi("sync", "--wait", "60")
    old = bytes.fromhex(commune.json("status")["node"]["id"])
    new = bytes.fromhex(commune.json("node", "rotate", "--yes")["node"])
    commune.hoi("sync", "--wait", "60")
    commune.stop()
    commune.start()
    wait(lambda: new in synced(world, "centre").tree.nodes and world.nodes["centre"].tree.judge.revoked(old), 60, "the new key at the centre")
    commune.hoi("put", "members", "2025-Q2", "members_total=8")
    commune.hoi("sync", "--wait", "60")
    agree(world, EVERYWHERE, "all to agree on the new key")


def main():
    with Tree() as tree:
        began = time.monotonic()
        found(tree)
        world = World(tree)
        world.enrol("centre", "VN", "VN")
        world.enrol("district", "54", "560")
        world.enrol("commune", "560", "22165")
        for name in world.nodes:
            world.sync(name)
        agree(world, EVERYWHERE, "all to agree to begin with")
        print(f"tree: {time.monotonic() - began:.1f} s")
        for scenario in (moved, erased, revoked, forked, waited_for, rotated):
            began = time.monotonic()
            scenario(world)
            print(f"{scenario.__name__}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Refused) as error:
        print(f"FAILED: {error}")
        sys.exit(1)

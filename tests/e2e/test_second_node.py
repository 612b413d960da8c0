#!/usr/bin/python3
"""Goal: a node written anew from docs/protocol.md alone (tests/interop/) lives in a tree of hoid, and believes nothing it has not verified.

1 enrols     with a token of `hoi invite`: once, again after a lost answer, as a further node of a unit; a used or unknown token is refused
2 pulls      as the child of a hoid everything that it may hold, and proves it: chains, bodies, admissions, receipts; digests and totals are those of C
3 writes     a record: the roll-ups of district, province and centre count it, its receipts come back, they verify
4 resumes    a long document cut off on its way down and on its way up goes on where it was, also after the node was saved and read again
5 bytes      of all that was fetched, each byte changed by itself is found
6 altered    what comes in with a byte changed is refused here, what goes out with one changed is refused by hoid, and neither leaves a trace
7 hostile    replays, gaps, forks, others' logs, wrong contexts, bombs: hoid stays up and its digest is what it was
8 odd        what no hoi writes (rivals, conflicts, unknown kinds, misfits): both implementations make the same digest of it
9 crowd      more logs than are listed at once: buckets are compared
"""
import os
import sys
import time
from collections import Counter
from itertools import islice

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "interop")]
sys.dont_write_bytecode = True
import hoi_author  # noqa: E402
import hoi_damage  # noqa: E402
import hoi_digest  # noqa: E402
import hoi_hostile  # noqa: E402
import hoi_link  # noqa: E402
import hoi_messages  # noqa: E402
import hoi_odd  # noqa: E402
import hoi_records  # noqa: E402
from hoi_node import Node, digests_of, states_of  # noqa: E402
from hoi_push import item_of  # noqa: E402
from hoi_session import HAVE_AT_ONCE_LOGS_MAX, Closed  # noqa: E402
from hoi_verify import Holdings  # noqa: E402
from tree import Refused, Tree, wait  # noqa: E402

FORMS = os.path.join(HERE, "..", "..", "tools", "forms")
LINE = ["VN", "54", "560", "22165"]
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên"), ("560", "54", 2, "Huyện Sơn Hòa"), ("22165", "560", 3, "Thị trấn Củng Sơn"),
         ("22168", "560", 3, "Xã Phước Tân"), ("562", "54", 2, "Huyện Tây Hoà")]
Q1_2025 = 4 * 2025


class World:
    """The tree of hoid, and the second implementation's nodes in it."""

    def __init__(self, tree):
        self.tree = tree
        self.ids = {code: bytes.fromhex(tree["VN"].json("unit", "show", code)["id"]) for code in ["VN"] + [row[0] for row in UNITS]}
        self.withheld = False  # whether there are bodies that a level between two nodes of one unit may not hold
        self.nodes, self.tokens, self.answers, self.recordings = {}, {}, {}, {}

    def invite(self, parent, code):
        return wait(lambda: self.tree[parent].hoi("invite", self.ids[code].hex()).strip(), 10, f"{code} to be invited at {parent}")

    def enrol(self, name, parent, code):
        """A new node of that unit below that parent, after a join whose answer got lost."""
        text = self.tokens[name] = self.invite(parent, code)
        token = hoi_messages.read_token(text)
        node = self.nodes[name] = Node()
        hoi_link.ask_to_join(node, token)
        self.answers[name] = hoi_link.ask_to_join(node, token)
        hoi_link.take_answer(node, token, self.answers[name])
        return node

    def link(self, name):
        return hoi_link.Link(self.nodes[name], self.tokens[name])

    def sync(self, name, seconds=20):
        """One conversation until both sides are in step; what came is kept as it came."""
        with self.link(name) as link:
            link.until_agreed(seconds) if self.withheld else link.until_in_step(seconds)
            self.recordings.setdefault(name, []).extend(link.session.recording)
            return link.frames

    def digests(self, name, codes):
        views = hoi_records.Views(self.nodes[name].tree)
        return {code: hoi_digest.digest(views, self.ids[code], self.ids["VN"]) for code in codes}

    def digest_of(self, office, code):
        return self.tree[office].json("digest", "--unit", code)["state"]

    def digest_of_id(self, office, unit):
        return self.tree[office].json("digest", "--unit", unit.hex())["state"]

    def same_digests(self, name, codes, offices):
        """Waits until the node and the offices make the same digests."""

        def same():
            self.sync(name)
            mine = self.digests(name, codes)
            return all(self.digest_of_id(office, self.ids[code]) == mine[code] for office in offices for code in codes)

        wait(same, 20, f"{name} and {offices} to agree on {codes}")


def refused_with(reason, attempt):
    try:
        attempt()
    except hoi_link.NotJoined as refused:
        assert refused.reason == reason, refused.reason
        return
    raise AssertionError("a join was taken that must be refused")


def enrols(world):
    first = world.enrol("commune", "560", "22168")
    token = hoi_messages.read_token(world.tokens["commune"])
    other = Node()
    refused_with(2, lambda: hoi_link.take_answer(other, token, hoi_link.ask_to_join(other, token)))
    unknown = {**token, "secret": bytes(10)}
    refused_with(1, lambda: hoi_link.take_answer(other, unknown, hoi_link.ask_to_join(other, unknown)))
    elsewhere = {**token, "bond": bytes(8)}
    refused_with(3, lambda: hoi_link.take_answer(other, elsewhere, hoi_link.ask_to_join(other, elsewhere)))
    refused_with(6, lambda: hoi_link.take_answer(first, *hoi_link.ask_anew(first, world.invite("560", "22165"))))
    second = world.enrol("commune 2", "560", "22168")
    world.enrol("district", "54", "560")
    world.enrol("centre", "VN", "VN")
    assert first.unit == second.unit and first.id != second.id
    for name in world.nodes:
        world.sync(name)
    nodes = [node["node"] for node in world.tree["560"].json("node", "list")["nodes"]]
    assert nodes.count(first.id.hex()) == 1 and nodes.count(second.id.hex()) == 1, nodes


def pulls(world):
    for name, codes in (("commune", ["22168"]), ("district", ["22165", "22168", "560"]), ("centre", list(world.ids))):
        world.same_digests(name, codes, ["VN", "54", "560"])
        seen = hoi_damage.audit(world.nodes[name])
        told = hoi_link.take_answer(world.nodes[name], hoi_messages.read_token(world.tokens[name]), world.answers[name])
        hoi_damage.confirm(world.nodes[name], world.nodes[name].held, told)
        print(f"  {name}: {dict(seen)}")
    views = hoi_records.Views(world.nodes["centre"].tree)
    assert not views.verdicts, views.verdicts
    again = world.sync("centre")
    assert [hoi_messages.read_message(frame)["type"] for _, frame in again][:2] == [1, 1], "in step costs one hello each way"
    assert not any(hoi_messages.read_message(frame)["type"] in (4, 5) for _, frame in again), "in step, nothing was to be fetched"


def writes(world):
    tree, node = world.tree, world.nodes["commune"]
    entry = hoi_author.put(node, "members", Q1_2025, {"members_total": 80, "members_new": 5, "fees_collected": 1_250_000})
    world.sync("commune")
    for office, unit in (("560", "560"), ("54", "54"), ("VN", "VN")):

        def counted():
            fields = tree[office].json("rollup", "members", "2025-Q1", "--unit", unit)["fields"]
            return all(fields[name]["value"] == value for name, value in (("members_total", "200"), ("members_new", "13"), ("fees_collected", "1250000")))

        wait(counted, 20, f"the roll-up at {office}")
        shown = tree[office].json("show", "members", "2025-Q1", "--unit", "22168")["rows"][0]["entries"]
        assert [each["entry"] for each in shown] == [text_of(entry)] and shown[0]["node"] == node.id.hex(), shown
    holders = {"560", "54", "VN"}

    def receipts():
        world.sync("commune")
        return len(node.held.receipts.get(entry.log, {})) >= len(holders)

    wait(receipts, 20, "the receipts of district, province and centre")
    units = set()
    for data, signature, receipt in node.held.receipts[entry.log].values():
        assert node.held.check_receipt(data, signature) == receipt and receipt["seq"] == receipt["applied"] == 1 and receipt["aside"] == 0, receipt
        units.add(node.tree.shown(node.tree.nodes[receipt["holder"]].unit, 1))
    assert units == holders, units
    hoi_author.put(node, "members", Q1_2025, {"members_new": 6, "members_total": None})
    world.sync("commune")
    world.same_digests("centre", list(world.ids), ["VN", "54", "560"])
    views = hoi_records.Views(world.nodes["centre"].tree)
    form = hoi_author.form_named(views, "members")
    for office, unit in (("560", "560"), ("54", "54"), ("VN", "VN")):
        fields = tree[office].json("rollup", "members", "2025-Q1", "--unit", unit)["fields"]
        for name in ("members_total", "members_new", "fees_collected", "chapters"):
            own = hoi_records.total(views, world.ids[unit], form.id, Q1_2025, name)
            assert fields[name]["value"] == (None if own is None else str(own)), (office, name, own, fields[name])
    assert fields["members_new"]["value"] == "14", fields


def text_of(entry):
    """An entry as control.md writes it."""
    key = entry.ref
    return f"{key['node'].hex()}:{('report', 'directive', 'recovery')[key['kind'] - 1]}:{key['epoch'].hex()}:{key['seq']}:{key['hash'].hex()}"


def offsets_into(offsets):
    """A look at the items of a conversation: where the parts of bodies begin."""

    def look(items):
        offsets.extend(item["offset"] for item in items if item["type"] == 2)
        return items

    return look


def resumes(world):
    tree, node = world.tree, world.nodes["commune"]
    text = "".join(f"{at * 7919 % 1_000_003:06} " for at in range(28_000))
    tree["VN"].hoi("send", "--to", "22168", "--title", "Long", "--text", "-", stdin=text)
    wait(lambda: any(document["title"] == "Long" for document in tree["560"].json("inbox", "--all")["documents"]), 20, "the document at 560")
    offsets = []
    with world.link("commune") as link:
        link.session.items = offsets_into(offsets)
        link.run(lambda: node.held.parts, 20, "a part of the document")
    ((key, seq), (_, begun)), = node.held.parts.items()
    path = os.path.join(tree.dir, "commune.json")
    node.save(path)
    node = world.nodes["commune"] = Node.load(path)
    assert node.held.parts[(key, seq)][1] == begun
    offsets.clear()
    with world.link("commune") as link:
        link.session.items = offsets_into(offsets)
        link.until_in_step()
        assert not link.session.refused
    assert offsets and min(offsets) == len(begun) > 0, (len(begun), offsets)
    assert hoi_records.Views(node.tree).documents and not node.held.parts

    entry = hoi_author.document(node, "Long, upwards", text)
    sent = []
    with world.link("commune") as link:
        link.session.push.outgoing_items = offsets_into(sent)
        link.session.push.window_most = 1
        link.run(lambda: len(sent) > 3, 20, "parts on their way")
    before, sent = len(sent), []
    with world.link("commune") as link:
        link.session.push.outgoing_items = offsets_into(sent)
        link.until_in_step()
    assert before and min(sent) > 0, sent
    wait(lambda: any(document["id"] == text_of(entry) for document in tree["VN"].json("inbox", "--all")["documents"]), 20, "it at the centre")


class Blind(Holdings):
    """Holdings that take any body: what shows that the sweep finds what is let through."""

    def check_body(self, entry, salt, body):
        pass


def bytes_changed(world):
    count = 0
    for name in ("commune", "centre"):
        node, recording = world.nodes[name], [item for item in world.recordings[name] if len(item.get("body", b"")) < 10_000]
        found = hoi_damage.sweep(node, recording)
        answer = hoi_damage.sweep_answer(node, hoi_messages.read_token(world.tokens[name]), world.answers[name])
        count += sum(found.values()) + answer
        print(f"  {name}: {dict(found)}, answer to join: {answer}")
    try:
        hoi_damage.sweep(node, recording, Blind)
        raise AssertionError("a body that nobody looked at was not noticed")
    except hoi_damage.Unnoticed:
        pass
    node = world.nodes["centre"]
    parts = sum(hoi_damage.sweep_parts(node, entry) for entry in node.held.entries() if entry.body and len(entry.body) < 500)
    print(f"  in parts: {parts}; {count + parts} changes of one byte, all found")
    assert count > 20_000


def frames_altered(world):
    """Each byte of everything else that a conversation is made of, changed on its way to hoid: it may end the conversation, and no more."""
    commune, text = world.nodes["commune"], world.tokens["commune"]
    with world.link("commune") as link:
        link.until_in_step()
    states = states_of(commune, commune.tree.nodes[commune.inviter].unit)
    have = hoi_messages.have(range(hoi_messages.BUCKETS), [state for state in states if state["node"] == commune.id])
    buckets = hoi_messages.MESSAGE.encode({"type": 3, "digests": digests_of(commune, states)})
    (data, signature, _), *_ = (of_log[commune.id] for of_log in commune.held.receipts.values() if commune.id in of_log)
    receipts = hoi_messages.MESSAGE.encode({"type": 6, "receipts": [{"receipt": data, "signature": signature}]})
    small = [{"type": 2, "state": bytes(16), "missing": 0}, {"type": 7, "bytes": 0}, {"type": 9, "reason": 0}, {"type": 18, "reason": 1},
             {"type": 8, "node": commune.id, "kind": 1, "epoch": bytes(8), "seq": 1, "reason": 5}]
    join = hoi_messages.MESSAGE.encode(hoi_link.join_message(commune, hoi_messages.read_token(text)))
    raw, count = hoi_hostile.Raw(commune, text), 0
    for frame in [raw.hello(), have, buckets, receipts, join, *map(hoi_messages.MESSAGE.encode, small)]:
        for changed in hoi_damage.flips(frame):
            raw.begin_with(changed)
            count += 1
    raw.close()
    return count


def entries_in(recording):
    return [item for item in recording if item["type"] != 6]


def altered(world):
    node = world.enrol("altered", "560", "22168")
    came, names = 0, ("header", "signature", "salt", "body")
    step = False
    while not step:  # of each entry one byte changed in each of its members; then it comes as it is, and the next one is looked at
        for name in names:
            came += comes_altered(world, node, name)
        with world.link("altered") as link:
            link.session.items = lambda items: items[:1]
            link.run(lambda: entries_in(link.session.recording) or link.session.in_step, 20, "one item")
            step = link.session.in_step
    part_altered(world)
    world.same_digests("altered", ["22168"], ["VN", "560"])
    hoi_damage.audit(node)

    hoi_author.put(world.nodes["commune"], "members", Q1_2025 + 1, {"members_total": 81})
    commune = world.nodes["commune"]
    entry = commune.held.logs[commune.log_of(hoi_author.REPORT)][-1]
    before, shown = world.digest_of("560", "560"), len(world.tree["560"].json("log", "--limit", "10000")["entries"])
    raw, said = hoi_hostile.Raw(commune, world.tokens["commune"]), Counter()
    for frame in hoi_hostile.altered_frames(item_of(entry)):
        answers = [each for each in raw.frame(frame) if each["type"] in (7, 8, 9)]
        said[", ".join(f"{hoi_messages.MESSAGE_NAMES[each['type']]} {each.get('reason', '')}".strip() for each in answers)] += 1
    raw.close()
    after = len(world.tree["560"].json("log", "--limit", "10000")["entries"])
    assert (world.digest_of("560", "560"), after) == (before, shown), "something altered left a trace"
    world.sync("commune")
    before = world.digest_of("560", "560")
    frames = frames_altered(world)
    assert len(world.tree["560"].json("log", "--limit", "10000")["entries"]) == shown + 1 and world.digest_of("560", "560") == before
    print(f"  {came} items altered on their way here, {sum(said.values())} on their way to hoid, which said {dict(said)}, and {frames} frames")


def part_altered(world):
    """A part of a long document with a byte changed: what was begun is forgotten, asked for again after a while, and comes."""
    world.tree["VN"].hoi("send", "--to", "22168", "--title", "Long, again", "--text", "-", stdin="Điều 1. " * 12_000 + "Hết")
    wait(lambda: len(world.tree["560"].json("inbox", "--all")["documents"]) >= 4, 20, "it at 560")
    changed = []

    def alter(items):
        for at, item in enumerate(items):
            if item["type"] == 2 and item["offset"] and not changed:
                changed.append(item["offset"])
                items[at] = {**item, "part": next(hoi_damage.flips(item["part"]))}
        return items

    with world.link("altered") as link:
        link.session.items = alter
        link.until_in_step()
        messages = [hoi_messages.read_message(frame) for way, frame in link.frames if way == ">"]
    assert changed and [message["reason"] for message in messages if message["type"] == 8] == [3], changed


def comes_altered(world, node, name):
    """The first new item of a message with a byte changed: nothing of it is taken."""
    looked, touched, state = [], [], hoi_damage.mark(node.held)

    def alter(items):
        if not looked and items[0].get(name) and items[0]["type"] == 1:
            at = (sum(state) * 31) % len(items[0][name])
            touched.append(next(islice(hoi_damage.flips(items[0][name]), at, None)))
        looked.append(name)
        return [{**items[0], name: touched[0]}] if len(looked) == 1 and touched else []

    with world.link("altered") as link:
        link.session.items = alter
        try:
            link.run(lambda: looked or link.session.in_step, 20, "an item")
        except Closed as closed:
            assert closed.reason == 1 and touched, closed
        assert not entries_in(link.session.recording), "an altered item was taken"
    after = hoi_damage.mark(node.held)
    assert after[:5] == state[:5], "an altered item left a trace"
    return len(touched)


def crowd(world):
    """More nodes of one unit than a side lists at once: what differs is found by the digests of buckets, and what is equal is not listed."""
    world.sync("centre")
    count = HAVE_AT_ONCE_LOGS_MAX + 2 - len(world.nodes["centre"].held.logs)
    for at in range(count):
        name = f"commune {at + 3}"
        node = world.enrol(name, "560", "22168")
        world.sync(name)
        hoi_author.put(node, "members", Q1_2025 - 40 + at, {"members_new": at})
        world.sync(name)
    wait(lambda: rollup_of(world, "VN", "2015-Q1..2023-Q2", "members_new") == str(sum(range(count))), 20, "all at the centre")
    kinds = Counter(way + hoi_messages.MESSAGE_NAMES[hoi_messages.read_message(frame)["type"]] for way, frame in world.sync("centre"))
    assert kinds["<entries"] and kinds[">buckets"] + kinds["<buckets"], kinds
    some = world.nodes["commune 9"]
    hoi_author.put(some, "members", Q1_2025 - 40, {"chapters": 3})
    world.sync("commune 9")
    wait(lambda: rollup_of(world, "VN", "2015-Q1", "chapters") == "3", 20, "one more at the centre")
    frames = world.sync("centre")
    listed = [hoi_messages.read_message(frame) for _, frame in frames]
    logs = [len(message["logs"]) for message in listed if message["type"] == 4]
    assert logs and max(logs) < len(world.nodes["centre"].held.logs), logs
    world.same_digests("centre", ["22168", "560"], ["VN", "560"])
    world.same_digests("centre", ["VN"], ["VN"])
    print(f"  {len(world.nodes['centre'].held.logs)} logs, listed {logs}; {dict(hoi_damage.audit(world.nodes['centre']))}")


def odd(world):
    """Whatever is written, both implementations make the same of it; what one lets through the other takes."""
    world.withheld = True
    table = hoi_odd.Odd(world.ids, world.nodes["district"], world.nodes["centre"])
    count = 0
    for row in table.rows():
        carrier = row.writer if row.writer in world.nodes else "district"
        world.sync(carrier)
        node = world.nodes.get(row.writer) or table.keys[row.writer]
        node.held, node.line = world.nodes[carrier].held, world.nodes[carrier].line
        entry = row.write(node)
        world.sync(carrier)
        agree(world, row.name, entry)
        count += 1
    world.sync("commune")
    for name, first, second, office in (("commune", "22168", "560", "560"), ("commune", "22168", "54", "54"), ("centre", "560", "54", "54")):
        mine = hoi_digest.digest(hoi_records.Views(world.nodes[name].tree), world.ids[first], world.ids[second])
        theirs = world.tree[office].json("digest", "--unit", world.ids[first].hex(), "--with", world.ids[second].hex())["state"]
        assert mine == theirs, f"digest({first}, {second}) by {name} and {office}"
    centre, above = world.nodes["centre"], world.nodes["centre"].inviter
    said = [{holder: {**each[2], "holder": 0, "time": 0} for holder, each in of_log.items()} for of_log in centre.held.receipts.values()]
    pairs = [(of_log[centre.id], of_log[above]) for of_log in said if centre.id in of_log and above in of_log]
    assert pairs and all(one == other for one, other in pairs), "the two nodes of the centre say the same of what they hold, but"
    assert any(one["aside"] for one, _ in pairs)
    reasons = Counter(verdict.reason for verdict in hoi_records.Views(centre.tree).verdicts)
    print(f"  {count} change-sets; set aside: {dict(reasons)}")


def agree(world, name, entry):
    """Waits until the centre holds an entry (unless it may not) and both implementations make the same digests of its tree there."""
    deadline = time.monotonic() + 30
    while True:
        world.sync("centre")
        centre = world.nodes["centre"]
        if centre.held.entry(entry.log, entry.header["seq"]):
            mine = world.digests("centre", ("VN", "22165", "22168"))
            theirs = {code: world.digest_of_id("VN", world.ids[code]) for code in mine}
            if mine == theirs:
                return
            assert time.monotonic() < deadline, f"{name}: digests differ of {[code for code in mine if mine[code] != theirs[code]]}"
        assert time.monotonic() < deadline, f"{name}: it did not come"


def rollup_of(world, office, period, field):
    return world.tree[office].json("rollup", "members", period, "--unit", world.ids["VN"].hex())["fields"][field]["value"]


def claims_another(world):
    """E1: a routing id of one's own choice is not served, another node's name in a hello is not believed, and nobody else is held up."""
    commune, second = world.nodes["commune"], world.nodes["commune 2"]
    with world.link("commune") as victim:
        victim.until_in_step()
        thief = hoi_link.Link(second, world.tokens["commune 2"], routing_id=b"another's")
        hoi_author.put(commune, "members", Q1_2025 + 2, {"chapters": 1})
        log = commune.log_of(hoi_author.REPORT)
        victim.session.pump()
        above = world.nodes["commune"].inviter
        last = len(commune.held.logs[log])
        victim.run(lambda: commune.held.receipts[log][above][2]["seq"] == last, 20, "the receipt of what was written meanwhile")
        assert thief.line.receive(0.2) is None, "a connection with a routing id of its own was served"
        thief.close()
    named = Node(commune.association)
    named.__dict__.update({**second.__dict__, "id": commune.id})
    try:
        with hoi_link.Link(named, world.tokens["commune 2"]) as link:
            link.until_in_step(20)
        raise AssertionError("a hello in another node's name was taken")
    except Closed as closed:
        assert closed.reason in (1, 4), closed.reason
    world.sync("commune 2")


def memory_of(office):
    """The most memory that a daemon has had, in MiB; 0 where it is built to find its own mistakes, which takes memory of its own."""
    with open(f"/proc/{office.process.pid}/maps", encoding="utf-8") as maps:
        if "libasan" in maps.read():
            return 0
    with open(f"/proc/{office.process.pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))


def hostile(world):
    tree = world.tree
    commune = world.nodes["commune"]
    other = world.enrol("other branch", "54", "562")
    world.sync("other branch")
    hoi_author.put(other, "members", Q1_2025, {"members_total": 1})
    world.sync("other branch")
    for name in ("commune", "centre"):
        world.sync(name)
    above = world.nodes["commune"].inviter
    before = world.digest_of("560", "560")
    process, memory = tree["560"].process.pid, memory_of(tree["560"])
    raw, count = hoi_hostile.Raw(commune, world.tokens["commune"]), 0
    for row in hoi_hostile.rows(commune, other, above):
        count += hoi_hostile.judge(raw, row)
        assert world.digest_of("560", "560") == before, row.name
    raw.outsized()
    raw.close()
    assert memory_of(tree["560"]) < memory + 64, f"{memory} MiB became {memory_of(tree['560'])}"
    assert world.digest_of("560", "560") == before
    claims_another(world)
    assert tree["560"].process.poll() is None and tree["560"].process.pid == process
    world.same_digests("commune", ["22168"], ["VN", "560"])
    assert not tree["560"].json("check")["findings"]
    print(f"  {count} frames, one digest")


def main():
    with Tree() as tree:
        began = time.monotonic()
        tree.found("VN", UNITS, [os.path.join(FORMS, name) for name in ("members.json", "loans.json")])
        for above, below in zip(LINE, LINE[1:]):
            tree.join(above, below)
        wait(lambda: tree["22165"].json("form", "show", "members"), 20, "forms at the commune")
        tree["22165"].hoi("put", "members", "2025-Q1", "members_total=120", "members_new=7")
        wait(lambda: tree["560"].json("show", "members", "2025-Q1", "--unit", "22165")["rows"], 20, "the record to correct, at 560")
        tree["560"].hoi("put", "members", "2025-Q1", "--unit", "22165", "members_new=8", "--reason", "counted again")
        tree["VN"].hoi("send", "--to", "22165", "--title", "For one commune", "--text", "-", stdin="Text\n")
        world = World(tree)
        print(f"tree: {time.monotonic() - began:.1f} s")
        for scenario in SCENARIOS:
            began = time.monotonic()
            scenario(world)
            print(f"{scenario.__name__}: {time.monotonic() - began:.1f} s", flush=True)


SCENARIOS = (enrols, pulls, writes, resumes, bytes_changed, altered, hostile, odd, crowd)

if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Refused) as error:
        print(f"FAILED: {error}")
        sys.exit(1)

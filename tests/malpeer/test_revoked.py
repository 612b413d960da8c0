#!/usr/bin/python3
"""Goal: a key that was shut out gains nothing by being connected, by old dates, by what was decided about another log, or by asking to join again (E8, E9, E14)."""
import secrets

from scene import hoi_author, hoi_hostile, hoi_link, hoi_messages, Q1_2025, run, wait
import hoi_codec
from hoi_common import DIRECTIVE, log_key, REPORT
from hoi_formats import CONTROL
from hoi_hostile import Forger, NOTHING_NEW, OK, packed, packed_entry, refusal
from hoi_push import item_of
from hoi_verify import Rejected

ENTRIES_KEPT_MAX, BYTES_KEPT_MAX = 1000, 8 * 1024 * 1024  # of one node past its cuts, as the protocol says
LONG_AGO = 86400
CODE, CUT = "22168", "AUTHOR_CUT"


def thief(scene, name, values=(41, 42, 43)):
    """A node of its own, with figures that are known above; returned with what it dials with."""
    node = scene.enrol(name, "560", CODE)
    for at, value in enumerate(values):
        hoi_author.put(node, "members", Q1_2025 + at, {"members_total": value})
    scene.sync(node, name)
    for office in (scene.victim, scene.centre):
        wait(lambda office=office: holds(office, node, len(values)), 20, f"what {name} wrote, at {office.code}")
    return node


def holds(office, node, count):
    return len(entries(office, node, REPORT)) >= count


def entries(office, node, kind):
    """What an office holds of a node's logs of that kind: seq and state by reference."""
    found = office.json("log", "--limit", "10000", "--node", node.id.hex())["entries"]
    return {entry["ref"]: entry for entry in found if entry["ref"].split(":")[1] == {REPORT: "report", DIRECTIVE: "directive"}[kind]}


def revoke(scene, node, *more):
    done = scene.victim.json("node", "revoke", node.id.hex()[:12], "--reason", "máy bị mất", *more)
    wait(lambda: state_of(scene.centre, node) == "revoked", 20, "the revocation at the centre")
    return done


def state_of(office, node):
    return next(each["state"] for each in office.json("node", "list")["nodes"] if each["node"] == node.id.hex())


def counted(office, quarter):
    """The values that the unit's heads have in a quarter of 2025."""
    rows = office.json("show", "members", f"2025-Q{quarter}", "--unit", CODE)["rows"]
    field = rows[0]["fields"]["members_total"] if rows else {}
    return sorted({str(value["value"]) for value in field.get("values", [])} | ({str(field["value"])} if "value" in field else set()))


def aside(office, reason):
    return sum(group["count"] for group in office.json("status")["set_aside"] if group["reason"] == reason)


def came_of(raw, seconds):
    """Every item that comes within so many seconds of silence: its log, seq and whether a body came with it."""
    items = []
    while (frame := raw.line.receive(seconds)) is not None:
        message = hoi_messages.read_message(frame)
        assert message["type"] != 6, "a receipt for a revoked key"
        for item in hoi_messages.unpack_items(message) if message["type"] == 5 else []:
            named, seq = (item, item["seq"]) if item["type"] == 2 else hoi_messages.named_by(item["header"])
            items.append((log_key(named), seq, item))
    return items


def said(answers):
    return {(each["type"], each.get("reason", 0)) for each in answers if each["type"] in (7, 8, 9)}


def on_a_live_connection(scene):
    """E9: the handshake was long ago; the first message after the revocation is judged by it."""
    node = thief(scene, "connected")
    raw = scene.raw("connected")
    raw.greet()
    came_of(raw, 0.5)
    before = [counted(office, 1) for office in (scene.victim, scene.centre)]
    with scene.attack("a key revoked while it is connected", "id=peer_revoked", "reason=not_entitled", takes=True, lines_max=2):
        revoke(scene, node)
        forge = Forger(node)
        assert said(raw.frame(forge.chain())) == {OK}, "what it had not sent is kept as evidence"
        alien = next(entry for entry in scene.twin.held.entries() if entry.header["author"] == scene.twin.id)
        epoch = secrets.token_bytes(8)
        for frame in (packed_entry(item_of(alien)), forge.chain(author=scene.twin.id, epoch=epoch, seq=1, prev=b"")):
            assert refusal(2) in said(raw.frame(frame)), "it relays for others"
        scene.victim.hoi("send", "--to", "560/*", "--title", "sau khi thu hồi")
        scene.victim.hoi("unit", "add", "22180", "--name", "Xã Mới", "--level", "2")
        wait(lambda: any(each["title"] == "sau khi thu hồi" for each in scene.honest.json("inbox")["documents"]), 20, "the honest commune to have the letter")
        for log, seq, item in came_of(raw, 2):
            header = hoi_hostile.hoi_formats.HEADER.decode(item["header"]) if item["type"] != 2 else None
            assert header is not None and header["class"] == CONTROL, f"it still gets {seq} of {log}"
        raw.close()
    assert [counted(office, 1) for office in (scene.victim, scene.centre)] == before
    assert aside(scene.victim, CUT) >= 1, scene.victim.json("status")["set_aside"]
    scene.honest.hoi("check")


def the_lane(scene):
    """What it may still fetch: its own revocation and what that rests on, over a new connection; it is not turned away, and it is given nothing else."""
    node = thief(scene, "lane")
    done = revoke(scene, node)
    scene.victim.hoi("send", "--to", "560/*", "--title", "không cho máy mất")
    with scene.attack("a revoked key that fetches what it may", "id=peer_revoked", takes=True):
        raw = scene.raw("lane")
        raw.line.send(hoi_messages.have(range(64), []))  # it says that it holds nothing at all
        came = came_of(raw, 2)
        raw.close()
    bodies = [hoi_hostile.hoi_formats.HEADER.decode(item["header"]) for _, _, item in came if item["type"] == 1]
    assert bodies and all(header["class"] == CONTROL or not item["body"] for header, (_, _, item) in zip(bodies, [each for each in came if each[2]["type"] == 1]))
    revocation = done["entry"].split(":")
    assert any(log[0].hex() == revocation[0] and seq == int(revocation[3]) for log, seq, _ in came), "it is not told that it is revoked"
    assert all(log[0] != node.id for log, _, _ in came), "a revoked key is given its own logs back"


def backdated(scene):
    """E8: no date decides. Past the cut, in a new epoch, or as another past: all of it is kept as evidence and counts nowhere; what stood before the cut stands."""
    node = thief(scene, "backdated")
    before = [[counted(office, quarter) for quarter in (1, 2, 3)] for office in (scene.victim, scene.centre)]
    revoke(scene, node)
    log = node.held.logs[node.log_of(REPORT)]
    form = hoi_author.form_named(hoi_author.Views(node.tree), "members")

    def entry(value, quarter, **header):
        body = {"nonce": b"", "changes": [hoi_author.put_change(form, Q1_2025 + quarter - 1, {"members_total": value})]}
        data, raw_body, salt = Forger(node).next(hoi_hostile.hoi_formats.BODY.encode(body), time=LONG_AGO, reach=form.payload["reach"], **header)
        return Forger(node).signed(data, raw_body, salt)

    with scene.attack("entries of 1970 by a stolen key", "id=peer_revoked", "reason=fork", takes=True, lines_max=3):
        raw = scene.raw("backdated")
        assert said(raw.frame(entry(666, 1))) == {OK}, "past the cut"
        for quarter in (1, 2, 3):
            assert said(raw.frame(entry(667, quarter, epoch=secrets.token_bytes(8), seq=1, prev=b""))) == {OK}, "a new epoch"
        assert refusal(4) in said(raw.frame(entry(668, 2, seq=2, prev=log[0].hash))), "another past"
        raw.close()
    wait(lambda: aside(scene.centre, CUT) >= 4, 20, "the evidence at the centre")
    after = [[counted(office, quarter) for quarter in (1, 2, 3)] for office in (scene.victim, scene.centre)]
    assert after == before, (after, before)
    for office in (scene.victim, scene.centre):
        fork = [each for each in office.json("status")["forks"] if each["node"] == node.id.hex()]
        assert all(not each["waits"] for each in fork), f"a fork below the cut stops something at {office.code}: {fork}"
    assert scene.victim.hoi("digest", "--unit", "560", "--with", "VN") == scene.centre.hoi("digest", "--unit", "560", "--with", "VN")


def cut_in_the_past(scene):
    """The cut is named by an entry: what came after it had counted, and counts no more, here and above."""
    node = thief(scene, "past", (71, 72, 73))
    for office in (scene.victim, scene.centre):
        assert any("73" in counted(office, 3) for _ in (0,)), f"{office.code} had counted it"
    refs = sorted(entries(scene.victim, node, REPORT), key=lambda ref: int(ref.split(":")[3]))
    revoke(scene, node, "--from", refs[1])
    for office in (scene.victim, scene.centre):
        wait(lambda office=office: "73" not in counted(office, 3) and "72" not in counted(office, 2), 20, f"what fell to be uncounted at {office.code}")
        assert "71" in counted(office, 1), "what stood before the cut fell"
        assert aside(office, CUT) >= 2, "what fell is not shown"


def evidence_without_end(scene):
    """What a revoked key hands in is kept up to a bound, which is of all its logs together; then it is refused, and the disk stays as it is."""
    for name, size, count in (("many", 10, ENTRIES_KEPT_MAX + 200), ("large", 200_000, 2 * BYTES_KEPT_MAX // 200_000)):
        node = thief(scene, name, (1,))
        revoke(scene, node)
        refused = 0
        bodies = [hoi_hostile.hoi_formats.BODY.encode({**NOTHING_NEW, "changes": [{"kind": 67, "payload": [secrets.token_bytes(size)]}]}) for _ in range(count)]
        with scene.attack(f"{count} entries of {size} bytes past a cut", "id=peer_revoked", "reason=author_cut", takes=True, lines_max=3,
                          disk_kib=2 * (BYTES_KEPT_MAX >> 10) + 8 * 1024):
            raw = scene.raw(name)
            for items in packs(node, bodies, 100 if size < 1000 else 4):
                refused += refusal(7) in said(raw.frame(packed(items)))
            raw.close()
        kept = len(entries(scene.victim, node, REPORT)) - 1
        assert refused > 0 and 0 < kept <= ENTRIES_KEPT_MAX and (kept - 1) * size <= BYTES_KEPT_MAX, (refused, kept)
        print(f"    {kept} of {count} entries of {size} bytes kept as evidence")


def packs(node, bodies, at_once):
    """Items of entries, one after the other in a new epoch, so many a message."""
    epoch, prev, items = secrets.token_bytes(8), b"", []
    for seq, body in enumerate(bodies, 1):
        header, body, salt = Forger(node).next(body, epoch=epoch, seq=seq, prev=prev)
        data = hoi_hostile.hoi_formats.HEADER.encode(header)
        prev = hoi_hostile.hoi_crypto.entry_hash(node.association, data)
        items.append([1, data, hoi_hostile.hoi_crypto.sign(node.signing_seed, "header", node.association, data), salt, body])
        if len(items) == at_once or seq == len(bodies):
            yield items
            items = []


def joins_again(scene):
    """With the revoked keys and a new token, even one for its own unit: refused, the token is not used up, and the office gets in with new keys."""
    node = thief(scene, "again")
    revoke(scene, node)
    unit = scene.victim.json("unit", "show", CODE)["id"]
    text = scene.victim.hoi("invite", unit).strip()
    with scene.attack("a join with revoked keys", "id=enrolment_refused", takes=True):
        _, frame = hoi_link.ask_anew(node, text)
        assert hoi_messages.read_message(frame) == {"type": 18, "reason": 6}, hoi_messages.read_message(frame)
    fresh = hoi_link.join(text)
    assert fresh.unit == node.unit and state_of(scene.victim, node) == "revoked"
    assert any(each["node"] == fresh.id.hex() and each["state"] != "revoked" for each in scene.victim.json("node", "list")["nodes"])


def forks(office, node):
    return [each for each in office.json("status")["forks"] if each["node"] == node.id.hex()]


def equivocate(scene, name, node):
    """Two entries at the next seq of its report log, both shown; the references of the one held and of the other."""
    raw = scene.raw(name)
    one = Forger(node).next()
    other = Forger(node).next(time=one[0]["time"] - 1)
    assert said(raw.frame(Forger(node).signed(*one))) == {OK}
    assert refusal(4) in said(raw.frame(Forger(node).signed(*other)))
    raw.close()
    data = hoi_hostile.hoi_formats.HEADER.encode(one[0])
    node.held.add(data, hoi_hostile.hoi_crypto.sign(node.signing_seed, "header", node.association, data), one[2], one[1])
    return wait(lambda: [each for each in forks(scene.victim, node) if each["waits"]], 20, f"the fork of {name} to wait")[0]


def decision_replayed(scene):
    """E14: a fork decision is for that fork: sent again, signed by another, or while another log of the same hand waits, it settles nothing else."""
    first, second = thief(scene, "forked", (1,)), thief(scene, "forked too", (1,))
    fork = equivocate(scene, "forked", first)
    scene.victim.hoi("node", "fork", "--keep", fork["held"])
    wait(lambda: not any(each["waits"] for each in forks(scene.victim, first)), 20, "the fork to be settled")
    scene.sync(scene.evil, "evil")
    decision = next(entry for entry in reversed(list(scene.evil.held.entries())) if b"" != (entry.body or b"") and entry.header["class"] == CONTROL and
                    any(change["kind"] == 10 for change in hoi_hostile.hoi_formats.read_body(entry.header, entry.body)["changes"]))
    waiting = equivocate(scene, "forked too", second)
    raw = scene.raw("forked too")
    with scene.attack("the decision sent again, and signed by the forker", takes=True, lines_max=3):
        for _ in range(3):
            assert said(raw.frame(packed_entry(item_of(decision)))) <= {OK, refusal(2)}, "what is held already"
        forge = Forger(second)
        changes = [change for change in hoi_hostile.hoi_formats.read_body(decision.header, decision.body)["changes"] if change["kind"] == 10]
        ref = waiting_ref(second)
        own = {"kind": 10, "payload": {"keeps": ref, "rival": {**ref, "hash": secrets.token_bytes(16)}}}
        for change in (*changes, own):  # as it is, and made for the fork that waits
            body = hoi_hostile.hoi_formats.BODY.encode({"nonce": secrets.token_bytes(16), "changes": [change]})
            header, body, salt = forge.next(body, **{"kind": DIRECTIVE, "class": CONTROL, "audience": []})
            data = hoi_hostile.hoi_formats.HEADER.encode(header)
            second.held.add(data, hoi_hostile.hoi_crypto.sign(second.signing_seed, "header", second.association, data), salt, body)
            assert said(raw.frame(forge.signed(header, body, salt))) == {OK}
        swapped = hoi_hostile.hoi_formats.BODY.encode({"nonce": secrets.token_bytes(16), "changes": [own]})
        frame = hoi_codec.encode([[1, decision.header_bytes, decision.signature, decision.salt, swapped]])
        assert said(raw.frame(hoi_codec.encode([5, 0, len(frame), frame]))) & {OK, refusal(6), refusal(2)}, "the signed header with another body"
        raw.close()
    for office in (scene.victim, scene.centre):
        wait(lambda office=office: forks(office, second), 20, f"the second fork at {office.code}")
        assert all(each["waits"] for each in forks(office, second)), f"{office.code}: settled by what was said of another fork"
        assert waiting["held"] == forks(scene.victim, second)[0]["held"]


def waiting_ref(node):
    """The entry held at the fork of its report log."""
    return node.held.logs[node.log_of(REPORT)][-1].ref


# What is much comes last: the views of every hostile node are made anew from it.
TESTS = (on_a_live_connection, the_lane, backdated, cut_in_the_past, joins_again, decision_replayed, evidence_without_end)

if __name__ == "__main__":
    run(TESTS)

#!/usr/bin/python3
"""Goal: nobody writes in another's name or out of context (E2, E12, E13), whoever relays it, with whatever key it is signed."""
import secrets

from scene import hoi_author, hoi_hostile, hoi_messages, run
import hoi_codec
import hoi_crypto
import hoi_formats
from hoi_common import DIRECTIVE, REPORT
from hoi_hostile import BYE, ERROR, Forger, judge, other_author, packed, packed_entry, refusal, Row
from hoi_push import item_of

REFUSED_ENTITLED, REFUSED_SIGNATURE = "reason=not_entitled", "reason=signature"


def attempt(scene, name, frames, answers, *says):
    """Frames that are each refused with one of these answers."""
    raw = scene.raw()
    with scene.attack(name, *says):
        judge(raw, Row(name, frames, answers))
    raw.close()


def forged_author(scene):
    forge = Forger(scene.evil)
    attempt(scene, "an author nobody admitted", [forge.chain(author=secrets.token_bytes(16), epoch=bytes(8), seq=1, prev=b"")], {refusal(1)},
            "reason=author_unknown")


def siblings_unit(scene):
    theirs = next(entry for entry in scene.other.held.entries() if entry.header["author"] == scene.other.id)
    attempt(scene, "a log of another branch, well signed", [packed_entry(item_of(theirs))], {refusal(1), refusal(2)}, "id=entry_refused")
    forge = Forger(scene.evil)
    mine = forge.chain(author=other_author(scene.evil), epoch=secrets.token_bytes(8), seq=1, prev=b"")
    attempt(scene, "another node's log under the own signature", [mine], {refusal(5)}, REFUSED_SIGNATURE)


def parents_entries(scene):
    forge = Forger(scene.evil)
    above = [node.id for node in scene.evil.tree.nodes.values() if node.unit in scene.evil.tree.above(scene.evil.unit)]
    assert len(above) >= 2, "the district's node and the founder"
    frames = [forge.chain(author=author, epoch=secrets.token_bytes(8), seq=1, prev=b"", **{"kind": kind, "class": cls, "audience": []})
              for author in above for kind, cls in ((DIRECTIVE, 1), (DIRECTIVE, 3))]
    attempt(scene, "entries of those above, forged", frames, {refusal(5), refusal(2), refusal(6)}, REFUSED_SIGNATURE)


def writes_above_itself(scene):
    """Well signed, of its own log, but about units that are not its own: kept as every entry of a node below is, and without effect."""
    evil, tree = scene.evil, scene.evil.tree
    district = tree.above(evil.unit)[0]
    before = scene.victim.json("digest", "--unit", "560", "--with", "VN")["state"]
    with scene.attack("a unit, a name and a figure for those above", takes=True):
        hoi_author.control(evil, hoi_author.unit_change(evil, district, 2, "666", "Xã giả"))
        hoi_author.control(evil, hoi_author.unit_set_change(district, 2, "Huyện giả"))
        scene.sync(evil, "evil")
    units = [unit["code"] for unit in scene.victim.json("unit", "list")["units"]]
    assert "666" not in units, "a commune made a unit of its district"
    assert scene.victim.json("unit", "show", "560")["name"] == "Huyện Sơn Hòa", "a commune renamed its district"
    assert before != "", before


def wrong_association(scene):
    forge = Forger(scene.evil)
    attempt(scene, "signed for another association", [hoi_hostile.elsewhere(forge)], {refusal(5)}, REFUSED_SIGNATURE)
    raw = scene.raw()
    hello = hoi_messages.read_message(raw.hello())
    with scene.attack("a hello of another association", "id=session_closed"):
        raw.line.send(hoi_messages.MESSAGE.encode({**hello, "association": secrets.token_bytes(32)}))
        assert raw.until(BYE)[-1] == {"type": 9, "reason": 2}
    raw.close()


TAGS = ("header", "body", "receipt", "founding", "join", "admission", "node", "form", "unit", "token", "bucket", "state", "entry")


def signed_things(scene):
    """One thing of each kind that is signed: its bytes, and whether they are an entry's."""
    evil, forge = scene.evil, Forger(scene.evil)
    header, body, salt = forge.next()
    receipt = next(of_log[evil.id] for of_log in evil.held.receipts.values() if evil.id in of_log)
    core = next(iter(entry for entry in evil.held.entries() if entry.header["class"] == 1 and entry.body)).body
    things = {"header": hoi_codec.encode(hoi_formats.HEADER.shape.write(header)), "receipt": receipt[0], "founding": evil.held.statement, "body": body,
              "control body": core, "hello": hoi_hostile.Raw.hello(scene_raw := scene.raw())}
    scene_raw.close()
    return things, body, salt


def every_type_as_every_other(scene):
    """Each signed type, under the tag of each other, in each place where something signed stands: an entry's header and a receipt."""
    things, body, salt = signed_things(scene)
    evil, count = scene.evil, 0
    raw = scene.raw()
    with scene.attack("every type as every other", REFUSED_SIGNATURE, "reason=PEER_PROTOCOL", "id=receipt_refused", lines_max=40):
        for kind, data in things.items():
            for tag in TAGS:
                signature = hoi_crypto.sign(evil.signing_seed, tag, evil.association, data)
                if (kind, tag) != ("header", "header"):
                    said = {each["type"]: each.get("reason") for each in raw.frame(packed([[1, data, signature, salt, body]])) if each["type"] in (8, 9)}
                    assert said.get(8) in (5, 6) or said.get(9) == 1, (kind, tag, said)
                    count += 1
                if (kind, tag) != ("receipt", "receipt"):
                    raw.begin_with(hoi_codec.encode([6, [[data, signature]]]))
                    count += 1
    raw.close()
    assert count == 2 * (len(things) * len(TAGS) - 1), count


def forged_receipts(scene):
    """A receipt by the district, the centre or a twin, signed by somebody else: nobody counts a figure as stored for it."""
    evil = scene.evil
    log = evil.log_of(REPORT)
    data, _, receipt = evil.held.receipts[log][evil.id] if evil.id in evil.held.receipts[log] else next(iter(evil.held.receipts[log].values()))
    holders = [node.id for node in evil.tree.nodes.values() if node.id != evil.id]
    raw = scene.raw()
    before = scene.victim.json("status")["log"]
    with scene.attack("receipts in others' names", "id=receipt_refused", lines_max=3):
        for holder in holders:
            forged = hoi_formats.RECEIPT.encode({**receipt, "holder": holder, "seq": receipt["seq"], "aside": 0})
            raw.begin_with(hoi_codec.encode([6, [[forged, hoi_crypto.sign(evil.signing_seed, "receipt", evil.association, forged)]]]))
    raw.close()
    assert scene.victim.json("status")["log"] == before
    assert data


def altered_in_any_byte(scene):
    """What is right but for one byte (E13): each byte of header, signature, salt and body of an entry by itself."""
    entry = next(each for each in scene.evil.held.entries() if each.header["author"] == scene.evil.id)
    raw, count = scene.raw(), 0
    with scene.attack("one byte changed", "id=entry_refused", lines_max=40):
        for frame in hoi_hostile.altered_frames(item_of(entry)):
            raw.frame(frame)
            count += 1
    raw.close()
    assert count > 200, count


def another_name_in_the_hello(scene):
    """The transport key says who it is; a hello that says another is not believed."""
    raw = scene.raw()
    hello = hoi_messages.read_message(raw.hello())
    raw.close()
    for claimed in (scene.twin.id, scene.evil.inviter, secrets.token_bytes(16)):
        line = scene.line(scene.evil, "evil")
        with scene.attack("another node's name in the hello", "reason=PEER_PROTOCOL"):
            line.send(hoi_messages.MESSAGE.encode({**hello, "node": claimed}))
            answer = hoi_messages.read_message(line.receive(20))
            assert answer["type"] == BYE and answer["reason"] in (1, 4), answer
        line.close()


TESTS = (forged_author, siblings_unit, parents_entries, writes_above_itself, wrong_association, every_type_as_every_other, forged_receipts, altered_in_any_byte,
         another_name_in_the_hello)

if __name__ == "__main__":
    run(TESTS)

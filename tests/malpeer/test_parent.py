#!/usr/bin/python3
"""Goal: a level above that lies can be silent, and nothing else (E6); a stolen district's key works in that district until it is revoked, and then not even there (E10)."""
import os
import secrets
import signal
import socket
import sys

from scene import FORMS, hoi_author, hoi_hostile, hoi_messages, Q1_2025, run, Scene, UNITS, wait
from above import endless, key_of, Liar, stolen, without
import hoi_control
from hoi_common import DIRECTIVE, REPORT
from hoi_formats import BODY, CONTROL, DOCUMENT, HEADER, read_body, RECORD
from hoi_hostile import Forger, OK, refusal
from hoi_messages import MESSAGE
from hoi_session import Session

ENDLESS_BYTES_MAX = 512 << 20
HELD_KIB_MAX = 176 * 1024  # as for a child: below what the service may have
VICTIM, DISTRICT, CENTRE, SIBLING = "22165", "560", "VN", "22168"


class Below(Scene):
    """A commune attacked by its district. `liar` has the district's key and all that its unit holds; the centre goes on as it was."""

    def __init__(self, tree):  # pylint: disable=super-init-not-called
        self.tree, self.count, self.nodes, self.tokens = tree, 0, {}, {}
        tree.found(CENTRE, UNITS, [os.path.join(FORMS, "members.json")])
        self.centre, self.district, self.victim = tree[CENTRE], tree.join(CENTRE, DISTRICT), tree.join(DISTRICT, VICTIM)
        self.honest = self.victim
        wait(lambda: self.victim.json("form", "show", "members"), 20, "the form at the commune")
        self.observer = self.enrol("observer", CENTRE, DISTRICT)
        with open(os.path.join(self.district.dir, "listen"), encoding="utf-8") as file:
            self.district_port = int(file.read().strip().rsplit(":", 1)[1])
        self.district_id, self.victim_id, self.centre_id = (bytes.fromhex(office.json("status")["node"]["id"]) for office in (self.district, self.victim, self.centre))
        self.seeds = key_of(self.district.dir)

    def settle(self):
        """The honest district is there, and all are in step."""
        if self.district.process is None:
            self.district.start()
        self.victim.stop()
        self.victim.start()
        self.victim.hoi("put", "members", "2025-Q1", f"members_total={2000 + self.count}")
        self.district.hoi("send", "--to", "560/*", "--title", f"Công văn {len(self.titles())}")
        for office in (self.victim, self.district):
            office.hoi("sync", "--wait", "60")
        self.sync(self.observer, "observer")

    def exchange(self):
        """Whoever sits at the commune's PC goes on with the work."""
        self.count += 1
        self.victim.hoi("put", "members", "2025-Q4", f"members_total={3000 + self.count}")
        shown = self.victim.json("show", "members", "2025-Q4")["rows"][0]["fields"]["members_total"]["value"]
        assert shown == str(3000 + self.count), shown

    def liar(self):
        """The district is gone; whoever has its key listens in its place."""
        self.sync(self.observer, "observer")
        if self.district.process is not None:
            self.district.stop()
        node = stolen(self.observer, self.district_id, self.centre_id, self.seeds)
        liar = Liar(node, self.victim_id, self.district_port)
        self.victim.process.send_signal(signal.SIGHUP)
        return liar

    def own_head(self, node, kind=DIRECTIVE):
        return node.held.logs[node.log_of(kind)][-1].header["seq"]

    def titles(self):
        return sorted(each["title"] for each in self.victim.json("inbox")["documents"])

    def unit(self, code):
        return bytes.fromhex(self.centre.json("unit", "show", code)["id"])


def agreed(session):
    return session.agreed


def withholds(scene):
    """It shows an older centre than there is. The commune keeps all it had, sees that its figures are confirmed by nobody farther up, and hears the rest from an honest level above."""
    scene.centre.hoi("send", "--to", "560/*", "--title", "trước")
    wait(lambda: "trước" in scene.titles(), 20, "the letter before")
    with scene.liar() as liar:
        scene.centre.hoi("send", "--to", "560/*", "--title", "sau")
        held = scene.held()
        with scene.attack("a level above that withholds", takes=True):
            scene.victim.hoi("put", "members", "2025-Q2", "members_total=5")
            assert liar.converse(liar.node, agreed), "what it shows is lawful: the two come to agree"
        assert set(held) <= set(scene.held()) and "trước" in scene.titles() and "sau" not in scene.titles()
        above = {holder["unit"]["code"]: holder for holder in scene.victim.json("status")["above"]}
        written = scene.victim.json("status")["log"]["written"]
        assert above[CENTRE]["stored"] < written == above[DISTRICT]["stored"], f"nothing shows that the centre has not heard: {above}"
    scene.settle()
    wait(lambda: "sau" in scene.titles(), 20, "the letter that was withheld")


def rolls_back(scene):
    """It shows older heads of every directive log, its own too: nothing goes down, and what it says it lacks is given to it."""
    with scene.liar() as liar:
        held = scene.held()
        lesser = without(liar.node, [(key, 2) for key, log in liar.node.held.logs.items() if key[1] == DIRECTIVE and len(log) > 1 and key[0] != liar.node.id])
        with scene.attack("a level above that rolls back", takes=True):
            assert liar.converse(lesser, agreed)
        assert set(held) <= set(scene.held()), "the commune forgot what the level above no longer shows"
        assert all(len(lesser.held.logs[key]) == len(log) for key, log in liar.node.held.logs.items() if key[1] == DIRECTIVE), "it was not filled up again"


def rewrites(scene):
    """Its own log, another entry where the commune holds one: refused, both kept as proof, told to whoever sits there."""
    with scene.liar() as liar:
        node = liar.node
        log = node.held.logs[node.log_of(DIRECTIVE)]
        with scene.attack("a past rewritten from above", "reason=fork", takes=True):
            liar.greeted()
            body = BODY.encode({"nonce": b"", "changes": [hoi_author.document_change("khác", "khác")]})
            terms = [{"unit": scene.unit(VICTIM), "scope": 0}]
            frame = Forger(node).signed(*Forger(node).next(body, **{"kind": DIRECTIVE, "class": DOCUMENT, "audience": terms}, seq=len(log), prev=log[-2].hash))
            assert refusal(4) in liar.say(frame)
        assert "khác" not in scene.titles()
        forks = scene.victim.json("status")["forks"]
        assert [each["node"] for each in forks] == [node.id.hex()], forks


def gap_and_order(scene):
    """An entry left out is refused and asked for again; the same entries in order are taken."""
    with scene.liar() as liar:
        node = liar.node
        terms = [{"unit": scene.unit(VICTIM), "scope": 0}]
        entries = []
        for title in ("một", "hai"):
            body = {"nonce": b"", "changes": [hoi_author.document_change(title, "")]}
            entries.append(node.write(body, **{"kind": DIRECTIVE, "class": DOCUMENT, "audience": terms}))
        with scene.attack("entries from above out of order", "reason=gap", takes=True):
            held = without(node, [(entries[0].log, entries[0].header["seq"])])
            liar.greeted(held)
            assert refusal(3) in liar.say(hoi_hostile.packed_entry(hoi_hostile.item_of(entries[1])))
            assert not {"một", "hai"} & set(scene.titles())
            for entry in entries:
                assert liar.say(hoi_hostile.packed_entry(hoi_hostile.item_of(entry))) <= {OK}
            wait(lambda: {"một", "hai"} <= set(scene.titles()), 20, "what came in order")


def wrong_target(scene):
    """What is for another commune leaves no body here; what is about units that are not its own has no effect; what is the centre's it cannot sign."""
    centre, sibling, other = scene.unit(CENTRE), scene.unit(SIBLING), scene.unit("562")
    with scene.liar() as liar:
        node = liar.node
        views = hoi_author.Views(node.tree)
        form = hoi_author.form_named(views, "members")
        admission = {"core": {"inviter": node.id, "unit": centre, "signing_key": secrets.token_bytes(32), "transport_key": secrets.token_bytes(32), "nonce": secrets.token_bytes(16),
                              "roles": 3, "succeeds": b""}, "line": [], "pins": []}
        before = {code: scene.victim.json("unit", "show", code) for code in (CENTRE, DISTRICT, VICTIM)}
        control = {"kind": DIRECTIVE, "class": CONTROL, "audience": []}
        record = lambda unit: {"kind": DIRECTIVE, "class": RECORD, "reach": form.payload["reach"], "audience": [{"unit": unit, "scope": 0}]}
        put = [hoi_author.put_change(form, Q1_2025, {"members_total": 9}, flags=1, reason="sai")]
        letter = [hoi_author.document_change("cho xã khác", "không phải cho các chị")]
        tries = [(control, [hoi_author.unit_set_change(centre, 2, "Trung ương giả")]), (control, [hoi_author.unit_set_change(other, 2, "Huyện giả")]),
                 (control, [{"kind": 7, "payload": admission}]), (control, [{"kind": 8, "payload": {"node": scene.centre_id, "upto": [], "reason": None}}]),
                 (control, [hoi_author.unit_change(node, centre, 1, "999", "Tỉnh giả")]), (record(other), put), (record(sibling), put),
                 ({"kind": DIRECTIVE, "class": DOCUMENT, "audience": [{"unit": sibling, "scope": 0}]}, letter)]
        with scene.attack("what is not its to say, from above", "reason=signature", takes=True):
            liar.greeted()
            for header, changes in tries:
                nonce = secrets.token_bytes(16) if header["class"] == CONTROL else b""
                entry = node.write({"nonce": nonce, "changes": changes}, **header)
                assert liar.say(hoi_hostile.packed_entry(hoi_hostile.item_of(entry))) <= {OK}, changes
            founder = next(key for key in node.held.logs if key[0] == scene.centre_id and key[1] == DIRECTIVE)
            head = node.held.logs[founder][-1]
            forged = Forger(node).chain(author=scene.centre_id, epoch=founder[2], seq=head.header["seq"] + 1, prev=head.hash, **control)
            assert refusal(5) in liar.say(forged), "the centre's log, signed by the district"
        assert {code: scene.victim.json("unit", "show", code) for code in before} == before, "it wrote above or beside itself"
        assert scene.titles().count("cho xã khác") == 0
        states = {entry["ref"]: entry["state"] for entry in scene.victim.json("log", "--limit", "1000", "--node", node.id.hex())["entries"]}
        assert [states[ref] for ref in states if int(ref.split(":")[3]) == scene.own_head(node) and ref.split(":")[1] == "directive"] == ["withheld"], "a letter for others is kept here"
        assert not any(each["code"] == "999" for each in scene.victim.json("unit", "list")["units"])
        assert scene.victim.json("show", "members", "2025-Q1")["rows"][0]["fields"]["members_total"]["value"] != "9"


def endless_from_above(scene):
    """One message without end, before and after a word that it understood: the commune hangs up well below its limit of memory, gives it back, and goes on."""
    scene.sync(scene.observer, "observer")
    node = stolen(scene.observer, scene.district_id, scene.centre_id, scene.seeds)
    hellos = []
    Session(node, scene.victim_id, hellos.append).start()
    scene.district.stop()
    for name, first in (("as its first word", None), ("after its hello", hellos[0])):
        with socket.create_server(("127.0.0.1", scene.district_port)) as listener:
            with scene.attack(f"a message without end from above, {name}", "reason=endless_message", takes=True):
                with open(f"/proc/{scene.victim.process.pid}/clear_refs", "w", encoding="ascii") as file:
                    file.write("5")
                before = scene.resident_kib()
                scene.victim.process.send_signal(signal.SIGHUP)
                sent = endless(listener, node.transport_secret, first, 256 * 1024, ENDLESS_BYTES_MAX)
                assert sent is not None, f"{ENDLESS_BYTES_MAX >> 20} MiB of one message were taken"
                peak = scene.resident_kib("VmHWM") - before
                print(f"    {sent >> 20} MiB sent, at most {peak // 1024} MiB held", flush=True)
                assert peak < HELD_KIB_MAX or scene.sanitized(), f"{peak} KiB held"
                if not scene.sanitized():
                    wait(lambda before=before: scene.resident_kib() < before + 4 * 1024, 10, "the memory to be free again")


def after_its_revocation(scene):
    """E10, and the level above's key after its revocation: until then it may write in its district; once the commune knows, it gets nothing more, what it wrote past the cut falls, and the
    commune goes on under another."""
    with scene.liar() as liar:
        node = liar.node
        name = scene.victim.json("unit", "show", VICTIM)["name"]
        head = len(node.held.logs[node.log_of(DIRECTIVE)])
        kept = [ref for ref, entry in ((entry["ref"], entry) for entry in scene.centre.json("log", "--limit", "1000", "--node", node.id.hex())["entries"])
                if ref.split(":")[1] == "directive" and int(ref.split(":")[3]) == head]
        created = node.held.logs[next(key for key in node.held.logs if key[:2] == (scene.centre_id, DIRECTIVE))][-1].ref
        renamed = {"nonce": secrets.token_bytes(16), "changes": [hoi_author.unit_set_change(scene.unit(VICTIM), 2, "Xã giả")]}
        node.write(renamed, **{"kind": DIRECTIVE, "class": CONTROL, "audience": [], "seen": [created]})
        with scene.attack("a stolen district's key at work in its district", takes=True):
            assert liar.converse(node, agreed)
        assert scene.victim.json("unit", "show", VICTIM)["name"] == "Xã giả", "until it is revoked, it may"
        # The centre revokes it; the thief tells even that, so that it stays in the conversation.
        assert kept, "the centre holds what the district wrote before it was stolen"
        scene.centre.hoi("node", "revoke", node.id.hex()[:12], "--reason", "máy huyện bị mất")
        scene.sync(scene.observer, "observer")
        for entry in scene.observer.held.entries():
            if node.held.entry(entry.log, entry.header["seq"]) is None and entry.body is not None:
                node.held.add(entry.header_bytes, entry.signature, entry.salt, entry.body)
        with scene.attack("a revoked key above", "id=peer_revoked", takes=True):
            state = lambda: next(each["state"] for each in scene.victim.json("node", "list")["nodes"] if each["node"] == node.id.hex())
            assert liar.converse(node, lambda session: state() == "revoked", anew=False), "the commune is not told"
            mine = len(node.held.logs[report_log(scene)])
            scene.victim.hoi("put", "members", "2025-Q2", "members_total=76")
            liar.converse(node, lambda session: False, 3, anew=False)
        assert len(node.held.logs[report_log(scene)]) == mine, "a revoked level above is given new figures"
        wait(lambda: scene.victim.json("unit", "show", VICTIM)["name"] == name, 20, "what a stolen key wrote past its cut to fall")
    # A new PC of the district, admitted by the centre: the commune is told of it by one line.
    scene.tree.offices.pop(DISTRICT)
    os.rename(scene.district.dir, scene.district.dir + ".stolen")
    fresh = scene.tree.join(CENTRE, DISTRICT)
    status = fresh.json("status")["node"]["id"]
    with open(os.path.join(fresh.dir, "listen"), encoding="utf-8") as file:
        address = file.read().strip()
    transport = stolen(scene.observer, bytes(16), bytes(16), key_of(fresh.dir)).transport_key
    scene.victim.hoi("recovery", "follow", address, status, transport.hex())
    scene.victim.hoi("put", "members", "2025-Q3", "members_total=77")
    for quarter, value in ((3, "77"), (2, "76")):  # what was not given to the stolen key goes up now
        rows = lambda quarter=quarter: scene.centre.json("show", "members", f"2025-Q{quarter}", "--unit", VICTIM)["rows"]
        wait(lambda rows=rows, value=value: any(row["fields"]["members_total"]["value"] == value for row in rows()), 30, "the commune's figures at the centre")
    assert scene.victim.json("check")["findings"] == [] and fresh.json("check")["findings"] == []
    digests = {office.json("digest", "--unit", VICTIM, "--with", CENTRE)["state"] for office in (scene.victim, fresh, scene.centre)}
    assert len(digests) == 1, digests


def report_log(scene):
    return next(key for key in scene.observer.held.logs if key[0] == scene.victim_id and key[1] == REPORT)


TESTS = (withholds, rolls_back, endless_from_above)
ALONE = (gap_and_order, rewrites, wrong_target, after_its_revocation)  # with the stolen key something is written: the honest district would fork its log

if __name__ == "__main__":
    run(TESTS, Below, ALONE)

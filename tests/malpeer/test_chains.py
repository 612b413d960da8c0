#!/usr/bin/python3
"""Goal: a log is one chain: what was sent before, out of turn, beyond the end or twice in two ways changes nothing (C1, E5, E6, E7)."""
import os
import secrets
import socket
import threading

from scene import hoi_author, hoi_link, hoi_messages, Q1_2025, run, wait
from hoi_common import log_key, REPORT, SEQ_MAX
from hoi_node import states_of
from hoi_session import Session
from hoi_hostile import ERROR, Forger, judge, refusal, Row


def attempt(scene, name, frames, answers, *says):
    raw = scene.raw()
    with scene.attack(name, *says):
        judge(raw, Row(name, frames, answers))
    raw.close()


def replayed_frames(scene):
    """A whole conversation, recorded and said again, three times over new connections: every frame of it is known."""
    hoi_author.put(scene.evil, "members", Q1_2025 + 1, {"members_total": 11})
    with hoi_link.Link(scene.evil, scene.tokens["evil"]) as link:
        link.until_in_step()
        recorded = [frame for way, frame in link.frames if way == ">"]
    assert any(hoi_messages.read_message(frame)["type"] == 5 for frame in recorded), "the recording has no entries"
    with scene.attack("a conversation said again"):
        for _ in range(3):
            line = scene.line(scene.evil, "evil")
            for frame in recorded:
                line.send(frame)
            assert hoi_messages.read_message(line.receive(20))["type"] == 1
            line.close()


class Tap:
    """A line that passes everything on and keeps what went up."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.up = self.listener.getsockname()[1], b""
        threading.Thread(target=self._serve, args=(port,), daemon=True).start()

    def _serve(self, port):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()
        self._pass(client, server, True)

    def _pass(self, source, sink, up):
        try:
            while data := source.recv(65536):
                self.up += data if up else b""
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def replayed_bytes(scene):
    """The very bytes of a connection, sealed as they were: the handshake has another key by now."""
    tap = Tap(scene.port())
    token = hoi_messages.read_token(scene.tokens["evil"])
    line = hoi_link.Line(f"tcp://127.0.0.1:{tap.port}", token["transport_key"], scene.evil.transport_key, scene.evil.transport_secret)
    raw = scene.raw()
    line.send(raw.hello())
    assert line.receive(20) is not None
    raw.close()
    line.close()
    assert len(tap.up) > 500
    with scene.attack("a connection's bytes sent again", "id=stranger_gone"):
        replay = socket.create_connection(("127.0.0.1", scene.port()))
        replay.settimeout(60)
        replay.sendall(tap.up)
        while replay.recv(65536):
            pass
        replay.close()


def gaps(scene):
    forge, head = Forger(scene.evil), len(scene.evil.held.logs[scene.evil.log_of(REPORT)])
    attempt(scene, "entries left out", [forge.chain(seq=seq, prev=secrets.token_bytes(32)) for seq in (head + 2, head + 3, head + 1000)], {refusal(3)},
            "reason=gap")


def fast_forward(scene):
    """E7: the last number there is must not stop a log for ever."""
    forge = Forger(scene.evil)
    frames = [forge.chain(seq=seq, prev=secrets.token_bytes(32)) for seq in (2**31, 2**32, 2**62, SEQ_MAX)]
    frames += [forge.chain(epoch=secrets.token_bytes(8), seq=SEQ_MAX, prev=bytes(32))]
    attempt(scene, "fast-forward to 2^63-1", frames, {refusal(3)}, "reason=gap")
    attempt(scene, "2^63 and beyond", [forge.chain(seq=seq, prev=bytes(32)) for seq in (2**63, 2**64 - 1, 0)], {ERROR, refusal(6)}, "id=session_closed")
    hoi_author.put(scene.evil, "members", Q1_2025 + 2, {"members_total": 12})
    scene.sync(scene.evil, "evil")  # the log goes on where it was


def another_prev(scene):
    attempt(scene, "a prev that is not the head's", [Forger(scene.evil).chain(prev=secrets.token_bytes(32))], {refusal(4)}, "reason=fork")


def rollback(scene):
    """A node that says less than it said, and writes its own log anew from there: what was acknowledged stays, the other branch is evidence."""
    evil = scene.evil
    log = evil.log_of(REPORT)
    head = evil.held.logs[log][-1].header["seq"]
    header, body, salt = Forger(evil).next(seq=head, prev=evil.held.logs[log][head - 2].hash if head > 1 else b"")
    attempt(scene, "the head rewritten", [Forger(evil).signed(header, body, salt)], {refusal(4)}, "reason=fork")
    raw = scene.raw()
    with scene.attack("an older head"):
        state = next(each for each in states_of(evil, evil.tree.nodes[evil.inviter].unit) if log_key(each) == log)
        state = {**state, "seq": 1, "hash": evil.held.logs[log][0].hash[:16], "gaps": [], "partial": [], "receipts": []}
        raw.begin_with(hoi_messages.have({hoi_messages.bucket_of(evil.id)}, [state]))
        raw.begin_with(hoi_messages.have({hoi_messages.bucket_of(evil.id)}, []))
    raw.close()


def log_of(office):
    with open(os.path.join(office.dir, "hoid.log"), encoding="utf-8") as file:
        return file.read()


def show_to(scene, office, token_name, frame):
    """Dials an office as the hostile node and shows it one frame; waits until it is taken."""
    token, hellos = hoi_messages.read_token(scene.tokens[token_name]), []
    Session(scene.evil, scene.evil.inviter, hellos.append).start()
    with open(os.path.join(office.dir, "listen"), encoding="utf-8") as file:
        line = hoi_link.Line(file.read().strip(), token["transport_key"], scene.evil.transport_key, scene.evil.transport_secret)
    line.send(hellos[0])
    line.send(frame)
    types = []
    while 7 not in types and 9 not in types and 8 not in types:
        answer = line.receive(20)
        assert answer is not None, f"no answer, only {types}"
        types.append(hoi_messages.read_message(answer)["type"])
    line.close()
    assert types[-1] == 7, types


def equivocation(scene):
    """E5: one seq, two entries, one shown to the district and one to the centre while the line between them is down. When it is up again both know of both, and
    nobody else is stopped."""
    evil, victim, centre = scene.evil, scene.victim, scene.centre
    first = Forger(evil).next()
    second = Forger(evil).next(time=first[0]["time"] - 1)
    victim.stop()
    show_to(scene, centre, "other", Forger(evil).signed(*first))
    centre.stop()
    victim.start()
    show_to(scene, victim, "evil", Forger(evil).signed(*second))
    before = len(log_of(centre))
    with scene.attack("two entries at one seq", "id=fork_seen", takes=True):
        centre.start()
        wait(lambda: "id=fork_seen" in log_of(centre)[before:], 20, "the centre to say that it was shown two branches")
    for office in (centre, victim):
        wait(lambda: "a key was used twice" in " ".join(office.hoi("status").split()), 20, f"the fork in the status of {office.code}")
    wait(lambda: centre.json("show", "members", "2025-Q1", "--unit", "22165")["rows"], 20, "the honest commune's figures at the centre")


TESTS = (replayed_frames, replayed_bytes, gaps, fast_forward, another_prev, rollback, equivocation)

if __name__ == "__main__":
    run(TESTS)

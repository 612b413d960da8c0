#!/usr/bin/python3
"""Goal: nobody, though with a good key, fills the memory, the disk or the log (E3, and what has no row: floods)."""
import os
import resource
import secrets
import subprocess
import time

from scene import Failed, hoi_author, hoi_link, hoi_messages, run, wait
import hoi_formats
import zmq
from tree import BIN
from hoi_hostile import Forger, packed
from hoi_node import Node
from hoi_session import Closed, Session
from hoi_verify import core_id

UNADMITTED_ENTRIES = 1000
CONNECTIONS = 200
HANDS = 40  # each could hold sixteen messages
CONNECTION_KIB_MAX = 128  # what a connection with a proved key may hold while it stands
ENDLESS_PEAK_KIB_MAX = 176 * 1024  # with what the daemon has before it stays below the 256 MiB of its unit
ENDLESS_LEFT_KIB_MAX = 8 * 1024


def unadmitted_authors(scene):
    """Entries by authors without an admission, each author another one: none is kept, and the log says it once."""
    forge, raw = Forger(scene.evil), scene.raw()
    with scene.attack(f"{UNADMITTED_ENTRIES} entries by nobody", "reason=author_unknown", lines_max=30):
        for _ in range(UNADMITTED_ENTRIES // 100):
            items = []
            for _ in range(100):
                message = forge.chain(author=secrets.token_bytes(16), epoch=bytes(8), seq=1, prev=b"")
                items += hoi_messages.unpack_items(hoi_messages.read_message(message))
            raw.frame(hoi_messages.MESSAGE.encode(hoi_messages.pack_shortest(items)))
    raw.close()


def refusals_over_many_conversations(scene):
    """Each conversation may be told of once; the log takes thirty lines of a kind a minute, whatever is begun."""
    raw, frame = scene.raw(), Forger(scene.evil).chain(prev=secrets.token_bytes(32))
    with scene.attack("100 conversations, each with a refusal", "reason=fork", lines_max=30):
        for _ in range(100):
            raw.begin_with(frame)
    raw.close()


def hellos_without_end(scene):
    """A hello is the dearest thing to answer for its size: it makes a session."""
    raw = scene.raw()
    hello = raw.hello()
    with scene.attack("2,000 hellos", lines_max=30):
        for at in range(2000):
            raw.line.send(hello)
            if at % 100 == 99:
                raw.until(1)
    raw.close()


def line_of(scene, node):
    """A line with a node's key that does not dial again when it is ended, and queues little of its own."""
    token = hoi_messages.read_token(scene.tokens["evil"])
    dealer = hoi_link.CONTEXT.socket(zmq.DEALER)
    dealer.linger, dealer.reconnect_ivl, dealer.sndhwm = 0, -1, 4
    dealer.curve_serverkey, dealer.curve_publickey, dealer.curve_secretkey = token["transport_key"], node.transport_key, node.transport_secret
    dealer.connect(token["addresses"][0])
    return dealer


def connections_of_one_key(scene):
    """An admitted key that asks to join again may do so, and holds no connection by it: else it could hold all there are, and no honest office would get in."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    join = hoi_messages.MESSAGE.encode(hoi_link.join_message(scene.evil, hoi_messages.read_token(scene.tokens["evil"])))
    before = len(os.listdir(f"/proc/{scene.victim.process.pid}/fd"))
    with scene.attack(f"{CONNECTIONS} connections, each with a join by an admitted key", lines_max=30, memory_kib=CONNECTIONS * CONNECTION_KIB_MAX):
        lines = [line_of(scene, scene.evil) for _ in range(CONNECTIONS)]
        for line in lines:
            line.send(join)
        for line in lines:
            assert line.poll(80_000), "no answer to a join"
        scene.exchange()
        wait(lambda: len(os.listdir(f"/proc/{scene.victim.process.pid}/fd")) < before + 10, 10, "the connections to be ended")
    for line in lines:
        line.close()


def nodes_of_one_hand(scene):
    """Nodes that the hostile one admits in its own unit, as it lawfully may; each with a hello of its own."""
    evil, crowd = scene.evil, []
    for _ in range(HANDS):
        node = Node(evil.association)
        core = {"inviter": evil.id, "unit": evil.unit, "signing_key": node.signing_key, "transport_key": node.transport_key, "nonce": secrets.token_bytes(16), "roles": 3, "succeeds": b""}
        hoi_author.control(evil, {"kind": 7, "payload": {"core": core, "line": evil.tree.above(evil.unit), "pins": []}})
        node.id, node.unit, node.inviter = core_id(evil.association, core), evil.unit, evil.inviter
        crowd.append(node)
    scene.sync(evil, "evil")
    hellos = []
    for node in crowd:
        node.held = evil.held
        Session(node, node.inviter, hellos.append).start()
    return list(zip(crowd, hellos))


def dear_message(scene):
    """Half a mebibyte that takes long to refuse: entries, each badly signed."""
    header, body, salt = Forger(scene.evil).next(author=scene.twin.id, seq=1, prev=b"")
    items = []
    for _ in range(2500):
        data = hoi_formats.HEADER.encode({**header, "epoch": secrets.token_bytes(8)})
        items.append([1, data, secrets.token_bytes(64), salt, body])
    return packed(items)


def queues_of_many_keys(scene):
    """Each of many keys of one hand fills what the library holds for a connection, none of it more than is allowed to one: together it is too much, and those that hold most go."""
    crowd, message = nodes_of_one_hand(scene), dear_message(scene)
    peak_begins(scene)
    before, lines = scene.resident_kib(), []
    with scene.attack(f"the queues of {HANDS} keys", "reason=crowd", lines_max=30):
        for node, hello in crowd:
            lines.append(line_of(scene, node))
            lines[-1].send(hello)
        assert all(line.poll(80_000) for line in lines), "no answer to a hello"
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for line in lines:
                try:
                    line.send(message, zmq.DONTWAIT)
                except zmq.ZMQError:
                    pass
            time.sleep(0.005)
        scene.exchange()
        for line in lines:
            line.close()
        peak = scene.resident_kib("VmHWM") - before
        print(f"    at most {peak // 1024} MiB held", flush=True)
        assert peak < ENDLESS_PEAK_KIB_MAX or scene.sanitized(), f"{peak} KiB held"
        if not scene.sanitized():
            wait(lambda: free_amid_work(scene, before), 10, "the memory to be free again")


def free_amid_work(scene, before):
    """Is what the flood took given back? A figure comes in before each look: the store gives memory back too, but only when nothing changes, and would hide what the guard leaves."""
    scene.exchange()
    return scene.resident_kib() < before + ENDLESS_LEFT_KIB_MAX


def peak_begins(scene):
    with open(f"/proc/{scene.victim.process.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the greatest memory from here on


def endless(scene, part_bytes):
    """One message in parts without end, by a child with a good key."""
    evil, token = scene.evil, hoi_messages.read_token(scene.tokens["evil"])
    raw = scene.raw()
    hello = raw.hello()
    raw.close()
    lines = [str(scene.port()), token["transport_key"].hex(), evil.transport_key.hex(), evil.transport_secret.hex(), hello.hex()]
    peak_begins(scene)
    before = scene.resident_kib()
    result = subprocess.run([os.path.join(BIN, "tests/malpeer/endless"), str(part_bytes), str(2 << 30)], input="\n".join(lines) + "\n", capture_output=True,
                            text=True, timeout=150, check=False)
    if result.returncode != 0:
        raise Failed(f"two gigabytes of one message were taken: {result.stdout}{result.stderr}")
    sent, taken_ms = result.stdout.split()
    peak = scene.resident_kib("VmHWM") - before
    print(f"    parts of {part_bytes}: {int(sent) >> 20} MiB in {taken_ms} ms, at most {peak // 1024} MiB held", flush=True)
    assert peak < ENDLESS_PEAK_KIB_MAX or scene.sanitized(), f"{peak} KiB held"
    if not scene.sanitized():
        wait(lambda: scene.resident_kib() < before + ENDLESS_LEFT_KIB_MAX, 10, "the memory to be free again")


def denied(scene, node, name):
    """Is the key shut out? Its handshake is refused then: nothing comes back, and once that is known nothing can be sent."""
    line, hellos = scene.line(node, name), []
    Session(node, node.inviter, hellos.append).start()
    try:
        line.send(hellos[0])
        return line.receive(2) is None
    except Closed:
        return True
    finally:
        line.close()


def an_endless_message(scene):
    """E3: the connection is ended while the daemon is well below its limit of memory, the key is shut out, the memory is free again, and nobody else notices."""
    with scene.attack("a message without end", "reason=endless_message", memory_kib=ENDLESS_LEFT_KIB_MAX):
        endless(scene, 256 * 1024)
        assert denied(scene, scene.evil, "evil"), "the key is let in again at once"


def an_endless_message_of_small_parts(scene):
    """The same in parts of a few bytes: what is held is mostly the library's own."""
    with scene.attack("a message without end in small parts", "reason=endless_message", memory_kib=ENDLESS_LEFT_KIB_MAX):
        endless(scene, 16)


TESTS = (unadmitted_authors, refusals_over_many_conversations, hellos_without_end, connections_of_one_key, queues_of_many_keys, an_endless_message, an_endless_message_of_small_parts)

if __name__ == "__main__":
    run(TESTS)

#!/usr/bin/python3
"""Goal: nobody, though with a good key, fills the memory, the disk or the log (E3, and what has no row: floods)."""
import os
import secrets
import subprocess

from scene import Failed, hoi_messages, run, wait
from tree import BIN
from hoi_hostile import Forger
from hoi_session import Session

UNADMITTED_ENTRIES = 1000
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


def endless(scene, part_bytes):
    """One message in parts without end, by a child with a good key."""
    evil, token = scene.evil, hoi_messages.read_token(scene.tokens["evil"])
    raw = scene.raw()
    hello = raw.hello()
    raw.close()
    lines = [str(scene.port()), token["transport_key"].hex(), evil.transport_key.hex(), evil.transport_secret.hex(), hello.hex()]
    with open(f"/proc/{scene.victim.process.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the greatest memory from here on
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
    """Is the key shut out? Its handshake is refused then: nothing comes back."""
    line, hellos = scene.line(node, name), []
    Session(node, node.inviter, hellos.append).start()
    line.send(hellos[0])
    answer = line.receive(2)
    line.close()
    return answer is None


def an_endless_message(scene):
    """E3: the connection is ended while the daemon is well below its limit of memory, the key is shut out, the memory is free again, and nobody else notices."""
    with scene.attack("a message without end", "reason=endless_message", memory_kib=ENDLESS_LEFT_KIB_MAX):
        endless(scene, 256 * 1024)
        assert denied(scene, scene.evil, "evil"), "the key is let in again at once"


def an_endless_message_of_small_parts(scene):
    """The same in parts of a few bytes: what is held is mostly the library's own."""
    with scene.attack("a message without end in small parts", "reason=endless_message", memory_kib=ENDLESS_LEFT_KIB_MAX):
        endless(scene, 16)


TESTS = (unadmitted_authors, refusals_over_many_conversations, hellos_without_end, an_endless_message, an_endless_message_of_small_parts)

if __name__ == "__main__":
    run(TESTS)

#!/usr/bin/python3
"""Goal: who has no admitted key gets nothing and costs nothing, whatever it sends (D1 to D4, E1, token replay)."""
import os
import random
import secrets
import socket
import struct

from scene import Failed, hoi_hostile, hoi_link, hoi_messages, run, wait
from hoi_node import Node
from nacl.public import PrivateKey

SILENT = 2000
GREETINGS = int(os.environ.get("HOI_GREETINGS", "4000"))  # a million for a long run
SEED = int(os.environ.get("HOI_SEED", "1"))
AT_ONCE = 100
CONNECTION_KIB_MAX = 32  # what one silent connection may hold while it stands

GREETING = b"\xff" + bytes(8) + b"\x7f"
PROBES = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: hoi\r\n\r\n" + b"x" * 100,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(100),
    "ZMTP 1": b"\x01\x00" + b"\x02\x00x" * 40,
    "ZMTP 2": GREETING + b"\x01\x05\x00\x00" + b"\x00\x01x" * 40,
    "ZMTP 3 NULL": GREETING + b"\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31) + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER",
    "ZMTP 3 PLAIN": GREETING + b"\x03\x00PLAIN" + bytes(15) + b"\x00" + bytes(31) + b"\x04\x0a\x05HELLO\x01a\x01b",
    "ZMTP 3 CURVE as server": GREETING + b"\x03\x00CURVE" + bytes(15) + b"\x01" + bytes(31) + b"\x04\xc8\x05HELLO" + bytes(194),
    "zeroes": bytes(4096),
}


def until_closed(connection, limit=60):
    connection.settimeout(limit)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    connection.close()


def other_protocols(scene):
    for name, probe in PROBES.items():
        with scene.attack(name, "id=stranger_gone"):
            connection = socket.create_connection(("127.0.0.1", scene.port()))
            connection.sendall(probe)
            until_closed(connection)


def port_scanner(scene):
    """Connects and goes, and comes again, and sends half a greeting."""
    with scene.attack("300 connections that go at once", "id=stranger_gone", lines_max=30):
        for at in range(300):
            connection = socket.create_connection(("127.0.0.1", scene.port()))
            connection.sendall((GREETING + b"\x03")[: at % 12])
            connection.close()


def greeting_like(generator):
    """Some bytes that begin as a conversation might: noise, or a good greeting and commands with a few bytes of them changed, cut off anywhere."""
    command = generator.choice((b"\x04\xc8\x05HELLO" + generator.randbytes(194), b"\x04\x19\x05READY" + generator.randbytes(19), b"\x06" + generator.randbytes(40),
                                b"\x02" + generator.randbytes(30), b"\x00\x05" + generator.randbytes(5), generator.randbytes(100)))
    if generator.random() < 0.3:
        return generator.randbytes(generator.randrange(1, 300))
    data = bytearray(GREETING + bytes([generator.randrange(6), generator.randrange(4)]) + generator.choice((b"CURVE", b"NULL", b"PLAIN", b"GSSAPI")).ljust(20, b"\0") +
                     bytes([generator.randrange(2)]) + bytes(31) + command)
    for _ in range(generator.randrange(4)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    return bytes(data[: generator.randrange(1, len(data) + 1)])


def random_greetings(scene):
    """D4: whatever a stranger begins with, the library neither ends the process nor keeps anything of it."""
    generator, port = random.Random(SEED), scene.port()
    with scene.attack(f"{GREETINGS} random greetings (seed {SEED})", "id=stranger_gone", lines_max=30 + GREETINGS // 1000):
        for _ in range(0, GREETINGS, AT_ONCE):
            crowd = []
            for _ in range(AT_ONCE):
                connection = socket.create_connection(("127.0.0.1", port))
                crowd.append(connection)
                try:
                    connection.sendall(greeting_like(generator))
                except ConnectionError:
                    pass
            for connection in crowd:
                connection.close()
        wait(lambda: len(os.listdir(f"/proc/{scene.victim.process.pid}/fd")) < 100, 30, "the descriptors to be free again")


def huge_frame_before_any_key(scene):
    """D1: 300 MiB are announced in a command before a key was shown, and come."""
    with scene.attack("a frame of 300 MiB before the handshake", ("id=stranger_gone", "reason=unknown_and_loud")):  # by the library, or by the guard before it
        connection = socket.create_connection(("127.0.0.1", scene.port()))
        connection.settimeout(60)
        connection.sendall(GREETING + b"\x03\x00CURVE" + bytes(15) + b"\x00" + bytes(31) + b"\x06" + struct.pack(">Q", 300 << 20))
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.send(bytes(65536))
        except ConnectionError:
            pass
        connection.close()
        if sent >= 64 << 20:
            raise Failed("64 MiB of it were taken")


def thousands_of_silent_connections(scene):
    """D2: they hold a descriptor and a little memory each until they are ended, the honest get through, and the memory is free again for the next ones."""
    before = scene.resident_kib()
    for _ in range(2):
        with scene.attack(f"{SILENT} silent connections", lines_max=30, memory_kib=SILENT * CONNECTION_KIB_MAX):
            crowd = [socket.create_connection(("127.0.0.1", scene.port())) for _ in range(SILENT)]
            scene.exchange()
            held = scene.resident_kib() - before
            for connection in crowd:
                connection.close()
            wait(lambda: len(os.listdir(f"/proc/{scene.victim.process.pid}/fd")) < 100, 30, "the descriptors to be free again")
        print(f"    {held / SILENT:.1f} KiB a connection while they stood, {(scene.resident_kib() - before) / SILENT:.1f} after", flush=True)
        assert held < SILENT * CONNECTION_KIB_MAX or scene.sanitized(), held


def unknown_key(scene):
    """D3: CURVE with a key of nobody: the handshake is done, for a joiner has none that is known either, and one word ends it."""
    with scene.attack("keys of nobody, 200 of them", "reason=not_admitted", lines_max=30):
        token = hoi_messages.read_token(scene.tokens["evil"])
        raw = scene.raw()
        hello = raw.hello()
        raw.close()
        for _ in range(200):
            key = PrivateKey.generate()
            line = hoi_link.Line(token["addresses"][0], token["transport_key"], bytes(key.public_key), bytes(key))
            line.send(hello)
            assert hoi_messages.read_message(line.receive(20)) == {"type": 9, "reason": 4}
            line.close()


def stolen_routing_id(scene):
    """E1: a connection that brings the routing id of another, or any, is not served; the other one is."""
    raw = scene.raw("twin")
    for stolen in (b"victim", b"x", b"y" * 255):
        with scene.attack("a routing id of its own", "reason=malformed"):
            token = hoi_messages.read_token(scene.tokens["evil"])
            thief = hoi_link.Line(token["addresses"][0], token["transport_key"], scene.evil.transport_key, scene.evil.transport_secret, stolen)
            thief.send(hoi_hostile.Raw.hello(raw))
            assert thief.receive(0.2) is None, "it was served"
            thief.close()
    assert raw.frame(hoi_messages.MESSAGE.encode({"type": 7, "bytes": 2**40}))[-1]["type"] == 9, "the other one is served still"
    raw.close()


def token_replay(scene):
    """A token that was used, read off a screen: with other keys it admits nobody; with the same ones it gives the same answer and no second node."""
    nodes = scene.victim.json("unit", "show", "22168")["nodes"]
    token = hoi_messages.read_token(scene.tokens["evil"])
    with scene.attack("a used token", "reason=TOKEN_USED"):
        thief = new_node(scene)
        answer = hoi_messages.read_message(hoi_link.ask_to_join(thief, token))
        assert answer == {"type": 18, "reason": 2}, answer
        first, again = hoi_link.ask_to_join(scene.evil, token), hoi_link.ask_to_join(scene.evil, token)
        assert first == again and hoi_messages.read_message(first)["type"] == 17
    with scene.attack("300 guessed tokens", "id=enrolment_refused", lines_max=30):
        for _ in range(300):
            answer = hoi_messages.read_message(hoi_link.ask_to_join(new_node(scene), {**token, "secret": secrets.token_bytes(len(token["secret"]))}))
            assert answer["type"] == 18 and answer["reason"] != 0, answer
    assert scene.victim.json("unit", "show", "22168")["nodes"] == nodes


def new_node(scene):
    try:
        return Node()
    except TypeError:
        return Node(scene.evil.association)


# The frame first: the log tells of so many strangers a minute, and it is to tell of this one.
TESTS = (huge_frame_before_any_key, other_protocols, port_scanner, random_greetings, thousands_of_silent_connections, unknown_key, stolen_routing_id, token_replay)

if __name__ == "__main__":
    run(TESTS)

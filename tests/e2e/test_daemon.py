#!/usr/bin/python3
"""Goal: a daemon starts, serves, refuses and ends as docs/operations.md says, whatever is on the other end of its local socket.

1 ends      SIGTERM: exit 0, control socket and address file gone; a second daemon on the directory: exit 3, the first one unharmed
2 refuses   no node here: 1; wrong use: 2; an address that is none: 1; a directory that may not be read: 4 and PERMISSION
3 socket    frames too long, no JSON, cut off, never read: each costs its own connection, others are answered at once
4 once      without a daemon, `hoid --once` brings what was written to the level above: 0; with nobody there: 3 and a line of JSON
5 join      the same token twice: one node; the token in another directory: refused; a damaged token: refused; nothing is left behind
7 unheard   an office that admitted others and listens nowhere says so at its start and in its status
6 past_a_level  a province invites a commune of a district that has no node: the commune learns its line and what it writes is stored above
"""
import json
import os
import socket
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import BIN, Tree, wait  # noqa: E402

HOID = os.path.join(BIN, "hoid")


NOBODY = 65534 if os.geteuid() == 0 else None  # root goes through any door


def hoid(*args, stdin="", user=None, program=HOID):
    return subprocess.run([program, *args], input=stdin, capture_output=True, text=True, timeout=60, user=user)


def refusal(result):
    """The JSON line of a failed --once or --join."""
    return json.loads(next(line for line in result.stderr.splitlines() if line.startswith("{")))


class Client:
    """A connection to the control socket, for good and bad bytes."""

    def __init__(self, office):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.path.join(office.dir, "control.sock"))
        self.socket.settimeout(20)

    def send(self, data, length=None):
        self.socket.sendall(struct.pack(">I", len(data) if length is None else length) + data)

    def receive(self):
        head = self.read(4)
        return json.loads(self.read(struct.unpack(">I", head)[0])) if head else None

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                return b""
            data += more
        return data

    def ask(self, verb, **args):
        self.send(json.dumps({"do": verb, "args": args}).encode())
        return self.receive()


def ends(tree):
    root = tree["VN"]
    second = hoid("--dir", root.dir, "--once", "--wait", "1")  # it waits for the store as long as a daemon does
    assert second.returncode == 3 and refusal(second)["name"] == "STORE_LOCKED", second
    assert Client(root).ask("hello")["status"] == 0
    root.stop()
    left = os.listdir(root.dir)
    assert "control.sock" not in left and "listen" not in left, left
    root.start()


def refuses(tree):
    empty = os.path.join(tree.dir, "empty")
    os.makedirs(empty, mode=0o700)
    assert hoid("--dir", empty).returncode == 1
    assert hoid("--no-such-option").returncode == 2
    assert hoid("--dir", empty, "--join", "--once").returncode == 2
    closed = os.path.join(tree.dir, "closed")
    os.makedirs(closed, mode=0o700)
    with open(os.path.join(closed, "store.db"), "w", encoding="utf-8"):
        pass
    os.chmod(closed, 0)
    os.chmod(tree.dir, 0o711)
    program = shutil.copy(HOID, os.path.join(tree.dir, "hoid-for-all"))  # the build folder may be closed to others
    os.chmod(program, 0o755)
    result = hoid("--dir", closed, "--once", user=NOBODY, program=program)
    assert result.returncode == 4 and refusal(result)["name"] == "PERMISSION", result
    result = hoid("--dir", closed, user=NOBODY, program=program)
    assert result.returncode == 4 and "status=PERMISSION" in result.stderr, result
    os.chmod(closed, 0o700)
    root = tree["VN"]
    root.stop()
    for address in ("tcp://127.0.0.1", "ipc:///tmp/x", "tcp://127.0.0.1:99999", "tcp://203.0.113.1:5555"):
        result = hoid("--dir", root.dir, "--listen", address)
        assert result.returncode == 1 and "listen_failed" in result.stderr, result
    root.start()


def bad_clients(tree):
    root = tree["VN"]
    too_long, no_json, cut, deaf = (Client(root) for _ in range(4))
    too_long.send(b"", length=9 * 1024 * 1024)
    assert too_long.receive()["name"] == "TOO_LARGE" and too_long.receive() is None
    for data in (b"", b"{", b"[]", b'"x"', b'{"do":1}', b'{"do":"hello","do":"stop"}', b"\xff\xfe", b"[" * 100000):
        no_json.send(data)
        assert no_json.receive()["name"] == "BAD_REQUEST", data
    no_json.send(b'{"do":"no.such.verb"}')
    assert no_json.receive()["name"] == "UNKNOWN_REQUEST"
    cut.send(b'{"do":', length=1000)
    for _ in range(2000):  # asks without end, reads nothing
        try:
            deaf.socket.settimeout(0.05)
            deaf.send(b'{"do":"unit.list"}')
        except TimeoutError:
            break
    assert Client(root).ask("hello")["status"] == 0  # within the client's 20 s: the deaf one would hold it up for a minute
    crowd = [Client(root) for _ in range(100)]
    assert Client(root).ask("hello")["status"] == 0
    del crowd
    several = Client(root)
    for _ in range(3):  # sent before the first is answered: answered in order
        several.send(b'{"do":"hello"}')
    assert [several.receive()["status"] for _ in range(3)] == [0, 0, 0]
    root.stop()  # with all these still connected
    root.start()


def once(tree):
    root, office = tree["VN"], tree["1"]
    office.stop()
    office.hoi("unit", "add", "11", "--name", "District", "--level", "2")
    result = hoid("--dir", office.dir, "--once", "--wait", "20")
    assert result.returncode == 0, result
    assert wait(lambda: root.hoi("unit", "show", "11"), 5, "the unit at the root")
    root.stop()
    result = hoid("--dir", office.dir, "--once", "--wait", "2")
    assert result.returncode == 3 and refusal(result)["name"] == "TIMEOUT", result
    assert hoid("--dir", root.dir, "--once", "--wait", "2").returncode == 1  # nobody stands above the root
    root.start()
    office.start()


def join(tree):
    root, first, other = tree["VN"], os.path.join(tree.dir, "first"), os.path.join(tree.dir, "other")
    token = root.hoi("invite", "2")
    unit = root.json("unit", "show", "2")["id"]
    nodes = len(Client(root).ask("node.list")["result"]["nodes"])
    result = hoid("--dir", first, "--join", stdin=token)
    assert result.returncode == 0 and result.stdout.strip() == unit, result
    assert refusal(hoid("--dir", first, "--join", stdin=token))["name"] == "ALREADY_JOINED"
    assert refusal(hoid("--dir", other, "--join", stdin=token))["name"] == "TOKEN_USED"
    os.remove(os.path.join(first, "store.db"))  # as if the answer had been lost: the key is there, the store is not
    result = hoid("--dir", first, "--join", stdin=token)
    assert result.returncode == 0 and result.stdout.strip() == unit, result
    assert len(Client(root).ask("node.list")["result"]["nodes"]) == nodes + 1
    damaged = token[:40] + ("a" if token[40] != "a" else "b") + token[41:]
    for text in (damaged, "", "hoi1-", "x" * 5000):
        result = hoid("--dir", other, "--join", stdin=text)
        assert result.returncode == 1 and refusal(result)["name"] == "TOKEN_MALFORMED", (text, result)


def unheard(tree):
    root = tree["VN"]
    status = root.json("status")
    assert status["listening"] is True and status["children"] > 0, status
    root.stop()
    address = root.json("config", "listen")["config"]["listen"]
    status = root.json("status")
    assert status["listening"] is False and status["children"] > 0, status
    assert "config listen" not in root.hoi("status")  # no daemon runs: that is another matter
    root.hoi("config", "listen", "")
    with open(os.path.join(root.dir, "hoid.log"), "a", encoding="utf-8") as log:
        deaf = subprocess.Popen([HOID, "--dir", root.dir], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait(lambda: os.path.exists(os.path.join(root.dir, "control.sock")), 20, "the deaf daemon")
        status = wait(lambda: root.json("status"), 20, "its status")
        assert status["listening"] is False and status["children"] > 0, status
        assert "config listen tcp://" in " ".join(root.hoi("status").split())
    finally:
        deaf.terminate()
        assert deaf.wait(30) == 0
    with open(os.path.join(root.dir, "hoid.log"), encoding="utf-8") as log:
        lines = [line for line in log if "id=not_listening" in line]
    assert len(lines) == 1 and "level=warn" in lines[0] and f"children={status['children']}" in lines[0], lines
    root.hoi("config", "listen", address)
    root.start()


def past_a_level(tree):
    province = tree["1"]
    province.hoi("unit", "add", "111", "--name", "Commune", "--level", "3", "--parent", "11")
    commune = tree.join("1", "111")
    shown = wait(lambda: commune.json("unit", "show", "111"), 20, "the commune to know its unit")
    assert [unit["code"] for unit in shown["line"]] == ["11", "1", "VN"], shown
    commune.hoi("unit", "add", "1111", "--name", "Chapter", "--level", "4")
    commune.hoi("sync", "--wait", "20")
    wait(lambda: tree["VN"].hoi("unit", "show", "1111"), 20, "its chapter at the root")
    commune.stop()
    commune.start()  # the next session opens with the unit that the views know
    commune.hoi("sync", "--wait", "20")


def main():
    with Tree() as tree:
        tree.found("VN", [("1", "VN", 1, "Province 1"), ("2", "VN", 1, "Province 2")], [])
        tree.join("VN", "1")
        wait(lambda: tree["1"].hoi("unit", "show", "1"), 20, "the office to know its unit")
        for scenario in (ends, refuses, bad_clients, once, past_a_level, join, unheard):
            began = time.monotonic()
            scenario(tree)
            print(f"{scenario.__name__}: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()

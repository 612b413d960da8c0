"""A level above that means harm: whoever has carried away a district's PC, its key and its address. Its communes dial it, and it answers as it likes.

`Liar` speaks over ZeroMQ and can say anything; `raw_server` is no ZeroMQ at all: it ends no message.
"""
import copy
import secrets
import socket
import struct
import time

from scene import hoi_messages
import zmq
from hoi_link import BUSY
from hoi_node import Node
from hoi_session import Closed, Session
from nacl.public import Box, PrivateKey, PublicKey


def key_of(folder):
    """The two seeds of a node's key file: signing, transport."""
    with open(f"{folder}/node.key", encoding="ascii") as file:
        words = dict(line.split(None, 1) for line in file.read().splitlines())
    return bytes.fromhex(words["signing"]), bytes.fromhex(words["transport"])


def stolen(observer, node_id, inviter, seeds):
    """The node with these keys, with all that an observer of its unit holds."""
    node = Node(observer.association)
    node.held, node.unit, node.line = copy.deepcopy(observer.held), observer.unit, observer.line
    node.id, node.inviter = node_id, inviter
    node.signing_seed, node.transport_secret = seeds
    return node


def without(node, entries):
    """The same node as if it did not hold these entries, nor anything after one of them in its log."""
    lesser = stolen(node, node.id, node.inviter, (node.signing_seed, node.transport_secret))
    for log, seq in entries:
        lesser.held.logs[log] = lesser.held.logs[log][: seq - 1]
        lesser.held.receipts.pop(log, None)
    lesser.held.changed += 1
    return lesser


def until_free(port):
    """The port was somebody else's a moment ago."""
    deadline = time.monotonic() + BUSY * 20
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the port is not free"
            time.sleep(0.02)


class Liar:
    """Listens with a stolen key where the honest level above did; one child is enough."""

    def __init__(self, node, child, port):
        self.node, self.child, self.port, self.route, self.session = node, child, port, None, None
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = node.transport_key, node.transport_secret
        until_free(port)
        self.socket.bind(f"tcp://127.0.0.1:{port}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        until_free(self.port)  # ZeroMQ lets go of it in its own time

    def receive(self, seconds):
        """The next frame of the child; None: none came."""
        if not self.socket.poll(max(0, int(seconds * 1000))):
            return None
        self.route, frame = self.socket.recv_multipart()
        return frame

    def send(self, frame):
        self.socket.send_multipart([self.route, frame])

    def greeted(self, node=None):
        """Waits for the child's hello and answers with that of a node; returns what the child said."""
        deadline = time.monotonic() + BUSY * 20
        while time.monotonic() < deadline:
            frame = self.receive(0.1)
            if frame is not None and hoi_messages.read_message(frame)["type"] == 1:
                self.session = Session(node or self.node, self.child, self.send)
                self.session.start()
                self.session.receive(frame)
                return hoi_messages.read_message(frame)
        raise AssertionError("the child did not dial")

    def converse(self, node, done, seconds=20, anew=True):
        """An exchange by the rules, with whatever this node claims to hold, until done() or the time is over; says whether it was done. anew: from the child's next hello on."""
        if anew:
            self.greeted(node)
        deadline = time.monotonic() + seconds
        while not done(self.session) and time.monotonic() < deadline:
            frame = self.receive(0.05)
            if frame is None:
                self.session.tick()
            elif hoi_messages.read_message(frame)["type"] == 1:
                self.session = Session(node, self.child, self.send)
                self.session.start()
                self.session.receive(frame)
            else:
                try:
                    self.session.receive(frame)
                except Closed:
                    self.greeted(node)
        return done(self.session)

    def say(self, frame, seconds=20):
        """One frame out of the blue; the numbers and reasons of the child's answers, up to a progress or a bye."""
        self.send(frame)
        came, deadline = set(), time.monotonic() + BUSY * seconds
        while time.monotonic() < deadline:
            answer = self.receive(0.1)
            if answer is None:
                continue
            message = hoi_messages.read_message(answer)
            if message["type"] == 1:
                raise AssertionError("the child began anew")
            if message["type"] in (7, 8, 9):
                came.add((message["type"], message.get("reason", 0)))
            if message["type"] in (7, 9):
                return came
        raise AssertionError(f"no answer, only {came}")


# ---- a server that is no ZeroMQ ----

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\x01" + bytes(31)


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def take_frame(connection):
    flags = exactly(connection, 1)[0]
    size = struct.unpack(">Q", exactly(connection, 8))[0] if flags & 2 else exactly(connection, 1)[0]
    return exactly(connection, size)


class RawServer:
    """One connection that was accepted, its CURVE handshake done by hand; from there on it sends parts of one message."""

    def __init__(self, listener, secret):
        self.connection, _ = listener.accept()
        self.connection.settimeout(60)
        self.connection.sendall(GREETING)
        exactly(self.connection, 64)
        hello = take_frame(self.connection)
        client, own, long_term = PublicKey(hello[80:112]), PrivateKey.generate(), PrivateKey(secret)
        nonce = secrets.token_bytes(16)
        cookie = Box(long_term, client).encrypt(bytes(own.public_key) + bytes(96), b"WELCOME-" + nonce).ciphertext
        self._frame(4, b"\x07WELCOME" + nonce + cookie)
        take_frame(self.connection)  # INITIATE: who it is does not matter
        self.box, self.count = Box(own, client), 1
        metadata = b"\x0bSocket-Type" + struct.pack(">I", 6) + b"ROUTER"
        self._frame(4, b"\x05READY" + self._sealed(b"CurveZMQREADY---", metadata))

    def _sealed(self, prefix, plain):
        shown = struct.pack(">Q", self.count)
        self.count += 1
        return shown + self.box.encrypt(plain, prefix + shown).ciphertext

    def _frame(self, flags, body):
        long = len(body) > 255
        self.connection.sendall(bytes([flags | (2 if long else 0)]) + (struct.pack(">Q", len(body)) if long else bytes([len(body)])) + body)

    def part(self, data, more):
        self._frame(0, b"\x07MESSAGE" + self._sealed(b"CurveZMQMESSAGES", bytes([1 if more else 0]) + data))

    def close(self):
        self.connection.close()


def endless(listener, secret, first, part_bytes, bytes_max):
    """Sends `first` as a whole message (if any), then parts of another one until the connection ends; how many bytes went, None where nothing ended it."""
    server, sent = RawServer(listener, secret), 0
    try:
        if first:
            server.part(first, False)
        while sent < bytes_max:
            server.part(bytes(part_bytes), True)
            sent += part_bytes
    except (ConnectionError, TimeoutError, socket.timeout):
        return sent
    finally:
        server.close()
    return None

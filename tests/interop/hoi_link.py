"""The line: a DEALER socket with CURVE, enrolment over it, and a node's conversation driven until something is so (docs/protocol.md, sections 9 and 11)."""

from __future__ import annotations

import time
from typing import Callable, Optional

import hoi_crypto
import hoi_formats
import hoi_messages
import zmq
from hoi_common import SUITE, VERSION
from hoi_node import Node
from hoi_session import Closed, Session
from hoi_shape import Fields
from hoi_verify import Rejected

CONTEXT = zmq.Context()
SEND_MS = 20_000
BUSY = 4  # a machine that has other things to do may take so many times as long as is allowed here
CONTEXT.sndtimeo = SEND_MS  # a socket whose handshake was refused has nowhere to send to, and would wait for it for ever


class NotJoined(Exception):
    """The answer to a join was none that admits; `reason` is its number, 0 where no answer came or it was not to be believed."""

    def __init__(self, reason: int, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class Line:
    """A connection to an upper node, which proves its transport key."""

    def __init__(self, address: str, server_key: bytes, public: bytes, secret: bytes, routing_id: bytes = b"") -> None:
        self.socket = CONTEXT.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.MAXMSGSIZE, hoi_messages.MESSAGE_BYTES_MAX)
        self.socket.curve_serverkey, self.socket.curve_publickey, self.socket.curve_secretkey = server_key, public, secret
        if routing_id:
            self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        self.socket.connect(address)

    def send(self, frame: bytes) -> None:
        """Queue one frame; raise Closed where the other side has refused the connection."""
        try:
            self.socket.send(frame)
        except zmq.Again as gone:
            raise Closed(0, "no connection to send over") from gone

    def receive(self, seconds: float) -> Optional[bytes]:
        """Return the next frame, None where none comes in time; a message of several parts is an error."""
        if not self.socket.poll(max(0, int(seconds * 1000))):
            return None
        parts = self.socket.recv_multipart()
        if len(parts) != 1:
            raise Closed(1, "a message of several parts")
        return parts[0]

    def close(self) -> None:
        """End the connection."""
        self.socket.close()


def join_message(node: Node, token: Fields) -> Fields:
    """Return the join of a new node."""
    join = {
        "type": 16,
        "version": VERSION,
        "suite": SUITE,
        "secret": token["secret"],
        "signing_key": node.signing_key,
        "transport_key": node.transport_key,
    }
    signed = hoi_messages.join_signed(join, token["bond"], token["transport_key"])
    return {**join, "signature": hoi_crypto.sign(node.signing_seed, "join", hoi_crypto.NO_ASSOCIATION, signed)}


def take_answer(node: Node, token: Fields, frame: bytes) -> Fields:
    """Make the node what the answer to its join says, as far as that is proven by now, and return the answer; raise NotJoined."""
    try:
        answer = hoi_messages.read_message(frame)
        if answer["type"] == 18:
            raise NotJoined(answer["reason"], "the join was refused")
        if answer["type"] != 17:
            raise NotJoined(0, "no answer to a join")
        node.begin(hoi_crypto.association_id(answer["statement"]))
        node.held.found(answer["statement"], answer["signature"])
    except (ValueError, Rejected) as error:
        raise NotJoined(0, str(error)) from error
    core, admission = answer["core"], answer["admission"]
    if (core["signing_key"], core["transport_key"]) != (node.signing_key, node.transport_key):
        raise NotJoined(0, "an admission of other keys")
    bond = hoi_messages.token_bond(token, node.association, core["inviter"], core["unit"], answer["root"])
    if bond != token["bond"] or admission["node"] != core["inviter"]:
        raise NotJoined(0, "an admission by another, for another unit, or of another association")
    node.id = hoi_crypto.node_id(node.association, hoi_formats.payload_bytes(hoi_messages.CORE, core))
    node.unit, node.line, node.inviter = core["unit"], answer["line"], core["inviter"]
    return answer


def ask_to_join(node: Node, token: Fields, seconds: float = 10) -> bytes:
    """Send a node's join over a line of its own; return the frame that answers it."""
    line = Line(token["addresses"][0], token["transport_key"], node.transport_key, node.transport_secret)
    try:
        line.send(hoi_messages.MESSAGE.encode(join_message(node, token)))
        frame = line.receive(BUSY * seconds)
    finally:
        line.close()
    if frame is None:
        raise NotJoined(0, "no answer")
    return frame


def ask_anew(node: Node, text: str) -> tuple[Fields, bytes]:
    """Send a node's join with another token; return that token and the answer."""
    token = hoi_messages.read_token(text)
    return token, ask_to_join(node, token)


def join(text: str) -> Node:
    """Enrol a new node with a token; return it."""
    token = hoi_messages.read_token(text)
    node = Node()
    take_answer(node, token, ask_to_join(node, token))
    return node


class Link:
    """A node's conversation with the inviter that a token names."""

    def __init__(self, node: Node, text: str, routing_id: bytes = b"") -> None:
        token = hoi_messages.read_token(text)
        self.node = node
        self.frames: list[tuple[str, bytes]] = []
        self.line = Line(token["addresses"][0], token["transport_key"], node.transport_key, node.transport_secret, routing_id)
        self.session = Session(node, node.inviter, self.send)
        self.session.start()

    def send(self, frame: bytes) -> None:
        """Send one frame of the conversation."""
        self.frames.append((">", frame))
        self.line.send(frame)

    def run(self, done: Callable[[], bool], seconds: float = 20, what: str = "") -> None:
        """Go on until `done()`; raise TimeoutError, or Closed where the peer ends it."""
        deadline = time.monotonic() + BUSY * seconds
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not in {BUSY * seconds} s: {what or 'in step'}")
            frame = self.line.receive(0.05)
            if frame is None:
                self.session.tick()
            else:
                self.frames.append(("<", frame))
                self.session.receive(frame)

    def until_in_step(self, seconds: float = 20) -> None:
        """Go on until both sides have told equal states and miss nothing."""
        self.run(lambda: self.session.in_step, seconds)

    def until_agreed(self, seconds: float = 20) -> None:
        """Go on until both sides have told equal states, though one may miss bodies that the other may not hold."""
        self.run(lambda: self.session.agreed, seconds)

    def close(self) -> None:
        """Say farewell and end the connection."""
        try:
            self.session._send({"type": 9, "reason": 0})
        except zmq.ZMQError:
            pass
        self.line.close()

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

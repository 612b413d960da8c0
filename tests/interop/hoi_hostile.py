"""A peer that keeps to no rule: a conversation of single frames, and a table of what somebody with a good key might try with it.

Each row is frames and what must come back. Whether the other side still lives and holds what it held is judged by the caller.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, Iterator, NamedTuple, Optional

import hoi_codec
import hoi_crypto
import hoi_formats
import hoi_messages
import hoi_zstd
from hoi_common import DIRECTIVE, REPORT, SEQ_MAX
from hoi_damage import flips
from hoi_link import Line
from hoi_node import Node
from hoi_push import item_of
from hoi_session import Session
from hoi_shape import Fields
from hoi_verify import Entry

BYE, REFUSED, PROGRESS, HELLO = 9, 8, 7, 1


class Raw:
    """A connection over which any bytes go; what comes back is read up to the next answer."""

    def __init__(self, node: Node, text: str) -> None:
        self.node, self.token = node, hoi_messages.read_token(text)
        self.line = self._dial()
        self.greet()

    def _dial(self) -> Line:
        return Line(self.token["addresses"][0], self.token["transport_key"], self.node.transport_key, self.node.transport_secret)

    def hello(self) -> bytes:
        """Return the hello that this node says by now."""
        frames: list[bytes] = []
        Session(self.node, self.node.inviter, frames.append).start()
        return frames[0]

    def greet(self) -> list[Fields]:
        """Begin anew; return what came before the other side's hello."""
        self.line.send(self.hello())
        came = self.until(HELLO)
        if came[-1]["type"] == BYE:  # what ended the conversation before was still on its way
            return came + self.until(HELLO)
        return came

    def begin_with(self, frame: bytes) -> None:
        """Send any frame, then begin anew: the other side answers, whatever the frame was."""
        self.line.send(frame)
        self.line.send(self.hello())
        deadline = time.monotonic() + 40
        while not self._greeted(deadline):
            self.line.send(self.hello())

    def _greeted(self, deadline: float) -> bool:
        """Wait for an answer to the hello that was sent last; a bye may have been for what was sent before it."""
        assert time.monotonic() < deadline, "no hello came back"
        frame = self.line.receive(1)
        while frame is not None and hoi_messages.read_message(frame)["type"] != HELLO:
            frame = self.line.receive(0.005)
        return frame is not None

    def until(self, *types: int) -> list[Fields]:
        """Return what comes, up to a message of one of these types or a bye."""
        came: list[Fields] = []
        while not came or came[-1]["type"] not in (*types, BYE):
            frame = self.line.receive(20)
            if frame is None:
                raise AssertionError(f"no answer, only {came}")
            came.append(hoi_messages.read_message(frame))
        return came

    def entries(self, *items: Fields) -> list[Fields]:
        """Send items; return what comes, up to the progress that covers them or a bye."""
        return self.frame(hoi_messages.MESSAGE.encode(hoi_messages.pack_shortest(list(items))))

    def frame(self, frame: bytes) -> list[Fields]:
        """Send one frame that is to be answered by a progress or a bye; begin anew after a bye, over a new connection: the old one is ended some seconds later."""
        self.line.send(frame)
        came = self.until(PROGRESS)
        if came[-1]["type"] == BYE:
            self.line.close()
            self.line = self._dial()
            self.greet()
        return came

    def outsized(self) -> None:
        """Send what no message may be: too long, then in two parts; ZeroMQ or the other side ends it, and a new conversation begins."""
        for parts in ([bytes(hoi_messages.MESSAGE_BYTES_MAX + 1)], [self.hello(), b""], [b"", self.hello()]):
            self.line.socket.send_multipart(parts)
            self.line.receive(0.2)
            self.line.close()
            self.line = self._dial()
            self.greet()

    def close(self) -> None:
        """End the connection."""
        self.line.close()


def altered_items(item: Fields) -> Iterator[Fields]:
    """Yield an item with each byte of it changed by itself."""
    for name in ("header", "signature", "salt", "body"):
        for changed in flips(item[name]):
            yield {**item, name: changed}


def packed(items: list[Any]) -> bytes:
    """Return an entries message of items that no rule of this writer judged."""
    raw = hoi_codec.encode(items)
    return hoi_codec.encode([5, 0, len(raw), raw])


def altered_frames(item: Fields) -> Iterator[bytes]:
    """Yield entries messages, each with one byte of the entry changed, also where that leaves no header that can be read."""
    for changed in altered_items(item):
        yield packed([[1, changed["header"], changed["signature"], changed["salt"], changed["body"]]])


class Row(NamedTuple):
    """One thing to try: frames that are each answered by one of `answers` (message type, and reason where it has one)."""

    name: str
    frames: list[bytes]
    answers: set[tuple[int, int]]


OK = (PROGRESS, 0)
ERROR = (BYE, 1)


def refusal(reason: int) -> tuple[int, int]:
    """Return how a refusal is written in a row."""
    return (REFUSED, reason)


class Forger:
    """Makes what a node of this unit could sign, and what it could not."""

    def __init__(self, node: Node) -> None:
        self.node, self.association = node, node.association

    def signed(self, header: Fields, body: bytes, salt: bytes, seed: Optional[bytes] = None, tag: str = "header") -> bytes:
        """Return an entries message of an entry with this header, whatever it says, signed by a seed under a tag."""
        data = hoi_codec.encode(hoi_formats.HEADER.shape.write(header))
        return packed([[1, data, hoi_crypto.sign(seed or self.node.signing_seed, tag, self.association, data), salt, body]])

    def next(self, body: Optional[bytes] = None, **more: Any) -> tuple[Fields, bytes, bytes]:
        """Return header, body and salt of an entry that would be its next one, but for `more`."""
        body, salt = body if body is not None else hoi_formats.BODY.encode(NOTHING_NEW), secrets.token_bytes(32)
        return self.node.next_header(body, salt, **more), body, salt

    def chain(self, **more: Any) -> bytes:
        """Return the message of such an entry."""
        return self.signed(*self.next(**more))


NOTHING_NEW: Fields = {"nonce": b"", "changes": [{"kind": 67, "payload": [1]}]}  # an objection: reserved, so it is applied by nobody


def rows(node: Node, other: Node, above: bytes) -> Iterator[Row]:
    """Yield the table: `node` speaks, `other` stands in another branch, `above` is the node that `node` dials."""
    forge = Forger(node)
    mine = next(entry for entry in node.held.entries() if entry.header["author"] == node.id and entry.header["class"] == hoi_formats.RECORD)
    theirs = next(entry for entry in other.held.entries() if entry.header["author"] == other.id)
    log = mine.log
    yield Row("replay of what is held", [packed_entry(item_of(each)) for each in node.held.entries() if each.body is not None] * 3, {OK})
    yield Row("an unknown author", [forge.chain(author=secrets.token_bytes(16), epoch=bytes(8), seq=1, prev=b"")], {refusal(1)})
    yield Row("a log of another branch, well signed (E2)", [packed_entry(item_of(theirs))], {refusal(2), refusal(1)})
    sibling = forge.chain(author=other_author(node), epoch=secrets.token_bytes(8), seq=1, prev=b"")
    yield Row("a sibling's log under an own signature (E2)", [sibling], {refusal(5)})
    yield Row("the level above's log under an own signature (E2)", [forge.chain(author=above, **{"kind": DIRECTIVE, "class": 1, "audience": []})], {refusal(5)})
    head = len(node.held.logs[log])
    gaps = [head + 2, head + 3, 2**31, 2**32, 2**62, SEQ_MAX]
    yield Row("gaps, up to the last number there is (E7)", [forge.chain(seq=seq, prev=secrets.token_bytes(32)) for seq in gaps], {refusal(3)})
    yield Row("a new epoch that begins at the end (E7)", [forge.chain(epoch=secrets.token_bytes(8), seq=SEQ_MAX, prev=bytes(32))], {refusal(3)})
    yield Row("2^63 and beyond (E7)", [forge.chain(seq=seq, prev=bytes(32)) for seq in (2**63, 2**64 - 1)], {ERROR, refusal(6)})
    yield Row("seq 0 (E7)", [forge.chain(seq=0, prev=b"")], {ERROR, refusal(6)})
    yield Row("a prev that is not the head's", [forge.chain(prev=secrets.token_bytes(32))], {refusal(4)})
    yield Row("signed by another key", [forge.signed(*forge.next(), seed=secrets.token_bytes(32))], {refusal(5)})
    tags = ("body", "receipt", "founding", "join", "node", "form", "unit", "token")
    yield Row("a signature of another context (E12)", [forge.signed(*forge.next(), tag=tag) for tag in tags], {refusal(5)})
    receipt = next(of_log[node.id] for of_log in node.held.receipts.values() if node.id in of_log)
    yield Row("a receipt as a header (E12)", [packed([[1, receipt[0], receipt[1], b"", b""]])], {ERROR, refusal(6)})
    yield Row("the founding statement as a header (E12)", [packed([[1, node.held.statement, node.held.signature, b"", b""]])], {ERROR, refusal(6)})
    yield Row("a header as a body (E12)", [forge.chain(body=mine.header_bytes, epoch=secrets.token_bytes(8), seq=2, prev=bytes(32))], {refusal(3)})
    header, body, salt = forge.next()
    yield Row("a body that is not the header's", [forge.signed(header, body + b"\xc0", salt), forge.signed(header, body, bytes(32))], {refusal(6)})
    yield Row("another association's signature (E12)", [elsewhere(forge)], {refusal(5)})
    yield from _encodings(forge, mine)
    yield from _sizes(forge, mine)


def other_author(node: Node) -> bytes:
    """Return another node of the same unit."""
    return next(each for each in node.tree.nodes.values() if each.id != node.id and each.unit == node.unit).id


def packed_entry(item: Fields) -> bytes:
    """Return the message of one item that is in order."""
    return hoi_messages.MESSAGE.encode(hoi_messages.pack_shortest([item]))


def elsewhere(forge: Forger) -> bytes:
    """Return an entry that is signed for another association."""
    header, body, salt = forge.next()
    data = hoi_formats.HEADER.encode(header)
    return packed([[1, data, hoi_crypto.sign(forge.node.signing_seed, "header", secrets.token_bytes(32), data), salt, body]])


def _encodings(forge: Forger, mine: Entry) -> Iterator[Row]:
    """Yield the same meaning in other bytes (E13), and bombs (E4)."""
    node, log = forge.node, mine.log
    header, body, salt = forge.next()
    plain = hoi_codec.encode(hoi_formats.HEADER.shape.write(header))
    assert plain[:4] == b"\xdc\x00\x11\x01" and plain[-1:] == b"\x90"  # 17 members, the first of them 1, the last an empty array
    longer = [b"\xdd\x00\x00" + plain[1:], plain[:3] + b"\xcc\x01" + plain[4:], plain + b"\xc0", plain[:-1] + b"\x80", plain[:-1] + b"\xdc\x00\x00"]
    signed = [packed([[1, data, hoi_crypto.sign(node.signing_seed, "header", node.association, data), salt, body]]) for data in longer]
    yield Row("a header in other bytes, well signed (E13)", signed, {ERROR, refusal(6)})
    state = hoi_codec.encode([2, bytes(16), 0])
    yield Row("a message in other bytes (E13)", [b"\xdc\x00\x03" + state[1:], b"\x93\xcc\x02" + state[2:], state + b"\x00", b"\x83" + state[1:]], {ERROR})
    depth = b"\x91" * 1_000_000
    claims = [tag + b"\xff\xff\xff\xff" for tag in (b"\xdd", b"\xdb", b"\xc6", b"\xdf")]
    bombs = [b"", b"\xc1", b"\xdf\x0f\xff\xff\xff", *claims, depth, b"\xdd\x00\x0f\x00\x00" + b"\xc0" * 983_040]
    yield Row("bombs (E4)", bombs, {ERROR})
    raw = hoi_zstd.compress(bytes(1 << 20))
    huge = [hoi_codec.encode([5, 1, size, raw]) for size in (1 << 20, (1 << 20) - 1, 1 << 19, 2**32 - 1, 2**64 - 1)]
    yield Row("a frame that unpacks to something else (E4)", huge, {ERROR})
    bare = [[2, *log, len(node.held.logs[log]), bytes(32), offset, b"x"] for offset in (1, 262_143, 262_144, 2**63)]
    yield Row("a part of what is held, or far behind its end", [packed([each]) for each in bare], {OK, ERROR, refusal(3), refusal(6)})
    yield Row("progress over what never came", [hoi_codec.encode([7, 2**63])], {ERROR})
    yield Row("messages of enrolment in a conversation", [hoi_codec.encode([18, 1])], {ERROR})


def _sizes(forge: Forger, mine: Entry) -> Iterator[Row]:
    """Yield what is longer than anything may be."""
    body = hoi_codec.encode([b"", [[67, [b"x" * 262_144]]]])
    yield Row("a body longer than any", [forge.chain(body=body)], {ERROR, refusal(6)})
    many = [{"node": secrets.token_bytes(16), "kind": REPORT, "epoch": bytes(8), "seq": 1, "hash": bytes(16)} for _ in range(400)]
    yield Row("more seen than may be named", [forge.chain(seen=sorted(many, key=lambda each: each["node"]))], {ERROR, refusal(6)})
    yield Row("more items than a message may hold", [packed([[2, *mine.log, 1, bytes(32), 0, b"x"]] * 4097)], {ERROR})


def judge(raw: Raw, row: Row) -> int:
    """Try a row; raise AssertionError where the answer is none that it allows; return how many frames were sent."""
    for at, frame in enumerate(row.frames):
        try:
            answers = raw.frame(frame)
        except AssertionError as error:
            raise AssertionError(f"{row.name}, frame {at}: {error}") from error
        came = [each for each in answers if each["type"] in (BYE, REFUSED, PROGRESS)]
        said: set[tuple[int, int]] = {(each["type"], each.get("reason", 0)) for each in came}
        if said - {OK} and not said - {OK} <= row.answers or said == {OK} and OK not in row.answers:
            raise AssertionError(f"{row.name}, frame {at}: {said}, not {row.answers}")
    return len(row.frames)



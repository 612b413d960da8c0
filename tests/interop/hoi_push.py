"""What goes to the peer of a conversation: all that is held, that it may hold, and that it lacks (docs/protocol.md, section 10, Sending)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Optional

import hoi_messages
from hoi_common import REPORT, log_key
from hoi_formats import CONTROL
from hoi_messages import BUCKETS, bucket_of
from hoi_node import Node, fork_of, says_more
from hoi_shape import Fields
from hoi_verify import Entry, LogKey, reach_of

MESSAGE_BYTES = 16_384
WINDOW_MOST = 1 << 20
RECEIPTS_PER_MESSAGE_MAX = 256
NOT_PROBED, TO_PROBE = -1, 0


@dataclass
class Peer:
    """What the peer is known to hold of one log."""

    seq: int = 0
    bodies: dict[int, int] = field(default_factory=dict)  # of what it asked for, or was left behind: how many bytes it holds
    receipts: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)
    blocked: bool = False
    fork: Optional[Fields] = None  # what it knows of a fork
    alike: int = 0  # while a fork is looked for: up to where its branch is ours,
    apart: int = 0  # and from where it is not; 0: nowhere
    shown: tuple[int, ...] = ()
    named: int = 0  # the head that its last `have` named
    probed: int = NOT_PROBED  # of a log that was blocked, one item goes first: how many bytes were sent with it


class Push:
    """The sending half of a conversation."""

    def __init__(self, node: Node, send: Callable[[Fields], int]) -> None:
        self.node, self._send = node, send
        self.peer_id, self.peer_unit, self.window, self.message_max = b"", b"", 0, 0
        self.logs: dict[LogKey, Peer] = {}
        self.known = [False] * BUCKETS
        self.sent = self.covered = self.entries_end = 0
        self.sent_since_heard = False
        self.receipts_sent: set[bytes] = set()
        self.outgoing_items: Callable[[list[Fields]], list[Fields]] = lambda items: items  # a place for tests to look and alter
        self.window_most = WINDOW_MOST

    # What the peer holds

    def equal(self, buckets: set[int], states: list[Fields]) -> None:
        """Note that the peer holds all that these states tell of these buckets."""
        for bucket in buckets:
            self.known[bucket] = True
        for state in states:
            if bucket_of(state["node"]) in buckets:
                peer = self.logs.setdefault(log_key(state), Peer())
                peer.seq = max(peer.seq, state["seq"])
                peer.fork = state["fork"]
                peer.receipts.update({each["holder"]: reach_of(each) for each in state["receipts"]})

    def note(self, marked: set[int], theirs: dict[LogKey, Fields]) -> None:
        """Note what a `have` lists; what it does not list of the buckets that it marks, the peer does not hold."""
        for bucket in marked:
            self.known[bucket] = True
        blocked = {key for key, peer in self.logs.items() if peer.blocked}
        searched = {key: (peer.alike, peer.apart, peer.shown) for key, peer in self.logs.items()}
        for key in self.logs:
            if bucket_of(key[0]) in marked:
                self.logs[key] = Peer(probed=TO_PROBE if key in blocked else NOT_PROBED)
        for key, state in theirs.items():
            peer = self.logs[key] = Peer(state["seq"], probed=TO_PROBE if key in blocked else NOT_PROBED)
            gaps, begun = state["gaps"], dict(zip(state["partial"][::2], state["partial"][1::2]))
            for first, last in zip(gaps[::2], gaps[1::2]):
                held = len(self.node.held.logs.get(key, []))
                peer.bodies.update({seq: begun.get(seq, 0) for seq in range(first, min(last, held) + 1)})
            peer.receipts = {each["holder"]: reach_of(each) for each in state["receipts"]}
            mine = self.node.held.entry(key, state["seq"])
            peer.fork, peer.named = state["fork"], state["seq"]
            if mine is None or mine.hash[:16] != state["hash"]:
                peer.alike, peer.apart, peer.shown = searched.get(key, (0, 0, ()))
                peer.blocked = peer.apart > 0
            if mine is not None and mine.hash[:16] != state["hash"]:
                self.compared(key, state["seq"], False, False)
            elif says_more(fork_of(self.node, key), peer.fork) and self.node.held.evidence(key)[0].header["seq"] <= peer.seq:
                peer.fork = fork_of(self.node, key)
                self.show(key, self.node.held.evidence(key))

    def block(self, key: LogKey) -> None:
        """Send no more of a log that was refused."""
        self.logs.setdefault(key, Peer()).blocked = True

    # What it lacks

    def _shared(self) -> Iterator[tuple[LogKey, Peer]]:
        for key in sorted(self.node.held.logs, key=lambda each: (each[1] == REPORT, each)):
            if self.known[bucket_of(key[0])] and self.node.may_log(key) and self.node.tree.may_hold_log(self.peer_unit, key):
                peer = self.logs.setdefault(key, Peer())
                if peer.probed > TO_PROBE and self.covered >= peer.probed:
                    peer.probed = NOT_PROBED
                if not peer.blocked and peer.probed <= TO_PROBE:
                    yield key, peer

    def _bodies(self, control: bool) -> Iterator[tuple[Peer, Entry]]:
        for key, peer in self._shared():
            for seq in sorted(peer.bodies):
                entry = self.node.held.entry(key, seq)
                if entry is not None and self._allowed(entry) and (entry.header["class"] == CONTROL) == control:
                    yield peer, entry

    def _allowed(self, entry: Entry) -> bool:
        return entry.body is not None and self.node.tree.may_hold_body(self.peer_unit, entry.header)

    def _heads(self) -> Iterator[tuple[Peer, Entry]]:
        for key, peer in self._shared():
            for entry in self.node.held.logs[key][peer.seq :]:
                yield peer, entry

    def idle(self) -> bool:
        """Say whether nothing is left to send."""
        return not any(next(lane, None) for lane in (self._bodies(True), self._heads(), self._bodies(False)))

    def settled(self) -> bool:
        """Say whether nothing is left to send and every entries message is covered."""
        return self.covered >= self.entries_end and self.idle()

    # Sending

    def pump(self) -> bool:
        """Send what the window takes, in the order of the lanes; say whether any entries went."""
        before = self.entries_end
        self._lane(lambda: next(((*each, False) for each in self._bodies(True)), None))
        self._lane(lambda: next(((*each, True) for each in self._heads()), None))
        self._receipts()
        self._lane(lambda: next(((*each, False) for each in self._bodies(False)), None))
        return self.entries_end > before

    def _lane(self, following: Callable[[], Optional[tuple[Peer, Entry, bool]]]) -> None:
        while self.sent - self.covered < min(self.window, self.window_most):
            items: list[Fields] = []
            size = 0
            while size < MESSAGE_BYTES and len(items) < hoi_messages.ITEMS_MAX:
                found = following()
                if found is None:
                    break
                peer, entry, head = found
                items.append(self._entry_item(peer, entry) if head else self._part_item(peer, entry))
                size += len(hoi_messages.ITEMS.encode(items[-1:]))
            if not items:
                return
            self._counted(hoi_messages.pack_shortest(self.outgoing_items(items)))
            self.entries_end = self.sent

    def _entry_item(self, peer: Peer, entry: Entry) -> Fields:
        body, seq = entry.body or b"", entry.header["seq"]
        apart = len(body) > min(self.message_max // 4, self.window // 2)
        whole = self._allowed(entry) and not apart
        if self._allowed(entry) and apart:
            peer.bodies[seq] = 0
        peer.seq = seq
        if peer.probed == TO_PROBE:
            peer.probed = self.sent + 1  # covered with this message, whatever its length
        return item_of(entry) if whole else item_of(entry, salt=b"", body=b"")

    def _part_item(self, peer: Peer, entry: Entry) -> Fields:
        seq, body = entry.header["seq"], entry.body or b""
        offset = min(peer.bodies[seq], len(body) - 1)
        part = body[offset : offset + MESSAGE_BYTES]
        peer.bodies[seq] = offset + len(part)
        if peer.bodies[seq] == len(body):
            del peer.bodies[seq]
        log = dict(zip(("node", "kind", "epoch"), entry.log))
        return {"type": 2, **log, "seq": seq, "salt": entry.salt, "offset": offset, "part": part}

    def _receipts(self) -> None:
        tree, out = self.node.tree, []
        for key, peer in self._shared():
            for holder, (data, signature, item) in sorted(self.node.held.receipts.get(key, {}).items()):
                mine, theirs = reach_of(item), peer.receipts.get(holder)
                own = holder == self.node.id
                if holder == self.peer_id or data in self.receipts_sent or theirs is not None and (mine == theirs or mine < theirs and not own):
                    continue
                if tree.may_hold_receipt(self.node.unit, holder, key) and tree.may_hold_receipt(self.peer_unit, holder, key):
                    out.append({"receipt": data, "signature": signature})
                    peer.receipts[holder] = mine
                    self.receipts_sent.add(data)
        for at in range(0, len(out), RECEIPTS_PER_MESSAGE_MAX):
            self._counted({"type": 6, "receipts": out[at : at + RECEIPTS_PER_MESSAGE_MAX]})

    def compared(self, key: LogKey, seq: int, same: bool, linked: bool) -> None:
        """Take that our header at `seq` and the peer's are, or are not, the same; show ours there, and the middle of what is left."""
        peer = self.logs.setdefault(key, Peer())
        alike, apart = peer.alike, peer.apart
        if same and seq > alike and (not apart or seq < apart):
            alike = seq
        if not same and (not apart or seq < apart):
            apart, alike = seq, seq - 1 if linked else alike
        if not same:
            peer.blocked = True
        if not apart or (alike, apart) == (peer.alike, peer.apart):
            return
        peer.alike, peer.apart = alike, apart
        wanted = [seq, *([alike + (apart - alike) // 2] if apart - alike > 1 else [])]
        entries = [self.node.held.entry(key, each) for each in wanted if each not in peer.shown]
        peer.shown = (*wanted[::-1], *peer.shown)[:2]
        self.show(key, [entry for entry in entries if entry is not None])

    def show(self, key: LogKey, entries: list[Entry]) -> None:
        """Send headers as evidence, each with whether it stands in our log."""
        items: list[Fields] = []
        for entry in entries:
            own = self.node.held.entry(key, entry.header["seq"])
            items.append({"type": 3, "header": entry.header_bytes, "signature": entry.signature, "own": own is not None and own.hash == entry.hash})
        if items:
            self._counted(hoi_messages.pack_shortest(items))
            self.entries_end = self.sent

    def _counted(self, message: Fields) -> None:
        self.sent += self._send(message)
        self.sent_since_heard = True


def item_of(entry: Entry, **more: Any) -> Fields:
    """Return an entry as an item, whole but for what `more` says."""
    return {"type": 1, "header": entry.header_bytes, "signature": entry.signature, "salt": entry.salt, "body": entry.body or b"", **more}

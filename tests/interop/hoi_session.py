"""One conversation: the engine of docs/protocol.md, section 10, as the dialling side.

It is told what came and what time it is, and answers with frames to send; it knows no socket. What it takes is verified by
hoi_verify and judged by the views of its node, what it sends goes by what the peer said that it holds.
"""

from __future__ import annotations

from typing import Callable, Optional

import hoi_codec
import hoi_messages
from hoi_common import SUITE, VERSION, UnknownVersion, log_key
from hoi_messages import BUCKETS, bucket_of
from hoi_node import RECEIPTS_AT_ONCE_MAX, Node, digests_of, states_of
from hoi_push import Push
from hoi_shape import Fields, SetAside
from hoi_verify import AUTHOR_UNKNOWN, FORK, GAP, NOT_ENTITLED, Entry, LogKey, Rejected, reach_of

WINDOW = 524_288
MESSAGE_WANTED = 65_536
HAVE_BYTES = 48 * 1024
HAVE_AT_ONCE_LOGS_MAX = 32
RECEIPT_BYTES_UNTOLD_MAX = 4096
AGAIN_SECONDS = 2.0
GAP_PAIRS_MAX, PARTIAL_PAIRS_MAX = 256, 64
PROTOCOL_ERROR, OTHER_ASSOCIATION, OTHER_VERSION, NOT_ADMITTED = 1, 2, 3, 4


class Closed(Exception):
    """The conversation is over; `reason` is that of a `bye`."""

    def __init__(self, reason: int, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class Session:
    """A conversation with the upper node `peer`; `send` takes frames."""

    def __init__(self, node: Node, peer: bytes, send: Callable[[bytes], None]) -> None:
        self.node, self.peer, self._send_frame = node, peer, send
        self.push = Push(node, self._send)
        self.push.peer_id = peer
        self.open = False
        self.hello: Fields = {}
        self.told: Optional[tuple[bytes, int]] = None
        self.heard: Optional[tuple[bytes, int]] = None
        self.compared: Optional[tuple[tuple[bytes, int], tuple[bytes, int]]] = None
        self.due = self.peer_in_burst = self.agreed = self.in_step = False
        self.received = self.progress_told = 0
        self.had_sent: set[int] = set()
        self.brought: dict[LogKey, Entry] = {}  # of logs that yield: the last entry of the peer's branch
        self.lane = False  # the peer's key is revoked: of what it sends nothing but its own logs is taken
        self.refused: dict[LogKey, tuple[int, float, float]] = {}
        self.refusals: list[Fields] = []  # what the peer refused of ours
        self.items: Callable[[list[Fields]], list[Fields]] = lambda items: items  # a place for tests to alter what came
        self.recording: list[Fields] = []  # what was taken, as it came

    # Events

    def start(self) -> None:
        """Say hello."""
        state = self._state()
        node = self.node
        self._send(
            {
                "type": 1,
                "version": VERSION,
                "suite": SUITE,
                "association": node.association,
                "node": node.id,
                "unit": node.unit,
                "incarnation": node.incarnation,
                "feature_level": 0,
                "window": WINDOW,
                "message_max": MESSAGE_WANTED,
                "state": state[0],
                "missing": state[1],
                "time": node.now(),
                "extensions": [],
            }
        )
        self.told = state

    def receive(self, frame: bytes) -> None:
        """Take one frame of the peer; raise Closed where the conversation ends."""
        try:
            message = hoi_messages.read_message(frame)
            if not self.open and message["type"] not in (1, 9) or self.open and message["type"] == 1:
                raise Closed(PROTOCOL_ERROR, f"{hoi_messages.MESSAGE_NAMES[message['type']]} in the wrong state")
            handlers = {1: self._hello, 2: self._heard_state, 3: self._buckets, 4: self._have, 7: self._progress, 8: self._refused, 9: self._bye}
            if message["type"] in (5, 6):
                self.received += len(frame)
                (self._entries if message["type"] == 5 else self._receipts)(message)
            elif message["type"] in handlers:
                handlers[message["type"]](message)
            else:
                raise Closed(PROTOCOL_ERROR, "no message of a link")
        except ValueError as error:
            self._send({"type": 9, "reason": PROTOCOL_ERROR})
            raise Closed(PROTOCOL_ERROR, str(error)) from error
        self.pump()

    def tick(self) -> None:
        """Let time pass: ask again for what was refused."""
        now, again = self.node.clock(), set()
        for key, (reason, due, wait) in list(self.refused.items()):
            views_changed = reason in (AUTHOR_UNKNOWN, NOT_ENTITLED) and due != self.node.held.changed
            if views_changed or reason not in (AUTHOR_UNKNOWN, NOT_ENTITLED) and now >= due:
                again.add(bucket_of(key[0]))
                self.refused[key] = (reason, self.node.held.changed if views_changed else now + 2 * wait, 2 * wait)
        if again and self.open:
            self._send_have(again)
        if self.open:
            self.pump()

    def pump(self) -> None:
        """Send whatever is to be sent by now."""
        if not self.open:
            return
        self.push.peer_unit = self.peer_unit
        self.due = self.push.pump() or self.due
        if self.push.settled():
            state = self._state()
            if self.due or state != self.told and not self.peer_in_burst:
                self.told, self.due = state, False
                self._send({"type": 2, "state": state[0], "missing": state[1]})
        self._compare()

    # States and comparing

    @property
    def peer_unit(self) -> bytes:
        """Return the peer's unit: what the views say, else its hello."""
        known = self.node.tree.nodes.get(self.peer)
        unit: bytes = known.unit if known else self.hello.get("unit", b"")
        return unit

    def _states(self) -> list[Fields]:
        """Return the log states as they are told to this peer: of a log that yields, up to the last entry of the peer's branch that is here."""
        states = []
        for state in states_of(self.node, self.peer_unit):
            last = self._yielded(log_key(state))
            if last is None:
                states.append(state)
            elif last.header["seq"]:
                states.append({**state, "seq": last.header["seq"], "hash": last.hash[:16], "gaps": [], "partial": []})
        return states

    def _yielded(self, key: LogKey) -> Optional[Entry]:
        """Return the last entry of the peer's branch that is here, where a log awaits an entry that this peer may have; one of seq 0 where there is none."""
        awaited, peer = self.node.tree.judge.awaited(key), self.push.logs.get(key)
        if awaited is None or peer is None or not peer.alike + 1 == peer.apart <= awaited["seq"] <= peer.named:
            self.brought.pop(key, None)
            return None
        if key not in self.brought:
            self.brought[key] = self.node.held.entry(key, peer.alike) or Entry(b"", b"", {"seq": 0}, b"")
        return self.brought[key]

    def _state(self) -> tuple[bytes, int]:
        states = self._states()
        missing = sum(len(self.node.missing(log_key(state))) for state in states)
        return hoi_messages.state_of(self.node.association, digests_of(self.node, states)), missing

    def _hear(self, message: Fields) -> None:
        self.heard = (message["state"], message["missing"])
        self.due = self.due or not self.push.settled()
        self.push.sent_since_heard = self.peer_in_burst = False

    def _compare(self) -> None:
        if not self.heard or not self.told or not self.push.settled() or self.push.sent_since_heard or self.compared == (self.told, self.heard):
            return
        if self._state() != self.told:
            return
        self.compared = (self.told, self.heard)
        self.had_sent = set()
        states = self._states()
        if self.heard[0] == self.told[0]:
            self.push.equal(set(range(BUCKETS)), states)
            lacking = {bucket_of(state["node"]) for state in states if state["gaps"]}
            if lacking:
                self._send_have(lacking)
            self.agreed = True
            self.in_step = not self.heard[1] and not self.told[1]
            return
        self.agreed = self.in_step = False
        if len(states) <= HAVE_AT_ONCE_LOGS_MAX:
            self._send_have(set(range(BUCKETS)))
        else:
            self._send({"type": 3, "digests": digests_of(self.node, states)})

    # What comes

    def _hello(self, message: Fields) -> None:
        if message["association"] != self.node.association:
            raise Closed(OTHER_ASSOCIATION, "another association")
        if message["node"] != self.peer:
            raise Closed(NOT_ADMITTED, "another node than the one dialled")
        known = self.node.tree.nodes.get(self.peer)
        if known and known.unit != message["unit"]:
            raise Closed(NOT_ADMITTED, "a node of another unit than the views say")
        self.hello, self.open = message, True
        self.push.window, self.push.message_max = message["window"], message["message_max"]
        self._hear(message)
        if self._state() != self.told:  # the peer's unit was not known before
            self.due = True

    def _heard_state(self, message: Fields) -> None:
        self._hear(message)

    def _buckets(self, message: Fields) -> None:
        states = self._states()
        mine = digests_of(self.node, states)
        differ = {bucket for bucket in range(BUCKETS) if mine[bucket] != message["digests"][bucket]}
        self.push.equal(set(range(BUCKETS)) - differ, states)
        self._send_have(differ | {bucket_of(state["node"]) for state in states if state["gaps"]})
        self.due = self.due or not differ

    def _have(self, message: Fields) -> None:
        marked = hoi_messages.marked_buckets(message["buckets"])
        states = {log_key(state): state for state in self._states()}
        theirs = {log_key(state): state for state in message["logs"]}
        self.push.note(marked, theirs)
        differ = set()
        for key in states.keys() | theirs.keys():
            mine, other = states.get(key), theirs.get(key)
            same = mine and other and not mine["gaps"] and all(mine[name] == other[name] for name in ("seq", "hash", "receipts", "fork"))
            if bucket_of(key[0]) in marked and not same:
                differ.add(bucket_of(key[0]))
        self._send_have(differ, once=True)
        self.due = True

    def _entries(self, message: Fields) -> None:
        self.peer_in_burst = True
        items = hoi_messages.unpack_items(message)
        bad: set[LogKey] = set()
        self.lane = self.node.tree.judge.revoked(self.peer)
        offered: set[int] = set()  # none is taken, and each is answered
        for item in self.items(items):
            if item["type"] == 4:
                offered.add(bucket_of(item["node"]))
                continue
            try:
                self._item(item, bad)
            except UnknownVersion:
                continue
        self.node.settle()
        for _ in self.node.renew_receipts():
            pass
        self.push.peer_unit = self.peer_unit
        self.due = self.push.pump() or self.due
        self._tell_progress()
        if offered:
            self._send_have(offered)

    def _item(self, item: Fields, bad: set[LogKey]) -> None:
        """Take one item, or refuse its log: once a message, the rest of that log is passed over."""
        log, seq = (item, item["seq"]) if item["type"] == 2 else hoi_messages.named_by(item["header"])
        key = log_key(log)
        if item["type"] == 3:
            self._evidence(item)
            return
        if key in bad:
            return
        try:
            (self._part if item["type"] == 2 else self._entry)(item)
            self.refused.pop(key, None)
        except Rejected as rejected:
            bad.add(key)
            self._refuse(key, seq, rejected.reason, item)

    def _part(self, item: Fields) -> None:
        if self.lane and item["node"] != self.peer:
            raise Rejected(NOT_ENTITLED, "of a key that is revoked")
        entry = self.node.held.entry(log_key(item), item["seq"])
        if entry is None or self.node.may_body(entry.header):
            self.node.held.add_part(item)
            self.recording.append(item)

    def _entry(self, item: Fields) -> None:
        entry = self.node.held.check_header(item["header"], item["signature"])
        if not self.node.may_log(entry.log) or self.lane and entry.log[0] != self.peer:
            raise Rejected(NOT_ENTITLED, "a log that this node may not hold")
        body = (item["salt"], item["body"]) if self.node.may_body(entry.header) else (b"", b"")
        last = self._yielded(entry.log)
        if last is not None and entry.header["seq"] > self.push.logs[entry.log].alike:
            self._beside(last, entry, *body)
            return
        self.node.held.add(item["header"], item["signature"], *body)
        self.recording.append(item)

    def _beside(self, last: Entry, entry: Entry, salt: bytes, body: bytes) -> None:
        """Keep an entry of the branch that leads to the one awaited; with that one, it takes the place of what is held."""
        if entry.header["seq"] != last.header["seq"] + 1:
            raise Rejected(GAP, "does not follow the last one that was brought")
        if entry.header["prev"] != last.hash:
            raise Rejected(FORK, "follows another entry than the last one that was brought")
        if salt:
            self.node.held.check_body(entry, salt, body)
            entry.salt, entry.body = salt, body
        self.brought[entry.log] = self.node.held.keep_beside(entry)
        self.node.settle()

    def _evidence(self, item: Fields) -> None:
        """Keep another header at a seq held; nothing rests on one, so what is not good is passed over."""
        try:
            entry = self.node.held.check_header(item["header"], item["signature"])
        except (Rejected, SetAside):
            return
        mine = self.node.held.entry(entry.log, entry.header["seq"])
        if mine is None or not self.node.may_log(entry.log) or self.lane and entry.log[0] != self.peer:
            return
        if mine.hash != entry.hash:
            self.node.held.note_fork(entry)
        if item["own"]:
            self.push.compared(entry.log, entry.header["seq"], mine.hash == entry.hash, mine.header["prev"] == entry.header["prev"])

    def _refuse(self, key: LogKey, seq: int, reason: int, item: Optional[Fields] = None) -> None:
        if reason == FORK and item is not None and item["type"] == 1:
            header = self.node.held.check_header(item["header"], item["signature"]).header
            mine = self.node.held.entry(key, seq)
            if mine is not None:
                self.push.compared(key, seq, False, mine.header["prev"] == header["prev"])
            elif seq > 1:
                self.push.compared(key, seq - 1, False, False)
        views = reason in (AUTHOR_UNKNOWN, NOT_ENTITLED)
        wait = self.refused[key][2] if key in self.refused else AGAIN_SECONDS
        self.refused[key] = (reason, self.node.held.changed if views else self.node.clock() + wait, wait)
        self._send({"type": 8, **dict(zip(("node", "kind", "epoch"), key)), "seq": seq, "reason": reason})

    def _receipts(self, message: Fields) -> None:
        for each in message["receipts"] if not self.node.tree.judge.revoked(self.peer) else []:
            try:
                item = self.node.held.check_receipt(each["receipt"], each["signature"])
                key, holder = log_key(item), item["holder"]
                if holder == self.node.id or not self.node.tree.may_hold_receipt(self.node.unit, holder, key):
                    continue
                self.node.held.add_receipt(each["receipt"], each["signature"], holder == self.peer)
                self.recording.append({"type": 6, **each})
                if key in self.push.logs:
                    self.push.logs[key].receipts[holder] = reach_of(item)
            except (Rejected, SetAside):
                continue
        if self.received - self.progress_told >= RECEIPT_BYTES_UNTOLD_MAX:
            self._tell_progress()

    def _tell_progress(self) -> None:
        self.progress_told = self.received
        self._send({"type": 7, "bytes": self.received})

    def _progress(self, message: Fields) -> None:
        if not self.push.covered <= message["bytes"] <= self.push.sent:
            raise ValueError("progress over more than was sent")
        self.push.covered = message["bytes"]

    def _refused(self, message: Fields) -> None:
        self.refusals.append(message)
        self.push.block(log_key(message))

    def _bye(self, message: Fields) -> None:
        raise Closed(message["reason"], "the peer said bye")

    # What goes

    def _send(self, message: Fields) -> int:
        frame = hoi_messages.MESSAGE.encode(message)
        self._send_frame(frame)
        return len(frame)

    def _send_have(self, buckets: set[int], once: bool = False) -> None:
        if once:
            buckets = buckets - self.had_sent
        if not buckets:
            return
        self.had_sent |= buckets
        by_bucket: dict[int, list[Fields]] = {bucket: [] for bucket in sorted(buckets)}
        for state in self._states():
            if bucket_of(state["node"]) in by_bucket:
                state["receipts"] = state["receipts"][:RECEIPTS_AT_ONCE_MAX]
                state["gaps"], state["partial"] = state["gaps"][: 2 * GAP_PAIRS_MAX], state["partial"][: 2 * PARTIAL_PAIRS_MAX]
                by_bucket[bucket_of(state["node"])].append(state)
        marked: set[int] = set()
        logs: list[Fields] = []
        size = 0
        for bucket, states in by_bucket.items():
            if size > HAVE_BYTES:
                self._send_frame(hoi_messages.have(marked, logs))
                marked, logs, size = set(), [], 0
            marked.add(bucket)
            logs += states
            size += sum(len(hoi_codec.encode(hoi_messages.LOG_STATE.write(state))) for state in states)
        self._send_frame(hoi_messages.have(marked, logs))

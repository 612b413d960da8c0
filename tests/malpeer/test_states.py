#!/usr/bin/python3
"""Goal: every message in every state, and every frame that is none, costs its sender its session and nobody anything else (E4, E11, E13)."""
import os
import random

from scene import hoi_hostile, hoi_messages, run
import hoi_codec
import hoi_link
import hoi_zstd
from hoi_hostile import BYE, HELLO, judge

SEED = int(os.environ.get("HOI_SEED", "1"))
JOIN, JOINED, JOIN_REFUSED = 16, 17, 18


def samples(scene, raw):
    """One well-formed message of each type, and types that there are none of."""
    evil = scene.evil
    node = {"node": evil.id, "kind": 1, "epoch": bytes(8), "seq": 1}
    data, signature, _ = next(iter(next(iter(evil.held.receipts.values())).values()))
    encode = hoi_messages.MESSAGE.encode
    token = hoi_messages.read_token(scene.tokens["evil"])
    entry = next(each for each in evil.held.entries() if each.header["author"] == evil.id)
    messages = {
        1: raw.hello(),
        2: encode({"type": 2, "state": bytes(16), "missing": 0}),
        3: encode({"type": 3, "digests": [bytes(8)] * 64}),
        4: hoi_messages.have([], []),
        5: hoi_hostile.packed_entry(hoi_hostile.item_of(entry)),
        6: encode({"type": 6, "receipts": [{"receipt": data, "signature": signature}]}),
        7: encode({"type": 7, "bytes": 0}),
        8: encode({"type": 8, **node, "reason": 5}),
        9: encode({"type": 9, "reason": 0}),
        JOIN: encode(hoi_link.join_message(evil, token)),
        JOIN_REFUSED: encode({"type": 18, "reason": 1}),
    }
    for number in (0, 10, 15, JOINED, 19, 127, 2**32, 2**63):
        messages[number] = hoi_codec.encode([number, b"", b"", b"", b"", []])
    return messages


def answer_of(line, seconds=20):
    frame = line.receive(seconds)
    return None if frame is None else hoi_messages.read_message(frame)


def before_the_hello(scene):
    """State: greeting. Only a hello opens; a join is answered to whoever asks; all else is turned away."""
    raw = scene.raw()
    messages = samples(scene, raw)
    raw.close()
    with scene.attack("each message before the hello", lines_max=40):
        for number, frame in messages.items():
            line = scene.line(scene.evil, "evil")
            line.send(frame)
            if number != BYE:
                answer = answer_of(line)
                expected = {HELLO: (HELLO,), JOIN: (JOINED, JOIN_REFUSED)}.get(number, (BYE,))
                assert answer is not None and answer["type"] in expected, (number, answer)
            line.close()


def after_the_hello(scene):
    """State: open. What belongs to a conversation is answered, or taken in silence; what does not ends it."""
    raw = scene.raw()
    messages = samples(scene, raw)
    with scene.attack("each message after the hello", "reason=PEER_PROTOCOL", lines_max=40):
        for number, frame in messages.items():
            raw.begin_with(raw.hello())
            raw.line.send(frame)
            raw.line.send(hoi_codec.encode([4, bytes(8), []]))  # asks for a state: an answer that comes in order
            types = [each["type"] for each in raw.until(2, JOINED, JOIN_REFUSED)]
            ends = number not in (1, 2, 3, 4, 5, 6, 7, 8, JOIN)
            assert (BYE in types) == ends, (number, types)
            raw.close()
            raw.line = scene.line(scene.evil, "evil")
            raw.greet()
    raw.close()


def after_the_bye(scene):
    """State: closed. Nothing but a hello is heard any more."""
    raw = scene.raw()
    messages = samples(scene, raw)
    raw.close()
    with scene.attack("each message after the bye", lines_max=40):
        for number, frame in messages.items():
            line = scene.line(scene.evil, "evil")
            line.send(messages[1])
            line.send(messages[9])
            line.send(frame)
            types, answer = [], answer_of(line)
            while answer is not None:
                types.append(answer["type"])
                answer = answer_of(line, 0.1)
            line.close()
            assert types[:1] == [HELLO], (number, types)
            if number in (5, 6):
                assert 7 not in types, f"{number} was taken after the bye"


def garbage(scene):
    generator = random.Random(SEED)
    frames = [generator.randbytes(generator.choice((1, 2, 5, 17, 240, 4096, 65536))) for _ in range(150)]
    raw = scene.raw()
    with scene.attack(f"garbage (seed {SEED})", "reason=PEER_PROTOCOL", lines_max=40):
        for frame in frames:
            assert raw.frame(frame)[-1] == {"type": BYE, "reason": 1}, frame
    raw.close()


def frames_cut_off(scene):
    """Every message, cut at every byte, and with one byte more."""
    raw = scene.raw()
    with scene.attack("messages cut off", "reason=PEER_PROTOCOL", lines_max=40):
        for number, frame in samples(scene, raw).items():
            for end in [*range(1, min(len(frame), 60)), len(frame) - 1]:
                if number < JOIN:
                    raw.begin_with(frame[:end])
            raw.begin_with(frame + b"\xc0")
    raw.close()


def the_table(scene):
    """Every row of the second implementation's table of hostile frames, each by its cost."""
    raw = scene.raw()
    rows = [row for row in hoi_hostile.rows(scene.evil, scene.other, scene.evil.inviter)]
    for row in rows:
        with scene.attack(row.name, lines_max=40):
            judge(raw, row)
    raw.close()
    assert len(rows) > 25, len(rows)


def outsized(scene):
    """Longer than any message may be, and messages of two parts."""
    raw = scene.raw()
    with scene.attack("too long, and in two parts", "reason=malformed"):
        raw.outsized()
    raw.close()


def zip_bombs(scene):
    """A frame that says it is small and unpacks to a gigabyte, one within another, and one that names no size."""
    layers = [hoi_zstd.compress(bytes(1 << 20))]
    for _ in range(2):
        layers.append(hoi_zstd.compress(layers[-1] * 64))
    frames = [hoi_codec.encode([5, 1, size, layer]) for layer in layers for size in (1, 1 << 10, 1 << 20, (1 << 20) + 1, 1 << 30, 2**63)]
    raw = scene.raw()
    with scene.attack("zip bombs", "reason=PEER_PROTOCOL", lines_max=40):
        for frame in frames:
            came = raw.frame(frame)
            assert came[-1] == {"type": BYE, "reason": 1}, came[-1]
    raw.close()


TESTS = (before_the_hello, after_the_hello, after_the_bye, garbage, frames_cut_off, outsized, zip_bombs, the_table)

if __name__ == "__main__":
    run(TESTS)

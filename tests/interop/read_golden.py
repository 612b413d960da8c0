"""Reads tests/golden/vectors.json with this second implementation, then refuses seeded damage to every vector.

Of each vector: the bytes are decoded by the page's rules, compared with the decoding written beside them, encoded again
to the same bytes, read alike by msgpack, and every fact beside them (hash, id, signature) is derived anew. Of each
damaged copy: it is refused by the reader, or by a fact of its vector, or it is another value, which is told apart by
its own bytes and hash. Exit code 0 if all of this holds, 1 if anything does not.

    read_golden.py [VECTORS] [--mutations N] [--seed N]
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import pathlib
import random
import sys

import differential
import golden
import hoi_crypto
import mutate
from hoi_codec import NotCanonical
from hoi_shape import Refused

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "golden" / "vectors.json"
MUTATIONS = 1000
SEED = 1975
SIGNATURE_BITS = 8
REFUSALS = ("not canonical", "against a rule", "against a fact")


def check_vector(vector: golden.Vector) -> list[str]:
    """Return what is wrong with a vector; nothing if this implementation agrees with it."""
    try:
        item = vector.structure.decode(vector.data)
    except (NotCanonical, Refused) as error:
        return [f"{vector.name}: not accepted: {error}"]
    wrong = []
    if vector.structure.encode(item) != vector.data:
        wrong.append("encodes to other bytes")
    if not differential.agree(vector.data):
        wrong.append("msgpack reads it otherwise")
    wrong += golden.wrong_decoding(vector)
    wrong += golden.wrong_facts(vector, vector.data, item)
    return [f"{vector.name}: {each}" for each in wrong]


def check_vectors(vectors: list[golden.Vector]) -> list[str]:
    """Return what is wrong with the vectors one by one, and with who signed what among all of them."""
    failures = [failure for vector in vectors for failure in check_vector(vector)]
    if failures:
        return failures
    keys = golden.signing_keys(vectors)
    return [f"{vector.name}: {wrong}" for vector in vectors for wrong in golden.wrong_authors(vector, vector.structure.decode(vector.data), keys)]


def judge(vector: golden.Vector, kind: str, damaged: bytes) -> tuple[str, str]:
    """Return what became of one damaged copy, and what is wrong with that (nothing if it is as it should be)."""
    if not differential.agree(damaged):
        return "wrong", "the reader and msgpack disagree"
    try:
        item = vector.structure.decode(damaged)
    except NotCanonical:
        return "not canonical", ""
    except Refused:
        return "against a rule", "damage that is never canonical got past the codec" if kind in mutate.NEVER_CANONICAL else ""
    if kind in mutate.NEVER_CANONICAL:
        return "wrong", "damage that is never canonical was accepted"
    if vector.structure.encode(item) != damaged:
        return "wrong", "accepted, but encodes to other bytes"
    if hoi_crypto.H("golden", vector.association, damaged) == hoi_crypto.H("golden", vector.association, vector.data):
        return "wrong", "accepted with the same hash"
    if golden.wrong_facts(vector, damaged, item):
        return "against a fact", ""
    return "another value", "accepted although a fact covers every byte" if vector.structure.name in golden.PROVEN else ""


def damage_all(vectors: list[golden.Vector], wanted: int, seed: int) -> tuple[collections.Counter[str], list[str]]:
    """Damage the vectors in turn until `wanted` copies were refused; return the fates by count, and what is wrong."""
    counts: collections.Counter[str] = collections.Counter()
    failures: list[str] = []
    streams = [mutate.mutations(vector.data, seed + at) for at, vector in enumerate(vectors)]
    for _ in range(4 * wanted // len(vectors) + 1):
        for vector, stream in zip(vectors, streams):
            kind, damaged = next(stream)
            fate, why = judge(vector, kind, damaged)
            counts[fate] += 1
            if why:
                failures.append(f"{vector.name}: {kind}: {why}: {damaged.hex()[:400]}")
        if sum(counts[fate] for fate in REFUSALS) >= wanted:
            return counts, failures
    return counts, failures + [f"fewer than {wanted} refused"]


def damage_signatures(vectors: list[golden.Vector], seed: int) -> tuple[int, list[str]]:
    """Flip bits of the signatures beside the vectors; return how many were refused, and which were not."""
    dice = random.Random(seed)
    refused, failures = 0, []
    for vector in (vector for vector in vectors if "signature" in vector.facts):
        item = vector.structure.decode(vector.data)
        for _ in range(SIGNATURE_BITS):
            signature = bytearray(vector.given("signature"))
            at = dice.randrange(8 * len(signature))
            signature[at // 8] ^= 1 << at % 8
            damaged = dataclasses.replace(vector, facts={**vector.facts, "signature": signature.hex()})
            if golden.wrong_facts(damaged, vector.data, item):
                refused += 1
            else:
                failures.append(f"{vector.name}: a signature with bit {at} flipped holds")
    return refused, failures


def main() -> int:
    """Read the vectors, damage them, print one line of counts; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", nargs="?", type=pathlib.Path, default=VECTORS)
    parser.add_argument("--mutations", type=int, default=MUTATIONS)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    vectors = golden.load(options.vectors)
    if not vectors:
        parser.error("no vectors")
    failures = check_vectors(vectors)
    if failures:
        print(*failures, sep="\n", file=sys.stderr)
        print(f"{len(vectors)} vectors, {len(failures)} failures, nothing damaged")
        return 1
    counts, failures = damage_all(vectors, options.mutations, options.seed)
    signatures, wrong_signatures = damage_signatures(vectors, options.seed)
    failures += wrong_signatures
    for failure in failures:
        print(failure, file=sys.stderr)
    refused = sum(counts[fate] for fate in REFUSALS)
    told = ", ".join(f"{counts[fate]} {fate}" for fate in REFUSALS)
    print(
        f"{len(vectors)} vectors, {refused} mutations refused ({told}), {counts['another value']} read as another value, "
        f"{signatures} damaged signatures refused, {len(failures)} failures, seed {options.seed}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

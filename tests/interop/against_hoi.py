"""The two implementations on random histories of stolen keys, moves, cuts, forks and pins: both must come to the same tree and the same digests.

A history is signed by made keys and carried to an office in an admission file (docs/protocol.md, 11.5); `hoi` takes it, and so does a node of
ours. Then of every unit that stands the digest with the root is asked of both. Whatever differs is a bug of one of them, or a rule that the
page does not state. Exit code 1 where anything does.

    against_hoi.py HOI [--first N] [--count N] [--steps N]
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import hoi_carry
import hoi_digest
import hoi_messages
from hoi_chance import History
from hoi_node import Node
from hoi_records import Views
from hoi_world import Member

KINDS = {"report": 1, "directive": 2, "recovery": 3}
WANTED = (302, 305, 306, 307, 313, 314, 315, 316, 401)  # what histories must have led to, or they show nothing


class Office:
    """A directory of `hoi`, without a daemon."""

    def __init__(self, program: str, directory: str) -> None:
        self.program, self.directory = program, directory

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `hoi` on the directory."""
        return subprocess.run([self.program, "--dir", self.directory, "--lang", "en", *words, "--json"], capture_output=True, text=True, check=False)

    def json(self, *words: str) -> Any:
        """Return what `hoi` answers; it must not refuse."""
        result = self.run(*words)
        if result.returncode:
            raise AssertionError(f"hoi {' '.join(words)}: exit {result.returncode}: {result.stderr.strip()}")
        return json.loads(result.stdout)


def held_by(office: Office, node: Node) -> tuple[set[Any], set[Any]]:
    """Return what the office and our node hold of the logs that a node of the root may hold today: what once was held may stay."""
    root = node.held.root
    mine = {(*entry.log, entry.header["seq"], entry.hash[:16]) for entry in node.held.entries()}
    theirs = set()
    for entry in office.json("log", "--limit", "10000")["entries"]:
        author, kind, epoch, seq, short = entry["ref"].split(":")
        theirs.add((bytes.fromhex(author), KINDS[kind], bytes.fromhex(epoch), int(seq), bytes.fromhex(short)))
    may = node.tree.may_hold_log
    return {each for each in theirs if may(root, each[:3])}, {each for each in mine if may(root, each[:3])}


def compare(office: Office, history: History) -> tuple[list[str], Views]:
    """Return what differs, and what our node makes of the history."""
    world, wrong = history.world, []
    request, admission = office.directory + ".request", office.directory + ".admission"
    office.json("join", "--write-request", request)
    with open(request, "rb") as file:
        keys = hoi_messages.JOIN_REQUEST.decode(file.read())
    joiner = Member("joiner", b"", b"", given=(keys["signing_key"], keys["transport_key"]))
    core = world.admit_keys(world.sender, world.root, joiner)
    ours = world.admit(world.sender, world.root, "ours")
    entries = history.arrival()
    with open(admission, "wb") as file:
        file.write(hoi_carry.admission_file(world, core, entries))
    node = hoi_carry.receive(world, ours, entries)
    views, joined = Views(node.tree), office.run("join", "--admission", admission).returncode == 0
    if joined != (joiner.id in node.tree.nodes):
        return [f"its own admission: hoi says {joined}"], views
    if not joined:
        return [], views
    theirs, mine = held_by(office, node)
    if theirs != mine:
        wrong.append(f"{len(theirs - mine)} entries held by hoi alone, {len(mine - theirs)} by ours alone")
    units = {bytes.fromhex(unit["id"]) for unit in office.json("unit", "list")["units"]}
    if units != set(node.tree.units):
        wrong.append("units that stand")
    for name, unit in history.units.items():
        if unit in units & set(node.tree.units):
            told = office.json("digest", "--unit", unit.hex())["state"]
            if told != hoi_digest.digest(views, unit, world.root):
                wrong.append(f"digest of {name}")
    return wrong, views


def main() -> int:
    """Compare one history after the other; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hoi")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    failed, reasons, entries = 0, collections.Counter[int](), 0
    for seed in range(options.first, options.first + options.count):
        history = History(seed, options.steps)
        with tempfile.TemporaryDirectory(prefix="hoi-interop.") as directory:
            wrong, views = compare(Office(options.hoi, os.path.join(directory, "office")), history)
        entries += len(history.world.written)
        reasons.update(verdict.reason for verdict in views.verdicts)
        if wrong:
            failed += 1
            print(f"--first {seed} --count 1 --steps {options.steps}: {'; '.join(wrong)}", file=sys.stderr)
    missing = [reason for reason in WANTED if not reasons[reason]] if options.count >= 20 else []
    if missing:
        print(f"no change of any history was set aside with {missing}", file=sys.stderr)
    told = ", ".join(f"{count} with {reason}" for reason, count in sorted(reasons.items()))
    print(f"{options.count} histories of {entries} entries, {failed} disagreements; set aside: {told}")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())

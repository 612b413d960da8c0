"""Random histories of an association: honest people, thieves with their keys, and whoever copies, forks, cuts and pins.

Everything is drawn from a seed. What a history must come to is not said here: two implementations are asked, and have to agree.
"""

from __future__ import annotations

import random
from typing import Any, Optional

from hoi_author import put_change
from hoi_codec import encode
from hoi_common import DIRECTIVE, REPORT, log_key, ref_key
from hoi_control import EXTRACTS, FORM
from hoi_crypto import form_id, form_version, unit_id
from hoi_formats import payload_bytes
from hoi_records import Form
from hoi_shape import Fields
from hoi_verify import Entry, LogKey
from hoi_world import Branch, Member, World, about, accept, creation, decision, erase, handover, latest, letter, named, pin, revocation, to


class History:
    """One history; `units` are those that anybody ever wrote of, by name."""

    def __init__(self, seed: int, steps: int) -> None:
        self.dice = random.Random(seed)
        self.world = World(f"history {seed}", recovery=self.dice.choice((0, 0, 3)))
        self.units: dict[str, bytes] = {"root": self.world.root}
        self.nonces: list[bytes] = []
        self.left: list[tuple[Member, int, Branch]] = []  # branches of forked logs that their author may go back to
        self.forked: set[LogKey] = set()
        self.form = self._form("f", 0)
        self.near = self._form("g", 1)  # its records stay below the centre, and extracts go on
        self._begin()
        for _ in range(steps):
            self._step()

    # A tree to begin with

    def _form(self, name: str, reach: int) -> Form:
        plain: Fields = {"labels": [], "places": 0, "measure": "", "over_units": 1, "over_time": 1, "weight": "", "required": False, "minimum": None}
        plain.update(maximum=None, choices=[], formula="", retired=False, extensions=[], name="n", type=1)
        form: Fields = {"issuer": self.world.root, "name": name, "label": 1, "previous": b"", "titles": [], "period": 5, "window": 1, "levels": []}
        extension = {"number": EXTRACTS, "critical": False, "data": encode([True, 0])}
        form.update(list=False, reach=reach, policy=1, due=[], fields=[plain], rules=[], extensions=[extension] if reach else [])
        self.world.write(self.world.founder, {"kind": 11, "payload": form})
        raw = payload_bytes(FORM, form)
        return Form(form_version(self.world.association, raw), form_id(self.world.association, self.world.root, name), form)

    def _begin(self) -> None:
        world, founder = self.world, self.world.founder
        if world.recovery_seeds:
            world.sender = world.admit(world.keys, world.root, "carrier")  # whatever becomes of the founder, one stands who can tell of it
            world.members.remove(world.sender)
        for at in range(self.dice.randint(2, 4)):
            self._unit(founder, world.root)
        uppers = list(self.units.values())[1:]
        for upper in uppers:
            steward = world.admit(founder, upper, f"steward {len(world.members)}")
            for _ in range(self.dice.randint(0, 2)):
                self._unit(steward if self.dice.random() < 0.7 else founder, upper)
        for lower in list(self.units.values())[1 + len(uppers) :]:
            inviter = next((each for each in world.members if each.unit == world.parents[lower]), founder)
            world.admit(inviter, lower, f"node {len(world.members)}", self.dice.choice((3, 3, 3, 2, 1)))

    # One step

    def _step(self) -> None:
        steps = (
            (10, self.attribute), (6, self.create), (6, self.admit), (12, self.place), (8, self.hand_over), (8, self.revoke), (7, self.pin), (5, self.fork),
            (5, self.decide), (6, self.letter), (7, self.put), (3, self.erase), (4, self.accept), (3, self.epoch), (2, self.levels), (2, self.copy), (3, self.rotate), (5, self.extract),
        )
        what = self.dice.choices([each for _, each in steps], [weight for weight, _ in steps])[0]
        what()
        if self.left and self.dice.random() < 0.3:
            member, kind, branch = self.left.pop(self.dice.randrange(len(self.left)))
            if member.branches[kind].key == branch.key:
                self.left.append((member, kind, member.branches[kind]))
                member.branches[kind] = branch

    def some_member(self) -> Member:
        """Return an author: the senior more often."""
        members = self.world.members
        if self.world.recovery_seeds and self.dice.random() < 0.03:
            return self.world.keys
        return members[min(self.dice.randrange(len(members)), self.dice.randrange(len(members)))]

    def some_unit(self, below: Optional[Member] = None) -> bytes:
        """Return a unit, mostly one that an author may speak of."""
        units = list(self.units.values())
        if below is not None and self.dice.random() < 0.8:
            units = [each for each in units if below.unit == each or below.unit in self.world.line(each)] or units
        return self.dice.choice(units)

    def some_entry(self, author: Optional[Member] = None, classes: tuple[int, ...] = (1, 2, 3)) -> Optional[Entry]:
        """Return an entry that was written, mostly of a node below an author."""
        found = [each for each in self.world.written if each.header["class"] in classes]
        if author is not None and self.dice.random() < 0.8:
            units = {each.id: each.unit for each in self.world.members}
            lower = [each for each in found if author.unit in self.world.line(units.get(each.header["author"], b"")) or author is self.world.founder]
            found = lower or found
        return self.dice.choice(found) if found else None

    def seen(self) -> list[Fields]:
        """Return what an author has seen: most heads, some of them older ones, or nothing."""
        if self.dice.random() < 0.25:
            return []
        refs: dict[Any, Fields] = {}
        for entry in self.world.written:
            if self.dice.random() < 0.8:
                refs[entry.log] = entry.ref
        return latest(refs.values())[:200]

    def write(self, author: Member, *changes: Fields, **more: Any) -> Entry:
        """Write with what may have been seen."""
        return self.world.write(author, *changes, seen=self.seen(), **more)

    # What may be written

    def _unit(self, author: Member, parent: bytes, nonce: Optional[bytes] = None) -> None:
        made = nonce or self.world.draw(16)
        self.nonces.append(made)
        unit = unit_id(self.world.association, made, 0)
        self.world.parents.setdefault(unit, parent)
        self.units.setdefault(f"U{len(self.units)}", unit)
        change = creation(parent, f"U{len(self.units)}", [parent, *[each for each in self.world.line(parent) if each != unit]][:30], self.dice.randint(1, 4))
        self.write(author, change, nonce=made)

    def create(self) -> None:
        author = self.some_member()
        self._unit(author, self.some_unit(author))

    def copy(self) -> None:
        author = self.some_member()
        self._unit(author, self.some_unit(author), self.dice.choice(self.nonces))

    def attribute(self) -> None:
        author = self.some_member()
        changes = [named(self.some_unit(author), f"Tên {self.dice.randint(1, 99)}", self.dice.choice((None, None, 19_000))) for _ in range(self.dice.randint(1, 2))]
        self.write(author, *changes)

    def admit(self) -> None:
        author = self.some_member()
        pins = [entry.ref for entry in [self.some_entry(author) for _ in range(self.dice.choice((0, 0, 1, 2)))] if entry]
        self.world.admit(author, self.some_unit(author), f"node {len(self.world.members)}", self.dice.choice((3, 3, 1, 2)), unique(pins), seen=self.seen())

    def rotate(self) -> None:
        author = self.some_member()
        if author is not self.world.keys:
            self.world.admit(author, author.unit, f"next {author.name}"[:40], author.roles, succeeds=author.id, seen=self.seen())

    def place(self) -> None:
        author = self.some_member()
        changes = []
        for _ in range(self.dice.choice((1, 1, 1, 2))):
            unit, parent = self.some_unit(author), self.some_unit(author)
            if unit == self.world.root or unit == parent or unit in self.world.line(parent):
                if self.dice.random() < 0.9 or unit == self.world.root or unit == parent:
                    continue
            line = [each for each in [parent, *self.world.line(parent)] if each != unit][:30]
            former = self.world.line(unit)
            if self.dice.random() < 0.05:
                former = former[1:] or former
            believed = self.dice.random() < 0.9 and unit not in self.world.line(parent)
            changes.append(self.world.placing(self.dice.choice((3, 3, 3, 4, 5)), unit, parent, line=line, former=former, believed=believed))
        if changes:
            self.write(author, *changes)
            if self.dice.random() < 0.5:
                change = changes[0]["payload"]
                self.write(author, handover(change["unit"], change["line"][0], *self.heads_for(change["former"])))
                self.write_on(change)

    def write_on(self, change: Fields) -> None:
        """Let nodes of the line that a unit left write on about it, as those do who have not heard."""
        for member in [each for each in self.world.members if each.unit in change["former"]]:
            if self.dice.random() < 0.6:
                self.write(member, named(change["unit"], "Cũ"))
                what = self.world.written[-1]
                if self.dice.random() < 0.3:
                    self.write(self.some_member(), accept(what.ref))

    def heads_for(self, units: list[bytes]) -> list[Fields]:
        """Return some entries of nodes of these units, one a log."""
        nodes = {each.id for each in self.world.members if each.unit in units}
        refs: dict[Any, Fields] = {}
        for entry in self.world.written:
            if entry.header["author"] in nodes and self.dice.random() < 0.7:
                refs[entry.log] = entry.ref
        return list(refs.values())

    def hand_over(self) -> None:
        author = self.some_member()
        unit = self.some_unit(author)
        parent = self.world.parents.get(unit) or self.some_unit()
        if self.dice.random() < 0.2:
            parent = self.some_unit(author)
        self.write(author, handover(unit, parent, *self.heads_for([*self.world.line(unit), self.some_unit()])))

    def revoke(self) -> None:
        author, node = self.some_member(), self.dice.choice(self.world.members)
        if self.dice.random() < 0.1:
            node = author
        refs: dict[Any, Fields] = {}
        for entry in self.world.written:
            if entry.header["author"] == node.id and self.dice.random() < 0.8:
                refs[entry.log] = entry.ref
        if node is not self.world.keys and node is not self.world.sender:
            self.write(author, revocation(node, *refs.values()))

    def pin(self) -> None:
        author = self.some_member()
        refs = [entry.ref for entry in [self.some_entry(author) for _ in range(self.dice.randint(1, 3))] if entry]
        self.write(author, pin(*unique(refs)))

    def fork(self) -> None:
        author = self.some_member()
        kind = self.dice.choice((DIRECTIVE, DIRECTIVE, REPORT))
        branch = author.branches.get(kind)
        if branch is None or not branch.entries or author is self.world.keys or branch.key in self.forked:
            return  # of a fork within a fork the inner one is known to whoever has been shown it alone
        self.forked.add(branch.key)
        length = len(branch.entries)
        self.left.append((author, kind, self.world.part(author, self.dice.randint(max(0, length - 3), length - 1), kind)))
        if kind == DIRECTIVE:
            self.write(author, named(self.some_unit(author), "Nhánh"))
        else:
            self.put(author)

    def decide(self) -> None:
        entries = {entry.hash: entry for entry in self.world.written}.values()
        pairs = [(one, other) for one in entries for other in entries if one.log == other.log and one.hash != other.hash and one.header["seq"] == other.header["seq"]]
        if not pairs:
            return self.fork()
        keeps, rival = self.dice.choice(pairs)
        later = [each for each in entries if each.log == keeps.log and each.header["seq"] >= keeps.header["seq"] and self._on_one_branch(keeps, each)]
        if self.dice.random() < 0.5:
            keeps = self.dice.choice(later)
        elif self.dice.random() < 0.2:
            keeps = next((each for each in entries if each.hash == keeps.header["prev"]), keeps)
        seniors = [each for each in self.world.members if each.id != keeps.header["author"]]
        self.write(self.dice.choice(seniors[: 1 + len(seniors) // 2]), decision(keeps.ref, rival.ref))

    def _on_one_branch(self, lower: Entry, upper: Entry) -> bool:
        by_hash = {entry.hash: entry for entry in self.world.written}
        entry: Optional[Entry] = upper
        while entry is not None and entry.header["seq"] > lower.header["seq"]:
            entry = by_hash.get(entry.header["prev"])
        return entry is lower

    def letter(self) -> None:
        author = self.some_member()
        if author is self.world.keys:
            return
        terms = {(self.some_unit(author), self.dice.choice((0, 0, 1, 4))) for _ in range(self.dice.choice((1, 1, 2)))}
        reason = {"kind": 100, "payload": {"text": "vì sao"}}
        self.write(author, self.dice.choice((letter(f"Thư {self.dice.randint(1, 99)}"),) * 4 + (reason,)), **{**to(*terms), "kind": self.dice.choice((DIRECTIVE, DIRECTIVE, REPORT))})

    def put(self, author: Optional[Member] = None) -> None:
        author = author or self.some_member()
        if author is self.world.keys:
            return
        own = self.dice.random() < 0.5
        unit = author.unit if own else self.some_unit(author)
        kind = REPORT if own or self.dice.random() < 0.1 else DIRECTIVE
        form = self.dice.choice((self.form, self.near))
        change = put_change(form, 2020 + self.dice.randint(0, 2), {"n": self.dice.randint(0, 99)}, flags=0)
        self.write(author, change, **about(unit, kind, form.payload["reach"]))

    def extract(self) -> None:
        """Write an extract, cut from whatever entries; some of them in the wrong log, or of a form that has none."""
        author = self.some_member()
        cut = unique([entry.ref for entry in [self.some_entry(author, (2,)) for _ in range(2)] if entry])
        if author is self.world.keys or not cut:
            return
        put = put_change(self.form if self.dice.random() < 0.1 else self.near, 2020 + self.dice.randint(0, 2), {"n": self.dice.randint(0, 99)}, flags=0)
        change = {"kind": 66, "payload": {"cut": sorted(cut, key=ref_key), "contested": [], "figures": put["payload"]}}
        self.write(author, change, **about(self.some_unit(author), REPORT if self.dice.random() < 0.1 else DIRECTIVE, self.dice.choice((0, 0, 0, 0, 1))))

    def erase(self) -> None:
        author = self.some_member()
        refs = [entry.ref for entry in [self.some_entry(author, (2, 3)) for _ in range(2)] if entry]
        if refs:
            self.write(author, erase(*unique(refs)))

    def accept(self) -> None:
        author = self.some_member()
        refs = [entry.ref for entry in [self.some_entry() for _ in range(6)] if entry]
        self.write(author, accept(*unique(refs)))

    def epoch(self) -> None:
        author = self.some_member()
        kind = self.dice.choice((DIRECTIVE, DIRECTIVE, REPORT))
        if author is self.world.keys or kind not in author.branches or not author.branches[kind].entries:
            return
        more = self.world.new_epoch(author, kind, self.dice.choice((0, 0, 1)))
        if kind == DIRECTIVE:
            self.world.write(author, named(self.some_unit(author), "Mới"), **more)
        else:
            change = put_change(self.form, 2021, {"n": 1})
            self.world.write(author, change, **about(author.unit, REPORT), **more)

    def levels(self) -> None:
        author = self.some_member()
        names = [{"lang": "vi", "text": f"cấp {self.dice.randint(1, 9)}"}]
        self.write(author, {"kind": 12, "payload": {"levels": [{"number": number, "names": names} for number in (0, 1)]}})

    # How it comes

    def arrival(self) -> list[Entry]:
        """Return all entries in an order in which they may come: another branch of forked logs first, other logs interleaved otherwise, after their authors' admissions."""
        if self.dice.random() < 0.4:
            return list(self.world.written)
        waiting, out, known = list(self.world.written), [], set()
        while waiting:
            at = self.dice.randrange(min(len(waiting), 6))
            entry = waiting.pop(at)
            if entry.header["seq"] > 1 and entry.header["prev"] not in known:
                waiting.insert(self.dice.randint(0, len(waiting)), entry)
                continue
            known.add(entry.hash)
            out.append(entry)
        return out


def unique(refs: list[Fields]) -> list[Fields]:
    """Return references without those that occur twice."""
    return list({(*log_key(ref), ref["seq"], ref["hash"]): ref for ref in refs}.values())


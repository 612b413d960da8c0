"""The rules of docs/protocol.md 5.6 to 5.11 and 12, each by a made set of entries whose outcome the page says."""

from __future__ import annotations

import unittest
from typing import Any, Iterable, Optional

import hoi_digest
from hoi_common import DIRECTIVE, REPORT
from hoi_entitle import Entitled
from hoi_judge import Ending, Judge
from hoi_records import Views
from hoi_verify import Entry, Holdings
from hoi_world import Branch, Member, World, about, accept, creation, decision, erase, handover, letter, named, pin, revocation, to

STANDS, NOT_STANDING, FORKED, UNLAWFUL, LINES, CUT, REQUEST, HANDED_OVER, EMPTY, CYCLE, UNKNOWN = 0, 302, 305, 306, 307, 313, 314, 315, 316, 317, 401


class Scene(unittest.TestCase):
    """An association of a founder over A (with C below it, X below that) and B, each with a steward; `two` is a second steward of the root."""

    def setUp(self) -> None:
        self.world = World(self.id(), recovery=3)
        founder = self.founder = self.world.founder
        self.a, self.b = self.world.unit(founder, self.world.root, "A"), self.world.unit(founder, self.world.root, "B")
        self.c = self.world.unit(founder, self.a, "C", 2)
        self.x = self.world.unit(founder, self.c, "X", 3)
        self.two = self.world.admit(founder, self.world.root, "two")
        self.na, self.nb = self.world.admit(founder, self.a, "na"), self.world.admit(founder, self.b, "nb")
        self.nc = self.world.admit(self.na, self.c, "nc")

    def held(self, *branches: Branch, without: Iterable[Entry] = ()) -> Holdings:
        """Return what one holds who has all of it."""
        return self.world.holdings(*branches, without=list(without))

    def tree(self, *branches: Branch, without: Iterable[Entry] = ()) -> Entitled:
        """Return the views of one who holds all of it."""
        return Entitled(self.held(*branches, without=without))

    def verdicts(self, entry: Entry, tree: Optional[Entitled] = None, shown: bool = True) -> list[int]:
        """Return the verdicts on the control changes of an entry: as views show them, or as they were judged."""
        tree = tree or self.tree()
        changes = [each for each in tree.facts.changes.get(entry.log, []) if each.entry.hash == entry.hash]
        judge: Judge = tree.judge
        if not shown:
            return [judge.verdicts[each.key] for each in changes]
        aside = {(each.entry.hash, each.place): each.reason for each in tree.verdicts}
        return [aside.get(each.key, judge.for_views(each)) for each in changes]

    def expect(self, verdict: int, entry: Entry, tree: Optional[Entitled] = None) -> None:
        """Judge an entry of one change."""
        self.assertEqual(self.verdicts(entry, tree), [verdict])

    def reason(self, entry: Entry, tree: Optional[Entitled] = None) -> int:
        """Return why a record or document is set aside, 0 where it is not."""
        views = Views(tree or self.tree())
        return next((each.reason for each in views.verdicts if each.entry.hash == entry.hash), 0)

    def write(self, author: Member, *changes: Any, **more: Any) -> Entry:
        """Write a control entry."""
        return self.world.write(author, *changes, **more)


class Authority(Scene):
    def test_within_the_own_subtree_and_nowhere_else(self) -> None:
        self.expect(STANDS, self.write(self.na, named(self.c, "n")))
        self.expect(UNLAWFUL, self.write(self.na, named(self.b, "n")))
        self.expect(UNLAWFUL, self.write(self.na, named(self.world.root, "n")))
        self.expect(UNLAWFUL, self.write(self.na, {"kind": 12, "payload": {"levels": []}}))
        self.expect(STANDS, self.write(self.two, {"kind": 12, "payload": {"levels": []}}))

    def test_a_unit_must_be_known(self) -> None:
        self.expect(UNKNOWN, self.write(self.na, named(bytes(16), "n")))
        self.expect(UNKNOWN, self.write(self.na, creation(bytes(16), "Z", [bytes(16), self.world.root])))

    def test_a_writer_is_no_steward(self) -> None:
        writer = self.world.admit(self.na, self.a, "writer", roles=1)
        for change in (named(self.a, "n"), accept(self.na.log.ref()), erase(self.na.log.ref()), handover(self.c, self.a)):
            self.expect(UNLAWFUL, self.write(writer, change))
        cut = self.write(writer, revocation(writer, writer.log.ref()))
        self.assertEqual(self.verdicts(cut, shown=False), [STANDS], "a node may always cut itself")

    def test_an_admission_stands_in_a_log_of_its_inviter(self) -> None:
        stranger = self.world.admit(self.na, self.c, "stranger", inviter=self.founder.id)
        self.expect(UNLAWFUL, self.na.log.head)
        self.assertNotIn(stranger.id, self.tree().nodes)

    def test_who_was_never_admitted_says_nothing(self) -> None:
        ghost = self.world.admit(self.nb, self.c, "ghost")
        entry = self.write(ghost, named(self.c, "n"))
        self.expect(UNLAWFUL, self.nb.log.head)
        self.expect(NOT_STANDING, entry)

    def test_a_copied_nonce_makes_no_second_parent(self) -> None:
        nonce = self.world.draw(16)
        first = self.world.unit(self.founder, self.a, "N", nonce=nonce)
        copy = self.write(self.nb, creation(self.b, "N", [self.b, self.world.root]), nonce=nonce)
        self.expect(UNLAWFUL, copy)
        self.assertEqual(self.tree().units[first].parent, self.a)

    def test_thirty_levels_and_no_more(self) -> None:
        parent = self.x
        for at in range(27):
            parent = self.world.unit(self.founder, parent, f"L{at}")
            self.expect(STANDS, self.founder.log.head)
        line = [parent, *self.world.line(parent)][:30]
        self.expect(LINES, self.write(self.founder, creation(parent, "deep", line)))

    def test_two_unit_sets_and_who_holds(self) -> None:
        low = self.write(self.na, named(self.c, "low"))
        self.write(self.founder, named(self.c, "high"))
        self.assertEqual(self.tree().shown(self.c, 2), "high")
        self.write(self.na, named(self.c, "later"), seen=[self.founder.log.ref()])
        self.assertEqual(self.tree().shown(self.c, 2), "later")
        self.expect(STANDS, low)


class Seniority(Scene):
    def order(self, *members: Member) -> list[str]:
        """Return members by seniority."""
        nodes = self.tree().nodes
        return [each.name for each in sorted(members, key=lambda member: nodes[member.id].rank)]

    def test_chains_and_places(self) -> None:
        later = self.world.admit(self.nb, self.b, "later")
        self.assertEqual(self.order(later, self.nc, self.nb, self.na, self.two, self.founder), ["founder", "two", "na", "nb", "nc", "later"])

    def test_whom_the_recovery_keys_admit_comes_after_the_founder(self) -> None:
        saved = self.world.admit(self.world.keys, self.world.root, "saved")
        self.assertEqual(self.order(self.two, saved, self.founder), ["founder", "saved", "two"])
        self.assertEqual(self.tree().nodes[saved.id].inviter, b"")

    def test_a_succession_adds_no_link(self) -> None:
        heir = self.world.admit(self.na, self.a, "heir", succeeds=self.na.id)
        child = self.world.admit(heir, self.c, "child")
        elsewhere = self.world.admit(self.na, self.c, "elsewhere", succeeds=self.na.id)
        self.assertEqual(self.order(elsewhere, child, heir, self.nc, self.nb, self.na), ["na", "heir", "nb", "nc", "elsewhere", "child"])
        self.expect(STANDS, self.write(heir, revocation(self.nc)))


class Placings(Scene):
    def test_a_move_and_its_lines(self) -> None:
        good = self.write(self.founder, self.world.placing(3, self.c, self.b))
        tree = self.tree()
        self.expect(STANDS, good, tree)
        self.assertEqual((tree.above(self.x), tree.units[self.c].closed), ([self.c, self.b, self.world.root], False))
        self.assertTrue(tree.ever.over(self.a, self.x), "what stood above once stays over")

    def test_lines_that_do_not_hold(self) -> None:
        root = self.world.root
        for line, former in (([self.b, root], [self.b, root]), ([self.b, self.a, root], [self.a, root]), ([self.b], [self.a, root]), ([self.b, root], [self.a])):
            self.expect(LINES, self.write(self.founder, self.world.placing(3, self.c, self.b, line=line, former=former, believed=False)))

    def test_one_above_both_and_strictly_above_the_unit(self) -> None:
        move = self.world.placing(3, self.c, self.b, believed=False)
        self.expect(UNLAWFUL, self.write(self.na, move))
        self.expect(UNLAWFUL, self.write(self.nc, move))
        self.expect(UNLAWFUL, self.write(self.founder, self.world.placing(3, self.world.root, self.b, line=[self.b], former=[self.a], believed=False)))
        self.expect(UNKNOWN, self.write(self.founder, self.world.placing(3, bytes(16), self.b, former=[self.world.root], believed=False)))

    def test_close_and_same(self) -> None:
        self.write(self.founder, self.world.placing(4, self.c, self.b, successors=[self.b]))
        self.assertEqual((self.tree().units[self.c].parent, self.tree().units[self.c].closed), (self.b, True))
        self.write(self.founder, self.world.placing(3, self.c, self.a))
        self.assertFalse(self.tree().units[self.c].closed, "a later move opens it again")
        self.write(self.founder, self.world.placing(5, self.x, self.b))
        self.assertEqual((self.tree().units[self.x].parent, self.tree().units[self.x].closed), (self.b, True))

    def test_a_cycle_loses_its_most_junior_write(self) -> None:
        down = self.write(self.founder, self.world.placing(3, self.a, self.b, believed=False))
        up = self.write(self.two, self.world.placing(3, self.b, self.a, believed=False), seen=[self.founder.log.ref(3)])
        tree = self.tree()
        self.expect(STANDS, down, tree)
        self.expect(CYCLE, up, tree)
        self.assertEqual((tree.units[self.a].parent, tree.units[self.b].parent), (self.b, self.world.root))

    def test_of_two_in_one_body_the_later_place_holds(self) -> None:
        moves = [self.world.placing(3, self.x, parent, believed=False) for parent in (self.a, self.b)]
        self.write(self.founder, *moves)
        self.assertEqual(self.tree().units[self.x].parent, self.b)

    def test_a_rival_that_nobody_has_seen(self) -> None:
        self.write(self.two, self.world.placing(3, self.x, self.b, believed=False))
        self.write(self.founder, self.world.placing(3, self.x, self.a, believed=False))
        self.assertEqual(self.tree().units[self.x].parent, self.a, "the senior's holds")
        self.write(self.two, self.world.placing(3, self.x, self.b, believed=False), seen=[self.founder.log.ref()])
        self.assertEqual(self.tree().units[self.x].parent, self.b, "who has seen it holds")


class Handovers(Scene):
    def hand_over(self) -> None:
        """C goes from A to B; the old line's word on it ends where it is."""
        self.before = self.write(self.na, named(self.x, "before"))
        self.write(self.founder, self.world.placing(3, self.c, self.b))
        self.over = self.write(self.founder, handover(self.c, self.b, self.na.log.ref()))

    def test_the_old_line_waits_past_it(self) -> None:
        self.hand_over()
        made = creation(self.c, "N", [self.c, self.b, self.world.root])
        late = [self.write(self.na, change) for change in (named(self.x, "late"), made, revocation(self.nc))]
        guest = self.world.admit(self.na, self.x, "guest")
        tree = self.tree()
        self.expect(STANDS, self.before, tree)
        for entry in (*late, self.na.log.head):
            self.expect(HANDED_OVER, entry, tree)
        self.assertEqual(tree.waiting.get(guest.id), self.x)
        self.expect(STANDS, self.write(self.na, named(self.a, "its own")))

    def test_whom_it_does_not_bind(self) -> None:
        self.hand_over()
        for author in (self.nb, self.nc, self.two, self.founder):
            self.expect(STANDS, self.write(author, named(self.x, author.name)))

    def test_a_move_back_that_has_seen_it(self) -> None:
        self.hand_over()
        waits = self.write(self.na, named(self.x, "late"))
        self.expect(HANDED_OVER, waits)
        self.write(self.founder, self.world.placing(3, self.c, self.a), seen=[self.over.ref])
        self.expect(STANDS, waits)

    def test_an_accept_lifts_it(self) -> None:
        self.hand_over()
        waits, record = self.write(self.na, named(self.x, "late")), self.write(self.na, letter("l"), **to((self.x, 0)))
        self.write(self.nb, accept(waits.ref))
        self.expect(HANDED_OVER, waits)  # nb is not senior to na
        self.write(self.two, accept(waits.ref))
        self.expect(STANDS, waits)
        self.assertEqual(self.reason(record), 0, "a document is no record: no handover binds it")

    def test_what_was_never_there_to_hand_over(self) -> None:
        self.expect(EMPTY, self.write(self.founder, handover(self.c, self.b)))
        self.expect(UNLAWFUL, self.write(self.na, handover(self.a, self.world.root)))
        self.expect(UNKNOWN, self.write(self.founder, handover(bytes(16), self.b)))


class Revocations(Scene):
    def test_a_cut_at_the_last_good_entry(self) -> None:
        good, bad = self.write(self.nc, named(self.c, "good")), self.write(self.nc, named(self.c, "bad"))
        report = self.write(self.nc, letter("l"), **{**to((self.c, 0)), "kind": REPORT})
        cut = self.write(self.na, revocation(self.nc, good.ref))
        tree = self.tree()
        self.expect(STANDS, cut, tree)
        self.expect(STANDS, good, tree)
        self.expect(CUT, bad, tree)
        self.assertEqual(self.reason(report, tree), CUT, "a log that is not named is cut at 0")
        self.assertTrue(tree.judge.revoked(self.nc.id))
        self.assertEqual(tree.judge.walk(good.log), Ending(1, CUT))

    def test_about_a_senior_it_is_a_request(self) -> None:
        for change in (revocation(self.founder), pin(self.founder.log.ref(1)), revocation(self.na), decision(self.founder.log.ref(1), self.founder.log.ref(2))):
            self.expect(REQUEST, self.write(self.nc, change))
        self.expect(REQUEST, self.write(self.nb, revocation(self.na)))
        self.expect(UNLAWFUL, self.write(self.na, revocation(self.world.admit(self.nb, self.b, "far"))))
        nobody = self.world.member("nobody")
        nobody.id = self.world.draw(16)
        self.expect(UNKNOWN, self.write(self.na, revocation(nobody)))

    def test_everybody_may_cut_himself(self) -> None:
        first = self.write(self.nc, named(self.c, "1"))
        guest = self.world.admit(self.nc, self.x, "guest")
        said = self.write(guest, named(self.x, "of the guest"))
        cut = self.write(self.nc, revocation(self.nc, first.ref))
        tree = self.tree()
        self.assertEqual(self.verdicts(cut, tree, shown=False), [STANDS])
        self.expect(CUT, cut, tree)
        self.assertIn(guest.id, tree.nodes, "what it did before it keeps its power")
        self.expect(STANDS, said, tree)

    def test_what_one_erased_comes_back_with_a_cut_by_oneself(self) -> None:
        first, document = self.write(self.nc, named(self.c, "1")), self.write(self.nc, letter("l"), **to((self.c, 0)))
        self.write(self.nc, erase(document.ref))
        self.assertTrue(self.tree().erased(document))
        self.write(self.nc, revocation(self.nc, document.ref))
        self.assertFalse(self.tree().erased(document))
        self.expect(STANDS, first)

    def test_no_cut_goes_below_a_seniors_pin(self) -> None:
        first, second, third = (self.write(self.nc, named(self.c, str(at))) for at in range(3))
        self.write(self.founder, pin(second.ref))
        self.write(self.na, revocation(self.nc))
        tree = self.tree()
        self.assertEqual([self.verdicts(each, tree) for each in (first, second, third)], [[STANDS], [STANDS], [CUT]])

    def test_a_cut_is_replaced_by_its_author_who_has_seen_it(self) -> None:
        first, second = self.write(self.nc, named(self.c, "1")), self.write(self.nc, named(self.c, "2"))
        self.write(self.na, revocation(self.nc))
        self.expect(CUT, first)
        self.write(self.na, revocation(self.nc, second.ref))
        self.expect(STANDS, second)

    def test_a_cut_is_replaced_by_a_senior_who_has_seen_it_and_by_no_junior(self) -> None:
        first, second, third = (self.write(self.nc, named(self.c, str(at))) for at in range(3))
        low = self.write(self.two, revocation(self.nc, first.ref))
        self.write(self.na, revocation(self.nc, third.ref), seen=[low.ref])
        self.expect(CUT, second)
        self.write(self.founder, revocation(self.nc, second.ref))
        self.expect(STANDS, second)  # a cut never goes below a senior's pin, and a revocation pins what it names
        self.expect(CUT, third)
        self.write(self.founder, revocation(self.nc, third.ref), seen=[low.ref])
        self.expect(STANDS, third)

    def test_of_two_in_one_body_the_lower_holds(self) -> None:
        first, second = self.write(self.nc, named(self.c, "1")), self.write(self.nc, named(self.c, "2"))
        self.write(self.na, revocation(self.nc, first.ref), revocation(self.nc, second.ref))
        self.expect(CUT, second)

    def test_whom_one_admitted_past_the_cut_stands_no_more(self) -> None:
        guest = self.world.admit(self.na, self.x, "guest")
        said = self.write(guest, named(self.x, "n"))
        self.expect(STANDS, said)
        self.write(self.founder, revocation(self.na, self.na.log.ref(1)))
        self.expect(NOT_STANDING, said)
        self.assertIn(self.nc.id, self.tree().nodes)

    def test_the_recovery_keys_cut_the_founder(self) -> None:
        last = self.founder.log.ref()
        thief = self.write(self.founder, named(self.a, "thief"))
        self.write(self.world.keys, revocation(self.founder, last))
        self.expect(CUT, thief)
        self.assertIn(self.na.id, self.tree().nodes)


class Forks(Scene):
    def fork(self) -> tuple[Entry, Entry, Entry, Branch, Branch]:
        """nc's log parts after its first entry."""
        first, left = self.write(self.nc, named(self.c, "1")), self.write(self.nc, named(self.c, "left"))
        left_branch = self.world.part(self.nc, 1)
        right = self.write(self.nc, named(self.c, "right"))
        self.write(self.nc, named(self.c, "right, 2"))
        return first, left, right, left_branch, self.nc.log

    def test_an_open_fork_ends_a_log(self) -> None:
        first, left, right, *_ = self.fork()
        tree = self.tree()
        self.expect(STANDS, first, tree)
        self.expect(FORKED, left, tree)
        self.assertEqual(tree.judge.walk(left.log), Ending(1, FORKED))
        guest = self.world.admit(self.nc, self.x, "guest")
        self.assertEqual(self.tree(self.nc.log).waiting.get(guest.id), self.x, "whom it admitted there waits")
        self.expect(FORKED, right, self.tree(self.nc.log))

    def test_a_senior_pins_a_branch(self) -> None:
        _, left, right, _, branch = self.fork()
        self.write(self.na, pin(right.ref))
        self.expect(STANDS, right, self.tree(branch))
        self.assertEqual(self.tree().judge.makes_room(left.log), (2, right.hash[:16]))
        self.expect(FORKED, left)

    def test_a_pin_of_what_follows_names_the_branch(self) -> None:
        _, _, right, _, branch = self.fork()
        self.write(self.na, pin(branch.ref(3)))
        self.expect(STANDS, right, self.tree(branch))

    def test_the_most_senior_pin_decides(self) -> None:
        _, left, right, left_branch, branch = self.fork()
        self.write(self.na, pin(right.ref))
        self.write(self.founder, pin(left.ref))
        self.expect(STANDS, left, self.tree(left_branch))
        self.expect(FORKED, right, self.tree(branch))

    def test_a_decision_pins_and_cuts_one_log(self) -> None:
        _, left, right, left_branch, branch = self.fork()
        report = self.write(self.nc, letter("l"), **{**to((self.c, 0)), "kind": REPORT})
        self.write(self.na, decision(right.ref, left.ref))
        tree = self.tree(branch)
        self.expect(STANDS, right, tree)
        self.expect(CUT, branch.entries[2], tree)
        self.assertEqual(self.reason(report, tree), 0)
        self.assertFalse(tree.judge.revoked(self.nc.id))

    def test_a_decision_for_the_entry_before_lets_both_fall(self) -> None:
        first, left, right, _, branch = self.fork()
        self.write(self.na, decision(first.ref, right.ref))
        self.expect(CUT, left)
        self.expect(CUT, right, self.tree(branch))

    def test_a_cut_is_asked_before_the_fork(self) -> None:
        first, left, *_ = self.fork()
        self.write(self.na, revocation(self.nc, first.ref))
        self.expect(CUT, left)

    def test_what_one_pins_counts_from_the_next_change_on(self) -> None:
        first, left, right, left_branch, branch = self.fork()
        deep = self.world.unit(self.nc, self.x, "deep")
        before = self.write(self.na, named(deep, "before"))
        self.write(self.na, pin(self.nc.log.ref()))
        after = self.write(self.na, named(deep, "after"))
        tree = self.tree(branch)
        self.expect(UNKNOWN, before, tree)
        self.expect(STANDS, after, tree)

    def test_pins_of_an_admission_and_of_a_handover_count_by_themselves(self) -> None:
        _, _, right, _, branch = self.fork()
        self.world.admit(self.na, self.b, "unlawful", pins=[right.ref])
        self.expect(UNLAWFUL, self.na.log.head)
        self.expect(STANDS, right, self.tree(branch))

    def test_what_had_to_make_room_is_kept_and_comes_back(self) -> None:
        _, left, right, left_branch, branch = self.fork()
        self.write(self.na, pin(right.ref))
        held = self.held()
        found = Entitled(held).judge.makes_room(left.log)
        assert found is not None
        held.make_room(left.log, *found)
        self.assertEqual(len(held.logs[left.log]), 1)
        self.assertIn(left.hash, held.beside)
        for entry in branch.entries[1:]:
            held.add(entry.header_bytes, entry.signature, entry.salt, entry.body or b"")
        self.expect(STANDS, right, Entitled(held))
        self.write(self.founder, pin(left.ref))
        head = self.founder.log.head
        held.add(head.header_bytes, head.signature, head.salt, head.body or b"")
        found = Entitled(held).judge.makes_room(left.log)
        assert found is not None
        held.make_room(left.log, *found)
        self.assertEqual([each.hash for each in held.logs[left.log]], [each.hash for each in left_branch.entries])


class Entries(Scene):
    def test_records(self) -> None:
        own = self.write(self.nc, letter("l"), **{**to((self.c, 0)), "kind": REPORT})
        self.assertEqual(self.reason(own), 0)
        put = {"kind": 80, "payload": []}
        for author, unit, kind, reason in (
            (self.nc, self.c, REPORT, 208),
            (self.nc, self.x, REPORT, UNLAWFUL),
            (self.nc, self.x, DIRECTIVE, 208),
            (self.nc, self.a, DIRECTIVE, UNLAWFUL),
            (self.nc, bytes(16), DIRECTIVE, UNKNOWN),
        ):
            self.assertEqual(self.reason(self.write(author, put, **about(unit, kind))), reason)

    def test_roles(self) -> None:
        steward = self.world.admit(self.na, self.c, "steward", roles=2)
        self.assertEqual(self.reason(self.write(steward, letter("l"), **to((self.c, 0)))), UNLAWFUL)

    def test_for_whom_a_document_is(self) -> None:
        lawful, others = ([(self.x, 0)], [(self.a, 0)], [(self.b, 0), (self.x, 0)]), ([(self.a, 1)], [(self.b, 0)], [(bytes(16), 0)])
        for terms, reason in (*((each, 0) for each in lawful), *((each, UNKNOWN) for each in others)):
            for kind in (DIRECTIVE, REPORT):
                self.assertEqual(self.reason(self.write(self.nc, letter("l"), **{**to(*terms), "kind": kind})), reason, terms)

    def test_records_past_a_handover_wait(self) -> None:
        self.write(self.founder, self.world.placing(3, self.c, self.b))
        self.write(self.founder, handover(self.c, self.b, self.na.log.ref()))
        late = self.write(self.na, {"kind": 80, "payload": []}, **about(self.x, DIRECTIVE))
        self.assertEqual(self.reason(late), HANDED_OVER)
        self.write(self.nb, accept(late.ref))
        self.assertEqual(self.reason(late), 208, "of a record the new parent's word is enough")

    def test_an_erased_body_is_nobodys(self) -> None:
        entry = self.write(self.nc, letter("l"), **to((self.x, 0)))
        self.assertTrue(self.tree().may_hold_body(self.x, entry.header))
        self.write(self.nb, erase(entry.ref))
        self.assertTrue(self.tree().may_hold_body(self.x, entry.header), "not by one beside")
        self.write(self.na, erase(entry.ref))
        tree = self.tree()
        self.assertFalse(tree.may_hold_body(self.x, entry.header))
        self.assertNotIn(entry.hash, [each.hash for each in Views(tree).documents])


class Digests(Scene):
    def items(self, unit: bytes, *branches: Branch) -> list[list[Any]]:
        """Return the items of the digest of a unit and the root."""
        return list(hoi_digest.Digest(Views(self.tree(*branches)), unit, self.world.root).items())

    def test_closed_revoked_and_endings_are_told(self) -> None:
        kept = self.write(self.nc, named(self.c, "1"))
        self.write(self.nc, named(self.c, "2"))
        self.write(self.na, revocation(self.nc, kept.ref))
        self.write(self.founder, self.world.placing(4, self.b, self.a, successors=[self.a]))
        items = self.items(self.a)
        self.assertIn([1, self.b, self.a, True], [each[:4] for each in items if each[0] == 1])
        self.assertEqual({each[1]: each[7] for each in items if each[0] == 2}[self.nc.id], True)
        self.assertEqual([each[1:] for each in items if each[0] == 8], [[*kept.log, 1, CUT]])
        self.assertNotIn(CUT, [each[3] for each in items if each[0] == 7])

    def test_it_is_the_same_whether_or_not_what_was_cut_is_held(self) -> None:
        kept = self.write(self.nc, named(self.c, "1"))
        late = self.write(self.nc, named(self.c, "2"))
        self.write(self.na, revocation(self.nc, kept.ref))
        with_it, without = (Views(self.tree(without=left)) for left in ([], [late]))
        self.assertEqual(*(hoi_digest.digest(each, self.c, self.world.root) for each in (with_it, without)))

    def test_a_fork_at_the_first_entry_is_told(self) -> None:
        self.write(self.nc, named(self.c, "left"))
        self.world.part(self.nc, 0)
        right = self.write(self.nc, named(self.c, "right"))
        self.assertEqual([each[1:] for each in self.items(self.c) if each[0] == 8], [[*right.log, 0, FORKED]])

    def test_who_does_not_stand_has_no_unit(self) -> None:
        self.write(self.nc, named(self.c, "1"))
        guest = self.world.admit(self.nc, self.x, "guest")
        shown, hidden = self.write(guest, named(self.x, "n")), self.write(guest, accept(self.founder.log.ref()))
        left = self.world.part(self.nc, 1)
        self.write(self.nc, named(self.c, "right"))
        told = [each[1] for each in self.items(self.x, left) if each[0] == 7 and each[3] == NOT_STANDING]
        self.assertEqual(told, [shown.hash[:16]])
        self.assertNotIn(hidden.hash[:16], told)


class Entitlement(Scene):
    def test_directive_logs_of_all_that_ever_stood_above(self) -> None:
        self.write(self.na, named(self.a, "n"))
        self.write(self.nb, named(self.b, "n"))
        log_a, log_b = self.na.log.key, self.nb.log.key
        self.assertTrue(self.tree().may_hold_log(self.x, log_a))
        self.assertFalse(self.tree().may_hold_log(self.x, log_b))
        self.write(self.founder, self.world.placing(3, self.c, self.b))
        for unit, may_a, may_b in ((self.x, True, True), (self.a, True, True), (self.b, True, True)):
            self.assertEqual((self.tree().may_hold_log(unit, log_a), self.tree().may_hold_log(unit, log_b)), (may_a, may_b))

    def test_what_a_move_names_is_accepted_though_it_does_not_stand(self) -> None:
        self.write(self.nb, named(self.b, "n"))
        self.assertFalse(self.tree().may_accept_log(self.c, self.nb.log.key))
        self.expect(UNLAWFUL, self.write(self.na, self.world.placing(3, self.c, self.b, believed=False)))
        tree = self.tree()
        self.assertTrue(tree.may_accept_log(self.c, self.nb.log.key))
        self.assertFalse(tree.may_hold_log(self.c, self.nb.log.key))

    def test_nobody_holds_logs_of_who_neither_stands_nor_waits(self) -> None:
        ghost = self.world.admit(self.nb, self.c, "ghost")
        self.write(ghost, named(self.c, "n"))
        self.assertFalse(self.tree().may_hold_log(self.world.root, ghost.log.key))


if __name__ == "__main__":
    unittest.main()

"""What showed, for each rule of RULES, that an older wording of it fails: a scripted scenario, or a seed of test_model.py.

A scenario gives the list of what is wrong at its end: nothing, with the rules as they are; something, with that rule switched back.
"""
from model import FOUNDER, RECORD, REPORT, ROOT, digits
from views import Store
from world import Node, World


class Small(World):
    """A world without chance: units and nodes by name."""

    def __init__(self):
        super().__init__(0, thieves=False)
        self.f, self.unit = self.nodes[FOUNDER], {'root': ROOT}

    def make(self, by, name, under, level=None, node=True):
        """A unit under another, and a node for it; both by `by`, who then links to it."""
        u = self.unit[name] = digits(32, name)
        line = self.line_of(by.store.views(), self.unit[under])
        self.control(by, ('unit', u, self.unit[under], level or len(line), line))
        return self.admit(by, name) if node else None

    def admit(self, by, name):
        u = self.unit[name]
        ch = ('admit', digits(32, 'node', name, by.id), by.id, u, 3, tuple(by.store.views().line(u)), (), None)
        self.control(by, ch)
        return self.newcomer(by, ch)

    def link(self, a, b):
        """Until both know all they may: whose author is learnt in one exchange is taken in the next."""
        changed = False
        while super().link(a, b):
            changed = True
        return changed

    def move(self, by, name, to, handover=False, refs=()):
        v, u, p = by.store.views(), self.unit[name], self.unit[to]
        body = [('move', u, p, self.line_of(v, p), tuple(v.line(u)))] + ([('handover', u, p, tuple(refs))] if handover else [])
        return self.control(by, *body)

    def put(self, by, name, value, kind=REPORT, reach=0, seen=None):
        return self.write(by, kind, RECORD, (('put', 'a', value),), self.unit[name], reach, seen=seen)

    def all(self):
        return self.g.views()


def claimed_parents(examine):
    """A thief admits a node into the root, by which a parent is written that gives him another's unit."""
    w = Small()
    a, b = w.make(w.f, 'a', 'root'), w.make(w.f, 'b', 'root')
    w.stolen.add(a.id)
    x = Node(digits(32, 'thief'), ROOT)
    x.store = a.store
    w.control(a, ('admit', x.id, a.id, ROOT, 3, (), (), None))
    A, B = w.unit['a'], w.unit['b']
    w.control(x, ('move', B, A, (A, ROOT), (ROOT,)))
    e = w.control(a, ('name', B, 99))
    return [v for v in w.all().verdict[e.k].values() if v == 'ok']


def own_epochs(examine):
    """An office put back settles over what came back of its own."""
    w = Small()
    a = w.make(w.f, 'a', 'root')
    first = w.put(a, 'a', 1)
    keep = list(a.store.e.values())
    w.put(a, 'a', 2)
    w.link(a, w.f)
    a.store = Store(keep)
    a.epoch[REPORT], a.cont[REPORT] = digits(16, 'later'), first.ref()
    w.put(a, 'a', 3)
    w.link(a, w.f)
    if len(a.store.views().registers[(w.unit['a'], 'a')]) != 2:
        return ['the scenario is wrong: no conflict']
    w.put(a, 'a', 4)
    return ['still a conflict'] if len(a.store.views().registers[(w.unit['a'], 'a')]) != 1 else []


def levels_on_the_way(examine):
    """A report for level 2 and below, from under a unit of level 1 that hangs under one of level 2."""
    w = Small()
    y = w.make(w.f, 'y', 'root', 2)
    x = w.make(y, 'x', 'y', 1)
    u = w.make(x, 'u', 'x', 3)
    w.put(u, 'u', 5, reach=2)
    return examine(w)


def parents_cut_later(examine):
    """A move is judged by a creation that its author's later revocation takes away; offices made on it must be able to see why it stands."""
    w = Small()
    p = w.make(w.f, 'p', 'root')
    q = w.make(w.f, 'q', 'p')
    r = w.admit(q, 'q')
    w.make(r, 'z', 'q', node=False)
    w.link(r, q)
    w.link(q, p)
    w.move(p, 'z', 'p')
    w.control(p, ('revoke', q.id, ()))
    w.link(p, w.f)
    w.make(w.f, 'w', 'z')
    return examine(w)


def handed_up(examine):
    """Only a former upper level holds what a moved office, which has lost it, had reported."""
    w = Small()
    p = w.make(w.f, 'p', 'root')
    w.make(w.f, 'q', 'root')
    a = w.make(p, 'a', 'p')
    u = w.make(a, 'u', 'a')
    w.link(a, p)
    w.link(p, w.f)
    keep = list(u.store.e.values())
    w.put(u, 'u', 5)
    w.link(u, a)
    w.move(w.f, 'u', 'q')
    w.link(w.f, p)                              # they learn of the move before they could have sent it up as their own
    w.link(p, a)
    u.store = Store(keep)
    return examine(w)


def pin_below_cut(examine):
    """A junior of who pinned revokes, and names nothing."""
    w = Small()
    p = w.make(w.f, 'p', 'root')
    a = w.make(w.f, 'a', 'p')
    e = w.put(a, 'a', 5)
    w.link(a, w.f)
    w.control(w.f, ('pin', (e.ref(),)))
    w.link(p, w.f)
    w.control(p, ('revoke', a.id, ()))
    return examine(w)


def pin_out_of_view(examine):
    """One of two logs that a change pins is out of view of who sees the other; the pin he sees protects it there too."""
    w = Small()
    p, b = w.make(w.f, 'p', 'root'), w.make(w.f, 'b', 'root')
    a = w.make(w.f, 'a', 'p')
    e = w.put(a, 'a', 5)
    x = w.make(b, 'x', 'b')
    other = w.put(x, 'x', 5)
    w.link(x, b)
    w.link(a, w.f)
    w.link(b, w.f)
    w.admit(p, 'a')
    w.control(w.f, ('pin', (e.ref(), other.ref())))
    w.link(p, w.f)
    w.control(p, ('revoke', a.id, ()))
    return examine(w)


def another_way(examine):
    """The old line lost the moved unit, but has its authority over the office below by another way too."""
    w = Small()
    a, b = w.make(w.f, 'a', 'root'), w.make(w.f, 'b', 'root')
    w.make(a, 'm', 'a', node=False)
    w.make(a, 'u', 'a', node=False)
    w.move(a, 'u', 'm')
    w.link(a, w.f)
    w.move(w.f, 'm', 'b', True)
    e = w.control(a, ('name', w.unit['u'], 5))
    return [v for v in w.all().verdict[e.k].values() if v != 'ok']


def handover_without_move(examine):
    """A handover to where the unit never was shuts nobody out."""
    w = Small()
    a = w.make(w.f, 'a', 'root')
    b = w.make(a, 'b', 'a')
    w.make(a, 'x', 'a', node=False)
    w.link(a, b)
    w.make(b, 'u', 'b', node=False)
    w.link(a, b)
    w.control(a, ('handover', w.unit['u'], w.unit['x'], ()))
    e = w.control(b, ('name', w.unit['u'], 5))
    return [v for v in w.all().verdict[e.k].values() if v != 'ok']


def put_below_what_it_lost(examine):
    """The old line of a moved unit, put below it later, gets back no say over it: its waiting revocation goes on waiting."""
    w = Small()
    p = w.make(w.f, 'p', 'root')
    x = w.make(w.f, 'x', 'p')
    w.link(w.f, p)
    w.move(w.f, 'x', 'root', True)
    w.control(p, ('revoke', x.id, ()))
    w.link(w.f, x)
    w.make(x, 'y', 'x', node=False)
    w.link(x, w.f)
    w.link(p, w.f)
    e = w.move(w.f, 'p', 'y')
    v = w.all()
    return [] if v.parent.get(w.unit['p']) == w.unit['y'] and v.verdict[e.k][0] == 'ok' else ['the move took its own ground away']


def moved_back(examine):
    """A unit is moved away with a handover, and back: its first line acts for it again."""
    w = Small()
    b, c = w.make(w.f, 'b', 'root'), w.make(w.f, 'c', 'root')
    w.make(w.f, 'u', 'b', node=False)
    w.move(w.f, 'u', 'c', True)
    w.move(w.f, 'u', 'b')
    w.link(b, w.f)
    e = w.control(b, ('name', w.unit['u'], 5))
    return [v for v in w.all().verdict[e.k].values() if v != 'ok']


def new_key(examine):
    """A province with a new key shuts out a commune that its old key admitted."""
    w = Small()
    p = w.make(w.f, 'p', 'root')
    a = w.make(p, 'a', 'p')
    new = Node(digits(32, 'new'), p.unit)
    w.control(p, ('admit', new.id, p.id, p.unit, 3, (ROOT,), (), p.id))
    new.store, p.store = p.store, Store()
    e = w.control(new, ('revoke', a.id, ()))
    return [v for v in w.all().verdict[e.k].values() if v != 'ok']


def copied_nonce(examine):
    """Who knows a unit's nonce, and is senior to who made it, takes it: an office below it must learn where it now belongs."""
    w = Small()
    a, b = w.make(w.f, 'a', 'root'), w.make(w.f, 'b', 'root')
    w.make(b, 'u', 'b', node=False)
    w.link(b, w.f)
    w.make(w.f, 'x', 'u')
    w.stolen.add(a.id)
    w.control(a, ('unit', w.unit['u'], w.unit['a'], 2, (w.unit['a'], ROOT)))
    return examine(w)


def seen_before_it_was(examine):
    """A liar says he has seen what is not written yet; who then does see it must not vanish with it."""
    w = Small()
    a = w.make(w.f, 'a', 'root')
    b = Node(digits(32, 'b'), w.unit['a'])
    w.control(w.f, ('admit', b.id, w.f.id, b.unit, 3, (ROOT,), (), None))
    w.link(w.f, a)
    first = w.put(a, 'a', 1)
    ahead = first.ref()._replace(seq=2)
    w.put(b, 'a', 99, seen=(ahead,))
    a.store.add(max(b.store.e.values(), key=lambda e: e.h.seq))
    w.put(a, 'a', 2)
    return [] if w.all().registers[(w.unit['a'], 'a')] else ['both vanished']


SCENARIOS = [(claimed_parents, 'parents', 'claimed'), (own_epochs, 'own epochs', False), (levels_on_the_way, 'through levels', 'number'),
             (parents_cut_later, 'ever', 'final'), (handed_up, 'handup', False), (pin_below_cut, 'cutfloor', False), (pin_out_of_view, 'pins', 'whole'),
             (another_way, 'through', False), (handover_without_move, 'handover', 'any'), (moved_back, 'back', False),
             (put_below_what_it_lost, 'below', 'any'), (new_key, 'succeeds', 'link'), (copied_nonce, 'line', 'hidden'),
             (seen_before_it_was, 'ring', False)]

# seed, reach, thieves, strong, steps, rule, its older form
SEEDS = [(20014, 'form', True, False, 110, 'creations', 'all'), (20001, 'random', False, True, 110, 'naming', 'none'),
         (24130, 'form', True, False, 180, 'left', False), (20058, 'form', True, False, 110, 'held', False)]

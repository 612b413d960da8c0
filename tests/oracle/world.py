"""A seeded association: people who write what their own views allow, offices that are restored, thieves with copied keys."""
import random

import exchange
from model import (CONTROL, DIRECTIVE, DOCUMENT, Entry, FOUNDER, Header, MOVES, PRIVATE, REC, RECORD, RECOVERY, REPORT, ROOT, Ref, RULES,
                   STEWARD, WRITER, digits)
from views import Store

UNITS_MOST, NODES_MOST = 11, 12


class Node:
    """An installation: its key, its unit, what it holds, the epochs it writes."""

    def __init__(self, nid, unit, roles=WRITER | STEWARD):
        self.id, self.unit, self.roles, self.store = nid, unit, roles, Store()
        self.epoch = {REPORT: digits(16, 'e0'), DIRECTIVE: digits(16, 'e0'), RECOVERY: '0' * 16}
        self.cont = {}


def things(ch):
    """The registers, or lists of cuts, that a control change writes."""
    op = ch[0]
    if op == 'unit' or op in MOVES + ('handover',):
        return {('tree', ch[1])}
    if op == 'name':
        return {('name', ch[1])}
    return {('cut', ch[1] if op == 'revoke' else ch[1].log[0])} if op in ('revoke', 'fork') else set()


def units_named(v, ch):
    """The units that a control change writes about."""
    op = ch[0]
    if op == 'unit' or op in MOVES + ('handover',):
        return {ch[1], ch[2]}
    if op in ('name', 'admit'):
        return {ch[1] if op == 'name' else ch[3]}
    nodes = [ch[1]] if op == 'revoke' else [r.log[0] for r in ([ch[1]] if op == 'fork' else ch[1])]
    return {v.unit_of_any(m) for m in nodes} - {None}


def wrote(v):
    """{log: (things, units) that the control entries of its standing chain wrote about}."""
    memo = vars(v).setdefault('_wrote', {})
    if not memo:
        for lg in v.control_logs:
            ts, us = set(), set()
            for k in v.branch.get(lg, ()):
                e = v.entries[k]
                if e.h.cls == CONTROL and e.body is not None:
                    for ch in e.body:
                        ts |= things(ch)
                        us |= units_named(v, ch)
            memo[lg] = (ts, us)
    return memo


def seen_for(v, author, lg, cls, unit, body):
    """What an honest writer names: of every log that wrote the same thing, what stands of it here."""
    skip = {lg}
    if not RULES['own epochs']:
        skip |= {l for l in v.logs.get(author, ()) if l[1] == lg[1]}
    out, by = [], wrote(v) if cls == CONTROL else {}
    ts = set().union(*[things(ch) for ch in body]) if cls == CONTROL else set()
    us = set().union(*[units_named(v, ch) for ch in body]) if cls == CONTROL else set()
    if RULES['naming'] == 'above':
        us |= v.edges.up_all(us)
    for l2, br in sorted(v.branch.items()) if RULES['naming'] != 'none' or cls != CONTROL else ():
        if l2 in skip or not br or cls == DOCUMENT:
            continue
        if cls == CONTROL:
            hit = l2 in by and (RULES['naming'] == 'all' or not ts.isdisjoint(by[l2][0]) or RULES['naming'] != 'thing' and not us.isdisjoint(by[l2][1]))
            last = br[-1] if hit else None
        else:
            last = next((k for k in reversed(br) if v.entries[k].h.cls == RECORD and v.entries[k].h.unit == unit), None)
        if last:
            out.append(v.entries[last].ref())
    return tuple(out)


class World:
    def __init__(self, seed, reach='form', thieves=True, strong=False, rotate=False):
        self.r = random.Random(seed)
        self.g = Store()                                    # all that anybody holds
        self.nodes = {FOUNDER: Node(FOUNDER, ROOT)}
        self.keys = Node(REC, ROOT, STEWARD)                # the recovery keys, and the stick on which their log goes along
        self.shadows = []                                   # nodes that thieves admitted
        self.retired, self.successors = [], {}              # nodes whose keys were replaced; old key -> the change that admits the new one
        self.n, self.reach_mode, self.thieves, self.strong, self.rotate = 0, reach, thieves, strong, rotate
        self.reach_of, self.honest, self.stolen = {}, {}, set()
        self.most_seen, self.recent, self.recent_nodes = 0, None, 0

    def number(self):
        self.n += 1
        return self.n

    def head(self, node, kind):
        lg = (node.id, kind, node.epoch[kind])
        mine = [e for e in node.store.e.values() if e.log == lg]
        return max(mine, key=lambda e: e.h.seq) if mine else None

    def write(self, node, kind, cls, body, unit=None, reach=0, audience=(), at=None, store=None, seen=None):
        st = store or node.store
        lg = (node.id, kind, node.epoch[kind])
        head = at or self.head(node, kind)
        if seen is None:
            seen = seen_for(st.views(), node.id, lg, cls, unit, body)
        self.most_seen = max(self.most_seen, len(seen))
        cont = node.cont.get(kind) if head is None else None
        h = Header(node.id, kind, node.epoch[kind], head.h.seq + 1 if head else 1, head.k if head else None, cls, cont, unit, reach, audience, seen)
        e = Entry(digits(64, h, body), h, body)
        st.add(e)
        self.g.add(e)
        if node.id not in self.stolen:
            self.honest[e.k] = node.id
        return e

    def control(self, node, *body):
        return self.write(node, DIRECTIVE, CONTROL, tuple(body))

    # -- what honest people do, by their own views ---------------------------------------------------------------------------
    def alive(self, n, v):
        return n.id in v.rank and not v.cuts.get(n.id) and not any(v.fork_at.get(lg) for lg in v.logs.get(n.id, ()))

    def renew(self, n, v):
        """Its log goes on in a new epoch where what it wrote last does not stand: a senior has pinned a thief's branch."""
        for kind in (REPORT, DIRECTIVE):
            head, br = self.head(n, kind), v.branch.get((n.id, kind, n.epoch[kind]))
            if head and (not br or br[-1] != head.k):
                n.cont[kind] = v.entries[br[-1]].ref() if br else None
                n.epoch[kind] = digits(16, 'epoch', self.number())

    def below(self, v, unit):
        return sorted(x for x in v.subtree(unit) if x != unit and x not in v.closed)

    def line_of(self, v, u):
        return (u,) + tuple(v.line(u))

    def op_unit(self, n, v):
        if len(self.lately().parent) >= UNITS_MOST:
            return
        under = self.r.choice([n.unit] + self.below(v, n.unit))
        line = self.line_of(v, under)
        u = digits(32, 'unit', self.number())
        self.reach_of[u] = self.r.choice([0, 0, 0, 1, 2, PRIVATE])
        self.control(n, ('unit', u, under, min(30, max(len(line), v.level.get(under, 0) + 1)), line))
        if self.r.random() < .8:
            self.op_admit(n, n.store.views(), u)

    def op_admit(self, n, v, u=None):
        if len(self.nodes) >= NODES_MOST:
            return
        u = u or self.r.choice([n.unit] + self.below(v, n.unit))
        if sum(m.unit == u for m in self.nodes.values()) >= 3:
            return
        roles = self.r.choice([3, 3, 3, 3, 3, WRITER, STEWARD])
        ch = self.admission(n, v, u, roles)
        if u != ROOT and (not ch[5] or ch[5][-1] != ROOT):
            return                                          # the unit does not stand here: refused at entry
        self.control(n, ch)
        self.newcomer(n, ch)

    def admission(self, n, v, u, roles=3):
        pins = tuple(self.pinnable(n, v)[:2]) if self.r.random() < .3 else ()
        return ('admit', digits(32, 'node', n.id, u, roles, self.number()), n.id, u, roles, tuple(v.line(u)), pins, None)

    def op_rotate(self, n, v):
        """A new key: admitted by the old one, which ends itself at once, or when the level above has heard of it."""
        if n.id not in self.successors:
            pins = tuple(self.pinnable(n, v)[:2]) if self.r.random() < .3 else ()
            ch = ('admit', digits(32, 'node', n.id, self.number()), n.id, n.unit, n.roles, tuple(v.line(n.unit)), pins, n.id)
            if n.unit != ROOT and (not ch[5] or ch[5][-1] != ROOT):
                return
            self.control(n, ch)
            self.successors[n.id] = ch
            if self.r.random() < .5:
                return
        ch, v = self.successors[n.id], n.store.views()
        if ch[1] not in v.rank:
            return
        ends = [(lg, v.branch[lg]) for lg in sorted(v.logs.get(n.id, ())) if v.branch.get(lg)]
        self.control(n, ('revoke', n.id, tuple(Ref(lg, len(br), br[-1]) for lg, br in ends)))
        m = self.nodes[ch[1]] = Node(ch[1], ch[3], ch[4])
        m.store = n.store
        self.retired.append(self.nodes.pop(n.id))

    def newcomer(self, n, ch):
        m = Node(ch[1], ch[3], ch[4])
        m.store.line = (ch[3],) + ch[5]
        self.nodes[m.id] = m
        self.link(n, m)
        return m

    def op_move(self, n, v, kind='move'):
        xs = self.below(v, n.unit)
        if len(xs) < 2:
            return
        u = self.r.choice(xs)
        ps = [p for p in xs + [n.unit] if p != u and p != v.parent[u] and p not in v.subtree(u)]
        if not ps:
            return
        p = self.r.choice(ps)
        old, new = v.line(u), self.line_of(v, p)
        cuts = [Ref(lg, len(br), br[-1]) for lg, br in sorted(v.branch.items()) if br and lg[1] == DIRECTIVE and
                v.unit_of.get(lg[0]) in old and v.unit_of[lg[0]] not in new]
        body = [(kind, u, p, new, tuple(old))]
        if self.r.random() < .8:
            body.append(('handover', u, p, tuple(cuts)))
        e = self.control(n, *body)
        after = n.store.views()
        if after.verdict[e.k][0] == 'ok' and not any(y.h.author in self.stolen for y in after.entries.values()):
            assert after.parent.get(u) == p, 'P5 a move that has seen its rivals does not hold'

    def op_close(self, n, v):
        self.op_move(n, v, self.r.choice(['close', 'same']))

    def op_name(self, n, v):
        u, x = self.r.choice([n.unit] + self.below(v, n.unit)), self.r.randint(1, 9)
        e = self.control(n, ('name', u, x))
        after = n.store.views()
        if after.verdict[e.k][0] == 'ok' and not any(y.h.author in self.stolen for y in after.entries.values()):
            assert after.names[u] == (x, (x,)), 'P5 a name that has seen its rivals does not hold'

    def reach(self, u):
        return self.reach_of.get(u, 0) if self.reach_mode == 'form' else self.r.choice([0, 0, 1, 2, PRIVATE])

    def op_put(self, n, v):
        body = tuple(('put', f, self.r.randint(1, 5)) for f in sorted(self.r.sample('abc', self.r.randint(1, 2))))
        self.write(n, REPORT, RECORD, body, n.unit, self.reach(n.unit))

    def op_correct(self, n, v):
        xs = self.below(v, n.unit)
        if xs:
            u = self.r.choice(xs)
            self.write(n, DIRECTIVE, RECORD, (('put', self.r.choice('abc'), self.r.randint(1, 5)),), u, self.reach(u))

    def op_settle(self, n, v):
        bad = [k for k, t in v.registers.items() if len({w[2] for w in t}) > 1 and (k[0] == n.unit or k[0] in v.subtree(n.unit))]
        if not bad:
            return
        u, f = self.r.choice(sorted(bad))
        before = {k: t for k, t in v.registers.items() if k != (u, f)}
        e = self.write(n, REPORT if u == n.unit else DIRECTIVE, RECORD, (('put', f, 7),), u, self.reach(u))
        after = n.store.views()
        if after.standing[e.k] == 'ok':
            left = {w[2] for w in after.registers.get((u, f), ()) if after.entries[w[0]].h.author not in self.stolen}
            assert left <= {7}, 'P5 settling left a conflict'   # but with a liar, who says he has seen what follows
        assert before == {k: t for k, t in after.registers.items() if k != (u, f)}, 'P5 settling touched another field'

    def op_submit(self, n, v):
        refs = [Ref(lg, len(br), br[-1]) for lg, br in sorted(v.branch.items()) if br and any(v.entries[k].h.unit == n.unit for k in br)]
        self.write(n, REPORT, RECORD, (('submit', self.r.randint(1, 3), tuple(refs)),), n.unit, 0)

    def op_document(self, n, v):
        xs = sorted(v.subtree(n.unit)) or [n.unit]
        terms = {(self.r.choice(xs + v.line(n.unit)), 0) if self.r.random() < .3 else (self.r.choice(xs), self.r.choice([0, 1, 2 + self.r.randint(0, 4)]))
                 for _ in range(self.r.randint(1, 3))}
        self.write(n, self.r.choice([REPORT, DIRECTIVE]), DOCUMENT, (('text', self.r.randint(1, 9)),), None, 0, tuple(sorted(terms)))

    def op_erase(self, n, v):
        own = [e.ref() for e in v.entries.values() if e.h.cls != CONTROL and v.unit_of.get(e.h.author) in v.subtree(n.unit)]
        if own:
            self.control(n, ('erase', tuple(self.r.sample(sorted(own), 1))))

    def op_accept(self, n, v):
        wait = [v.entries[k].ref() for k, x in v.standing.items() if x == 'handover']
        wait += [v.entries[k].ref() for k, vs in v.verdict.items() if 'handover' in vs.values()]
        if wait:
            self.control(n, ('accept', tuple(self.r.sample(sorted(wait), min(2, len(wait))))))

    def op_revoke(self, n, v):
        js = [m for m in v.rank if v.senior(n.id, m) and v.edges.over(n.unit, v.unit_of[m]) and not v.cuts.get(m)]
        if self.r.random() < .1 and n.id != FOUNDER:
            js = [n.id]                                     # a lost laptop cuts itself
        if js:
            self.control(n, self.revocation(v, self.r.choice(sorted(js))))

    def revocation(self, v, m):
        cuts = []
        for lg in sorted(v.logs.get(m, ())):
            br = v.branch.get(lg, [])
            if br and (v.unit_of[m] == ROOT or self.r.random() < .9):       # the whole tree rests on what is cut at the root
                s = self.r.choice([len(br), len(br), self.r.randint(1, len(br))])
                cuts.append(Ref(lg, s, br[s - 1]))
        return ('revoke', m, tuple(cuts))

    def pinnable(self, n, v):
        ps = [Ref(lg, len(br), br[-1]) for lg, br in sorted(v.branch.items()) if br and v.senior(n.id, lg[0]) and
              v.edges.over(n.unit, v.unit_of[lg[0]])]
        return self.r.sample(ps, min(3, len(ps)))

    def op_pin(self, n, v):
        ps = self.pinnable(n, v)
        if ps:
            self.control(n, ('pin', tuple(ps)))

    def op_fork(self, n, v):
        """Decides a fork of a junior: for one of the branches, or for what stood before it."""
        for lg, s in sorted(v.fork_at.items()):
            if s and v.senior(n.id, lg[0]) and (n.id == REC or v.edges.over(n.unit, v.unit_of[lg[0]])):
                br = v.branch[lg]
                ks = list(v.kids[lg][br[-1] if br else None])
                self.r.shuffle(ks)
                keep = v.entries[br[-1]].ref() if br and self.r.random() < .3 else v.entries[ks[1]].ref()
                self.write(n, RECOVERY if n.id == REC else DIRECTIVE, CONTROL, (('fork', keep, v.entries[ks[0]].ref()),))
                return

    def op_restore(self, n, v):
        """Its store goes back to an older state, and hoi knows: a new epoch continues from what is held."""
        held = list(n.store.e.values())
        old = n.store
        n.store = Store(held[:self.r.randint(0, len(held))])
        n.store.line = old.line
        self.g = Store(e for m in self.everyone() for e in m.store.e.values())      # what nobody held is lost
        for kind in (REPORT, DIRECTIVE):
            head = self.head(n, kind)
            n.cont[kind] = head.ref() if head else None
            n.epoch[kind] = digits(16, 'epoch', self.number())

    def everyone(self):
        return list(self.nodes.values()) + [self.keys]

    def recover(self, what=None):
        """The keepers of the recovery keys meet at a PC, with the stick that holds what they signed before."""
        x = self.r.choice([n for n in self.nodes.values() if n.unit == ROOT] + [self.r.choice(list(self.nodes.values()))])
        for e in list(self.keys.store.e.values()):
            x.store.add(e)
        self.keys.store = Store(x.store.e.values())         # they judge by what that PC shows
        v = self.keys.store.views()
        write = lambda ch: self.write(self.keys, RECOVERY, CONTROL, (ch,))
        what = self.r.random() if what is None else what
        if what < .3:                                       # the founder's PC is lost, or its key stolen, or another root node's
            write(self.revocation(v, self.r.choice([FOUNDER] + sorted(m.id for m in self.nodes.values() if m.unit == ROOT and m.id in v.rank))))
        elif what < .5:
            self.op_fork(self.keys, v)
        elif what < .7:
            write(('pin', tuple(self.pinnable(self.keys, v))))
        elif what < .9:
            write(self.revocation(v, self.r.choice(sorted(m for m in v.rank if m != REC))))
        v, new = self.keys.store.views(), None
        if what == 1 or what > .95 and len(self.nodes) < NODES_MOST or not any(v.unit_of[m] == ROOT and m in self.nodes and not v.cuts.get(m) for m in v.rank):
            new = write(self.admission(self.keys, v, ROOT)).body[0]
        self.keys.store = Store(e for e in self.keys.store.e.values() if e.h.author == REC)
        for m in [x] + ([self.newcomer(x, new)] if new else []):
            for e in self.keys.store.e.values():
                m.store.add(e)

    def root_lives(self):
        """Is a node of the root in touch?  One that a restore took its own admission from is not."""
        return any(n.unit == ROOT for n in self.links(touch=True)[1])

    # -- thieves ---------------------------------------------------------------------------------------------------------------
    def thief(self):
        """A copied key: writes in the victim's log, at an old place or at its head, or in a new epoch, anything it likes."""
        r = self.r
        n = r.choice(list(self.nodes.values()) + self.shadows + self.retired)
        if n.id == FOUNDER and r.random() < .8:
            return
        self.stolen.add(n.id)
        where = r.choice(list(self.nodes.values()))
        st = r.choice([n.store, self.g])
        v = st.views()
        kind = r.choice([DIRECTIVE, DIRECTIVE, REPORT])
        as_is = dict(n.epoch), dict(n.cont)
        br = v.branch.get((n.id, kind, n.epoch[kind]), [])
        at = v.entries[r.choice(br)] if br else None
        if r.random() < .15:                                # an epoch of its own
            n.epoch[kind] = digits(16, 'thief', self.number())
            n.cont[kind] = at.ref() if at and r.random() < .7 else None
            at = None
        us = sorted(self.g.views().parent) or [ROOT]
        u, p = r.choice(us), r.choice(us + [ROOT])
        tmp = Store(st.e.values())
        seen = None
        if r.random() < .3:                                 # claims to have seen what it has not, or what is not written yet
            logs = sorted(self.g.views().kids)
            seen = tuple(Ref(lg, r.randint(1, 30), digits(64, 'lie')) for lg in sorted(r.sample(logs, min(len(logs), 4))) if lg[0] != n.id)
        if kind == REPORT or r.random() < .3:
            if r.random() < .2:
                e = self.write(n, kind, DOCUMENT, (('text', 99),), None, 0, ((u, r.randint(0, 5)),), at, tmp, seen)
            else:
                e = self.write(n, kind, RECORD, (('put', 'a', 99),), r.choice([u, n.unit]), 0, (), at, tmp, seen)
        else:
            e = self.write(n, kind, CONTROL, (self.mischief(n, u, p),), None, 0, (), at, tmp, seen)
        if e.body[0][0] == 'admit' and e.body[0][2] == n.id:
            m = Node(e.body[0][1], e.body[0][3], e.body[0][4])
            m.store = Store(tmp.e.values())
            self.shadows.append(m)
            self.stolen.add(m.id)
        n.epoch, n.cont = as_is
        vw = where.store.views()                            # a holder takes it only if entitled, and the author known to it
        if (e.h.prev is None or e.h.prev in where.store.e) and vw.may_hold_log(where.unit, e.log) and n.id in vw.rank:
            where.store.add(e if vw.may_hold_body(where.unit, e) else e.bare())
        if (e.h.prev is None or e.h.prev in n.store.e) and n not in self.shadows + self.retired:
            n.store.add(e)
        self.g = Store(x for m in self.everyone() for x in m.store.e.values())

    def mischief(self, n, u, p):
        r, gv = self.r, self.g.views()
        m = r.choice(sorted(self.nodes))
        new = old = ()
        if self.strong and r.random() < .7:                 # a thief that names true lines
            new, old = self.line_of(gv, p), tuple(gv.line(u))
        refs = [e.ref() for e in gv.entries.values()]
        some = tuple(r.sample(refs, min(2, len(refs))))
        forks = [(lg, ks) for lg, by in gv.kids.items() for ks in by.values() if len(ks) > 1]
        fork = ('pin', some)
        if forks:
            lg, ks = r.choice(sorted(forks))
            fork = ('fork', gv.entries[ks[0]].ref(), gv.entries[ks[1]].ref())
        return r.choice([('move', u, p, new, old), ('close', u, p, new, old), ('same', u, p, new, old), ('revoke', m, ()), ('revoke', n.id, ()),
                         ('name', u, 99), ('unit', digits(32, 'unit', self.number()), p, 1, new), ('unit', u, p, 1, new), ('unit', u, n.unit, 1, new),
                         ('admit', digits(32, 'node', 'thief', self.number()), n.id, u, 3, (), (), None),
                         ('admit', digits(32, 'node', 'thief', self.number()), n.id, n.unit, 3, (), some, r.choice([None, n.id])),
                         ('handover', u, p, ()), ('handover', u, p, some), ('pin', some), ('accept', some), ('erase', some), fork])

    # -- links -------------------------------------------------------------------------------------------------------------------
    def link(self, a, b):
        x = exchange.send(a, b)
        y = exchange.send(b, a)
        return x or y

    def lately(self):
        """The views of all that is held, a few entries ago: to know who dials whom that is near enough."""
        if self.recent is None or abs(len(self.g.e) - len(self.recent.entries)) > 3 or len(self.nodes) != self.recent_nodes:
            self.recent, self.recent_nodes = self.g.views(), len(self.nodes)
        return self.recent

    def links(self, touch=False):
        """Along the tree as it truly is, the deepest first: own unit's nodes, and the nearest unit above that has a node.

        touch: as those in touch with one another make it, without what only an office out of touch holds."""
        g, ok = self.g.views() if touch else self.lately(), list(self.nodes.values())
        for _ in range(4 if touch else 1):
            ok = [n for n in self.nodes.values() if n.id in g.rank and not g.cuts.get(n.id) and ROOT in [n.unit] + g.line(n.unit)]
            g = Store(e for n in ok for e in n.store.e.values()).views() if touch else g
        out = []
        for i, a in enumerate(ok):
            out += [(b, a) for b in ok[i + 1:] if a.unit == b.unit]
            for u in g.line(a.unit):
                up = [b for b in ok if b.unit == u]
                if up:
                    out += [(a, b) for b in up]
                    break
        return sorted(out, key=lambda ab: -len(g.line(ab[0].unit))), ok

    def run(self, steps=110):
        r = self.r
        ops = ([self.op_unit] * 5 + [self.op_admit] * 2 + [self.op_put] * 6 + [self.op_correct] * 4 + [self.op_settle] * 3 + [self.op_move] * 3 +
               [self.op_close] + [self.op_name] * 2 + [self.op_revoke] + [self.op_pin] + [self.op_fork] * 2 + [self.op_restore] +
               [self.op_document] * 2 + [self.op_erase] + [self.op_accept] + [self.op_submit] + [self.op_rotate] * (4 if self.rotate else 0))
        needs_steward = {self.op_unit, self.op_admit, self.op_move, self.op_close, self.op_name, self.op_revoke, self.op_pin, self.op_fork,
                         self.op_erase, self.op_accept, self.op_rotate}
        f = self.nodes[FOUNDER]
        for _ in range(r.randint(2, 4)):
            self.op_unit(f, f.store.views())
        for _ in range(steps):
            x = r.random()
            if x < .45:
                ls, _ = self.links()
                if ls:
                    self.link(*r.choice(ls))
            elif x < .49 and self.thieves:
                self.thief()
            elif x < .50:
                self.recover()
            else:
                n = r.choice(list(self.nodes.values()))
                op = r.choice(ops)
                v = n.store.views()
                if self.alive(n, v) and n.roles & (STEWARD if op.__func__ in {o.__func__ for o in needs_steward} else 3):
                    if n.roles & WRITER or op.__func__ in {o.__func__ for o in needs_steward} | {World.op_restore}:
                        self.renew(n, v)
                        op(n, v)
        return self

    def settle_down(self, limit=40):
        for _ in range(limit):
            if not any([self.link(a, b) for a, b in self.round(shuffled=True)]):
                return True
        return False

    def inside(self, ok):
        """Those in touch by all that is known, too."""
        self.recent = None
        return [n for n in self.links()[1] if n in ok]

    def round(self, shuffled=False):
        """The links of those in touch; and who is shut out, or waits, hands in at the root what it holds, and is told why."""
        ls, ok = self.links(touch=True)
        if shuffled:
            self.r.shuffle(ls)
        inside = self.inside(ok)
        return ls + [(n, r) for n in self.nodes.values() if n not in inside for r in inside if r.unit == ROOT]

"""Seeded attacks on the model.

    python3 tests/oracle/test_model.py [SEEDS [FIRST]] [thieves=0] [strong=1] [rotate=1] [reach=random] [steps=N] [show=N]
                                        [RULE=VALUE]...
    python3 tests/oracle/test_model.py known        seeds that found a hole hold, and fail with that rule switched back
    python3 tests/oracle/test_model.py share        what the build's tests run: known, and a share of the seeds

P1 any order of the same set gives the same views.  P2 a node that holds only what it is entitled to, gathered by exchanges along
the tree, reaches the verdicts (P2r: values) of one that holds everything.  P3 exchanges end, and then digests agree.  P4 every
entry has a verdict; nobody honest is accused; a pin is undone by no junior.  P5 laws of registers.  P6 nobody writes outside his
authority, by a second reading that uses no verdict.  P7 a second branch shown to any one office in touch is proof at the root after two
rounds of exchanges.  P8 a new key stands before all whom its predecessor had admitted.
"""
import random
import sys
import time
from collections import Counter, defaultdict

import exchange
import model
import views
from model import CONTROL, FOUNDER, MOVES, REC, RECORD, REPORT, ROOT, Ref, RULES, STEWARD, WRITER
from known import SCENARIOS, SEEDS
from views import Store
from world import Node, World


def diff(a, b):
    sa, sb = set(map(repr, a)), set(map(repr, b))
    return [('mine', x) for x in sorted(sa - sb)][:4] + [('all', x) for x in sorted(sb - sa)][:4]


def order_matters(w):
    """P1"""
    es = list(w.g.e.values())
    want = w.g.views().everything()
    for _ in range(2):
        w.r.shuffle(es)
        views.forget()
        s = Store(es[:len(es) // 2])
        s.views()
        for e in es:
            s.add(e)
        if s.views().everything() != want:
            return [('P1', 'order changes views')]
    return []


def forks(entries):
    """{log: lowest seq at which two entries stand}"""
    at, low = Counter((e.log, e.h.seq) for e in entries), {}
    for (lg, s), c in at.items():
        if c > 1:
            low[lg] = min(s, low.get(lg, s))
    return low


def fork_unknown(w, ok, dialled):
    """P7: somebody with a copied key shows a second branch to any one office."""
    x = w.r.choice(ok)
    v = x.store.views()
    held = [e for e in v.entries.values() if e.h.author in v.rank and e.h.author != REC and v.may_hold_log(x.unit, e.log)]
    if not held:
        return []
    e = w.r.choice(sorted(held, key=lambda e: e.k))
    n = Node(e.h.author, v.unit_of[e.h.author])
    n.epoch[e.h.kind], n.cont[e.h.kind] = e.h.epoch, e.h.cont
    body = (('put', 'a', 98),)
    f = w.write(n, e.h.kind, RECORD, body, n.unit, at=v.entries.get(e.h.prev), store=Store(), seen=())
    x.store.add(f)
    w.stolen.add(n.id)
    for a, b in dialled + dialled:              # whom they dial does not change at once, whatever views say of the tree now
        w.link(a, b)
    return [('P7', 'fork of %s at %d, shown to %s, is not known at the root' % (e.log, e.h.seq, x.unit))
            for m in ok if m.unit == ROOT and forks(m.store.e.values()).get(e.log, e.h.seq + 1) > e.h.seq]


def parted(w, ok, g, union):
    """P2, P3"""
    bad = []
    for n in ok:
        v = n.store.views()
        a, b = v.restricted(n.unit), g.restricted(n.unit)
        if a != b:
            bad.append(('P2', 'verdicts of %s unit %s: %s' % (n.id[:6], n.unit[:6], diff(a, b))))
            continue
        part = {e.h.unit for e in union.values() if e.h.cls == RECORD and e.k not in g.erased and not g.may_hold_body(n.unit, e)}
        ra, rb = ([x for x in vw.restricted_records(n.unit) if x[0][0] not in part] for vw in (v, g))
        if ra != rb:
            bad.append(('P2r', 'records of %s unit %s: %s' % (n.id[:6], n.unit[:6], diff(ra, rb))))
    for n in ok:
        for m in ok:
            if m is not n and (m.unit == n.unit or m.unit in g.line(n.unit)):
                if exchange.digest(n.store, n.unit, m.unit) != exchange.digest(m.store, n.unit, m.unit):
                    bad.append(('P3', 'digests of %s (%s) and %s (%s)' % (n.id[:6], n.unit[:6], m.id[:6], m.unit[:6])))
    return bad


def wronged(w, g, union):
    """P4"""
    bad = []
    for k, e in union.items():
        if e.h.author not in w.stolen and g.fork_at.get(e.log):
            bad.append(('P4', 'honest node accused: %s' % e.h.author))
        if e.h.cls != CONTROL and k not in g.standing:
            bad.append(('P4', 'entry without a verdict'))
    for lg, ps in g.pins.items():
        stand = set(g.branch.get(lg, ()))
        for rank, s, k, _by in ps:
            if k not in union or union[k].log != lg or union[k].h.seq != s or k in stand or lg not in g.branch:
                continue
            cut = any(g.rank[c[1]] <= rank and c[3] in (None, lg) and c[0].get(lg, 0) < s for c in g.cuts.get(lg[0], ()))
            other = any(p[0] <= rank and p[2] != k and p[2] in union for p in ps)
            if not cut and not other:
                bad.append(('P4', 'pin undone by a junior: %s %d' % (lg, s)))
    return bad


def behind(w, g, union):
    """P8: whoever took an office's place with a new key stands before all that the old key admitted."""
    bad = []
    for old, ch in w.successors.items() if RULES['succeeds'] == 'place' else ():
        for m, by in g.admissions.items():
            if g.unit_of.get(ch[1]) and union[by].h.author == old and w.successors[old][1] != m and not successor(union[by], m) and \
                    not g.senior(ch[1], m):
                bad.append(('P8', 'the new key of %s stands behind %s' % (old[:6], m[:6])))
    return bad


def successor(e, m):
    """Does this entry admit the node as its author's own successor?"""
    return any(ch[0] == 'admit' and ch[1] == m and ch[7] == ch[2] for ch in e.body)


class Reach:
    """A second, liberal reading of who may write where: nothing is cut, nobody judged.

    A copied nonce makes no unit of the copier's, unless he is at least as near to the root as who made it: docs/protocol.md 5.1
    lets him take it (his revocation gives it back).  Such units are counted in `taken`."""

    def __init__(self, entries, honest):
        self.up, self.taken = defaultdict(set), set()
        origin = {ch[1]: (ch[2], e.h.author) for e in entries if e.k in honest and e.body and e.h.cls == CONTROL for ch in e.body if ch[0] == 'unit'}
        self.node = {FOUNDER: (ROOT, 3, 1), REC: (ROOT, STEWARD, 0)}        # unit, roles, length of the chain of admissions
        self.by = defaultdict(list)
        grew = True
        while grew:
            grew = False
            for e in entries:
                n = self.node.get(e.h.author)
                if e.h.cls != CONTROL or n is None or not n[1] & STEWARD:
                    continue
                for ch in e.body:
                    if ch[0] == 'admit' and ch[2] == e.h.author and self.over(n[0], ch[3]) and ch[1] not in self.node:
                        self.node[ch[1]] = (ch[3], ch[4], max(1, n[2] + (RULES['succeeds'] == 'link' or ch[7] != ch[2] or ch[3] != n[0])))
                    elif ch[0] == 'unit' and self.over(n[0], ch[2]) and self.may_make(n, ch, origin.get(ch[1])) or \
                            ch[0] in MOVES and self.over(n[0], ch[1]) and self.over(n[0], ch[2]):
                        if ch[2] in self.up[ch[1]]:
                            continue
                        self.up[ch[1]].add(ch[2])
                    else:
                        continue
                    grew = True if ch[0] != 'admit' or self.by[ch[1]] == [] else grew
                    if ch[0] == 'admit':
                        self.by[ch[1]].append(e.k)

    def may_make(self, n, ch, origin):
        if origin is None or origin[0] == ch[2] or self.over(n[0], ch[1]):
            return True
        near = origin[1] in self.node and self.height(n[0]) <= self.height(self.node[origin[1]][0])
        if near:
            self.taken.add(ch[1])
        return near

    def height(self, unit):
        d, at = 0, {unit}
        while at and ROOT not in at:
            at = set().union(*[self.up.get(x, ()) for x in at])
            d += 1
        return d

    def over(self, unit, other):
        todo, seen = [other], set()
        while todo:
            x = todo.pop()
            if x == unit:
                return True
            if x not in seen:
                seen.add(x)
                todo += self.up.get(x, ())
        return False


def outside(w, g, union):
    """P6"""
    reach = Reach(list(union.values()), w.honest.keys() & g.verdict.keys())
    bad = []

    def must(n, roles, what, *units):
        a = reach.node.get(n)
        if a is None or not a[1] & roles or not all(reach.over(a[0], u) for u in units):
            bad.append(('P6', '%s of %s outside its authority' % (what, n[:6])))

    def junior(n, m, what):
        a, b = reach.node.get(n), reach.node.get(m)
        if n != m and (a is None or b is not None and a[2] > b[2]):
            bad.append(('P6', '%s by %s of its senior %s' % (what, n[:6], m[:6])))

    for m, unit in g.unit_of.items():
        if m in g.rank and m not in (REC, FOUNDER):
            by = g.admissions[m]
            if g.verdict[by] is None or by not in g.judged[union[by].log]:
                bad.append(('P6', 'node %s without a standing admission' % m[:6]))
            must(union[by].h.author, STEWARD, 'admission', unit)
    for k, vs in g.verdict.items():
        for i, v in vs.items():
            ch, n = union[k].body[i], union[k].h.author
            if v != 'ok' or ch[0] == 'revoke':  # what these do, the cuts show
                continue
            units = {'unit': ch[2:3], 'name': ch[1:2], 'admit': ch[3:4]}.get(ch[0], ch[1:3] if ch[0] in MOVES + ('handover',) else ())
            must(n, STEWARD, ch[0], *units)
            if ch[0] == 'unit':                 # and the unit it makes is its own to make
                must(n, STEWARD, 'copied creation', ch[1])
    for m, cs in g.cuts.items():
        for c in cs:
            if c[1] != m:                       # everybody may cut himself
                must(c[1], STEWARD, 'cut', g.unit_of_any(m))
                junior(c[1], m, 'cut')
    for lg, ps in g.pins.items():
        for p in ps:
            must(union[p[3]].h.author, STEWARD, 'pin', g.unit_of_any(lg[0]))
            junior(union[p[3]].h.author, lg[0], 'pin')
    for k in g.erased:
        if not any(r.hash == k and reach.over(reach.node[union[by].h.author][0], g.unit_of_any(union[k].h.author)) for by, r in g.erasures):
            bad.append(('P6', 'erasure outside authority'))
    for k, v in g.standing.items():
        h = union[k].h
        if v == 'ok' and h.cls == RECORD:
            must(h.author, WRITER, 'record', h.unit)
        elif v == 'ok':
            must(h.author, WRITER, 'document')
    return bad


def check(seed, reach='form', thieves=True, strong=False, steps=110, rotate=False):
    """A list of (property, text), and the world."""
    w = World(seed, reach, thieves, strong, rotate)
    try:
        w.run(steps)
    except AssertionError as x:
        return [('P5', str(x))], w
    except (KeyError, IndexError, AttributeError, TypeError) as x:     # the model itself fell: no reason to end a run of thousands
        return [('model', repr(x))], w
    return examine(w), w


def examine(w):
    """What is wrong with a world that has come to its end."""
    bad = order_matters(w)
    for _ in range(3):
        if not w.root_lives():
            w.recover(what=1)                   # a root nobody acts for any more is replaced; that it is so may be known only when all have talked
        if not w.settle_down():
            bad.append(('P3', 'exchange does not end'))
        if bad or w.root_lives():
            break
    ok = w.inside(w.links(touch=True)[1])       # the others wait for a review or a senior
    ls = w.round()
    if not ok:
        return bad                              # nothing stands any more: who keeps the recovery keys begins anew
    union = Store(e for n in ok for e in n.store.e.values())            # what nodes in touch hold, together
    g = union.views()
    held = {k for n in ok for k, e in n.store.e.items() if e.body is not None and g.may_hold_body(n.unit, e)}
    if any(e.body is not None and k not in held for k, e in union.e.items()):
        # A body left with offices that may not have it any more (its own lost it in a restore) has no way back: it counts as lost.
        union = Store(e if k in held else e.bare() for k, e in union.e.items())
        g = union.views()
    return bad + parted(w, ok, g, union.e) + wronged(w, g, union.e) + outside(w, g, union.e) + behind(w, g, union.e) + fork_unknown(w, ok, ls)


def register_laws(seed):
    """P5 on one unit: writes by three nodes; cutting the last ones of one brings back the nearest standing."""
    r = random.Random(seed)
    w = World(seed, thieves=False)
    f = w.nodes[FOUNDER]
    u = model.digits(32, 'unit', 1)
    w.control(f, ('unit', u, ROOT, 1, (ROOT,)))
    ns = []
    for i in range(3):
        ch = w.admission(f, f.store.views(), u)
        w.control(f, ch)
        ns.append(w.newcomer(f, ch))
    ws = []
    for i in range(r.randint(3, 9)):
        n = r.choice(ns)
        w.link(f, n)
        if r.random() < .5:
            w.link(n, r.choice([m for m in ns if m is not n]))
        ws.append(w.write(n, REPORT, RECORD, (('put', 'a', r.randint(1, 4)),), u))
        if r.random() < .5:
            w.link(n, f)
    v = w.g.views()
    victim = r.choice(ns)
    lg = (victim.id, REPORT, victim.epoch[REPORT])
    br = v.branch.get(lg, [])
    keep = r.randint(0, len(br))
    w.control(f, ('revoke', victim.id, (Ref(lg, keep, br[keep - 1]),) if keep else ()))
    after = w.g.views()
    left = [e.k for e in ws if not (e.h.author == victim.id and e.h.seq > keep)]
    want = {k for k in left if not any(after.has_seen(j, k) for j in left)}
    return [] if {x[0] for x in after.registers.get((u, 'a'), ())} == want else [('P5', 'what stood before does not return')]


def switched(rule, value):
    old, model.RULES[rule] = model.RULES[rule], value
    views.forget()
    return old


def known():
    """Each rule once as it is (nothing fails) and once switched back (something does).  How many did not do so."""
    cases = [('scenario ' + f.__name__, lambda f=f: f(examine), rule, old) for f, rule, old in SCENARIOS]
    cases += [('seed %d' % c[0], lambda c=c: check(*c[:5])[0], c[5], c[6]) for c in SEEDS]
    bad = 0
    for name, run, rule, old in cases:
        now = run()
        keep = switched(rule, old)
        then = run()
        switched(rule, keep)
        bad += bool(now) or not then
        print('known %s: %s; with %s=%s: %s' % (name, 'FAILS %s' % now[:1] if now else 'holds', rule, old, 'fails' if then else 'HOLDS'))
    return bad


def seeds(count, first, reach='form', thieves=True, strong=None, steps=110, show=2, rotate=None):
    """strong, rotate None: every second seed, every third.  How many failed."""
    t, failed, shown, entries, failing = time.time(), Counter(), Counter(), 0, 0
    for s in range(first, first + count):
        bad, w = check(s, reach, thieves, s % 2 == 1 if strong is None else strong, steps, s % 3 == 0 if rotate is None else rotate)
        bad += register_laws(s)
        entries += len(w.g.e)
        failing += bool(bad)
        for p in sorted({p for p, _ in bad}):
            failed[p] += 1
        for p, text in bad:
            if shown[p] < show:
                shown[p] += 1
                print('seed', s, p, text[:1500])
    print('%d seeds, %d failing%s; %.0f entries a scenario, %.0f s' %
          (count, failing, ' %s' % dict(failed) if failed else '', entries / max(1, count), time.time() - t), flush=True)
    return failing


def main(argv):
    opt = dict(a.split('=') for a in argv if '=' in a)
    for k in opt:
        if k in model.RULES:
            switched(k, {'True': True, 'False': False}.get(opt[k], opt[k]))
    if argv[:1] == ['known']:
        return 1 if known() else 0
    if argv[:1] == ['share']:
        return 1 if known() + seeds(60, 0) + seeds(20, 0, reach='random') else 0
    nums = [int(a) for a in argv if a.isdigit()]
    strong, rotate = (None if x not in opt else opt[x] == '1' for x in ('strong', 'rotate'))
    bad = seeds((nums + [300])[0], nums[1] if len(nums) > 1 else 0, opt.get('reach', 'form'), opt.get('thieves', '1') == '1', strong,
                int(opt.get('steps', 110)), int(opt.get('show', 2)), rotate)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

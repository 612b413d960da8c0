"""Reconciliation: what one side sends, the other takes, and what both compare."""
from collections import Counter

from model import CONTROL, DIRECTIVE, MOVES, RULES, digits
from views import made

EVIDENCE_LOGS = 64          # logs that a node takes from one peer as evidence, beyond what its views entitle it to
EVIDENCE_MOST = Counter()   # how many were needed, over all runs: {logs of one peer: times}


def cut_to(entries, views, u):
    """The subset of entries that a node of u may hold, judged by views."""
    scope = views.scope(u)
    may = {lg: views.may_hold_log(u, lg, scope) for lg in views.kids}
    return {k: e if e.body is None or views.may_hold_body(u, e) else e.bare() for k, e in entries.items() if may[e.log]}


def line_hint(v, u, start=()):
    """Units that the admissions and moves held name above u: their directive logs are taken before views know better."""
    out, sub, n = set(start), v.subtree(u) | {u}, -1
    named = [ch for e in v.entries.values() if e.h.cls == CONTROL and e.body is not None for ch in e.body if ch[0] == 'admit' or ch[0] in MOVES]
    while n != len(out):
        n = len(out)
        for ch in named:
            if ch[0] == 'admit':
                if ch[3] == u:
                    out.update(ch[5])
            elif ch[1] in out or ch[1] in sub or not sub.isdisjoint(ch[3] + ch[4]):
                out.update(ch[3] + ch[4] + (ch[1],))
    return out


def rests_on(v, lg):
    """The entries on which the verdict of a log rests: its cuts, pins and handovers, and its author's admission."""
    out = [c[2] for c in v.cuts.get(lg[0], ())] + [p[3] for p in v.pins.get(lg, ())]
    out += [h[4] for h in v.handovers if lg in h[2]]
    return out + [v.admissions[lg[0]]] if lg[0] in v.admissions else out


def rests_on_line(v, u):
    """The entries that created a unit and those above it."""
    return [v.edges.made[x][1] for x in {u} | v.edges.up(u) if v.edges.made.get(x, (None, None))[1]]


def evidence(va, ub, vb, hint):
    """{log: highest seq} that a sends b though b is not entitled: what refutes logs that b holds and believes itself entitled to, and
    what made the units of its line that it does not know."""
    out, todo = {}, []
    sa, sb = va.scope(ub), vb.scope(ub)

    def rest(ks):
        for k in ks:
            e = va.entries[k]
            taken = va.may_hold_log(ub, e.log, sa) and (RULES['line'] == 'hidden' or vb.may_hold_log(ub, e.log, sb))
            if not taken and out.get(e.log, 0) < e.h.seq:
                out[e.log] = e.h.seq
                todo.append(e.log)

    for x in sorted(hint | {ub} | vb.edges.up(ub)) if RULES['line'] == 'shown' else ():
        if x != va.root and x in va.edges.made and va.edges.made[x][0] not in vb.edges.get(x, ()):
            rest(rests_on_line(va, x))          # its hello names its line
    for lg in sorted(vb.kids):
        if lg not in va.kids:
            continue
        for k in va.judged.get(lg, ()):         # a creation that lost: what it lost to
            for i, v in va.verdict.get(k, {}).items():
                if v == 'contested' and k in vb.entries:
                    won = va.edges.made[va.entries[k].body[i][1]]
                    rest([won[1]] + rests_on_line(va, won[0]))
        if not va.may_hold_log(ub, lg, sa) and lg[1] == DIRECTIVE and vb.may_hold_log(ub, lg, sb):
            seqs = Counter(va.entries[k].h.seq for ks in va.kids[lg].values() for k in ks)
            out[lg] = max([min([s for s, c in seqs.items() if c > 1], default=0)] + [p[1] for p in va.pins.get(lg, ())] + [out.get(lg, 0)])
            todo.append(lg)
    done = set()
    while todo:
        lg = todo.pop()
        if lg not in done:
            done.add(lg)
            rest(rests_on(va, lg))
    return out


def send(a, b):
    """One direction between two nodes: what a holds, b's unit may hold, and b lacks.  True if b changed."""
    va, vb, ua, ub = a.store.views(), b.store.views(), a.unit, b.unit
    again = (id(vb), ua, ub, b.store.line)
    if va is vb or again in vars(va).setdefault('_in_step', {}):
        return False
    sa, sb = va.scope(ub), vb.scope(ub)
    hint = line_hint(vb, ub, b.store.line)
    refute = evidence(va, ub, vb, hint) if RULES['held'] else {}
    taken = b.store.evidence.setdefault(a.id, set())
    may = {}                                    # log -> (up to which seq, handed up?)
    for lg in va.kids:
        up = RULES['handup'] and va.hand_up(ua, ub, lg)
        to = refute.get(lg, 0)
        believed = vb.may_hold_log(ub, lg, sb)
        if up or va.may_hold_log(ub, lg, sa) and (believed or lg[1] == DIRECTIVE and vb.unit_of_held(lg[0]) in hint):
            may[lg] = (1 << 30, up)
        elif to:
            if not believed and lg not in vb.kids and lg not in taken:     # a bound on what a peer can make us keep
                if len(taken) >= EVIDENCE_LOGS:
                    continue
                taken.add(lg)
            may[lg] = (to, up)
    changed = False
    have = b.store.e
    new = [e for e in va.entries.values() if e.log in may and (e.k not in have or have[e.k].body is None and e.body is not None)]
    for e in sorted(new, key=lambda e: (e.h.cls != CONTROL, e.log, e.h.seq, e.k)):
        to, up = may[e.log]
        if e.h.seq > to or e.h.prev is not None and e.h.prev not in have:
            continue
        body = e.body is not None and e.k not in vb.erased and (up and e.k not in va.erased or va.may_hold_body(ub, e))
        changed |= b.store.add(e if body else e.bare())
    if taken:
        EVIDENCE_MOST[len(taken)] += 1
    if changed:
        b.store.drop_erased()
    else:
        vars(va)['_in_step'][again] = vb        # the views are kept with it, so that no other takes their id
    return changed


def digest(store, u, v):
    """Over the views computed from what a node of u and one of v may both hold."""
    vw = store.views()
    low = u if v in vw.line(u) else v
    w = made(cut_to(cut_to(store.e, vw, u), vw, v))
    memo = vars(w).setdefault('_digests', {})
    if low not in memo:
        memo[low] = digits(64, w.restricted(low), w.restricted_records(low))
    return memo[low]

"""What follows from authority: today's structure, records and documents, erasures, submissions, and who may hold what.

Views is a pure function of a set of entries; Store is such a set, with what it believes of its line before it knows better.
"""
from collections import defaultdict

from model import (Authority, CONTROL, DIRECTIVE, DOCUMENT, FOUNDER, MOVES, RECORD, RECOVERY, REPORT, ROOT, RULES, WRITER)


class Views(Authority):
    def __init__(self, entries, root=ROOT, founder=FOUNDER):
        super().__init__(entries, root, founder)
        self._waits = None                      # node -> unit, found when first asked for
        self._structure()
        self._records()

    # -- registers -----------------------------------------------------------------------------------------------------------
    def _order(self, w):
        """Most senior author first, then the lower hash, then the earlier place."""
        return (self.rank[self.entries[w[0]].h.author], w[0], w[1])

    def _overtakes(self, a, b):
        """Has write a (entry, place, ...) seen write b?  In one body the later place has seen the earlier."""
        return a[1] > b[1] if a[0] == b[0] else self.has_seen(a[0], b[0])

    def tops(self, ws):
        """Writes that no other standing write of the same thing has seen, most senior first; of a ring of liars, all."""
        out = [w for w in ws if not any(self._overtakes(x, w) for x in ws)]
        return sorted(out or (ws if RULES['ring'] else []), key=self._order)

    # -- structure -----------------------------------------------------------------------------------------------------------
    def _structure(self):
        writes, names = defaultdict(list), defaultdict(dict)    # unit -> [(entry, place, parent, op)], {log: (entry, place, value)}
        self.levels = {}
        for k, vs in self.verdict.items():
            e = self.entries[k]
            if e.k not in self._standing(e.log):
                continue
            for i, v in vs.items():
                ch = e.body[i]
                if v != 'ok':
                    continue
                if ch[0] == 'unit':
                    writes[ch[1]].append((k, i, ch[2], 'unit'))
                    self.levels.setdefault(ch[1], []).append((self._order((k, i)), ch[3]))
                elif ch[0] in MOVES:
                    writes[ch[1]].append((k, i, ch[2], ch[0]))
                elif ch[0] == 'name':
                    last = names[ch[1]].get(e.log)      # of each log its latest counts, as if those before it had never been
                    if last is None or (e.h.seq, i) > (self.entries[last[0]].h.seq, last[1]):
                        names[ch[1]][e.log] = (k, i, ch[2])
        for u, ws in writes.items():            # what a senior's verdict rested on stays known, though cut later
            for w in ws:
                self.edges.put(u, w[2])
                self.ever.put(u, w[2])
        if RULES['ever'] == 'final':
            self.ever = self.edges
        self.level = {u: min(ls)[1] for u, ls in self.levels.items()}
        self.level[self.root] = 0
        self.parent, by = self._tree(writes)
        self.closed = {u: (by[u][3], self.parent[u]) for u in by if by[u][3] in ('close', 'same')}
        self.names = {}
        for u, ws in names.items():
            top = self.tops(list(ws.values()))
            self.names[u] = (top[0][2], tuple(sorted({w[2] for w in top})))
        self._line, self._subtree = {}, {}

    def _standing(self, log):
        if not hasattr(self, '_stand'):
            self._stand = {}
        if log not in self._stand:
            self._stand[log] = set(self.branch.get(log, ()))
        return self._stand[log]

    def _tree(self, writes):
        """Parents as registers: while they make a cycle, or one does not stand, the write behind it is set aside."""
        self.aside = set()
        dropped = set()
        while True:
            by = {}
            for u, ws in writes.items():
                left = [w for w in ws if (u, w) not in dropped]
                if left:
                    by[u] = self.tops(left)[0]
            par = {u: w[2] for u, w in by.items()}
            bad, state = set(), {}
            for u in sorted(par):
                path, x = [], u
                while x in par and x not in state:
                    state[x] = u
                    path.append(x)
                    x = par[x]
                if x in par and state.get(x) == u:
                    cycle = path[path.index(x):]
                    bad.add(max(cycle, key=lambda c: (self._order(by[c]), c)))
            bad = bad or {u for u in par if par[u] != self.root and par[u] not in par}
            if not bad:
                return par, by
            for u in bad:
                dropped.add((u, by[u]))
                self.aside.add((by[u][0], by[u][1]))

    def line(self, u):
        """Units above u today, nearest first."""
        out = self._line.get(u)
        if out is None:
            out, x = [], u
            while x in self.parent and self.parent[x] not in out:
                x = self.parent[x]
                out.append(x)
            self._line[u] = out
        return out

    def subtree(self, u):
        if u not in self._subtree:
            self._subtree[u] = {x for x in list(self.parent) + [self.root] if x == u or u in self.line(x)}
        return self._subtree[u]

    # -- records, documents, erasures, submissions -----------------------------------------------------------------------------
    def _records(self):
        self.erased = set()                     # entries whose body is nobody's
        for k, r in self.erasures:
            e = self.entries.get(r.hash)
            if k in self._standing(self.entries[k].log) and e is not None and e.log == r.log and e.h.cls != CONTROL:
                self.erased.add(r.hash)
        self.standing = {}                      # record or document entry -> verdict
        writes, submissions = defaultdict(list), []
        for k, e in self.entries.items():
            if e.h.cls == CONTROL:
                continue
            v = self.standing[k] = self._judge_entry(e)
            if v != 'ok' or e.body is None or k in self.erased or e.h.cls != RECORD:
                continue
            for i, ch in enumerate(e.body):
                if ch[0] == 'put':
                    writes[(e.h.unit, ch[1])].append((k, i, ch[2]))
                elif ch[0] == 'submit':
                    submissions.append((k, e.h.unit, ch[1], {r.log: r.seq for r in ch[2]}))
        self.writes = writes
        self.registers = {key: self.tops(ws) for key, ws in writes.items()}
        self.submissions = []
        for k, u, period, cover in submissions:
            changed = any(key[0] == u and w[0] != k and self.entries[w[0]].h.seq > cover.get(self.entries[w[0]].log, 0)
                          for key, ws in writes.items() for w in ws)
            self.submissions.append((k, u, period, 'changed' if changed else 'same'))

    def past(self, e):
        """Why an entry is not on its author's branch."""
        if e.h.author not in self.done:
            return 'no-admission'
        c = self.cut_of(e.log)
        return 'cut' if c is not None and e.h.seq > c else 'fork'

    def _judge_entry(self, e):
        n, h = e.h.author, e.h
        if n not in self.done or e.k not in self._standing(e.log):
            return self.past(e)
        if not self.roles[n] & WRITER:
            return 'role'
        au = self.unit_of[n]
        if h.cls == DOCUMENT:
            mine = [u for u, scope in h.audience if u == au or au in self.edges.up(u) or scope == 0 and u in self.edges.up(au)]
            return 'ok' if mine else 'outside'
        u = h.unit
        if u != self.root and u not in self.edges:
            return 'foreign'
        if h.kind == REPORT:
            return 'ok' if u == au else 'outside'
        if not self.edges.over(au, u):
            return 'outside'
        return 'handover' if self._handed(n, e, u, self.edges) else 'ok'

    def counted(self, key, policy='owner'):
        """(value or None, contested): what a conflicted field counts as until it is settled."""
        top = self.registers.get(key, ())
        vals = {w[2] for w in top}
        if len(vals) <= 1:
            return (next(iter(vals), None), False)
        unit_of = lambda w: self.unit_of[self.entries[w[0]].h.author]
        own = [w for w in top if unit_of(w) == key[0]]
        up = [w for w in top if unit_of(w) != key[0]]
        side = (own or up) if policy == 'owner' else (up or own)
        if side is up:                          # the author's unit nearest to the root
            d = min(len(self.line(unit_of(w))) for w in side)
            side = [w for w in side if len(self.line(unit_of(w))) == d]
        vals = {w[2] for w in side}
        if len(vals) == 1:
            return (vals.pop(), True)
        common = [w for w in self.writes[key] if all(self._overtakes(t, w) for t in side)]
        last = {w[2] for w in self.tops(common)}
        return (last.pop() if len(last) == 1 else None, True)

    # -- who may hold what -----------------------------------------------------------------------------------------------------
    def scope(self, u):
        """(subtree of u today, units ever above any of it, or above what was directly under it and left)."""
        sub = self.subtree(u)
        left = {x for x, ps in self.ever.items() if ps & sub} if RULES['left'] else set()
        return sub, self.ever.up_all(sub | left | {u})

    by_claim = True    # may the logs of a node be held that some admission names, whatever became of it?  Stores ask more narrowly (conclude.py)

    def unit_of_held(self, m):
        """The unit of a node whose logs may be held: one that stands, or waits, or (a verdict may rest on what it wrote before it fell) is named."""
        if m in self.unit_of:
            return self.unit_of[m]
        if self.by_claim and self.claims.get(m):
            return next(iter(self.claims[m]))[0]
        return self._waiting().get(m)

    def _waiting(self):
        """{node: unit} of those whose admission may stand yet: once a fork is decided, a handover accepted, a unit known, or its inviter stands."""
        if self._waits is None:
            self._waits, more = {}, True
            while more:
                new = {m: unit for m, claims in self.claims.items() if m not in self.unit_of and m not in self._waits
                       for unit, _log, _seq, k in claims if self._admission_waits(m, self.entries[k])}
                self._waits.update(new)
                more = bool(new)
        return self._waits

    def _admission_waits(self, m, e):
        if e.h.author not in self.done:
            return e.h.author in self._waits
        if e.k not in self.verdict:
            return self.past(e) == 'fork'
        return any(ch[0] == 'admit' and ch[1] == m and self.verdict[e.k][i] in ('foreign', 'handover') for i, ch in enumerate(e.body))

    def may_hold_log(self, u, lg, scope=None):
        if lg[1] == RECOVERY:
            return True
        lu = self.unit_of_held(lg[0])
        sub, up = scope or self.scope(u)
        return lu in sub or lg[1] == DIRECTIVE and (lu in up or lu == self.root)

    def hand_up(self, ua, ub, lg):
        """May ub take from ua, below it, what ua holds of a unit that once stood below both?"""
        lu = self.unit_of_held(lg[0])
        if lu is None or ub not in self.line(ua) or ua in self.subtree(lu) or ua in self.line(lu):
            return False
        ever = self.ever.up(lu)
        return ua in ever and ub in ever

    def _selected(self, u, unit, scope):
        inside = u == unit or unit in self.line(u)
        return u == unit if scope == 0 else inside and (scope == 1 or self.level.get(u) == scope - 2)

    def _passed(self, u, unit, scope):
        """Must a document for this term pass through u?  It stands above one that the term selects."""
        if RULES['through levels'] == 'number' and scope > 1:
            return self.level.get(u, 99) < scope - 2 and (u in self.line(unit) or u == unit or unit in self.line(u))
        return any(x != u and self._selected(x, unit, scope) for x in self.subtree(u))

    def _reached(self, u, unit, reach):
        """Does a report of that unit go up to u?  It stops below the first unit on its way whose level number is below its reach."""
        line = self.line(unit)
        if u not in line:
            return False
        way = line[:line.index(u) + 1] if RULES['through levels'] == 'way' else [u]
        return all(self.level.get(x, 0) >= reach for x in way)

    def may_hold_body(self, u, e):
        h = e.h
        if h.cls == CONTROL:
            return True
        if e.k in self.erased:
            return False
        au = self.unit_of_held(h.author)
        if h.cls == RECORD:
            if u in (h.unit, au):
                return True
            if h.kind == DIRECTIVE:
                return u in self.line(h.unit) or u in self.line(au)
            return self._reached(u, h.unit, h.reach)
        if u == au or u in self.line(au):
            return True
        below = au in self.line(u)
        return any(self._selected(u, *t) or below and self._passed(u, *t) for t in h.audience)

    # -- comparison ------------------------------------------------------------------------------------------------------------
    def restricted(self, u):
        """What a node of u may speak of, apart from values; used to compare nodes and in digests."""
        sub, up = scope = self.scope(u)
        units = sub | up | {self.root}
        out = []
        for x in sorted(units):
            out.append(('unit', x, self.parent.get(x), self.closed.get(x), self.names.get(x), self.level.get(x)))
        mine = [m for m in sorted(self.rank, key=self.rank.get) if self.unit_of[m] in units]
        out += [('node', m, self.unit_of[m], self.roles[m], i) for i, m in enumerate(mine)]
        held = {lg for lg in sorted(self.kids) if lg[0] in self.rank and self.may_hold_log(u, lg, scope)}
        for lg in sorted(held):
            out.append(('log', lg, tuple(self.branch.get(lg, ())), self.cut_of(lg), self.fork_at.get(lg)))
        for k in sorted(self.standing):
            e = self.entries[k]
            if e.log in held and (e.h.unit in sub if e.h.cls == RECORD else any(t[0] in sub or self._selected(u, *t) for t in e.h.audience)):
                out.append(('entry', k, self.standing[k], k in self.erased))
            elif e.log in held and k in self.erased and self.unit_of_any(e.h.author) in sub:
                out.append(('erased', k))
        return out

    def restricted_records(self, u):
        sub = self.subtree(u)
        out = [(key, ws, self.counted(key, 'owner'), self.counted(key, 'upper')) for key, ws in sorted(self.registers.items()) if key[0] in sub]
        return out + [((s[1], 'submission'), s) for s in sorted(self.submissions) if s[1] in sub]

    def everything(self):
        """All of it, in one comparable value."""
        return (sorted(self.rank.items()), sorted(self.parent.items()), sorted(self.names.items()), sorted(self.closed.items()),
                sorted((k, sorted(v.items())) for k, v in self.verdict.items()), sorted(self.standing.items()), sorted(self.erased),
                sorted((k, ws, self.counted(k), self.counted(k, 'upper')) for k, ws in self.registers.items()),
                sorted((lg, tuple(b), self.cut_of(lg), self.fork_at[lg]) for lg, b in self.branch.items()), sorted(self.aside),
                sorted(self.submissions))


class Store:
    """A set of entries by hash.  add() is idempotent; a body may come later; what is erased by its own views is dropped."""

    def __init__(self, entries=()):
        self.e, self.line, self.evidence, self._views, self._erases = {}, (), {}, None, False   # evidence: peer -> logs taken as such
        for x in entries:
            self.add(x)

    def add(self, e):
        old = self.e.get(e.k)
        if old is not None and (old.body is not None or e.body is None):
            return False
        self.e[e.k] = e
        self._views = None
        self._erases = self._erases or e.h.cls == CONTROL and any(ch[0] == 'erase' for ch in e.body or ())
        return True

    def views(self):
        if self._views is None:
            self._views = made(self.e)
        return self._views

    def drop_erased(self):
        for k in self.views().erased if self._erases else ():
            self.e[k] = self.e[k].bare()        # the views are the same with the body or without


MADE, MADE_MOST = {}, 64


def made(entries):
    """The views of a set, remembered: nodes in step hold the same sets."""
    key = frozenset((k, e.body is None) for k, e in entries.items())
    v = MADE.get(key)
    if v is None:
        v = Views(dict(entries))
        if len(MADE) >= MADE_MOST:
            MADE.pop(next(iter(MADE)))
        MADE[key] = v
    return v


def forget():
    """To be called when RULES change."""
    MADE.clear()

"""What a store shows beyond the tree: attributes of units, forms, records cell by cell, what is set aside and why, and what a digest is made
of (docs/protocol.md 5.2, 5.4, 6, 12).  For sets that come from stores (lines.py: what tests/sim/dump.c writes)."""
from collections import defaultdict

import figures
from model import CONTROL, DOCUMENT, FOUNDER, MOVES, REC, RECORD, ROOT, STEWARD
from views import Views

CODE, NAME, LEVEL, LEVELS = 1, 2, 3, 0
REASONS = {'not-inviter': 306, 'no-admission': 302, 'cut': 313, 'fork': 305, 'request': 314, 'foreign': 401, 'role': 306, 'outside': 306, 'line': 307,
           'no-move': 316, 'contested': 306, 'handover': 315, 'unknown': 208}
CRITICAL, MALFORMED, NO_KIND, FORM_UNKNOWN, FORM_CHANGED, NOT_REPORTING, CYCLE = 205, 201, 208, 407, 410, 420, 317
CUT_AND_FORK = (305, 313)
APART = ('form', 'other', 'critical')           # changes of control entries that the tree does not judge


def raw(digits):
    return bytes.fromhex(digits)


def order_of_date(day):
    return (day is not None, day or 0)          # none is before every day


class Conclusions(Views):
    """whole: entry -> `critical` or `broken`, where its body counts for nothing; keys: of the founder, (signing, transport)."""

    by_claim = False   # docs/protocol.md 10: of an author who neither stands nor waits nobody may hold a log

    def __init__(self, entries, root=ROOT, founder=FOUNDER, whole=None, keys=('', '')):
        self.whole, self.founder_keys = whole or {}, keys
        super().__init__(entries, root, founder)
        self._attributes()
        self._forms()
        self._cells()
        self._asides()

    def _stands(self, k):
        return k in self._standing(self.entries[k].log)

    # -- attributes of units, level tables -------------------------------------------------------------------------------------
    def _attributes(self):
        self.creation, latest = {}, {}          # unit -> (entry, place, change); (unit, attribute, day, log) -> write
        registers = defaultdict(list)           # (unit, attribute, day) -> [(entry, place, value)]
        for k, vs in self.verdict.items():
            e = self.entries[k]
            for i, v in vs.items():
                ch = e.body[i]
                if v != 'ok' or not self._stands(k):
                    continue
                if ch[0] == 'unit':
                    place = (self.rank[e.h.author], self._place(k, i))
                    if ch[1] not in self.creation or place < self.creation[ch[1]][0]:
                        self.creation[ch[1]] = (place, k, i, ch)
                elif ch[0] in ('set', 'levels'):
                    key = (self.root, LEVELS, None, e.log) if ch[0] == 'levels' else (ch[1], ch[2], ch[4], e.log)
                    old = latest.get(key)
                    if old is None or (self.entries[old[0]].h.seq, old[1]) < (e.h.seq, i):
                        latest[key] = (k, i, ch[1] if ch[0] == 'levels' else ch[3])
        for (unit, attribute, day, _log), w in latest.items():
            registers[(unit, attribute, day)].append(w)
        for unit, (_place, k, i, ch) in self.creation.items():
            for attribute, value in ((CODE, ch[5]), (NAME, ch[6]), (LEVEL, ch[3])):
                registers[(unit, attribute, ch[7])].append((k, i, value))
        self.registers_of = registers
        self.hold = {key: self.tops(ws)[0] for key, ws in registers.items()}
        self.level = {u: self.attribute(u, LEVEL) for u in list(self.parent) + [self.root]}

    def attribute(self, unit, attribute, day=None):
        """Its value on a day (None: the latest there is)."""
        days = [d for (u, a, d) in self.hold if (u, a) == (unit, attribute) and (day is None or d is None or d <= day)]
        if not days:
            return 0 if attribute == LEVEL else None
        return self.hold[(unit, attribute, max(days, key=order_of_date))][2]

    def there(self, unit, day):
        """Is it there by then, it and what is above it?"""
        days = [self.creation[u][3][7] for u in [unit] + self.line(unit) if u in self.creation]
        return all(d is None or d <= day for d in days)

    # -- forms -------------------------------------------------------------------------------------------------------------------
    def _forms(self):
        self.forms, self.form_aside, waiting = {}, {}, []
        for k in sorted(self.entries):
            e = self.entries[k]
            if e.h.cls == CONTROL and e.body is not None and k not in self.whole:
                waiting += [(k, i, e, ch[1]) for i, ch in enumerate(e.body) if ch[0] == 'form']
        grew = True
        while grew:
            grew = False
            for k, i, e, form in waiting:
                reason = self._judge_form(k, e, form)
                self.form_aside[(k, i)] = reason
                if reason is None and form.version not in self.forms:
                    self.forms[form.version] = form
                    grew = True

    def _judge_form(self, k, e, form):
        n = e.h.author
        if n not in self.done or not self._stands(k):
            return REASONS[self.past(e)]
        if n == REC or not self.roles[n] & STEWARD or form.issuer != self.unit_of[n]:
            return REASONS['role']
        if form.previous is not None:
            before = self.forms.get(form.previous)
            if before is None:
                return FORM_UNKNOWN
            return None if figures.follows(form, before) else FORM_CHANGED
        return None

    # -- records -----------------------------------------------------------------------------------------------------------------
    def _cells(self):
        self.put_aside, self.cells = {}, defaultdict(list)      # (unit, form, period, row, field) -> [(entry, place, meaning)]
        for k, v in self.standing.items():
            e = self.entries[k]
            if v != 'ok' or e.body is None or k in self.whole or e.h.cls != RECORD:
                continue
            for i, ch in enumerate(e.body):
                if ch[0] != 'cells':
                    continue
                self.put_aside[(k, i)] = reason = self._judge_put(e, ch)
                if reason is None and k not in self.erased:
                    form = self.forms[ch[1]]
                    for c in ch[2]:
                        field = form.fields[c.ordinal].name
                        self.cells[(e.h.unit, form.form, c.period, c.row, field)].append((k, i, figures.meaning(c, form)))

    def _judge_put(self, e, ch):
        form, unit = self.forms.get(ch[1]), e.h.unit
        if form is None or form.issuer != unit and form.issuer not in self.ever.up(unit):
            return FORM_UNKNOWN
        if not figures.fits(ch[2], form):
            return MALFORMED
        for day in {figures.last_day(form, c.period) for c in ch[2]} if form.levels else ():
            if not self.there(unit, day) or self.attribute(unit, LEVEL, day) not in form.levels:
                return NOT_REPORTING
        return None

    def records(self, unit=None, may=lambda k: True):
        """[[unit, form, period, row, [[field, [[entry, state, value, qualifier]...]]...]]...] in their order, of this unit and those below."""
        out, below = {}, None if unit is None else self.subtree(unit)
        for (u, form, period, row, field), ws in self.cells.items():
            ws = [w for w in ws if may(w[0])]
            if not ws or below is not None and u not in below:
                continue
            heads = sorted([raw(k)[:16]] + list(m) for k, _i, m in self.tops(ws))
            out.setdefault((raw(form), period, raw(u), row), []).append([field, heads])
        return [[u, form, period, row.decode(), sorted(fields)] for (form, period, u, row), fields in sorted(out.items())]

    # -- what is set aside -------------------------------------------------------------------------------------------------------
    def _asides(self):
        """(entry, place) -> reason."""
        self.asides = {}
        for k, e in self.entries.items():
            if e.body is None or k in self.erased:
                continue
            for place, reason in self._asides_of(k, e):
                if reason is not None:
                    self.asides[(k, place)] = reason

    def _asides_of(self, k, e):
        whole = self.whole.get(k)
        if whole == 'critical':
            return [(0, CRITICAL)]
        if e.h.cls != CONTROL and self.standing[k] != 'ok':
            return [(0, self._reason_of_whole(e))]
        if whole == 'broken':
            return [(0, MALFORMED)]
        if e.h.cls == CONTROL:
            return [(i, self._reason(k, i, e, ch)) for i, ch in enumerate(e.body)]
        return [(i, self.put_aside.get((k, i)) if ch[0] == 'cells' else NO_KIND if ch[0] == 'other' else CRITICAL if ch[0] == 'critical' else None)
                for i, ch in enumerate(e.body)]

    def _reason_of_whole(self, e):
        v = self.standing[e.k]
        return REASONS['foreign'] if v == 'outside' and e.h.cls == DOCUMENT else REASONS[v]

    def _reason(self, k, i, e, ch):
        if ch[0] == 'other':
            return NO_KIND
        if ch[0] == 'critical':
            return CRITICAL
        if ch[0] == 'form':
            return self.form_aside[(k, i)]
        v = self.verdict.get(k, {}).get(i)
        if v is None:
            return REASONS['not-inviter'] if ch[0] == 'admit' and ch[2] != e.h.author else REASONS[self.past(e)]
        if v == 'ok' and not self._stands(k):
            return REASONS['cut']
        return CYCLE if (k, i) in self.aside else None if v == 'ok' else REASONS[v]

    # -- digests -----------------------------------------------------------------------------------------------------------------
    def digest_items(self, u, v):
        """What a digest of these two units is made of, item by item."""
        low = u if u == v or v in self.line(u) else v
        below = self.subtree(low)
        scope = sorted(below | set(self.line(low)))
        both = {lg: self.may_hold_log(u, lg) and self.may_hold_log(v, lg) for lg in self.kids}
        may = lambda k: both[self.entries[k].log] and self.may_hold_body(u, self.entries[k]) and self.may_hold_body(v, self.entries[k])
        out = [self._unit_item(x) for x in scope]
        out += [self._node_item(m) for m in sorted(self.rank) if m != REC and self.unit_of[m] in scope]
        if (self.root, LEVELS, None) in self.hold:
            out.append([3, self.hold[(self.root, LEVELS, None)][2]])
        out += [[4, raw(x), raw(form.issuer)] for x, form in sorted(self.forms.items()) if form.issuer in scope]
        out += [[5, record] for record in self.records(low, may)]
        apart = {k for k, _place in self.asides}
        out += [[6, raw(k)[:16]] for k in sorted(self.standing) if self.entries[k].h.cls == DOCUMENT and self.standing[k] == 'ok' and k not in apart and
                self.entries[k].body is not None and may(k)]
        out += [[7, raw(k)[:16], place, reason] for (k, place), reason in sorted(self.asides.items())
                if reason not in CUT_AND_FORK and may(k) and not self._past_log(self.entries[k]) and self._concerned(k, place) in scope]
        return out + [x for lg in sorted(self.branch, key=lambda lg: (lg[0], lg[1], lg[2])) if both[lg] for x in self._log_item(lg, scope)]

    def _unit_item(self, x):
        writes = []
        for (unit, attribute, day), ws in self.registers_of.items():
            if unit == x and attribute != LEVELS:
                for w in ws:
                    writes.append([attribute, day, w[2], w == self.hold[(unit, attribute, day)], raw(w[0])[:16]])
        writes.sort(key=lambda w: (w[0], order_of_date(w[1]), w[4], w[2], w[3]))
        return [1, raw(x), raw(self.parent[x]) if x in self.parent else b'', x in self.closed, writes]

    def _node_item(self, m):
        signing, transport = self.founder_keys
        inviter = b''
        if m in self.admissions:
            ch = next(ch for ch in self.entries[self.admissions[m]].body if ch[0] == 'admit' and ch[1] == m)
            signing, transport, inviter = ch[8], ch[9], raw(ch[2]) if ch[2] != REC else b''
        return [2, raw(m), raw(self.unit_of[m]), raw(signing), raw(transport), self.roles[m], inviter, any(c[3] is None for c in self.cuts.get(m, ()))]

    def _concerned(self, k, place):
        e = self.entries[k]
        if e.h.cls == RECORD:
            return e.h.unit
        ch = e.body[place] if e.h.cls == CONTROL and k not in self.whole else ('',)
        if ch[0] == 'unit':
            return ch[2]
        if ch[0] in ('set', 'critical') or ch[0] in MOVES + ('handover',):
            return ch[1]
        if ch[0] in ('admit', 'form'):
            return ch[3] if ch[0] == 'admit' else ch[1].issuer
        if ch[0] in ('revoke', 'pin', 'fork', 'erase'):     # who does not know that node has another verdict than who does: then it is no unit's
            m = ch[1] if ch[0] == 'revoke' else ch[1].log[0] if ch[0] == 'fork' else ch[1][0].log[0]
            return self.unit_of[m] if m in self.rank and m != REC else None
        return self.unit_of.get(e.h.author) if e.h.author in self.rank else None

    def _past_log(self, e):
        """Is it past a cut or an open fork of its log, whoever the author?"""
        cut, fork = self.cut_of(e.log), self.fork_at[e.log] if e.log in self.fork_at else self._walk(e.log)[1]
        return cut is not None and e.h.seq > cut or fork is not None and e.h.seq >= fork

    def _log_item(self, lg, scope):
        cut, fork = self.cut_of(lg), self.fork_at[lg]
        if lg[0] == REC or self.unit_of[lg[0]] not in scope:
            return []
        upto, reason = (fork - 1, 305) if fork is not None else (cut, 313)
        held = max(self.entries[k].h.seq for ks in self.kids[lg].values() for k in ks)
        if upto is None or upto > held or upto == 0 and reason == 313:
            return []
        return [[8, raw(lg[0]), lg[1], raw(lg[2]), upto, reason]]

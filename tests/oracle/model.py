"""An executable model of the rules by which one state follows from one set of change-sets: an oracle, not a product.

Python 3 and its standard library only.  This file: entries, chains, and authority (who may write what, and what stands).
views.py: structure, records, erasures, submissions, who may hold what.  exchange.py: what goes over a link, digests.
world.py: seeded people, offices and thieves.  test_model.py: the properties.  known.py: what shows, for each rule of RULES, that an
older wording fails.  lines.py: sets and views as text, to compare another program with.  conclude.py, figures.py: what stores show
beyond that (attributes by date, forms, cells, set-asides, digests item by item).  compare.py: C beside it.  It is written from docs/,
not from the C code: two independent readings of the same rules are worth more than one.  Hashes and signatures are toys: an entry's
hash names its content, a stolen key is a header with its victim's name.

RULES holds each rule that an earlier wording had wrong: the mended form is set, the older one and why it fails stand beside it, and
known.py holds for each a scenario or a seed that fails with the older form.

Beside these the model settles: a fork decision is a pin and a cut at the entry it names, of that one log; the cut is asked before the
fork, so that both branches may fall.  A `same` is a closing.  An accept lifts a handover's verdict where its author is of the new line
and, for a control entry, senior to the entry's author (nodes are judged once).  Anybody may cut himself, which changes views and
never a verdict.  An erasure needs a steward of the author's unit or above; what is erased stays seen.  Recovery keys are judged as a
steward of the root, before everybody.  Control changes need a steward, records and documents a writer.

It has: recovery keys that revoke, pin, decide forks and admit; `same`; erasure; audiences; a receiver's bound on evidence
(exchange.EVIDENCE_LOGS, of each peer); the narrow list of what a structure change has seen (RULES, naming); submissions, of which
hoi has no change yet.  It has not: extracts (docs/protocol.md 6.2), bounds on what one author may make others keep, lines longer
than 30 units, bounds of forms and records (reason 107), receipts, bodies in parts, the tree of a day other than for levels.

What it does not promise: of creations of one id under different parents docs/protocol.md 5.1 lets the author nearest to the root win,
then the most senior.  So a thief who knows a unit's nonce and is as near to the root as who made it, elsewhere in the tree, takes the
unit until he is revoked (test_model.py counts such units in Reach.taken and lets nobody further from the root do it).  The body of a
private report that its own office lost, and that only offices hold which may not have it any more, does not come back.
"""
import hashlib
import heapq
from collections import defaultdict, namedtuple

RULES = {
    # A handover stands only where that unit's move to that parent was ever lawfully written, and its author stands above both.
    # `any` (one over the unit suffices): whoever moved a unit down a line could shut out lines that had nothing to do with it.
    'handover': 'move',
    # Pins are judged reference by reference, and apart from the admission or handover that carries them.  `whole`: what is out of
    # view of one office voids there what it can see, and views part by what is held.
    'pins': 'each',
    # A handover no longer binds a line under which a later move, that has seen it, puts the unit again.
    'back': True,
    # A handover binds an author for a unit only where all his authority over it runs through the moved unit.
    'through': True,
    # The moved subtree is not bound about what lies below it: its authority over that does not run through the moved unit.  `any`: nor
    # about the moved unit and what is above it there, so that the old line, put below the moved unit by a later move, may cut it off.
    'below': 'own',
    # What a peer holds and believes, and the verdict no longer entitles it to, is refuted to it.  False: it never learns.
    'held': True,
    # Of a unit of its line that a peer does not know, it is shown what made it, where that is out of its view.  `hidden`: an office below
    # a unit whose nonce was copied knows neither the unit nor itself.
    'line': 'shown',
    # A cut goes below no pin of a senior of the one who cuts.
    'cutfloor': True,
    # A unit follows the directive logs above units that were directly under it and left.
    'left': True,
    # What a former upper level holds of a moved unit's logs it hands up its own line.
    'handup': True,
    # Of nodes not judged yet, only those lawfully admitted write parents.  `claimed`: whoever is named in any admission does, so
    # that a thief's own admission into the root makes parents of every unit.
    'parents': 'admitted',
    # Who may hold a log follows the lines, too, that moves which stand name, though what wrote those lines was cut later.  `final`:
    # a move judged by such a line has no meaning for those below it, who are not sent what it rests on.
    'ever': 'named',
    # Of creations of one id under different parents one holds.  `all`: a copied nonce gives the copier authority over the unit.
    'creations': 'one',
    # Seen is what the entry's own header names, its own chain, and the epochs continued.  `inherit`: also what earlier entries of
    # its chain had named.  Both hold; the first is judged from one header.
    'seen': 'header',
    # Of a structure change's rivals a writer names the logs that wrote the same thing: the same unit's parent (handovers of it
    # too), the same name, the cuts of the same node (`thing`).  More is not needed: those that wrote about the units named
    # (`named`), or units above them too (`above`), or every directive log (`all`).  `none`: his own change does not hold.
    'naming': 'thing',
    # A node that its own predecessor admitted for the same unit stands right after it.  `link`: a link further from the founder, so
    # that an office with a new key ranks behind all that its old one had admitted, and can shut out none of them.
    'succeeds': 'place',
    # Two writes that have each seen the other, or a ring of them: a liar's; then neither has.  False: all of them vanish.
    'ring': True,
    # An epoch may name in `seen` what its author's earlier epoch holds past the entry it continues from (it came back later).
    'own epochs': True,
    # Levels need not rise along a line once units were moved: what goes to a level goes through all units on its way, and stops
    # below the first that may not have it.  `number`: each unit is asked for itself, and bodies are owed to units that no
    # neighbour may bring them to.
    'through levels': 'way',
}

REPORT, DIRECTIVE, RECOVERY = 1, 2, 3
CONTROL, RECORD, DOCUMENT = 1, 2, 3
WRITER, STEWARD = 1, 2
PRIVATE = 31


def digits(count, *parts):
    """A toy hash: so many hex digits; compared as text as its bytes would be."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:count]


REC = '0' * 32                                  # the recovery keys, as the author of their log
RECOVERY_LOG = (REC, RECOVERY, '0' * 16)
ROOT = digits(32, 'root unit')
FOUNDER = digits(32, 'founder')

# log, seq and prev place it; cont: the ref it continues; unit: of a record; audience: of a document, (unit, scope) terms
Header = namedtuple('Header', 'author kind epoch seq prev cls cont unit reach audience seen')
Ref = namedtuple('Ref', 'log seq hash')


class Entry:
    """A header with its hash, and its body (a tuple of changes) or None where it is withheld."""
    __slots__ = ('k', 'h', 'body', 'log', 'named')

    def __init__(self, k, h, body, named=None):
        self.k, self.h, self.body = k, h, body
        self.log = (h.author, h.kind, h.epoch)
        self.named = {r.log: r.seq for r in h.seen} if named is None else named

    def bare(self):
        return self if self.body is None else Entry(self.k, self.h, None, self.named)

    def ref(self):
        return Ref(self.log, self.h.seq, self.k)


class Edges(dict):
    """unit -> parents ever lawfully written.  moves: (entry, unit, parent); made: unit -> (parent, entry) of its creation."""

    def __init__(self, root):
        super().__init__()
        self.root, self.moves, self.made, self._up = root, [], {root: (None, None)}, {}

    def put(self, unit, parent):
        have = self.setdefault(unit, set())
        if parent in have:
            return False
        have.add(parent)
        self._up.clear()
        return True

    def up(self, unit):
        """Units above it, over all parents ever written."""
        out = self._up.get(unit)
        if out is None:
            out, todo = set(), [unit]
            while todo:
                for p in self.get(todo.pop(), ()):
                    if p not in out:
                        out.add(p)
                        todo.append(p)
            self._up[unit] = out
        return out

    def up_all(self, units):
        return set().union(*[self.up(u) for u in units]) if units else set()

    def over(self, unit, other):
        return unit == other or unit in self.up(other)

    def up_without(self, unit, left_out):
        out, todo = set(), [unit]
        while todo:
            x = todo.pop()
            for p in self.get(x, ()) if x != left_out else ():
                if p not in out:
                    out.add(p)
                    todo.append(p)
        return out

    def lines_hold(self, ch):
        """Are the lines a move names (new, old, each up to the root) lines of parents ever lawfully written?"""
        _, unit, parent, new, old = ch
        step = lambda line: line[-1] == self.root and all(b in self.get(a, ()) for a, b in zip(line, line[1:]))
        return bool(new) and bool(old) and new[0] == parent and old[0] in self.get(unit, ()) and step(new) and step(old)


MOVES = ('move', 'close', 'same')


class Authority:
    """Chains, nodes, seniority, cuts, pins and verdicts of one set of entries (hash -> Entry)."""

    def __init__(self, entries, root=ROOT, founder=FOUNDER):
        self.entries, self.root, self.founder = entries, root, founder
        self._index()
        self._judge_all()

    # -- chains ------------------------------------------------------------------------------------------------------------
    def _index(self):
        self.kids = defaultdict(lambda: defaultdict(list))     # log -> prev hash -> [hash]
        self.logs = defaultdict(set)                            # author -> logs
        self.claims = defaultdict(list)                         # node -> [(unit, log, seq, entry)], by any admission of its inviter
        for k in sorted(self.entries):
            e = self.entries[k]
            self.kids[e.log][e.h.prev].append(k)
            self.logs[e.h.author].add(e.log)
            if e.h.cls == CONTROL and e.body is not None:
                for ch in e.body:
                    if ch[0] == 'admit' and ch[2] == e.h.author:
                        self.claims[ch[1]].append((ch[3], e.log, e.h.seq, k))
        self.control_logs = sorted(lg for lg in self.kids if lg[1] != REPORT)
        self._behind, self._inherited, self._walked, self._depths = {}, {}, {}, {}

    def _continued(self, k):
        """{log: seq} of the epochs that the chain of entry k continues."""
        chain, x = [], k
        while x in self.entries and x not in self._behind and x not in chain[-1:]:
            chain.append(x)
            h = self.entries[x].h
            x = h.prev if h.seq > 1 else h.cont.hash if h.cont else None
            if len(chain) > 100000:
                break
        for x in reversed(chain):
            h = self.entries[x].h
            if h.seq > 1:
                self._behind[x] = self._behind.get(h.prev, {})
            elif h.cont:
                self._behind[x] = dict(self._behind.get(h.cont.hash, {}), **{})
                self._behind[x][h.cont.log] = h.cont.seq
            else:
                self._behind[x] = {}
        return self._behind.get(k, {})

    def _named(self, k):
        e = self.entries[k]
        if RULES['seen'] == 'header':
            return e.named
        got = self._inherited.get(k)
        if got is None:
            chain, x = [], k
            while x in self.entries and x not in self._inherited:
                chain.append(x)
                x = self.entries[x].h.prev
            for x in reversed(chain):
                got = dict(self._inherited.get(self.entries[x].h.prev, {}))
                for lg, s in self.entries[x].named.items():
                    got[lg] = max(got.get(lg, 0), s)
                self._inherited[x] = got
        return got

    def _sees(self, a, log, seq):
        e = self.entries[a]
        if e.log == log:
            return seq < e.h.seq
        if self._named(a).get(log, 0) >= seq:
            return True
        return log[0] == e.h.author and self._continued(a).get(log, 0) >= seq

    def has_seen(self, a, b):
        """Has entry a seen entry b?  Where each names the other, neither has."""
        if a == b:
            return False
        eb = self.entries[b]
        if not self._sees(a, eb.log, eb.h.seq):
            return False
        ea = self.entries[a]
        return not (RULES['ring'] and self._sees(b, ea.log, ea.h.seq))

    def depth_of_epoch(self, lg):
        """How many epochs it continues."""
        if lg not in self._depths:
            self._depths[lg] = self._depth_anew(lg)
        return self._depths[lg]

    def _depth_anew(self, lg):
        d = 0
        while d <= 50:
            first = self.kids[lg].get(None, []) if lg in self.kids else []
            c = self.entries[first[0]].h.cont if first else None
            if c is None or c.log[0] != lg[0]:
                return d
            d, lg = d + 1, c.log
        return d

    def senior(self, a, b):
        """Is a senior to b?  A node not judged yet is junior to all that are."""
        ra, rb = self.rank.get(a), self.rank.get(b)
        return a != b and ra is not None and (rb is None or ra < rb)

    def cut_of(self, lg):
        """Where the log is cut: the lowest of the cuts that nobody entitled has replaced; below no pin of a senior of the cutter."""
        cuts = [(c[0].get(lg, 0), c[1], c[2]) for c in self.cuts.get(lg[0], ()) if c[3] in (None, lg)]
        low = None
        for seq, issuer, k in cuts:
            if any(d[2] != k and (d[1] == issuer or self.senior(d[1], issuer)) and self.has_seen(d[2], k) for d in cuts):
                continue
            if RULES['cutfloor']:
                seq = max([seq] + [ps for r, ps, _ph, _k in self.pins.get(lg, ()) if r < self.rank[issuer]])
            low = seq if low is None else min(low, seq)
        return low

    def _walk(self, lg):
        """The chain of a log that stands by the cuts and pins known so far, and where it forks unresolved."""
        key = (len(self.cuts.get(lg[0], ())), len(self.pins.get(lg, ())))
        if self._walked.get(lg, (None,))[0] != key:
            self._walked[lg] = (key, self._walk_anew(lg))
        return self._walked[lg][1]

    def _walk_anew(self, lg):
        kids, out, at, cut = self.kids[lg], [], None, self.cut_of(lg)
        pins = sorted(p for p in self.pins.get(lg, ()) if p[2] in self.entries)
        while True:
            after = [k for k in kids.get(at, ()) if self.entries[k].h.seq == len(out) + 1]
            if not after or cut is not None and len(out) + 1 > cut:
                return out, None
            if len(after) > 1:
                after = [x for x in (self._towards(p, len(out), after) for p in pins) if x][:1]
                if not after:
                    return out, len(out) + 1
            if cut is not None and len(out) + 1 > cut:
                return out, None
            at = after[0]
            out.append(at)

    def _towards(self, pin, length, after):
        """Which of the entries after the first `length` leads to the pin?"""
        x = pin[2]
        if self.entries[x].h.seq <= length:
            return None
        while x in self.entries and self.entries[x].h.seq > length + 1:
            x = self.entries[x].h.prev
        return x if x in after else None

    # -- parents ever lawfully written -------------------------------------------------------------------------------------
    def _edges_now(self, final=False):
        """Least fixed point of parents lawfully written in logs not cut by any node judged so far; nodes not judged count too."""
        if self._fresh and not final:           # no cut, no pin, no turn since
            return self._edges_last
        self._fresh = not final
        creations, others = [], []
        chains = [(lg, self.judged[lg] if lg[0] in self.done else self._walk(lg)[0]) for lg in self.control_logs if not final or lg[0] in self.done]
        same = tuple((lg, len(c), c[-1] if c else None) for lg, c in chains)
        if same == self._edges_of:              # nothing was cut since: the nodes admitted meanwhile counted already
            return self._edges_last
        self._edges_of = same
        for lg, chain in chains:
            n = lg[0]
            for k in chain:
                e = self.entries[k]
                if e.h.cls == CONTROL and e.body is not None:
                    for i, ch in enumerate(e.body):
                        if ch[0] == 'unit':
                            creations.append((n, k, i, ch))
                        elif ch[0] in MOVES or ch[0] == 'admit' and ch[2] == n and ch[1] not in self.unit_of:
                            others.append((n, k, i, ch))
        edges, unit_of, roles, key = Edges(self.root), dict(self.unit_of), dict(self.roles), dict(self.key)
        if RULES['parents'] == 'claimed':
            for n, k, i, ch in others:
                if ch[0] == 'admit':
                    unit_of.setdefault(ch[1], ch[3])
                    roles.setdefault(ch[1], ch[4])
        one = RULES['creations'] == 'one'
        rivals = defaultdict(set)
        for n, k, i, ch in creations:
            rivals[ch[1]].add(ch[2])
        contest = one and any(len(ps) > 1 for ps in rivals.values())
        depth = {self.root: 0}
        grew = True
        while grew:
            grew = False
            rest = []
            for c in others:
                n, k, i, ch = c
                au = unit_of.get(n)
                if au is None or not roles.get(n, 0) & STEWARD:
                    rest.append(c)
                elif ch[0] == 'admit':
                    if (ch[3] == self.root or ch[3] in edges) and edges.over(au, ch[3]):
                        if ch[1] not in self.unit_of:
                            place = self._key_after(key.get(n, (99,)), self.entries[k], i, self._goes_on(ch, au))
                            if ch[1] not in key or place < key[ch[1]]:
                                key[ch[1]] = place
                            unit_of[ch[1]], roles[ch[1]] = ch[3], ch[4]
                            grew = True
                    else:
                        rest.append(c)
                elif ch[1] not in (self.root, ch[2]) and edges.over(au, ch[2]) and au in edges.up(ch[1]) and edges.lines_hold(ch):
                    edges.moves.append((k, ch[1], ch[2]))
                    edges.put(ch[1], ch[2])
                    grew = True
                else:
                    rest.append(c)
            others = rest
            if contest and grew:
                continue                        # what is monotone first; then creations one by one
            lawful, rest = [], []
            for c in creations:
                n, k, i, ch = c
                au = unit_of.get(n)
                ok = au is not None and roles.get(n, 0) & STEWARD and ch[1] not in (self.root, ch[2]) and \
                    (ch[2] == self.root or ch[2] in edges) and edges.over(au, ch[2])
                (lawful if ok else rest).append(c)
            if contest and lawful:
                first = min(lawful, key=lambda c: (depth.get(unit_of[c[0]], 99), key.get(c[0], (99,)), self._place(c[1], c[2])))
                rest += [c for c in lawful if c is not first]
                lawful = [first]
            for n, k, i, ch in lawful:
                grew = True
                if not one or ch[1] not in edges.made or edges.made[ch[1]][0] == ch[2]:
                    edges.made.setdefault(ch[1], (ch[2], k))
                    depth.setdefault(ch[1], depth.get(ch[2], 98) + 1)
                    edges.put(ch[1], ch[2])
            creations = rest
        self._edges_last = edges
        return edges

    # -- judging, from the most senior node down ---------------------------------------------------------------------------
    def _place(self, k, i):
        e = self.entries[k]
        return (self.depth_of_epoch(e.log), e.h.epoch, e.h.seq, i)

    @staticmethod
    def _goes_on(ch, unit):
        """Does an admission by a node of this unit give its own place to a new key of its?"""
        return RULES['succeeds'] == 'place' and ch[7] == ch[2] and ch[3] == unit

    def _key_after(self, key, e, i, goes_on):
        """Seniority of a node admitted at place i of entry e, by an inviter of this seniority: less is senior.  One that succeeds its
        inviter comes right after it, before all that it admitted else; those whom it admits, after those."""
        return (key[0] + (not goes_on),) + key[1:] + ((goes_on, self._place(e.k, i)),)

    def _judge_all(self):
        self.unit_of, self.roles = {REC: self.root, self.founder: self.root}, {REC: STEWARD, self.founder: WRITER | STEWARD}
        self.key, self.rank = {REC: (0,), self.founder: (1, (False, (0, '', 0, 0)))}, {}
        self.verdict = {}                       # entry -> {place: verdict}
        self.judged, self.branch = {}, {}       # log -> chain when its author was judged, and for views (after cuts by himself)
        self.fork_at = {}
        self.cuts = defaultdict(list)           # node -> [({log: seq}, issuer, entry, the one log cut or None)]
        self.pins = defaultdict(list)           # log -> [(rank of issuer, seq, hash, entry)]
        self.handovers, self.accepts, self.erasures, self._later = [], defaultdict(list), [], []
        self.done, self.admissions, self._edges_of, self._edges_last, self._fresh = set(), {}, None, None, False
        heap = [(self.key[REC], REC), (self.key[self.founder], self.founder)]
        while heap:
            key, n = heapq.heappop(heap)
            self.rank[n] = len(self.rank)
            for lg in sorted(self.logs.get(n, ())):
                self.judged[lg], self.fork_at[lg] = self._walk(lg)
                self.branch[lg] = self.judged[lg]
            self.done.add(n)
            self._fresh = False
            for lg in sorted((lg for lg in self.logs.get(n, ()) if lg[1] != REPORT), key=lambda lg: (self.depth_of_epoch(lg), lg)):
                for k in self.judged[lg]:
                    e = self.entries[k]
                    if e.h.cls != CONTROL or e.body is None:
                        continue
                    for i, ch in enumerate(e.body):
                        edges = self._edges_now()
                        v = self.verdict.setdefault(k, {})[i] = self._judge(n, e, ch, edges)
                        if ch[0] in ('admit', 'handover') and (v == 'ok' or RULES['pins'] == 'each'):
                            self._pin(n, e, ch[6] if ch[0] == 'admit' else ch[3], edges)
                        if v != 'ok':
                            continue
                        if ch[0] != 'admit':
                            self._power(n, e, ch, edges)
                        elif ch[1] not in self.unit_of:
                            self.unit_of[ch[1]], self.roles[ch[1]], self.admissions[ch[1]] = ch[3], ch[4], k
                            self.key[ch[1]] = self._key_after(key, e, i, self._goes_on(ch, self.unit_of[n]))
                            heapq.heappush(heap, (self.key[ch[1]], ch[1]))
            self._fresh = False
            for where, what in self._later:     # what it cuts counts from the next node's turn on, what it pins from its next change on
                where.append(what)
            self._later = []
            if any(c[1] == n for c in self.cuts.get(n, ())):       # a cut by himself changes views, never a verdict
                for lg in self.logs.get(n, ()):
                    self.branch[lg], self.fork_at[lg] = self._walk(lg)
        self.edges = self._edges_now(final=True)
        self.ever = Edges(self.root)                     # who may hold: also the lines that moves which stand were judged by, though cut later
        for u, ps in self.edges.items():
            for p in ps:
                self.ever.put(u, p)
        for k, vs in self.verdict.items() if RULES['ever'] == 'named' else ():
            for i, v in vs.items():
                ch = self.entries[k].body[i]
                if v == 'ok' and ch[0] in MOVES:
                    for line in (ch[1:2] + ch[3], ch[1:2] + ch[4]):
                        for u, p in zip(line, line[1:]):
                            self.ever.put(u, p)

    def unit_of_any(self, m):
        """The unit of a node that stands, or that any admission names."""
        return self.unit_of[m] if m in self.unit_of else self.claims[m][0][0] if m in self.claims else None

    def _unit_claimed(self, m):
        """The same by what stands as chains so far, for verdicts: of a forked log not everybody holds the same branch."""
        if m in self.unit_of:
            return self.unit_of[m]
        for unit, lg, seq, k in self.claims.get(m, ()):
            chain = self.judged[lg] if lg[0] in self.done else self._walk(lg)[0]
            if seq <= len(chain) and chain[seq - 1] == k:
                return unit
        return None

    def _handed(self, n, e, u, edges):
        """Is this entry past a handover of u (or of a unit above u), by a senior, that ends n's line?  Accepted ones are not."""
        ups, au = {u} | edges.up(u), self.unit_of[n]
        for unit, parent, cuts, issuer, hk in self.handovers:
            if unit not in ups or not self.senior(issuer, n) or e.h.seq <= cuts.get(e.log, 0):
                continue
            if RULES['back'] and any(mu == unit and edges.over(au, p) and self.has_seen(mk, hk) for mk, mu, p in edges.moves):
                continue                        # a later move put the unit under n's line again
            if au == unit or edges.over(au, parent) or RULES['below'] == 'any' and unit in edges.up(au):
                continue
            if RULES['through'] and (au == u or au in edges.up_without(u, unit)):
                continue                        # n's authority over u does not run through the moved unit
            if not any(edges.over(self.unit_of[a], parent) for a in self.accepts.get(e.k, ())):
                return True
        return False

    def _judge_ref(self, n, ref, edges, juniors=True):
        """May n pin (or erase) what the reference names?"""
        m = ref.log[0]
        if juniors and m in self.done:
            return 'request'
        t = self._unit_claimed(m)
        if t is None or t != self.root and t not in edges:
            return 'foreign'
        if not self.roles[n] & STEWARD:
            return 'role'
        return 'ok' if edges.over(self.unit_of[n], t) else 'outside'

    def _judge(self, n, e, ch, edges):
        op, au = ch[0], self.unit_of[n]
        if op in ('pin', 'erase'):
            vs = [self._judge_ref(n, r, edges, op == 'pin') for r in ch[1]]
            if RULES['pins'] == 'whole':
                return next((v for v in vs if v != 'ok'), 'ok')
            return 'ok' if 'ok' in vs or not vs and self.roles[n] & STEWARD else vs[0] if vs else 'role'
        if op == 'fork':
            keep, rival = ch[1], ch[2]
            if keep.log != rival.log or keep.hash == rival.hash or rival.seq > keep.seq + 1:
                return 'malformed'
            return self._judge_ref(n, keep, edges)
        if op == 'accept':
            return 'ok' if self.roles[n] & STEWARD else 'role'
        if op == 'admit' and ch[2] != n:
            return 'not-inviter'
        if op == 'revoke':
            if ch[1] == n:
                return 'ok'                     # a node may always cut itself, whatever its role
            if ch[1] in self.done:
                return 'request'                # the target is senior
            us = [self._unit_claimed(ch[1])]
            if us[0] is None:
                return 'foreign'
        elif op in ('unit', 'name', 'set', 'levels', 'admit') or op in MOVES + ('handover',):
            us = {'unit': ch[2:3], 'name': ch[1:2], 'set': ch[1:2], 'levels': (self.root,), 'admit': ch[3:4]}.get(op, ch[1:3])
        else:
            return 'unknown'
        if any(u != self.root and u not in edges for u in us):
            return 'foreign'                    # not in view here
        if not self.roles[n] & STEWARD:
            return 'role'
        if not all(edges.over(au, u) for u in us) or op == 'unit' and ch[1] in (self.root, ch[2]):
            return 'outside'
        if op in MOVES or op == 'handover' and RULES['handover'] == 'move':
            if au not in edges.up(ch[1]) or ch[1] == ch[2]:
                return 'outside'
            if op in MOVES and not edges.lines_hold(ch):
                return 'line'
            if op == 'handover' and ch[2] not in edges.get(ch[1], ()):
                return 'no-move'
        if op == 'unit' and RULES['creations'] == 'one' and edges.made.get(ch[1], (ch[2],))[0] != ch[2]:
            return 'contested'
        return 'handover' if op != 'handover' and self._handed(n, e, us[0], edges) else 'ok'

    def _pin(self, n, e, refs, edges):
        good = [r for r in refs if self._judge_ref(n, r, edges) == 'ok']
        for r in good:
            if RULES['pins'] == 'each' or len(good) == len(refs):
                self.pins[r.log].append((self.rank[n], r.seq, r.hash, e.k))
                self._fresh = False

    def _power(self, n, e, ch, edges):
        if ch[0] == 'revoke':
            self._later.append((self.cuts[ch[1]], ({r.log: r.seq for r in ch[2]}, n, e.k, None)))
            if ch[1] != n:                      # a revocation speaks of the revoked node's logs only
                self._pin(n, e, [r for r in ch[2] if r.log[0] == ch[1]], edges)
        elif ch[0] == 'pin':
            self._pin(n, e, ch[1], edges)
        elif ch[0] == 'fork':
            self._pin(n, e, ch[1:2], edges)
            self._later.append((self.cuts[ch[1].log[0]], ({ch[1].log: ch[1].seq}, n, e.k, ch[1].log)))
        elif ch[0] == 'handover':
            self.handovers.append((ch[1], ch[2], {r.log: r.seq for r in ch[3]}, n, e.k))
        elif ch[0] == 'accept':
            for r in ch[1]:
                self.accepts[r.hash].append(n)
        elif ch[0] == 'erase':
            self.erasures += [(e.k, r) for r in ch[1] if self._judge_ref(n, r, edges, False) == 'ok']

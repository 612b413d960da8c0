"""A set of change-sets, and the views made of it, as lines of text: so that the model and another program can be given
the same set and be compared line by line.

    python3 tests/oracle/lines.py write SEED [thieves=0] [strong=1] [reach=random] [steps=N] [node=N]  > set.txt
    python3 tests/oracle/lines.py views set.txt                                                        > views.txt

`write` plays the scenario of that seed (world.py) and writes all that was ever held, or with node=N only what the N-th node
holds.  Nothing in a set depends on the order of its lines.

TOKENS.  Tokens of a line are parted by one blank.  `-` is "none" or an empty list; members of a list are parted by commas.
Ids are lower-case hex digits, so that comparing them as text is comparing their bytes:
    node 32 digits (the recovery keys: 32 zeros), unit 32, epoch 16 (of the recovery log: 16 zeros), entry hash 64.
    LOG   node:kind:epoch             kind 1 report, 2 directive, 3 recovery
    REF   node:kind:epoch:seq:hash    the hash in full; of a ref 16 bytes count
An id is taken as it stands: it need not be the hash of anything.  Two admissions of one node id always agree in inviter, unit
and roles, as the id is a hash over them.

A SET.
    hoi-lines 1
    root UNIT
    founder NODE
    entry LOG SEQ HASH PREV CLASS CONTINUES UNIT REACH AUDIENCE SEEN BODY [| CHANGE]...
PREV: the hash of seq - 1, `-` where seq is 1.  CLASS 1 control, 2 record, 3 document.  CONTINUES: a REF or `-`.  UNIT: of a
record, the unit concerned; else `-`.  REACH: 0..31.  AUDIENCE: of a document, a list of UNIT/SCOPE (scope as in
docs/protocol.md 4.1); else `-`.  SEEN: a list of REF.  BODY: `held` (the changes follow, each after a `|`, their places from 0)
or `absent` (withheld).  A control body is always held.

CHANGES of control entries.  LINE is a list of units, nearest first, the root last; `-` for the root's own.
    unit ID PARENT LEVEL LINE            LINE begins with PARENT
    name UNIT VALUE                      a unit-set: VALUE is a number
    move UNIT PARENT NEWLINE OLDLINE     NEWLINE begins with PARENT, OLDLINE with the parent it is taken from
    close UNIT SUCCESSOR NEWLINE OLDLINE the unit hangs under SUCCESSOR from then on
    same UNIT FIRST NEWLINE OLDLINE      UNIT was made twice: it hangs under FIRST, as if closed into it
    handover UNIT PARENT REFS            per log of the old line, the last entry that stands for the unit
    admit NODE INVITER UNIT ROLES LINE PINS   roles 1 writer, 2 steward, 3 both; LINE are the units above UNIT; PINS are REFs
    revoke NODE REFS                     logs of NODE that no REF names are cut at 0
    pin REFS
    fork REF RIVAL                       both REFs of one log: kept up to REF, and RIVAL is what it was weighed against
    erase REFS
    accept REFS
CHANGES of record entries.
    put FIELD VALUE                      VALUE a number, FIELD a word
    submit PERIOD REFS                   the versions it covers
CHANGES of document entries.
    text VALUE

VIEWS.  Lines sorted as bytes (LC_ALL=C), each once.
    node NODE UNIT RANK ROLES            each node that stands; rank 1 is the founder, or who comes first after the recovery keys
    log LOG LENGTH HEAD CUT FORK         each log of a node that stands, and the recovery log: how many entries of it stand as a
                                         chain, the last one's hash or `-`, the seq it is cut at or `-`, the seq of an open fork or `-`
    change HASH PLACE VERDICT            each change of a control entry that its author's judging met (not those past a cut or fork)
    entry HASH VERDICT                   each record and document entry
    parent UNIT PARENT                   each unit that stands, but for the root
    closed UNIT closed|same SUCCESSOR    each unit whose last write of its parent is a closing or a `same`
    name UNIT VALUE VALUES               the value that holds, and all that differ, ascending (of each log its latest counts)
    erased HASH                          each entry of class record or document whose body is nobody's
    register UNIT FIELD HASH=VALUE,...   the values of a field that no later write has seen, by hash
    counted UNIT FIELD POLICY VALUE contested|agreed     policy owner and policy upper; VALUE `-` if it counts as missing
    submission HASH UNIT PERIOD same|changed             `changed`: a write of the unit that stands is not covered
VERDICTS of changes, the first that applies: `unknown` `malformed` `not-inviter` `request` `foreign` `role` `outside` `line` `no-move`
`contested` `handover` `ok`; a pin or erase is `ok` where one of its refs is (or it has none and its author is a steward), else what its
first ref is; a revocation of oneself is always `ok`.  VERDICTS of entries: `no-admission` `cut` `fork` `role` `foreign` `outside` `handover` `ok`.
"""
import sys

import views
from model import Entry, FOUNDER, Header, MOVES, REC, ROOT, Ref
from world import World


# -- tokens -----------------------------------------------------------------------------------------------------------------------
def log_text(lg):
    return '%s:%d:%s' % lg


def ref_text(r):
    return '%s:%d:%s' % (log_text(r.log), r.seq, r.hash)


def ref_read(text):
    node, kind, epoch, seq, k = text.split(':')
    return Ref((node, int(kind), epoch), int(seq), k)


def many(items, text=str):
    return ','.join(text(x) for x in items) or '-'


def read_many(text, read=str):
    return tuple(read(x) for x in text.split(',')) if text != '-' else ()


def refs_text(refs):
    return many(refs, ref_text)


def refs_read(text):
    return read_many(text, ref_read)


# operation -> for each member that follows it, how it is written and read
UNITS, REFS, REF, ID, NUMBER = (many, read_many), (refs_text, refs_read), (ref_text, ref_read), (str, str), (str, int)
CHANGES = {
    'unit': (ID, ID, NUMBER, UNITS), 'name': (ID, NUMBER), 'handover': (ID, ID, REFS), 'admit': (ID, ID, ID, NUMBER, UNITS, REFS),
    'revoke': (ID, REFS), 'pin': (REFS,), 'fork': (REF, REF), 'erase': (REFS,), 'accept': (REFS,), 'put': (ID, NUMBER),
    'submit': (NUMBER, REFS), 'text': (NUMBER,), **{op: (ID, ID, UNITS, UNITS) for op in MOVES},
}


# -- sets -------------------------------------------------------------------------------------------------------------------------
def entry_text(e):
    h = e.h
    out = ['entry', log_text(e.log), str(h.seq), e.k, h.prev or '-', str(h.cls), ref_text(h.cont) if h.cont else '-', h.unit or '-',
           str(h.reach), many(h.audience, lambda t: '%s/%d' % t), refs_text(h.seen), 'absent' if e.body is None else 'held']
    for ch in e.body or ():
        out += ['|', ch[0]] + [write(x) for (write, _), x in zip(CHANGES[ch[0]], ch[1:], strict=True)]
    return ' '.join(out)


def entry_read(line):
    head, *changes = line.split(' | ')
    _, log, seq, k, prev, cls, cont, unit, reach, audience, seen, held = head.split(' ')
    node, kind, epoch = log.split(':')
    term = lambda t: (t.split('/')[0], int(t.split('/')[1]))
    h = Header(node, int(kind), epoch, int(seq), None if prev == '-' else prev, int(cls), None if cont == '-' else ref_read(cont),
               None if unit == '-' else unit, int(reach), read_many(audience, term), refs_read(seen))
    body = []
    for text in changes:
        op, *members = text.split(' ')
        body.append((op,) + tuple(read(x) for (_, read), x in zip(CHANGES[op], members, strict=True)))
    return Entry(k, h, tuple(body) if held == 'held' else None)


def set_lines(entries):
    """The lines of a set of entries (hash -> Entry)."""
    by = sorted(entries.values(), key=lambda e: (e.log, e.h.seq, e.k))
    return ['hoi-lines 1', 'root ' + ROOT, 'founder ' + FOUNDER] + [entry_text(e) for e in by]


def set_read(lines):
    """Views of a set as set_lines wrote it."""
    entries, root, founder = {}, ROOT, FOUNDER
    for line in lines:
        word = line.split(' ', 1)
        if word[0] == 'root':
            root = word[1].strip()
        elif word[0] == 'founder':
            founder = word[1].strip()
        elif word[0] == 'entry':
            e = entry_read(line.rstrip('\n'))
            entries[e.k] = e
    if root != ROOT:
        raise SystemExit('the root is %s, not %s' % (root, ROOT))
    return views.Views(entries, root, founder)


# -- views ------------------------------------------------------------------------------------------------------------------------
def view_lines(v):
    none = lambda x: '-' if x is None else x
    out = ['node %s %s %d %d' % (n, v.unit_of[n], rank, v.roles[n]) for n, rank in v.rank.items() if n != REC]
    for lg, br in v.branch.items():
        out.append('log %s %d %s %s %s' % (log_text(lg), len(br), br[-1] if br else '-', none(v.cut_of(lg)), none(v.fork_at[lg])))
    out += ['change %s %d %s' % (k, i, x) for k, vs in v.verdict.items() for i, x in vs.items()]
    out += ['entry %s %s' % kv for kv in v.standing.items()]
    out += ['parent %s %s' % up for up in v.parent.items()]
    out += ['closed %s %s %s' % (u, 'closed' if how == 'close' else how, p) for u, (how, p) in v.closed.items()]
    out += ['name %s %d %s' % (u, x, many(xs)) for u, (x, xs) in v.names.items()]
    out += ['erased ' + k for k in v.erased]
    for (u, f), ws in v.registers.items():
        out.append('register %s %s %s' % (u, f, many(sorted(ws), lambda w: '%s=%d' % (w[0], w[2]))))
        for policy in ('owner', 'upper'):
            value, contested = v.counted((u, f), policy)
            out.append('counted %s %s %s %s %s' % (u, f, policy, none(value), 'contested' if contested else 'agreed'))
    out += ['submission %s %s %d %s' % s for s in v.submissions]
    return sorted(set(out))


def main(argv):
    opt = dict(a.split('=') for a in argv if '=' in a)
    if argv[:1] == ['write'] and len(argv) > 1:
        w = World(int(argv[1]), opt.get('reach', 'form'), opt.get('thieves', '1') == '1', opt.get('strong') == '1').run(int(opt.get('steps', 110)))
        store = list(w.nodes.values())[int(opt['node'])].store if 'node' in opt else w.g
        print('\n'.join(set_lines(store.e)))
    elif argv[:1] == ['views'] and len(argv) > 1:
        with open(argv[1], encoding='ascii') as f:
            print('\n'.join(view_lines(set_read(f))))
    else:
        raise SystemExit(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])

"""A set of change-sets, and the views made of it, as lines of text: so that the model and another program can be given
the same set and be compared line by line.

    python3 tests/oracle/lines.py write SEED [thieves=0] [strong=1] [rotate=1] [reach=random] [steps=N] [node=N]  > set.txt
    python3 tests/oracle/lines.py views set.txt  > views.txt

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
    founder NODE [SIGNING TRANSPORT]           with the founder's keys where the set comes from a store: then its views are conclude.py's
    entry LOG SEQ HASH PREV CLASS CONTINUES UNIT REACH AUDIENCE SEEN BODY [| CHANGE]...
PREV: the hash of seq - 1, `-` where seq is 1.  CLASS 1 control, 2 record, 3 document.  CONTINUES: a REF or `-`.  UNIT: of a
record, the unit concerned; else `-`.  REACH: 0..31.  AUDIENCE: of a document, a list of UNIT/SCOPE (scope as in
docs/protocol.md 4.1); else `-`.  SEEN: a list of REF.  BODY: `held` (the changes follow, each after a `|`, their places from 0),
`absent` (withheld, or not applied yet), `critical` (its header has an extension that nobody here understands) or `broken` (its body
breaks a rule of shape): of these two no changes follow.  A control body is always held, but of mere evidence.

CHANGES of control entries.  LINE is a list of units, nearest first, the root last; `-` for the root's own.
    unit ID PARENT LEVEL LINE CODE NAME EFFECTIVE   LINE begins with PARENT; CODE and NAME are TEXT; EFFECTIVE a day since 1970, or `-`
    name UNIT VALUE                      a unit-set of the model's own scenarios: VALUE is a number
    set UNIT ATTRIBUTE VALUE EFFECTIVE   a unit-set: ATTRIBUTE 1 code, 2 name (TEXT), 3 level (a number)
    levels PAYLOAD                       a level table, in hex digits
    form VERSION FORM ISSUER NAME PREVIOUS PERIOD WINDOW LIST REACH POLICY LEVELS FIELDS   numbers as in docs/protocol.md 5.4; NAME is TEXT;
                                         FIELDS: NAME/TYPE/PLACES/MEASURE/CHOICES, measure and choices TEXT, choices parted by `;`
    other KIND, critical UNIT            of a kind that nobody here knows; a form (UNIT its issuer) or document (`-`) with a critical extension
    move UNIT PARENT NEWLINE OLDLINE     NEWLINE begins with PARENT, OLDLINE with the parent it is taken from
    close UNIT SUCCESSOR NEWLINE OLDLINE the unit hangs under SUCCESSOR from then on
    same UNIT FIRST NEWLINE OLDLINE      UNIT was made twice: it hangs under FIRST, as if closed into it
    handover UNIT PARENT REFS            per log of the old line, the last entry that stands for the unit
    admit NODE INVITER UNIT ROLES LINE PINS SUCCEEDS SIGNING TRANSPORT   roles 1 writer, 2 steward, 3 both; LINE are the units
                                         above UNIT; PINS are REFs; SUCCEEDS a node; then its keys; each of these three `-` where it is none
    revoke NODE REFS                     logs of NODE that no REF names are cut at 0
    pin REFS
    fork REF RIVAL                       both REFs of one log: kept up to REF, and RIVAL is what it was weighed against
    erase REFS
    accept REFS
CHANGES of record entries.
    put FIELD VALUE                      VALUE a number, FIELD a word
    submit PERIOD REFS                   the versions it covers
    cells VERSION CELLS                  a put as stores have it: CELL is ORDINAL/PERIOD/ROW/STATE/KIND/VALUE/QUALIFIER, each that was touched;
                                         ROW is TEXT, KIND i, b or t (then VALUE is TEXT), KIND and VALUE `-` where the state is not 3
CHANGES of document entries.
    text VALUE
    note KIND                            of either class: a reason, a person
TEXT is its bytes in hex digits, `-` if it is empty.  Of a REF from a store the hash has 32 digits.

VIEWS.  Lines sorted as bytes (LC_ALL=C), each once.
    node NODE UNIT RANK ROLES            each node that stands; rank 1 is the founder, or who comes first after the recovery keys
    log LOG LENGTH HEAD CUT FORK         each log of a node that stands, and the recovery log: how many entries of it stand as a
                                         chain, the last one's hash or `-`, the seq it is cut at or `-`, the seq of an open fork or `-`
    change HASH PLACE VERDICT            each change of a control entry that its author's judging met (not those past a cut or fork)
    entry HASH VERDICT                   each record and document entry
    parent UNIT PARENT                   each unit that stands, but for the root
    closed UNIT closed|same SUCCESSOR    each unit whose last write of its parent is a closing or a `same`
    name UNIT VALUE VALUES               the value that holds, and all that differ, ascending (of each log its latest counts)
    name UNIT TEXT                       the same of a set from a store
    erased HASH                          each entry of class record or document whose body is nobody's
    register UNIT FIELD HASH=VALUE,...   the values of a field that no later write has seen, by hash
    counted UNIT FIELD POLICY VALUE contested|agreed     policy owner and policy upper; VALUE `-` if it counts as missing
    submission HASH UNIT PERIOD same|changed             `changed`: a write of the unit that stands is not covered
    aside HASH PLACE REASON              of a set from a store: each change set aside, with its number (docs/protocol.md 12)
    record [...]                         and each record, as item 5 of a digest has it, by all writes that are held
VERDICTS of changes, the first that applies: `unknown` `malformed` `not-inviter` `request` `foreign` `role` `outside` `line` `no-move`
`contested` `handover` `ok`; a pin or erase is `ok` where one of its refs is (or it has none and its author is a steward), else what its
first ref is; a revocation of oneself is always `ok`.  VERDICTS of entries: `no-admission` `cut` `fork` `role` `foreign` `outside` `handover` `ok`.
"""
import sys

import figures
import packed
import views
from conclude import Conclusions, NAME
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


# how a member of a change is written and read
UNITS, REFS, REF, ID, NUMBER = (many, read_many), (refs_text, refs_read), (ref_text, ref_read), (str, str), (str, int)
NODE = (lambda x: x or '-', lambda x: None if x == '-' else x)


def text_read(digits):
    return '' if digits == '-' else bytes.fromhex(digits).decode()


def only_read(read):
    """Of what comes from stores alone, and is never written here."""
    return (lambda x: '-', read)


def field_read(text):
    name, kind, places, measure, choices = text.split('/')
    return figures.Field(name, int(kind), int(places), measure, tuple(text_read(c) for c in choices.split(';')) if choices != '-' else ())


def form_read(words):
    version, form, issuer, name, previous, period, window, rows, reach, policy, levels, fields = words
    return figures.Form(version, form, issuer, name, NODE[1](previous), int(period), int(window), rows == '1', int(reach), int(policy),
                        read_many(levels, int), read_many(fields, field_read))


def cell_read(text):
    ordinal, period, row, state, kind, value, qualifier = text.split('/')
    value = None if kind == '-' else text_read(value) if kind == 't' else int(value)
    return figures.Cell(int(ordinal), int(period), b'' if row == '-' else bytes.fromhex(row), int(state), kind, value, int(qualifier))


TEXT, DAY = only_read(text_read), only_read(lambda x: None if x == '-' else int(x))
# operation -> the members that follow it
CHANGES = {
    'unit': (ID, ID, NUMBER, UNITS, TEXT, TEXT, DAY), 'name': (ID, NUMBER), 'handover': (ID, ID, REFS),
    'admit': (ID, ID, ID, NUMBER, UNITS, REFS, NODE, NODE, NODE),
    'revoke': (ID, REFS), 'pin': (REFS,), 'fork': (REF, REF), 'erase': (REFS,), 'accept': (REFS,), 'put': (ID, NUMBER),
    'submit': (NUMBER, REFS), 'text': (NUMBER,),
    'levels': (only_read(lambda x: packed.unpack(bytes.fromhex(x))[0]),), 'other': (NUMBER,), 'critical': (NODE,), 'note': (NUMBER,),
    'cells': (ID, only_read(lambda x: read_many(x, cell_read))), **{op: (ID, ID, UNITS, UNITS) for op in MOVES},
}


def change_read(text):
    op, *words = text.split(' ')
    if op == 'form':
        return ('form', form_read(words))
    if op == 'set':                             # a level is a number
        return ('set', words[0], int(words[1]), int(words[2]) if words[1] == '3' else text_read(words[2]), DAY[1](words[3]))
    members = CHANGES[op]
    words += ['-'] * (len(members) - len(words))
    return (op,) + tuple(read(x) for (_, read), x in zip(members, words, strict=True))


# -- sets -------------------------------------------------------------------------------------------------------------------------
def entry_text(e):
    h = e.h
    out = ['entry', log_text(e.log), str(h.seq), e.k, h.prev or '-', str(h.cls), ref_text(h.cont) if h.cont else '-', h.unit or '-',
           str(h.reach), many(h.audience, lambda t: '%s/%d' % t), refs_text(h.seen), 'absent' if e.body is None else 'held']
    for ch in e.body or ():
        members = CHANGES[ch[0]]
        out += ['|', ch[0]] + [write(x) for (write, _), x in zip(members, ch[1:] + (None,) * (len(members) + 1 - len(ch)), strict=True)]
    return ' '.join(out)


def entry_read(line):
    head, *changes = line.split(' | ')
    _, log, seq, k, prev, cls, cont, unit, reach, audience, seen, held = head.split(' ')
    node, kind, epoch = log.split(':')
    term = lambda t: (t.split('/')[0], int(t.split('/')[1]))
    h = Header(node, int(kind), epoch, int(seq), None if prev == '-' else prev, int(cls), None if cont == '-' else ref_read(cont),
               None if unit == '-' else unit, int(reach), read_many(audience, term), refs_read(seen))
    return Entry(k, h, None if held == 'absent' else tuple(change_read(text) for text in changes)), held


def set_lines(entries):
    """The lines of a set of entries (hash -> Entry)."""
    by = sorted(entries.values(), key=lambda e: (e.log, e.h.seq, e.k))
    return ['hoi-lines 1', 'root ' + ROOT, 'founder ' + FOUNDER] + [entry_text(e) for e in by]


SHORT = 32                                      # digits of a hash in a ref from a store


def whole_refs(entries, e):
    """An entry whose refs to entries that are held have their whole hash."""
    full = lambda r: r if r is None or len(r.hash) > SHORT else r._replace(hash=entries.get(r.hash, r.hash))
    many_full = lambda x: tuple(full(r) for r in x) if isinstance(x, tuple) and x and isinstance(x[0], Ref) else full(x) if isinstance(x, Ref) else x
    h = e.h._replace(cont=full(e.h.cont), seen=many_full(e.h.seen))
    return Entry(e.k, h, None if e.body is None else tuple(tuple(many_full(x) for x in ch) for ch in e.body))


def set_read(lines):
    """Views of a set as set_lines wrote it; of one from a store, what conclude.py adds to them."""
    entries, whole, root, founder, keys = {}, {}, ROOT, FOUNDER, None
    for line in lines:
        word = line.split(' ', 1)
        if word[0] == 'root':
            root = word[1].strip()
        elif word[0] == 'founder':
            founder, *keys = word[1].split()
        elif word[0] == 'entry':
            e, held = entry_read(line.rstrip('\n'))
            entries[e.k] = e
            if held in ('critical', 'broken'):
                whole[e.k] = held
    if not keys:
        return views.Views(entries, root, founder)
    short = {k[:SHORT]: k for k in entries}
    return Conclusions({k: whole_refs(short, e) for k, e in entries.items()}, root, founder, whole, tuple(keys))


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
    if isinstance(v, Conclusions):
        names = {u: v.attribute(u, NAME) for u in list(v.parent) + [v.root]}
        out += ['name %s %s' % (u, x.encode().hex()) for u, x in names.items() if x]
        out += ['aside %s %d %d' % (k, place, reason) for (k, place), reason in v.asides.items()]
        out += ['record %r' % (record,) for record in v.records()]
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
        w = World(int(argv[1]), opt.get('reach', 'form'), opt.get('thieves', '1') == '1', opt.get('strong') == '1', opt.get('rotate') == '1')
        w.run(int(opt.get('steps', 110)))
        store = list(w.nodes.values())[int(opt['node'])].store if 'node' in opt else w.g
        print('\n'.join(set_lines(store.e)))
    elif argv[:1] == ['views'] and len(argv) > 1:
        with open(argv[1], encoding='ascii') as f:
            print('\n'.join(view_lines(set_read(f))))
    else:
        raise SystemExit(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])

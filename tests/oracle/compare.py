"""C beside the model: sets of change-sets from seeded scenarios, and the views that each makes of them.

    python3 tests/oracle/compare.py VIEWS_LINES FIRST COUNT [ORDERS] [thieves=0] [strong=1] [rotate=1] [reach=random] [steps=N]
    python3 tests/oracle/compare.py VIEWS_LINES FIRST COUNT [ORDERS] sim=SIM

VIEWS_LINES is the program made of views_lines.c, the store's tree alone; each set is given to it in ORDERS (3) random orders.  Without sim
the scenarios are world.py's, and all that was ever held is one set.  With sim they are the simulator's (tests/sim): SIM is run for each seed,
and every office's holdings at its end are a set; beside the tree then stands what the office's own store concluded.  Prints the first lines
that differ, keeps that set in the folder of temporary files, and exits with 1.

Compared are nodes, logs, verdicts, parents of today and ever, closings, names and erasures; of stores also every change set aside with its
reason, every record with the heads of its fields, and each item of the digests of the own unit with itself and with every unit above and
below.  What the tree does not say apart is made one: who is no steward, is not the inviter, or creates what stands elsewhere writes `outside`
his authority; a `same` is a closing; of a name the value that holds; of a log that is forked not also a cut above the fork.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import lines
import packed
from world import World

OUTSIDE = ('role', 'not-inviter', 'contested')


def plain(line, standing):
    """A line of the model as the tree can say it; None: not at all."""
    word = line.split(' ')
    if word[0] in ('register', 'counted', 'submission', 'aside', 'record') or word[0] == 'change' and word[-1] == 'unknown':
        return None
    if word[0] in ('change', 'entry') and word[-1] in OUTSIDE:
        word[-1] = 'outside'
    elif word[0] == 'closed':
        del word[2]
    elif word[0] == 'name':
        if word[1] not in standing:
            return None
        if len(word) == 4:                      # of a scenario of ours: a number, and all that differ
            word[2:] = [word[2].encode().hex()]
    elif word[0] == 'log' and word[5] != '-':
        word[4] = '-'
    return ' '.join(word)


def of_model(v):
    """What the tree alone says, by the model."""
    out = lines.view_lines(v) + ['ever %s %s' % (unit, parent) for unit, parents in v.ever.items() for parent in parents]
    standing = {line.split(' ')[1] for line in out if line.startswith('parent ')} | {v.root}
    return sorted({p for p in (plain(line, standing) for line in out) if p is not None})


def of_store(path):
    """(what the tree says, what the store says beyond it, {(unit, with): items of the digest}) as dump.c wrote it."""
    tree, beyond, digests, items = [], [], {}, []
    with open(path, encoding='ascii') as f:
        for line in f:
            word = line.split()
            if word[0] == 'record':
                beyond.append('record %r' % (packed.unpack(bytes.fromhex(word[1])),))
            elif word[0] == 'item':
                items.append(packed.unpack(bytes.fromhex(word[1])))
            elif word[0] == 'digest':
                digests[(word[1], word[2])], items = items, []
            else:
                (beyond if word[0] == 'aside' else tree).append(line.rstrip('\n'))
    return tree, sorted(beyond), digests


def differences(one, other):
    """What only the first says, and what only the second; where only the order differs, that."""
    a, b = set(one), set(other)
    out = ['- ' + x for x in one if x not in b] + ['+ ' + x for x in other if x not in a]
    return out or (['the order'] if list(one) != list(other) else [])


def of_tree(program, path, seed, orders, v):
    """Differences between the model and the store's tree, given the set in random orders."""
    run = subprocess.run([program, path, str(seed), orders], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='ascii', check=False)
    out = differences(of_model(v), [line for line in run.stdout.split('\n') if line])
    return out + ([run.stderr.strip() or 'status %d' % run.returncode] if run.returncode != 0 else [])


def read(path):
    with open(path, encoding='ascii') as f:
        return lines.set_read(f)


def of_office(program, path, seed, orders):
    """Differences between the model and what an office's store concluded from what it holds."""
    v = read(path)
    tree, beyond, digests = of_store(path[:-len('set')] + 'views')
    out = differences(of_model(v), tree) + differences([x for x in lines.view_lines(v) if x.startswith(('aside ', 'record '))], beyond)
    for (unit, other), items in digests.items():
        out += ['digest %s %s %s' % (unit[:8], other[:8], x) for x in differences(list(map(repr, v.digest_items(unit, other))), list(map(repr, items)))]
    return out + of_tree(program, path, seed, orders, v)


def seed_of_simulator(program, sim, seed, orders):
    """[(set, differences)] of each office."""
    folder = os.path.join(tempfile.gettempdir(), 'oracle-%d-%d' % (os.getpid(), seed))
    os.mkdir(folder)
    run = subprocess.run([sim, '--seed', str(seed), '--dump', folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', check=False)
    sets = sorted(x for x in os.listdir(folder) if x.endswith('.set'))
    if run.returncode != 0 or not sets:
        return [(folder, ['the simulator: ' + run.stdout.strip()[-300:]])]
    out = [(os.path.join(folder, x), of_office(program, os.path.join(folder, x), seed, orders)) for x in sets]
    if not any(different for _, different in out):
        shutil.rmtree(folder)
    return out


def seed_of_world(program, seed, orders, opt):
    world = World(seed, opt.get('reach', 'form'), opt.get('thieves', '1') == '1', opt.get('strong') == '1', opt.get('rotate') == '1')
    path = os.path.join(tempfile.gettempdir(), 'oracle-%d-%d.txt' % (os.getpid(), seed))
    with open(path, 'w', encoding='ascii') as f:
        f.write('\n'.join(lines.set_lines(world.run(int(opt.get('steps', 110))).g.e)) + '\n')
    different = of_tree(program, path, seed, orders, read(path))
    if not different:
        os.unlink(path)
    return [(path, different)]


def main(argv):
    opt = dict(a.split('=', 1) for a in argv if '=' in a)
    args = [a for a in argv if '=' not in a]
    if len(args) not in (3, 4):
        raise SystemExit(__doc__)
    program, first, count, orders = args[0], int(args[1]), int(args[2]), args[3] if len(args) == 4 else '3'
    failed, sets = 0, 0
    for seed in range(first, first + count):
        seen = seed_of_simulator(program, opt['sim'], seed, orders) if 'sim' in opt else seed_of_world(program, seed, orders, opt)
        sets += len(seen)
        failed += any(different for _, different in seen)
        for path, different in seen:
            if different:
                print('seed %d (%s): %d lines differ' % (seed, path, len(different)))
                print('\n'.join(x[:600] for x in different[:int(opt.get('show', 12))]), flush=True)
    print('%d of %d seeds agree (%d sets)' % (count - failed, count, sets))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

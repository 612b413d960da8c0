"""The store's tree beside the model: sets of change-sets from seeded scenarios, and the views that each makes of them.

    python3 tests/oracle/compare.py VIEWS_LINES FIRST COUNT [ORDERS] [thieves=0] [strong=1] [reach=random] [steps=N]

VIEWS_LINES is the program made of views_lines.c; each set is given to it in ORDERS (3) random orders.  Prints the first lines
that differ, keeps that set in the folder of temporary files, and exits with 1.

Compared are nodes, logs, verdicts, parents of today and ever, closings, names and erasures.  What the tree does not say apart is made one: who is
no steward, is not the inviter, or creates what stands elsewhere writes `outside` his authority; a `same` is a closing; of a name
the value that holds; of a log that is forked not also a cut above the fork.
"""
import os
import subprocess
import sys
import tempfile

import lines
from world import World

OUTSIDE = ('role', 'not-inviter', 'contested')


def plain(line, standing):
    """A line of the model as the tree can say it; None: not at all."""
    word = line.split(' ')
    if word[0] in ('register', 'counted', 'submission'):
        return None
    if word[0] in ('change', 'entry') and word[-1] in OUTSIDE:
        word[-1] = 'outside'
    elif word[0] == 'closed':
        del word[2]
    elif word[0] == 'name':
        if word[1] not in standing:
            return None
        del word[3]
    elif word[0] == 'log' and word[5] != '-':
        word[4] = '-'
    return ' '.join(word)


def of_model(entries):
    v = lines.set_read(lines.set_lines(entries))
    out = lines.view_lines(v) + ['ever %s %s' % (unit, parent) for unit, parents in v.ever.items() for parent in parents]
    standing = {line.split(' ')[1] for line in out if line.startswith('parent ')} | {lines.ROOT}
    return sorted({p for p in (plain(line, standing) for line in out) if p is not None})


def differences(one, other):
    return ['- ' + x for x in one if x not in set(other)] + ['+ ' + x for x in other if x not in set(one)]


def main(argv):
    opt = dict(a.split('=') for a in argv if '=' in a)
    args = [a for a in argv if '=' not in a]
    if len(args) not in (3, 4):
        raise SystemExit(__doc__)
    program, first, count, orders = args[0], int(args[1]), int(args[2]), args[3] if len(args) == 4 else '3'
    failed = []
    for seed in range(first, first + count):
        world = World(seed, opt.get('reach', 'form'), opt.get('thieves', '1') == '1', opt.get('strong') == '1').run(int(opt.get('steps', 110)))
        entries = world.g.e
        path = os.path.join(tempfile.gettempdir(), 'oracle-%d-%d.txt' % (os.getpid(), seed))
        with open(path, 'w', encoding='ascii') as f:
            f.write('\n'.join(lines.set_lines(entries)) + '\n')
        run = subprocess.run([program, path, str(seed), orders], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='ascii', check=False)
        theirs = [line for line in run.stdout.split('\n') if line]
        different = differences(of_model(entries), theirs)
        if run.returncode != 0 or different:
            failed.append(seed)
            print('seed %d (%s): %d lines differ; %s' % (seed, path, len(different), run.stderr.strip() or 'status %d' % run.returncode))
            print('\n'.join(different[:int(opt.get('show', 12))]))
        else:
            os.unlink(path)
    print('%d of %d seeds agree' % (count - len(failed), count))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

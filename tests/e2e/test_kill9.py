#!/usr/bin/python3
"""Goal: what any hoi call acknowledged survives kill -9, at every level of a four-level tree, and is there once.

50 seeded kills, at least 10 inside each of put, import of 10,000 records, push and receipt (with sanitizers, which look for other mistakes and take several times as long, 20, 4 each,
and 2,000 records). A kill counts as inside
  put, import  if the call was under way: it had not returned when its daemon died;
  push         if the daemon of the level above died after a put below was acknowledged, and the entry had not reached its store;
  receipt      if the daemon below died after its entry stood in the store above, and did not know of the receipt yet.
Both are judged by looking into the dead daemon's store; other kills do not count.
"""
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import Refused, sanitized, Tree, wait  # noqa: E402

SEED = int(os.environ.get("HOI_SEED", "1"))
LINE = ["VN", "54", "560", "22165"]
UNITS = [("54", "VN", 1, "Province"), ("560", "54", 2, "District"), ("22165", "560", 3, "Commune")]
FORM = {"name": "ledger", "title": {"en": "Ledger"}, "period": "month", "list": True,
        "fields": [{"name": "amount", "type": "integer", "over_units": "sum", "over_time": "sum"}]}
SLOW = sanitized()
WANTED = dict.fromkeys(("put", "import", "push", "receipt"), 4 if SLOW else 10)
KILLS = 20 if SLOW else 50
IMPORT_ROWS = 2000 if SLOW else 10000


class Ledger:
    """What was acknowledged, kept outside hoi: {(office, period, row): value}."""

    def __init__(self):
        self.rows = {}
        self.next = 0

    def fresh(self):
        self.next += 1
        return f"r{self.next:07d}"


def rows_at(office, unit, period):
    """{row: value} of one unit's ledger as an office sees it."""
    try:
        shown = office.json("show", "ledger", period, "--unit", unit)
    except Refused as refused:
        if "HOI-0104" in refused.stderr:  # nothing entered for that period
            return {}
        raise
    return {row["row"]: int(row["fields"]["amount"]["value"]) for row in shown["rows"]}


def total_at(office, unit, period):
    """What the ledger of one unit, without those below it, adds up to as an office sees it: a value taken twice would show."""
    rows = office.json("rollup", "ledger", period, "--unit", unit, "--by", "unit")["rows"]
    return next(int(row["fields"]["amount"]["value"]) for row in rows if row["unit"] == unit)


def attempt_put(office, ledger, rng, typical):
    """A put whose daemon is killed at a random moment; was the kill inside the call?"""
    row, value = ledger.fresh(), rng.randrange(1, 10**6)
    call = office.popen("put", "ledger", "2025-01", "--row", row, f"amount={value}")
    time.sleep(rng.uniform(0.0, 1.0) * typical)
    inside = call.poll() is None
    office.kill()
    call.communicate()
    if call.returncode == 0:
        ledger.rows[office.code, "2025-01", row] = value
    return inside


def attempt_import(office, ledger, rng, folder, number, typical):
    """An import of 10,000 records whose daemon is killed under way."""
    period = f"{2000 + number // 12:04d}-{number % 12 + 1:02d}"
    path = os.path.join(folder, "sheet.csv")
    values = {f"i{n:05d}": rng.randrange(1, 10**6) for n in range(IMPORT_ROWS)}
    with open(path, "w", encoding="utf-8") as file:
        file.write("row,amount\n" + "".join(f"{row},{value}\n" for row, value in values.items()))
    call = office.popen("import", "ledger", path, "--period", period)
    time.sleep(rng.uniform(0.05, 1.0) * typical)
    inside = call.poll() is None
    office.kill()
    call.communicate()
    office.start()
    wait(lambda: office.json("status"), 20, "status after restart")
    present = rows_at(office, office.code, period)
    assert len(present) in (0, IMPORT_ROWS), f"a part of an import: {len(present)} rows"
    if call.returncode == 0:
        assert len(present) == IMPORT_ROWS, "an acknowledged import is gone"
    if present:
        for row, value in values.items():
            ledger.rows[office.code, period, row] = value
    return inside


def put_fresh(office, ledger, rng):
    row, value = ledger.fresh(), rng.randrange(1, 10**6)
    office.hoi("put", "ledger", "2025-01", "--row", row, f"amount={value}")
    ledger.rows[office.code, "2025-01", row] = value
    return row


# Between the put and the answer from above there is less than a millisecond: daemons are frozen on the way, so that the kills fall inside on any machine.

def attempt_push(tree, ledger, rng, below, above):
    """A put below, then the daemon above dies, frozen or just woken: inside, if the entry had not reached its store."""
    upper = tree[above]
    tree[below].hoi("sync", "--wait", "30")  # the line stands: the push will be under way at once
    upper.process.send_signal(signal.SIGSTOP)
    row = put_fresh(tree[below], ledger, rng)
    time.sleep(rng.uniform(0, 0.02))
    if rng.random() < 0.5:
        upper.process.send_signal(signal.SIGCONT)
        time.sleep(rng.uniform(0, 0.001))
    upper.kill()
    arrived = row in rows_at(upper, below, "2025-01")  # no daemon runs there: hoi opens the store itself
    upper.start()
    return not arrived


def attempt_receipt(tree, ledger, rng, below, above):
    """A put below; its daemon is frozen when the entry is on its way, and dies when it stands above: inside, if the receipt had not been taken in."""
    office, upper = tree[below], tree[above]
    office.hoi("sync", "--wait", "30")
    upper.process.send_signal(signal.SIGSTOP)
    row = put_fresh(office, ledger, rng)
    time.sleep(rng.uniform(0.02, 0.05))
    office.process.send_signal(signal.SIGSTOP)
    upper.process.send_signal(signal.SIGCONT)
    arrived, deadline = False, time.monotonic() + 1
    while not arrived and time.monotonic() < deadline:
        arrived = row in rows_at(upper, below, "2025-01")
    office.kill()
    log = office.json("status")["log"]
    office.start()
    return arrived and log["stored_above"] < log["written"]


def measure_import(office, folder):
    path = os.path.join(folder, "sheet.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("row,amount\n" + "".join(f"w{n:05d},{n + 1}\n" for n in range(IMPORT_ROWS)))
    began = time.monotonic()
    office.hoi("import", "ledger", path, "--period", "1999-01")
    return time.monotonic() - began


def measure_put(office):
    began = time.monotonic()
    for n in range(5):
        office.hoi("put", "ledger", "1999-02", "--row", f"w{n}", "amount=1")
    return (time.monotonic() - began) / 5


def everything_everywhere(tree, ledger):
    """Every acknowledged value at its own level and each above, once."""
    expected = {}
    for (code, period, row), value in ledger.rows.items():
        expected.setdefault((code, period), {})[row] = value
    for (code, period), rows in sorted(expected.items()):
        for level in LINE[:LINE.index(code) + 1]:
            def complete():
                present = rows_at(tree[level], code, period)
                return present if rows.keys() <= present.keys() else None
            present = wait(complete, 60, f"{code} {period} at {level}")
            for row, value in rows.items():
                assert present[row] == value, f"{code} {period} {row} at {level}: {present[row]}, not {value}"
            total = total_at(tree[level], code, period)
            assert total == sum(present.values()), f"{code} {period} at {level}: rows add up to {sum(present.values())}, roll-up says {total}"


def main():
    rng, ledger, count = random.Random(SEED), Ledger(), dict.fromkeys(WANTED, 0)
    kills = missed = imports = 0
    with Tree() as tree:
        form = os.path.join(tree.dir, "ledger.json")
        with open(form, "w", encoding="utf-8") as file:
            json.dump(FORM, file)
        tree.found("VN", UNITS, [form])
        for above, below in zip(LINE, LINE[1:]):
            tree.join(above, below)
        for code in LINE:
            wait(lambda: tree[code].json("form", "show", "ledger"), 20, f"form at {code}")
        typical = measure_import(tree["22165"], tree.dir)
        typical_put = measure_put(tree["22165"])
        print(f"seed {SEED}; an import takes {typical:.2f} s, a put {1000 * typical_put:.0f} ms")
        while kills < KILLS or any(count[kind] < wanted for kind, wanted in WANTED.items()):
            assert missed < 400, f"too many kills hit nothing: {count}"
            due = [kind for kind, wanted in WANTED.items() if count[kind] < wanted] or list(WANTED)
            kind = rng.choice(due)
            if kind == "put":
                office = tree[LINE[kills % 4]]
                hit = "put" if attempt_put(office, ledger, rng, typical_put) else None
                office.start()
            elif kind == "import":
                imports += 1
                hit = "import" if attempt_import(tree[LINE[kills % 4]], ledger, rng, tree.dir, imports, typical) else None
            else:
                below = LINE[1 + (kills + missed) % 3]
                above = LINE[LINE.index(below) - 1]
                inside = attempt_push(tree, ledger, rng, below, above) if kind == "push" else attempt_receipt(tree, ledger, rng, below, above)
                hit = kind if inside else None
            if hit:
                count[hit] += 1
                kills += 1
                print(f"kill {kills}: inside {hit}", flush=True)
            else:
                missed += 1
                print(f"a kill outside {kind}", flush=True)
        everything_everywhere(tree, ledger)
        for code in LINE:
            tree[code].hoi("check")
        print(f"{kills} kills inside {count}, {missed} that hit nothing; {len(ledger.rows)} acknowledged records, all there, once, at every level")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Refused) as error:
        print(f"FAILED (HOI_SEED={SEED}): {error}")
        sys.exit(1)

#!/usr/bin/python3
"""Goals b, c, d, f, g and h: the link, end to end between two real daemons over CURVE on loopback, beside its peers.

    link_run.py [--smoke] [GOAL...]

Prints rows as bench.h describes them. --smoke: a thousandth of the work, once, no judgement. Programs come from the folder HOI_BIN.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from link_offices import Line, Pair, Stage, free_port, program  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SMOKE = "--smoke" in sys.argv[1:]
GOALS = [argument for argument in sys.argv[1:] if argument != "--smoke"]
RUNS = 1 if SMOKE else 5
SHAPE = (1, 5, 10) if SMOKE else (5, 100, 100)
SLOW_SHAPE = (1, 2, 12) if SMOKE else (1, 14, 120)  # 33,600 values
IDLE_S = 1 if SMOKE else 60
RATE, DELAY_MS = 125000, 50  # 1 Mbit/s, 100 ms there and back
PATIENCE_S = 300
NPM = ["pouchdb@9", "express-pouchdb@4", "express@4"]


def row(goal, what, figure, baseline="-", ratio="-", bound="-", met=None):
    judged = "-" if met is None or SMOKE else "met" if met else "MISSED"
    print("\t".join((goal, what, figure, baseline, ratio, bound if not SMOKE else "-", judged)), flush=True)


def duration(seconds):
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=PATIENCE_S, **options).stdout


class Scratch:
    """A directory for a peer, gone afterwards."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="hoi-bench.")
        return self.dir

    def __exit__(self, *_):
        shutil.rmtree(self.dir)


# ---- peers ----

def prototype(shape, line=None):
    """Seconds from connect, and over an open line; bytes up and down where there is a proxy."""
    port = free_port()
    proxy = None if line is None else Line(port, *line)
    with Scratch() as scratch:
        fresh, opened = map(float, run(program("proto_link"), scratch, *shape, port, port if proxy is None else proxy.port).split())
    if proxy is None:
        return fresh, opened, None
    passed = proxy.bytes()
    proxy.close()
    return fresh, opened, passed


def session(shape):
    """Seconds and bytes fresh, seconds and bytes of the 1 %, of SQLite's session extension."""
    with Scratch() as scratch:
        fresh_s, fresh_bytes, changed_s, changed_bytes = run(program("peer_session"), scratch, *shape).split()
    return float(fresh_s), int(fresh_bytes), float(changed_s), int(changed_bytes)


def pouch_install(scratch):
    """False where it cannot be had."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *NPM]
    try:
        return subprocess.run(command, cwd=scratch, capture_output=True, timeout=PATIENCE_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def pouch(installed, documents):
    with Scratch() as scratch, open(documents, encoding="ascii") as stdin:
        return float(subprocess.run(["node", os.path.join(HERE, "peer_pouch.js"), scratch], cwd=installed, stdin=stdin, check=True, capture_output=True,
                                    text=True, timeout=PATIENCE_S).stdout)


# ---- b: time, fresh; f: memory ----

def fresh(stage):
    """Seconds, and the root's greatest resident memory."""
    pair = Pair(stage)
    seconds = pair.connect()
    memory = pair.root.memory_mib("VmHWM")
    pair.agree()
    pair.close()
    return seconds, memory


def bare_loop():
    """Seconds of the bare loop of goal a, as bench_apply has it."""
    for line in run(program("bench_apply"), *(["--smoke"] if SMOKE else [])).splitlines():
        cells = line.split("\t")
        if cells[0] == "a" and "bare loop" in cells[1]:
            number, unit = cells[3].split()
            return float(number) / {"ms": 1e3, "us": 1e6, "s": 1}[unit]
    raise RuntimeError("bench_apply no longer says what the bare loop took")


def goal_b(stage):
    with Scratch() as installed:
        documents = os.path.join(installed, "documents")
        with_pouch = not SMOKE and pouch_install(installed)
        with open(documents, "w", encoding="ascii") as file:
            file.write(run(program("link_stage"), "json", *SHAPE))
        hoi, proto, peer, pouches, bare, memory = [], [], [], [], [], []
        for _ in range(RUNS):
            bare.append(bare_loop())
            proto.append(prototype(SHAPE)[0])
            seconds, peak = fresh(stage)
            hoi.append(seconds)
            memory.append(peak)
            peer.append(session(SHAPE)[0])
            if with_pouch:
                pouches.append(pouch(installed, documents))
    hoi_s, proto_s, peer_s, bare_s = map(statistics.median, (hoi, proto, peer, bare))
    row("b", "W fresh between two daemons; the prototype", duration(hoi_s), duration(proto_s), f"{hoi_s / proto_s:.2f}", "at most 1.5", hoi_s <= 1.5 * proto_s)
    row("b", "the prototype; the bare loop of goal a", duration(proto_s), duration(bare_s), f"{proto_s / bare_s:.2f}", "at most 1.3", proto_s <= 1.3 * bare_s)
    row("b", "W fresh; SQLite session change-set, zstd, applied durably", duration(hoi_s), duration(peer_s), f"{hoi_s / peer_s:.2f}", "below 1", hoi_s < peer_s)
    if pouches:
        pouch_s = statistics.median(pouches)
        times = pouch_s / hoi_s
        row("b", "W fresh; PouchDB to express-pouchdb", duration(hoi_s), duration(pouch_s), f"{times:.0f} times", "at least 30 times", times >= 30)
    else:
        row("b", "W fresh; PouchDB: skipped, npm or its packages cannot be had here", duration(hoi_s))
    return max(memory)


def goal_f(stage, peak):
    row("f", "receiver's resident memory at most, W fresh", f"{peak:.1f} MiB", bound="at most 32 MiB", met=peak <= 32)
    big = Stage(SHAPE[0], SHAPE[1] * 10, SHAPE[2])
    _, big_peak = fresh(big)
    big.close()
    row("f", "the same for 10 x W", f"{big_peak:.1f} MiB", f"{peak:.1f} MiB", f"{big_peak / peak:.2f}", "at most 32 MiB, ratio 1.1",
        big_peak <= 32 and big_peak <= 1.1 * peak)


# ---- c, d: bytes ----

def told(before, after):
    return after[0] - before[0], after[1] - before[1]


def goal_cd(stage):
    pair = Pair(stage, line=())
    pair.connect()
    up, down = pair.line.bytes()
    pair.agree()
    row("c", "TCP payload both ways, W fresh; zstd -3 of the same as row-wise msgpack", f"{up + down} B", f"{stage.zstd} B", f"{(up + down) / stage.zstd:.3f}",
        "at most 1.05", up + down <= 1.05 * stage.zstd)
    time.sleep(3)  # a line on which something came a moment ago needs no proof
    before = pair.line.bytes()
    seconds = pair.province.sync()
    open_up, open_down = told(before, pair.line.bytes())
    row("d", "a sync with nothing new, open link: TCP payload both ways", f"{open_up} + {open_down} B", bound="at most 300 B", met=open_up + open_down <= 300)
    row("d", "the same: time", f"{seconds * 1000:.1f} ms")
    pair.stop()
    before = pair.line.bytes()
    pair.connect()
    new_up, new_down = told(before, pair.line.bytes())
    row("d", "a sync with nothing new, new connection: TCP payload both ways", f"{new_up} + {new_down} B", bound="at most 1,536 B",
        met=new_up + new_down <= 1536)
    pair.stop()
    pair.add_changes()
    before = pair.line.bytes()
    seconds = pair.connect()
    changed = sum(told(before, pair.line.bytes()))
    pair.agree()
    pair.close()
    peer = session(SHAPE)
    row("c", "TCP payload both ways, 1 % changed, new connection; SQLite session change-set, zstd", f"{changed} B", f"{peer[3]} B", f"{changed / peer[3]:.2f}",
        "at most 1.0", changed <= peer[3])
    row("c", "the same: time, with the new connection", duration(seconds), duration(peer[2]))


# ---- h: a slow line ----

def counted_above(office):
    log = office.ask("status")["log"]
    return log["counted_above"] == log["written"]


def pushed(empty, rows, line):
    """The province's own figures over a link that is open. Seconds from the moment they are written until the root's receipt says that it has applied them; the
    bytes for it."""
    pair = Pair(empty, line)
    pair.connect()
    office = pair.province
    number = office.ask("import.begin", form="figures", columns=[f"f{i:02}" for i in range(1, 21)])["import"]
    for at in range(0, len(rows), 1000):
        office.ask("import.rows", **{"import": number, "rows": rows[at:at + 1000]})
    time.sleep(0.5)
    before = pair.line.bytes()
    office.ask("import.commit", **{"import": number})
    began = time.perf_counter()
    while not counted_above(office):
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    office.sync()
    passed = told(before, pair.line.bytes())
    pair.agree()
    pair.close()
    return seconds, passed


def goal_h():
    empty, stage = Stage(1, 1, 1), Stage(*SLOW_SHAPE)
    rows = [json.loads(line) for line in run(program("link_stage"), "rows", *SLOW_SHAPE).splitlines()]
    opened, proto_opened, anew, proto_anew, bounds = [], [], [], [], []
    for seed in range(1, RUNS + 1):
        line = (f"delay={DELAY_MS}", f"rate={RATE}", "lose=2,200", f"seed={seed}")
        proto = prototype(SLOW_SHAPE, line)
        proto_anew.append(proto[0])
        proto_opened.append(proto[1])
        seconds, passed = pushed(empty, rows, line)
        opened.append(seconds)
        bounds.append(sum(passed) / RATE + 3 * 2 * DELAY_MS / 1000)
        pair = Pair(stage, line)
        anew.append(pair.connect())
        pair.agree()
        pair.close()
    empty.close()
    stage.close()
    hoi_s, proto_s, bound_s = map(statistics.median, (opened, proto_opened, bounds))
    what = f"{len(rows) * 20:,} values, 100 ms, 1 Mbit/s, 2 % loss, open link"
    row("h", f"{what}; bytes / rate + 3 round trips", duration(hoi_s), duration(bound_s), f"{hoi_s / bound_s:.2f}", "at most 1.5", hoi_s <= 1.5 * bound_s)
    row("h", f"{what}; the prototype", duration(hoi_s), duration(proto_s), f"{hoi_s / proto_s:.2f}", "at most 1.1", hoi_s <= 1.1 * proto_s)
    row("h", "the same with a new connection; the prototype", duration(statistics.median(anew)), duration(statistics.median(proto_anew)),
        f"{statistics.median(anew) / statistics.median(proto_anew):.2f}")


# ---- g: doing nothing ----

def goal_g(stage):
    pair = Pair(stage)
    pair.connect()
    time.sleep(IDLE_S / 6)  # the stores tidy up after some seconds without a change
    before = pair.root.activity(), pair.province.activity()
    time.sleep(IDLE_S)
    for name, office, was in (("root", pair.root, before[0]), ("province", pair.province, before[1])):
        cpu_s, times = office.activity()
        used_ms, memory = (cpu_s - was[0]) * 1000, office.memory_mib("VmRSS")
        row("g", f"hoid of the {name}, idle, one peer, with W: resident memory", f"{memory:.1f} MiB", bound="at most 12 MiB", met=memory <= 12)
        row("g", f"the same: processor time in {IDLE_S} s, and how often it ran", f"{used_ms:.1f} ms, {times - was[1]} times", bound="at most 5 ms",
            met=used_ms <= 5)
    pair.close()


def main():
    wanted = GOALS or list("bcdfgh")
    stage = Stage(*SHAPE)
    try:
        row("-", f"W: {stage.values:,} values as row-wise msgpack; the same under zstd -3", f"{stage.msgpack} B", f"{stage.zstd} B")
        row("-", "the 1 % of it: the changed rows as row-wise msgpack; the same under zstd -3", f"{stage.changed_msgpack} B", f"{stage.changed_zstd} B")
        peak = None
        if "b" in wanted:
            peak = goal_b(stage)
        if "f" in wanted:
            goal_f(stage, peak if peak is not None else fresh(stage)[1])
        if "c" in wanted or "d" in wanted:
            goal_cd(stage)
        if "h" in wanted:
            goal_h()
        if "g" in wanted:
            goal_g(stage)
    finally:
        stage.close()


if __name__ == "__main__":
    main()

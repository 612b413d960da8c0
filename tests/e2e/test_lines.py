#!/usr/bin/python3
"""Goal: over lines as bad as they are, an office joins and its figures arrive once, without anybody's help.

1 slow      1 KB/s and 3 s there and back: join, then a sheet of 200 units goes up
2 breaking  every connection is reset after a second: a sheet of 3,000 units goes up in pieces
3 dead      the line falls silent without closing: `hoi sync` finds out while somebody waits for it and dials anew
4 refused   nobody listens for a while, then somebody does: the office comes back by itself
"""
import concurrent.futures
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import BIN, BUSY, Office, Refused, Tree, wait  # noqa: E402

NOTICED_S = BUSY * 60  # an exchange that has fallen silent is asked after 30 s, and given 20 s to answer


class Line:
    """A proxy to the root's port, as bad as it is told to be."""

    def __init__(self, root, *settings):
        with open(os.path.join(root.dir, "listen"), encoding="utf-8") as file:
            port = file.read().strip().rsplit(":", 1)[1]
        self.process = subprocess.Popen([os.path.join(BIN, "tests/e2e/lossy"), "0", port, *settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = "tcp://127.0.0.1:" + self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def join(tree, code, line):
    """Joins over the line; the office's daemon dials over it from then on."""
    token = tree["VN"].hoi("invite", code, "--address", line.address)
    office = tree.offices[code] = Office(tree, code)
    os.makedirs(office.dir, mode=0o700)
    office.hoi("join", "-", "--wait", "110", stdin=token)
    office.hoi("config", "listen", "tcp://127.0.0.1:*")
    office.start()
    return office


def import_units(office, parent, count):
    path = os.path.join(office.dir, "units.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("code,parent_code,level,name\n")
        file.writelines(f"{parent}-{i},{parent},2,Huyện {i} {i * 7919 % 100003} {i * 104729 % 1000003}\n" for i in range(count))
    office.hoi("unit", "import", path)


def log_of(office):
    with open(os.path.join(office.dir, "hoid.log"), encoding="utf-8") as log:
        return log.read()


def stored(office):
    log = office.json("status")["log"]
    return log["written"] > 0 and log["stored_above"] == log["written"]


def slow(tree):
    with Line(tree["VN"], "delay=1500", "rate=1000") as line:
        office = join(tree, "1", line)
        office.hoi("sync", "--wait", "110")
        import_units(office, "1", 200)
        office.hoi("sync", "--wait", "110")
        assert stored(office)
        office.stop()


def breaking(tree):
    with Line(tree["VN"], "reset=1", "rate=20000") as line:
        office = join(tree, "2", line)
        wait(lambda: office.hoi("unit", "show", "2"), 30, "the office to know its unit")
        import_units(office, "2", 3000)
        wait(lambda: stored(office), 90, "a sheet to arrive over a breaking line")
        connections = log_of(office).count("id=uplink_up")
        assert connections >= 2, f"the line was meant to break: {connections}"
        office.stop()


def dead(tree):
    with Line(tree["VN"], "silent_after=9000") as line:
        office = join(tree, "3", line)
        wait(lambda: office.hoi("unit", "show", "3"), 30, "the office to know its unit")
        import_units(office, "3", 3000)
        waiting, began = office.popen("sync", "--wait", "90"), time.monotonic()
        while "reason=no_answer" not in log_of(office):
            assert waiting.poll() is None, "the line was meant to fall silent"
            assert time.monotonic() - began < NOTICED_S, "somebody waited on a dead line, and it was not noticed"
            time.sleep(0.2)
        wait(lambda: "id=uplink_up" in log_of(office).split("reason=no_answer", 1)[1], 30, "a new line")
        waiting.kill()  # each line carries a little: the rest would come in the same way
        waiting.communicate()
        office.stop()


def refused(tree):
    root = tree["VN"]
    office = tree.offices["4"] = Office(tree, "4")
    os.makedirs(office.dir, mode=0o700)
    office.hoi("join", "-", stdin=root.hoi("invite", "4"))
    office.hoi("config", "listen", "tcp://127.0.0.1:*")
    root.kill()
    office.start()
    try:
        office.hoi("sync", "--wait", "2")
        raise AssertionError("nobody was there to answer")
    except Refused as nobody:
        assert nobody.status == 3, nobody
    root.start()
    wait(lambda: office.hoi("unit", "show", "4"), 30, "the office to come back by itself")
    office.stop()


def timed(scenario, tree):
    began = time.monotonic()
    scenario(tree)
    print(f"{scenario.__name__}: {time.monotonic() - began:.1f} s", flush=True)


def main():
    with Tree() as tree:
        tree.found("VN", [(str(i), "VN", 1, f"Province {i}") for i in range(1, 5)], [])
        with concurrent.futures.ThreadPoolExecutor() as threads:  # each has an office and a line of its own, and waits most of its time
            list(threads.map(lambda scenario: timed(scenario, tree), (slow, breaking, dead)))
        timed(refused, tree)  # the centre goes down for it
        assert len(tree["VN"].json("unit", "list")) >= 5 or tree["VN"].json("unit", "list")["units"]


if __name__ == "__main__":
    main()

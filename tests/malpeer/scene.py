"""The scene of every attack: a centre, a district and an honest commune as real daemons on loopback, and hostile nodes with good keys of their own.

The district is the one attacked. Around each attack it is measured what it cost: the process, its memory, its disk, its log, what it holds, and whether an
honest commune's figure arrived meanwhile. What may be lost is stated by the attack, and is small.
"""
import contextlib
import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "interop")]
sys.dont_write_bytecode = True
import hoi_author  # noqa: E402
import hoi_hostile  # noqa: E402
import hoi_link  # noqa: E402
import hoi_messages  # noqa: E402
from tree import Tree, wait  # noqa: E402

FORMS = os.path.join(HERE, "..", "..", "tools", "forms")
UNITS = [("560", "VN", 1, "Huyện Sơn Hòa"), ("22165", "560", 2, "Thị trấn Củng Sơn"), ("22168", "560", 2, "Xã Phước Tân"), ("562", "VN", 1, "Huyện Tây Hoà")]
Q1_2025 = 4 * 2025
MEMORY_KIB_MAX = 8 * 1024  # resident memory that an attack may cost for good
DISK_KIB_MAX = 8 * 1024    # the journal that is written over and over, at its most
LINES_MAX = 30             # of one id: what the log takes in a minute


class Failed(AssertionError):
    """An attack that had an effect, or was not noticed."""


class Scene:
    """The daemons, and the hostile nodes: `evil` and `twin` of a commune of the district, `other` of another district."""

    def __init__(self, tree):
        self.tree, self.count = tree, 0
        tree.found("VN", UNITS, [os.path.join(FORMS, "members.json")])
        self.centre, self.victim, self.honest = tree["VN"], tree.join("VN", "560"), tree.join("560", "22165")
        wait(lambda: self.honest.json("form", "show", "members"), 20, "the form at the commune")
        self.nodes, self.tokens = {}, {}
        self.evil, self.twin, self.other = self.enrol("evil", "560", "22168"), self.enrol("twin", "560", "22168"), self.enrol("other", "VN", "562")
        for name, node in (("evil", self.evil), ("twin", self.twin), ("other", self.other)):
            hoi_author.put(node, "members", Q1_2025, {"members_total": 10})
            self.sync(node, name)
        for name in ("evil", "other"):
            self.sync(getattr(self, name), name)

    def enrol(self, name, parent, code):
        """A new node of that unit, with what it may hold; its token stays for what it dials with."""
        unit = wait(lambda: self.tree[parent].json("unit", "show", code)["id"], 20, f"{code} at {parent}")
        self.tokens[name] = self.tree[parent].hoi("invite", unit).strip()
        node = self.nodes[name] = hoi_link.join(self.tokens[name])
        self.sync(node, name)
        return node

    def sync(self, node, name):
        with hoi_link.Link(node, self.tokens[name]) as link:
            link.until_in_step()

    def line(self, node, name):
        """A line with a node's transport key, and nothing said on it."""
        token = hoi_messages.read_token(self.tokens[name])
        return hoi_link.Line(token["addresses"][0], token["transport_key"], node.transport_key, node.transport_secret)

    def raw(self, name="evil"):
        """A conversation of single frames."""
        return hoi_hostile.Raw(self.nodes[name], self.tokens[name])

    def settle(self):
        """A district begun anew, its log's counts with it; all have told one another what they hold."""
        self.victim.stop()
        self.victim.start()
        self.honest.hoi("sync", "--wait", "30")
        self.victim.hoi("sync", "--wait", "30")
        self.exchange()

    def port(self):
        with open(os.path.join(self.victim.dir, "listen"), encoding="utf-8") as file:
            return int(file.read().strip().rsplit(":", 1)[1])

    # ---- what is measured ----

    def resident_kib(self, what="VmRSS"):
        with open(f"/proc/{self.victim.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(what + ":"))

    def sanitized(self):
        """A daemon built to find its own mistakes takes memory of its own for it."""
        with open(f"/proc/{self.victim.process.pid}/maps", encoding="utf-8") as maps:
            return "libasan" in maps.read()

    def disk_kib(self):
        return sum(os.path.getsize(os.path.join(self.victim.dir, name)) for name in os.listdir(self.victim.dir) if name.startswith("store.db")) // 1024

    def log(self):
        with open(os.path.join(self.victim.dir, "hoid.log"), encoding="utf-8") as file:
            return file.read().splitlines()

    def held(self):
        """Every entry that the district holds, but the honest commune's."""
        entries = self.victim.json("log", "--limit", "100000")["entries"]
        return sorted(entry["ref"] for entry in entries if entry["unit"]["code"] != "22165")

    def exchange(self):
        """The honest commune enters a figure, and the district counts it."""
        self.count += 1
        value = str(1000 + self.count)
        self.honest.hoi("put", "members", "2025-Q1", f"members_total={value}")

        def counted():
            rows = self.victim.json("show", "members", "2025-Q1", "--unit", "22165")["rows"]
            return rows and rows[0]["fields"]["members_total"]["value"] == value

        wait(counted, 20, f"the honest commune's figure {value}")

    # ---- an attack ----

    @contextlib.contextmanager
    def attack(self, name, *says, memory_kib=MEMORY_KIB_MAX, disk_kib=DISK_KIB_MAX, takes=False, lines_max=3):
        """Judges what runs inside it. says: what a line of the log must contain (of a tuple, one of its members), at least once and at most `lines_max` times each; takes: whether what it
        sends may be kept; it is lawful then, and only its cost is judged."""
        process, lines, held = self.victim.process, len(self.log()), None if takes else self.held()
        memory, disk = self.resident_kib(), self.disk_kib()
        trouble = []

        def serve():
            try:
                self.exchange()
            except Exception as error:  # pylint: disable=broad-except
                trouble.append(error)

        other = threading.Thread(target=serve)
        other.start()
        began = time.monotonic()
        yield
        other.join()
        if self.victim.process is not process or process.poll() is not None:
            raise Failed(f"{name}: the daemon ended")
        if trouble:
            raise Failed(f"{name}: others were not served: {trouble[0]}")
        if held is not None and self.held() != held:
            raise Failed(f"{name}: something of it was kept: {set(self.held()) ^ set(held)}")
        grown, stored = self.resident_kib() - memory, self.disk_kib() - disk
        if grown > memory_kib and not self.sanitized():
            raise Failed(f"{name}: {grown} KiB of memory")
        if stored > disk_kib:
            raise Failed(f"{name}: {stored} KiB of disk")
        self._judge_log(name, lines, says, lines_max, 1 + int(time.monotonic() - began) // 60)
        print(f"  {name}: {time.monotonic() - began:.1f} s, memory {grown:+} KiB, disk {stored:+} KiB", flush=True)

    def _judge_log(self, name, before, says, lines_max, minutes):
        def said(what):
            return [line for line in self.log()[before:] if any(each in line for each in ((what,) if isinstance(what, str) else what))]

        for what in says:
            wait(lambda what=what: said(what), 5, f"{name}: a line that says {what}")
        new = self.log()[before:]
        for what in says:
            count = len(said(what))
            if count > lines_max:
                raise Failed(f"{name}: {what} was said {count} times")
        ids = [line.split(" id=")[1].split()[0] for line in new if " id=" in line]
        flooded = {each: ids.count(each) for each in set(ids) if ids.count(each) > LINES_MAX * minutes}
        if flooded:
            raise Failed(f"{name}: the log was flooded: {flooded}")


def run_on(tree, scene, tests):
    """Runs tests on a scene; the names of those that failed."""
    failed = []
    for test in tests:
        print(test.__name__, flush=True)
        try:
            scene.settle()
            test(scene)
        except Exception as error:  # pylint: disable=broad-except
            failed.append(test.__name__)
            print(f"FAILED {test.__name__}: {type(error).__name__}: {error}", flush=True)
    tree.keep = bool(failed)
    if not failed and scene.victim.json("check")["findings"]:
        failed.append("check")
    return failed


def run(tests, kind=Scene, alone=()):
    """Runs the named tests of one file, or those of them that the command line names. A test is a function of the scene; `alone`: those that leave it so that no other could go on there."""
    groups = [[test for test in group if not sys.argv[1:] or test.__name__ in sys.argv[1:]] for group in (tests, *[[test] for test in alone])]
    failed = []
    for group in filter(None, groups):
        with Tree() as tree:
            failed += run_on(tree, kind(tree), group)
    count = sum(map(len, groups))
    print(f"{count - len(failed)} passed, {len(failed)} failed {' '.join(failed)}")
    sys.exit(1 if failed or count == 0 else 0)

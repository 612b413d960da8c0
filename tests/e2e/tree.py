"""A tree of real offices for end-to-end tests: one folder and one hoid each, on loopback, ports from the kernel.

Programs come from the folder HOI_BIN. Everything started is stopped by its own process handle.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

BIN = os.environ.get("HOI_BIN", "build/release")
BUSY = 4  # a machine that has other things to do may take so many times as long as a wait allows: waits are for what must happen, they judge no time


def sanitized():
    """Were the programs built to find their own mistakes? They take several times as long then."""
    with open(os.path.join(BIN, "hoid"), "rb") as program:
        return b"libasan.so" in program.read()


class Refused(Exception):
    """A hoi call that did not exit 0."""

    def __init__(self, args, result):
        super().__init__(f"hoi {' '.join(args)}: exit {result.returncode}: {result.stderr.strip()}")
        self.status = result.returncode
        self.stderr = result.stderr


class Office:
    """One office: its folder, its daemon."""

    def __init__(self, tree, code):
        self.tree, self.code = tree, code
        self.dir = os.path.join(tree.dir, code)
        self.process = None
        self.environment = dict(os.environ)

    def popen(self, *args):
        return subprocess.Popen([os.path.join(BIN, "hoi"), "--dir", self.dir, "--lang", "en", *args], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)

    def hoi(self, *args, stdin="", timeout=120):
        """Runs hoi, returns its standard output, raises Refused."""
        result = subprocess.run([os.path.join(BIN, "hoi"), "--dir", self.dir, "--lang", "en", *args], input=stdin, timeout=timeout,
                                capture_output=True, text=True, env=self.environment)
        if result.returncode != 0:
            raise Refused(args, result)
        return result.stdout

    def json(self, *args):
        return json.loads(self.hoi(*args, "--json"))

    def start(self):
        assert self.process is None
        listen, log = os.path.join(self.dir, "listen"), open(os.path.join(self.dir, "hoid.log"), "a", encoding="utf-8")
        if os.path.exists(listen):
            os.remove(listen)  # left by a killed daemon: not the word of this one
        with log:
            self.process = subprocess.Popen([os.path.join(BIN, "hoid"), "--dir", self.dir, "--log-level", "debug"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment)
        deadline = time.monotonic() + BUSY * 30
        while not (os.path.exists(listen) and os.path.getsize(listen)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"hoid of {self.code} did not start: see {log.name}")
            time.sleep(0.01)

    def stop(self):
        """A clean stop: exit status 0 is part of the contract."""
        if self.process is not None:
            self.process.terminate()
            status = self.process.wait(BUSY * 30)
            self.process = None
            assert status == 0, f"hoid of {self.code} ended with {status}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def fix_port(self):
        with open(os.path.join(self.dir, "listen"), encoding="utf-8") as file:
            self.hoi("config", "listen", file.read().strip())


class Tree:
    """Offices by code, in a temporary folder."""

    def __init__(self, keep=False):
        self.dir = tempfile.mkdtemp(prefix="hoi-e2e.")
        self.offices, self.keep = {}, keep

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for office in self.offices.values():
            if office.process is not None:
                office.process.terminate()
        for office in self.offices.values():
            if office.process is not None:
                office.process.wait(BUSY * 30)
        if kind is None and not self.keep:
            shutil.rmtree(self.dir)
        else:
            print(f"left for a look: {self.dir}")

    def __getitem__(self, code):
        return self.offices[code]

    def found(self, code, units, forms):
        """The root with a tree of (code, parent, level, name) rows and form files; its daemon runs afterwards."""
        office = self.offices[code] = Office(self, code)
        office.hoi("init", "Test", "--unit", code, "--name", "Centre", "--level", "0", "--recovery", "none", "--practice")
        path = os.path.join(self.dir, "units.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("code,parent_code,level,name\n" + "".join(",".join(map(str, row)) + "\n" for row in units))
        office.hoi("unit", "import", path)
        for form in forms:
            office.hoi("form", "add", form)
        office.hoi("config", "listen", "tcp://127.0.0.1:*")
        office.start()
        office.fix_port()
        return office

    def join(self, parent, code):
        wait(lambda: self[parent].hoi("unit", "show", code), 20, f"unit {code} at {parent}")
        token = self[parent].hoi("invite", code)
        office = self.offices[code] = Office(self, code)
        os.makedirs(office.dir, mode=0o700)
        office.hoi("join", "-", stdin=token)
        office.hoi("config", "listen", "tcp://127.0.0.1:*")
        office.start()
        office.fix_port()
        return office


def wait(check, seconds, what):
    """Waits until check() gives something true (a Refused counts as not yet)."""
    deadline = time.monotonic() + BUSY * seconds
    while True:
        try:
            value = check()
            if value:
                return value
            last = None
        except Refused as refused:
            last = refused
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {BUSY * seconds} s for: {what} ({last})")
        time.sleep(0.05)

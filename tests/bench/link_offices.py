"""Two real offices for the benchmarks of the link: stores from link_stage, a hoid each, the line between them, and what is measured of them.

Programs come from the folder HOI_BIN. Everything started is stopped by its own process handle.
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

BIN = os.environ.get("HOI_BIN", "build/release")
PATIENCE_S = 180


def program(name):
    """A program of the benchmarks."""
    return os.path.join(BIN, "tests", "bench", name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Office:
    """A store and the daemon on it."""

    def __init__(self, directory, *options):
        self.dir = directory
        self.log = open(directory + ".log", "wb")
        self.process = subprocess.Popen([os.path.join(BIN, "hoid"), "--dir", directory, *options], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.socket.connect(os.path.join(directory, "control.sock"))
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"hoid did not start: see {directory}.log") from None
                time.sleep(0.005)

    def send(self, verb, **args):
        text = json.dumps({"do": verb, "args": args}).encode()
        self.socket.sendall(struct.pack(">I", len(text)) + text)

    def receive(self):
        answer = json.loads(self._exactly(struct.unpack(">I", self._exactly(4))[0]))
        if answer["status"] != 0:
            raise RuntimeError(f"{self.dir}: {answer}")
        return answer["result"]

    def ask(self, verb, **args):
        self.send(verb, **args)
        return self.receive()

    def _exactly(self, count):
        parts = []
        while count > 0:
            part = self.socket.recv(count)
            if not part:
                raise RuntimeError(f"{self.dir}: hoid hung up")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def sync(self):
        """Seconds until this office and the one above are in step."""
        begin = time.perf_counter()
        self.ask("sync", wait=PATIENCE_S)
        return time.perf_counter() - begin

    def wait_listening(self):
        path = os.path.join(self.dir, "listen")
        deadline = time.monotonic() + 30
        while not (os.path.exists(path) and os.path.getsize(path)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"hoid does not listen: see {self.dir}.log")
            time.sleep(0.005)

    def memory_mib(self, what):
        """VmRSS or VmHWM."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(what + ":"))

    def activity(self):
        """Seconds of processor time of all threads so far, and how often they were put on one."""
        seconds, times = 0.0, 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/schedstat", encoding="ascii") as file:
                ran_ns, _, slices = file.read().split()
                seconds, times = seconds + int(ran_ns) / 1e9, times + int(slices)
        return seconds, times

    def cpu_s(self):
        return self.activity()[0]

    def logged(self, what):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read().count(f"id={what} ")

    def wait_logged(self, what):
        deadline = time.monotonic() + 30
        while not self.logged(what):
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited for {what}: see {self.log.name}")
            time.sleep(0.005)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE_S)
        self.socket.close()
        self.log.close()
        if status != 0:
            raise RuntimeError(f"{self.dir}: hoid ended with {status}")


class Line:
    """The proxy between two offices: counts, and is as bad as it is told to be."""

    def __init__(self, target_port, *settings):
        self.process = subprocess.Popen([os.path.join(BIN, "tests", "e2e", "lossy"), "0", str(target_port), *settings], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def bytes(self):
        """Bytes up, bytes down so far."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        up, down, _ = self.process.stdout.readline().split()
        return int(up), int(down)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Stage:
    """Stores as link_stage makes them, once; a Pair works on copies."""

    def __init__(self, units, changesets, rows):
        self.dir = tempfile.mkdtemp(prefix="hoi-bench.")
        self.values = units * changesets * rows * 20
        lines = subprocess.run([program("link_stage"), "make", self.dir, str(units), str(changesets), str(rows)], check=True, capture_output=True,
                               text=True).stdout.split()
        self.msgpack, self.zstd, self.changed_msgpack, self.changed_zstd = map(int, lines)
        self.changes = os.path.join(self.dir, "changes")

    def close(self):
        shutil.rmtree(self.dir)


class Pair:
    """The province below the root, each with a daemon of its own, not yet connected. line: settings of the proxy between them; None: no proxy."""

    def __init__(self, stage, line=None):
        self.dir = tempfile.mkdtemp(prefix="hoi-bench.")
        for name in ("root", "province"):
            shutil.copytree(os.path.join(stage.dir, name), os.path.join(self.dir, name))
        self.stage, self.port = stage, free_port()
        self.line = None if line is None else Line(self.port, *line)
        self.root = self.province = None

    def start(self):
        """The province dials in vain, and waits for its next turn; then the root listens."""
        port = self.port if self.line is None else self.line.port
        self.province = Office(os.path.join(self.dir, "province"), "--uplink", f"tcp://127.0.0.1:{port}")
        self.province.wait_logged("uplink_down")
        self.root = Office(os.path.join(self.dir, "root"), "--listen", f"tcp://127.0.0.1:{self.port}")
        self.root.wait_listening()

    def connect(self):
        """Seconds from the province's dialling until both are in step: then the root has stored and applied everything, and has said so."""
        for _ in range(20):
            self.start()
            if not self.province.logged("uplink_up"):
                return self.province.sync()
            self.stop()  # its turn came before we could tell it
        raise RuntimeError("the province always dials before it is told to")

    def agree(self):
        """The views of both are the same, byte for byte."""
        states = {office.ask("digest", unit="01")["state"] for office in (self.root, self.province)}
        if len(states) != 1:
            raise RuntimeError("the offices do not agree")

    def stop(self):
        for office in (self.province, self.root):
            if office is not None:
                office.stop()
        self.province = self.root = None

    def add_changes(self):
        """With the daemons stopped, the province receives the 1 %."""
        subprocess.run([program("link_stage"), "add", os.path.join(self.dir, "province"), self.stage.changes], check=True)

    def close(self):
        self.stop()
        if self.line is not None:
            self.line.close()
        shutil.rmtree(self.dir)

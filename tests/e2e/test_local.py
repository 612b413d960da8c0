#!/usr/bin/python3
"""Goal: on one PC, who may ask what is said by account, and secrets are read by nobody else. Accounts are numbers of this test; the daemon runs as a service would, with a group.

1 doors     as a stranger: no file of the directory, neither socket; as a member of the group (by his first group, or a further one): the service's socket
2 rights    a member reads and enters; what he lacks is refused with its number, who he is, which right, and what gives it; typed by root, it does; taken away, it is gone
3 daemon    what the daemon serves by itself needs a right too: a member cannot stop it
4 persons   what was entered shows the account and the name typed, as a claim, here and at the level above
5 keys      exported under a passphrase and imported: the same node; nothing is overwritten, nobody else's key is taken, a passphrase is typed unseen
6 open      a directory or key file that others may look into, or that is another's: nothing starts
7 dumps     neither daemon nor tool leaves a core dump
"""
import json
import os
import pty
import shutil
import socket
import stat
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import BIN, Refused, Tree, wait  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên")]
GROUP, MEMBER, FURTHER, STRANGER = 24720, 24711, 24712, 24713
PASSPHRASE = "bốn từ không ai nói\n"


class Place:
    """An office whose daemon runs under a group, with a folder for the service's socket, and the tool where everybody can run it."""

    def __init__(self, tree):
        self.tree, self.office = tree, tree["VN"]
        os.chmod(tree.dir, 0o711)
        self.run = os.path.join(tree.dir, "run")
        os.makedirs(self.run)
        os.chmod(self.run, 0o755)
        self.socket = os.path.join(self.run, "control.sock")
        self.program = shutil.copy(os.path.join(BIN, "hoi"), os.path.join(tree.dir, "hoi-for-all"))  # the build folder may be closed to others
        os.chmod(self.program, 0o755)
        self.office.stop()
        self.office.environment["RUNTIME_DIRECTORY"] = self.run
        os.setegid(GROUP)
        self.office.start()
        os.setegid(0)

    def hoi(self, *args, user=0, lang="en", **more):
        environment = dict(os.environ, HOI_CONTROL=self.socket)
        identity = {} if user == 0 else {"user": user, "group": GROUP if user == MEMBER else user, "extra_groups": [GROUP] if user == FURTHER else []}
        return subprocess.run([self.program, "--dir", self.office.dir, "--lang", lang, *args], capture_output=True, text=True, timeout=60, env=environment,
                              cwd="/", **identity, **more)

    def done(self, *args, **more):
        result = self.hoi(*args, **more)
        assert result.returncode == 0, (args, result)
        return result.stdout

    def refused(self, *args, words, status=1, **more):
        result = self.hoi(*args, **more)
        assert result.returncode == status and all(word in result.stderr for word in words), (args, words, result)


def ask(path, verb, user, group, **args):
    """The raw answer, from a process of that user; None where the socket cannot be reached."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                data = json.dumps({"do": verb, "args": args}).encode()
                client.sendall(struct.pack(">I", len(data)) + data)
                os.write(writer, client.recv(65536)[4:])
        except OSError as error:
            os.write(writer, json.dumps({"errno": error.errno}).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def doors(place):
    about = os.stat(place.socket)
    assert stat.S_IMODE(about.st_mode) == 0o660 and about.st_gid == GROUP, about
    assert stat.S_IMODE(os.stat(os.path.join(place.office.dir, "control.sock")).st_mode) == 0o600
    for user in (STRANGER, MEMBER, 65534):
        for name in ("node.key", "store.db", "store.db-wal", "lock", "control.sock", "listen", ""):
            look = subprocess.run(["/bin/cat", os.path.join(place.office.dir, name)], capture_output=True, user=user, group=user, extra_groups=[], check=False)
            assert look.returncode != 0 and b"denied" in look.stderr, (user, name, look)
        assert ask(os.path.join(place.office.dir, "control.sock"), "hello", user, user)["errno"] == 13
    assert ask(place.socket, "hello", STRANGER, STRANGER)["errno"] == 13
    os.chmod(place.socket, 0o666)  # even with the door left open
    answer = ask(place.socket, "hello", STRANGER, STRANGER)
    assert answer is None or "errno" in answer, answer
    os.chmod(place.socket, 0o660)
    place.refused("status", user=STRANGER, words=["HOI-0508"], status=4)
    for user in (MEMBER, FURTHER):
        assert json.loads(place.done("status", "--json", user=user))["unit"]["code"] == "VN"


def rights(place):
    for user in (MEMBER, FURTHER):
        place.done("unit", "list", user=user)
        place.refused("unit", "add", "55", "--name", "Tỉnh", "--level", "1", user=user, words=["HOI-0110", f"“{user}”", "“unit”", f"hoi config local.{user} read,enter,unit", "root"])
        place.refused("config", f"local.{user}", "all", user=user, words=["HOI-0110", "root"])
    place.refused("unit", "add", "55", "--name", "Tỉnh", "--level", "1", user=MEMBER, lang="vi", words=["HOI-0110", f"“{MEMBER}”", "“unit”", "quyền"])
    place.refused("invite", "54", user=MEMBER, words=["HOI-0110", "“invite”"])
    assert place.done("config", f"local.{MEMBER}", "read,enter,unit").strip() == "read,enter,unit"
    place.done("unit", "add", "55", "--name", "Tỉnh Khánh Hòa", "--level", "1", user=MEMBER)
    place.refused("unit", "add", "56", "--name", "Tỉnh", "--level", "1", user=FURTHER, words=["HOI-0110"])
    assert f"local.{MEMBER}" in place.done("config")
    place.refused("config", f"local.{MEMBER}", "write", words=["HOI-0430", "enter"])
    place.done("config", f"local.{FURTHER}", "none")
    place.refused("status", user=FURTHER, words=["HOI-0110", "“read”"])
    place.done("config", f"local.{FURTHER}", "")
    place.done("status", user=FURTHER)
    place.done("config", f"local.{MEMBER}", "")
    place.refused("unit", "add", "57", "--name", "Tỉnh", "--level", "1", user=MEMBER, words=["HOI-0110"])


def daemon(place):
    refused = ask(place.socket, "stop", MEMBER, GROUP)
    assert refused["name"] == "RIGHT_MISSING" and refused["status"] == 110 and refused["args"]["right"] == "care", refused
    place.done("config", f"local.{MEMBER}", "read")
    refused = ask(place.socket, "sync", MEMBER, GROUP)
    assert refused["name"] == "RIGHT_MISSING" and refused["args"]["give"] == "read,enter", refused
    place.done("config", f"local.{MEMBER}", "")
    assert place.office.process.poll() is None
    place.done("status")


def persons(place):
    place.tree.join("VN", "54")
    below = place.tree["54"]
    wait(lambda: below.json("form", "show", "members"), 20, "the form at 54")
    below.hoi("put", "members", "2025-Q1", "members_total=5", "--by", "Trần Văn Minh", "--role", "Phó Chủ tịch")
    place.done("unit", "add", "58", "--name", "Tỉnh Ninh Thuận", "--level", "1")
    place.done("put", "members", "2025-Q1", "--unit", "58", "--on-behalf", "members_total=7", "--by", "Nguyễn Thị Lan", user=MEMBER)
    shown = place.done("show", "members", "2025-Q1", "--unit", "58", "--history", user=MEMBER)
    assert f"given as Nguyễn Thị Lan (account {MEMBER})" in " ".join(shown.split()), shown
    log = place.done("log", "--limit", "3", lang="vi")
    assert f"ghi là Nguyễn Thị Lan (tài khoản {MEMBER})" in " ".join(log.split()), log
    rows = lambda office: office.json("show", "members", "2025-Q1", "--unit", "54", "--history")["rows"]
    person = lambda office: [entry["person"] for row in rows(office) for entry in row["entries"]]
    said = [{"account": "root", "name": "Trần Văn Minh", "role": "Phó Chủ tịch"}]
    assert person(below) == said
    wait(lambda: person(place.office) == said, 20, "the person at the level above")
    assert not place.office.json("status")["set_aside"]


def have_terminals():
    """A chroot made by hand often has no /dev/pts: it gets one, which stays. Without it there are no pseudo terminals, and what is typed cannot be shown to stay unseen."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        os.makedirs("/dev/pts", exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620", "devpts", "/dev/pts"], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            sys.exit(f"no pseudo terminals here ({error}), and /dev/pts cannot be mounted: {mounted.stderr.strip()}")


def typed(place, lines, *args):
    """Runs hoi at a terminal, types lines when asked, returns its exit status and what the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(place.program, [place.program, "--lang", "en", *args])
    shown = b""
    for line in lines:
        while shown.count(b": ") < lines.index(line) + 1 if lines.count(line) == 1 else not shown.rstrip(b" ").endswith(b":"):
            shown += os.read(terminal, 1000)
        os.write(terminal, line.encode() + b"\n")
        shown += b"\n"
    while True:
        try:
            more = os.read(terminal, 1000)
        except OSError:
            more = b""
        if not more:
            break
        shown += more
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def keys(place):
    office, here = place.tree["54"], place.tree.dir
    path = lambda name: os.path.join(here, name)
    with open(path("passphrase"), "w", encoding="utf-8") as file:
        file.write(PASSPHRASE)
    with open(path("other"), "w", encoding="utf-8") as file:
        file.write("some other words\n")
    office.hoi("node", "export-key", "-o", path("key"), "--passphrase-file", path("passphrase"))
    assert stat.S_IMODE(os.stat(path("key")).st_mode) == 0o600
    with open(path("key"), encoding="ascii") as file:
        text = file.read()
    with open(os.path.join(office.dir, "node.key"), encoding="ascii") as file:
        plain = file.read()
    assert not any(line.split()[1] in text for line in plain.splitlines() if line.startswith(("signing ", "transport ")))
    assert [line for line in text.splitlines() if line.startswith("number ")] == [line for line in plain.splitlines() if line.startswith("number ")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert f"\nmem {(256 if memory >= 2 << 30 else 64) << 20}\n" in text, text

    def fails(word, *args):
        try:
            office.hoi("node", *args)
        except Refused as refused:
            assert word in refused.stderr, refused
            return
        raise AssertionError(args)

    fails("there already", "export-key", "-o", path("key"), "--passphrase-file", path("passphrase"))
    fails("HOI-0319", "export-key", "-o", path("short"), "--passphrase-file", short_file(path("brief")))
    fails("HOI-0606", "import-key", path("key"), "--passphrase-file", path("passphrase"))
    assert not os.path.exists(path("short"))
    # The PC of 54 lost its key file: it comes back, and only the right one.
    office.stop()
    os.rename(os.path.join(office.dir, "node.key"), path("lost"))
    fails("HOI-0318", "import-key", path("key"), "--passphrase-file", path("other"))
    place.office.hoi("node", "export-key", "-o", path("key-of-VN"), "--passphrase-file", path("passphrase"))
    fails("HOI-0311", "import-key", path("key-of-VN"), "--passphrase-file", path("passphrase"))
    assert not os.path.exists(os.path.join(office.dir, "node.key"))
    assert "fits" in office.hoi("node", "import-key", path("key"), "--passphrase-file", path("passphrase"))
    with open(os.path.join(office.dir, "node.key"), encoding="ascii") as file:
        assert file.read() == plain
    office.start()
    office.hoi("put", "members", "2025-Q2", "members_total=6")
    office.hoi("sync", "--wait", "20")
    # Typed at a terminal: never shown; two that differ are none.
    words = PASSPHRASE.strip()
    status, shown = typed(place, [words, words], "--dir", office.dir, "node", "export-key", "-o", path("typed"))
    assert status == 0 and words not in shown and "once more" in shown, (status, shown)
    fresh = path("fresh")
    status, shown = typed(place, [words], "--dir", fresh, "node", "import-key", path("typed"))
    assert status == 0 and words not in shown and "hoi join" in shown, (status, shown)
    assert stat.S_IMODE(os.stat(fresh).st_mode) == 0o700 and stat.S_IMODE(os.stat(os.path.join(fresh, "node.key")).st_mode) == 0o600
    with open(os.path.join(fresh, "node.key"), encoding="ascii") as file:
        assert file.read() == plain
    status, shown = typed(place, ["one passphrase here", "another passphrase"], "--dir", office.dir, "node", "export-key", "-o", path("differ"))
    assert status == 2 and not os.path.exists(path("differ")), (status, shown)


def short_file(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("short\n")
    return path


def open_to_others(place):
    office = place.tree["54"]
    office.stop()
    key = os.path.join(office.dir, "node.key")

    def refuses(word):
        result = subprocess.run([os.path.join(BIN, "hoid"), "--dir", office.dir], capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 1 and f"status={word}" in result.stderr, result
        try:
            office.hoi("status")
        except Refused as refused:
            assert refused.status == 1 and "HOI-0312" in refused.stderr, refused
            return
        raise AssertionError("a key was used that others may look at")

    for path, mode, good in ((key, 0o640, 0o600), (office.dir, 0o750, 0o700), (office.dir, 0o701, 0o700)):
        os.chmod(path, mode)
        refuses("KEY_UNSAFE")
        os.chmod(path, good)
    os.chown(key, STRANGER, -1)
    refuses("KEY_UNSAFE")
    os.chown(key, 0, -1)
    os.link(key, os.path.join(place.tree.dir, "second-name"))
    refuses("KEY_UNSAFE")
    os.remove(os.path.join(place.tree.dir, "second-name"))
    office.start()


def dumps(place):
    with open(f"/proc/{place.office.process.pid}/limits", encoding="ascii") as file:
        limit = next(line for line in file if line.startswith("Max core file size")).split()
    assert limit[4:6] == ["0", "0"], limit
    # A process that may be dumped belongs to its user in /proc; one that may not, to root: seen with a daemon of another user.
    folder = os.path.join(place.tree.dir, "own")
    os.makedirs(folder)
    os.chown(folder, STRANGER, STRANGER)
    os.chmod(folder, 0o700)
    user = {"user": STRANGER, "group": STRANGER, "extra_groups": [], "cwd": "/"}
    subprocess.run([place.program, "--dir", folder, "init", "T", "--unit", "1", "--name", "T", "--level", "0", "--recovery", "none", "--practice"], check=True,
                   capture_output=True, **user)
    program = shutil.copy(os.path.join(BIN, "hoid"), os.path.join(place.tree.dir, "hoid-for-all"))
    os.chmod(program, 0o755)
    with subprocess.Popen([program, "--dir", folder], stderr=subprocess.DEVNULL, **user) as process:
        wait(lambda: os.path.exists(os.path.join(folder, "control.sock")), 20, "a daemon of another user")
        owner = os.stat(f"/proc/{process.pid}/environ").st_uid
        process.terminate()
    assert owner == 0 and process.returncode == 0, (owner, process.returncode)


def main():
    if os.geteuid() != 0:
        sys.exit("needs root: it plays several users of one PC")
    have_terminals()
    with Tree() as tree:
        tree.found("VN", UNITS, [os.path.join(ROOT, "tools", "forms", "members.json")])
        place = Place(tree)
        for number, part in enumerate((doors, rights, daemon, persons, keys, open_to_others, dumps), 1):
            part(place)
            print(f"{number} {part.__name__}")
    print("test_local: passed")


if __name__ == "__main__":
    main()

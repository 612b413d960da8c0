#!/usr/bin/python3
"""Goal: whoever looks after the PCs enrols an office with one copied line, or with two files, and nothing that happens on the way makes two nodes of it.

1 minute    from a shell: invite, join with the one line, a figure counted above, in well under a minute
2 telephone the token said wrongly: the wrong group is named in both languages, and nothing is used up
3 again     the line cut in the middle and at the end of every message of an enrolment, either way, and of the first exchange: repeating the command always ends enrolled, once
4 many      up to four addresses: each is tried in turn, and all are remembered
5 clocks    a commune's clock at 1970 and one at 2040: they join, report, are rolled up at every level and get their letters; the district's `status` names both
6 crowd     more joins than are looked at: the rest is told "busy", and an honest office gets in soon after
7 files     an office without a line: request and admission; a wrong, altered or other office's file is refused, and leaves nothing
8 dead      a PC dies: an empty directory, one token, and everything that the unit ever sent up is back, as it was signed
9 dead      the same by two files: before any line
10 second   two PCs of one unit, the second invited by the first: both hold what either wrote
"""
import concurrent.futures
import glob
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "interop")]
sys.dont_write_bytecode = True
import hoi_link  # noqa: E402
import hoi_messages  # noqa: E402
from hoi_node import Node  # noqa: E402
from tree import BIN, Office, Refused, sanitized, Tree, wait  # noqa: E402

FORMS = os.path.join(HERE, "..", "..", "tools", "forms")
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên"), ("560", "54", 2, "Huyện Sơn Hòa"), ("22165", "560", 3, "Thị trấn Củng Sơn"), ("22168", "560", 3, "Xã Phước Tân"),
         ("22171", "560", 3, "Xã Sơn Hội"), ("22174", "560", 3, "Xã Sơn Định"), ("22177", "560", 3, "Xã Sơn Long"), ("22180", "560", 3, "Xã Cà Lúi")]
BUSY, ADDRESS_BURST, ADDRESS_SECOND = 5, 64, 5


def office_of(tree, code, name=None):
    """A directory that is no node yet."""
    office = tree.offices[name or code] = Office(tree, name or code)
    os.makedirs(office.dir, mode=0o700)
    return office


def port_of(office):
    with open(os.path.join(office.dir, "listen"), encoding="utf-8") as file:
        return int(file.read().strip().rsplit(":", 1)[1])


def nodes_of(parent, code):
    return [node["node"] for node in parent.json("node", "list")["nodes"] if node["unit"]["code"] == code]


def refused(office, number, *args, stdin=""):
    """A call that is refused with that number; what it said."""
    try:
        office.hoi(*args, stdin=stdin)
    except Refused as error:
        assert f"HOI-{number:04}" in error.stderr, error.stderr
        return error.stderr
    raise AssertionError(f"hoi {' '.join(args)} was not refused")


def is_no_node(office):
    """Nothing lives there; keys may, for the next try."""
    refused(office, 501, "status")


def listens(office):
    office.hoi("config", "listen", "tcp://127.0.0.1:*")
    office.start()
    office.fix_port()


class Cut:
    """A proxy that ends both connections of one line after so many bytes of one way; `seen`: where each message that passed ended, by way."""

    def __init__(self, port, **limit):
        self.port, self.limit, self.seen, self.dead = port, limit, {"up": [], "down": []}, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def mend(self):
        """From now on nothing is cut."""
        self.limit, self.dead = {}, False

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                if self.dead:  # after a cut the line stays down until it is mended
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                return
            for way, source, sink in (("up", near, far), ("down", far, near)):
                threading.Thread(target=self.carry, args=(way, source, sink), daemon=True).start()

    def carry(self, way, source, sink):
        passed = 0
        try:
            while data := source.recv(65536):
                room = self.limit.get(way, 1 << 60) - passed
                passed += len(data)
                self.seen[way].append(passed)
                sink.sendall(data[: max(room, 0)])
                if len(data) >= room:
                    self.dead = True
                    break
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def minute(tree):
    district = tree["560"]
    commune = office_of(tree, "22165")
    start = time.monotonic()
    one_line = f"{BIN}/hoi --dir {district.dir} --lang en invite 22165 | {BIN}/hoi --dir {commune.dir} --lang en join -"
    result = subprocess.run(["sh", "-c", one_line], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "Thị trấn Củng Sơn" in result.stdout, result
    listens(commune)
    commune.hoi("put", "members", "2025-Q1", "members_total=120", "members_new=8", "chapters=5")
    counted = lambda: district.json("rollup", "members", "2025-Q1", "--unit", "22165")["fields"]["members_total"]["value"] == "120"
    wait(counted, 30, "the first figure")
    took = time.monotonic() - start
    assert took < 60, took
    print(f"  from the invitation to the first figure counted above: {took:.1f} s")


def telephone(tree):
    district, other = tree["560"], office_of(tree, "22168")
    token = district.hoi("invite", "22168").strip()
    groups = token.split("-")
    assert len(groups) == 26 and all(len(group) == 5 for group in groups[1:]), token
    for number in (1, 7, 25):
        letters = groups[number]
        said = "-".join(groups[:number] + [("b" if letters[2] != "b" else "c").join([letters[:2], letters[3:]])] + groups[number + 1:])
        english = refused(other, 310, "join", "-", stdin=said)
        assert f"Group {number} " in english, english
        result = subprocess.run([os.path.join(BIN, "hoi"), "--dir", other.dir, "--lang", "vi", "join", "-"], input=said, capture_output=True, text=True)
        assert result.returncode == 1 and f"Nhóm {number} " in result.stderr, result.stderr
    assert "Group 9 " in refused(other, 310, "join", "-", stdin="-".join(groups[:9] + groups[10:])), "a group left out"
    is_no_node(other)
    spoken = " ".join(groups[1:]).upper().replace("O", "0")
    other.hoi("join", "-", stdin=f"HOI1- {spoken}\n")
    assert len(nodes_of(district, "22168")) == 1
    thief = office_of(tree, "22168", "thief")
    refused(thief, 309, "join", "-", stdin=token)
    is_no_node(thief)


def places_to_cut(seen, all_of=True):
    """Before the first byte, and in the middle and at the end of every message that passed, by way."""
    places = []
    for way, ends in seen.items():
        for begin, end in zip([0, *ends], ends):
            places += [(way, (begin + end) // 2), (way, end)] if all_of else [(way, (begin + end) // 2)]
        places.append((way, 0))
    return places


def one_cut(tree, number, way, at):
    """An office of its own whose line is cut there while it joins, and that repeats the command; some once more, as if the power had gone before the store was made. Its node."""
    district = tree["560"]
    proxy = Cut(port_of(district), **{way: at})
    office = office_of(tree, "22171", f"cut {number}")
    token = district.hoi("invite", "22171", "--address", proxy.address)
    cut = subprocess.run([os.path.join(BIN, "hoid"), "--dir", office.dir, "--join", "--wait", "1"], input=token, text=True, capture_output=True, check=False)
    assert cut.returncode in (0, 3), (way, at, cut)
    proxy.mend()
    for _ in range(2 if number % 4 == 0 else 1):
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            if os.path.exists(os.path.join(office.dir, name)):
                os.remove(os.path.join(office.dir, name))
        office.hoi("join", "-", "--wait", "60", stdin=token)
    refused(office, 606, "join", "-", stdin=token)
    assert office.json("form", "list")["forms"]
    proxy.close()
    return office.json("status")["node"]["id"]


def one_cut_exchange(tree, number, way, at):
    """The same in the first exchange after it has joined: joined is joined, the rest comes."""
    district = tree["560"]
    proxy = Cut(port_of(district))
    office = office_of(tree, "22171", f"cut exchange {number}")
    token = district.hoi("invite", "22171", "--address", proxy.address)
    subprocess.run([os.path.join(BIN, "hoid"), "--dir", office.dir, "--join", "--wait", "60"], input=token, text=True, capture_output=True, check=True)
    proxy.limit = {way: at}
    try:
        office.hoi("sync", "--wait", "1")
    except Refused as error:
        assert error.status == 3, error
    proxy.mend()
    office.hoi("sync", "--wait", "60")
    assert office.json("form", "list")["forms"]
    proxy.close()
    return office.json("status")["node"]["id"]


def again(tree):
    district = tree["560"]
    before = set(nodes_of(district, "22171"))
    proxy, probe = Cut(port_of(district)), office_of(tree, "22171", "probe")  # how much goes over the line when nothing happens
    token = district.hoi("invite", "22171", "--address", proxy.address)
    subprocess.run([os.path.join(BIN, "hoid"), "--dir", probe.dir, "--join", "--wait", "60"], input=token, text=True, capture_output=True, check=True)
    joining = {way: list(ends) for way, ends in proxy.seen.items()}
    proxy.seen.update(up=[], down=[])
    probe.hoi("sync", "--wait", "60")
    exchange = {way: list(ends) for way, ends in proxy.seen.items()}
    proxy.close()
    assert len(joining["up"]) >= 4 and len(joining["down"]) >= 4, f"greeting, hello or welcome, initiate or ready, join or joined: {joining}"
    tries = [(one_cut, *place) for place in places_to_cut(joining)] + [(one_cut_exchange, *place) for place in places_to_cut(exchange, False)]
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        nodes = list(threads.map(lambda item: item[1][0](tree, item[0], *item[1][1:]), enumerate(tries)))
    made = set(nodes_of(district, "22171")) - before
    assert len(made) == 1 + len(tries) and set(nodes) < made, f"{len(tries)} offices, {len(made) - 1} nodes"
    print(f"  {len(tries)} lines cut, at every message of {joining['up'][-1]} bytes up and {joining['down'][-1]} down and of the first exchange: one node each")


def many(tree):
    district, office = tree["560"], office_of(tree, "22174")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    good = f"tcp://127.0.0.1:{port_of(district)}"
    addresses = [dead, "tcp://unheard.invalid:7400", dead.replace("127.0.0.1", "127.0.0.2"), good]
    token = district.hoi("invite", "22174", *[word for address in addresses for word in ("--address", address)])
    office.hoi("join", "-", "--wait", "110", stdin=token, timeout=150)
    assert [link["address"] for link in office.json("status")["uplinks"]] == [good, *addresses[:3]], "the one that answered is dialled first from now on"
    refused(district, 605, "invite", "22174", *["--address", good] * 5)


def clock_library():
    """What gives a process another clock. It reads the monotonic one unchanged, as the kernel does when somebody sets the date."""
    found = sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))
    assert found, "faketime is not installed: tools/packages test"
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.split() if sanitized() else []
    return " ".join(runtime + found[:1])  # a sanitizer's own library wants to be the first


def named_clocks(office):
    return sorted((each["unit"]["code"], time.gmtime(each["time"]).tm_year) for each in office.json("status")["clocks"])


def clocks(tree):
    district, library = tree["560"], clock_library()
    offices = {}
    for code, at in (("22177", "@1970-01-02 00:00:00"), ("22180", "@2040-01-01 00:00:00")):
        office = offices[code] = office_of(tree, code)
        office.environment.update(LD_PRELOAD=library, FAKETIME=at, FAKETIME_DONT_FAKE_MONOTONIC="1")
        office.hoi("join", "-", stdin=district.hoi("invite", code))
        listens(office)
        assert time.gmtime(office.json("status")["time"]).tm_year == int(at[1:5]), "its clock is not set"
        office.hoi("put", "members", "2025-Q1", "members_total=31", "members_new=3")
        for above in ("560", "54", "VN"):
            value = lambda above=above, code=code: tree[above].json("rollup", "members", "2025-Q1", "--unit", code)["fields"]["members_total"]
            wait(lambda value=value: value()["value"] == "31" and value()["contested"] == 0, 30, f"the figure of {code} to be rolled up at {above}")
        district.hoi("send", "--to", code, "--title", "Về đồng hồ")
        wait(lambda office=office: [each["title"] for each in office.json("inbox")["documents"]] == ["Về đồng hồ"], 30, f"a letter at {code}")
    assert named_clocks(district) == [("22177", 1970), ("22180", 2040)], district.json("status")["clocks"]
    shown = " ".join(district.hoi("status").split())
    assert "Doubtful clocks" in shown and all(f"{code} " in shown.split("Doubtful clocks")[1] for code in offices), shown
    assert [each["own"] for each in offices["22177"].json("status")["clocks"]] == [True], "its own users are not told"
    for code, office in offices.items():  # the clock is set right: the next word of it says so
        office.stop()
        for name in ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"):
            del office.environment[name]
        office.start()
        office.hoi("put", "members", "2025-Q2", "members_total=32")
        wait(lambda code=code: code not in [named for named, _ in named_clocks(district)], 30, f"{code} to be in order again")
        assert not office.json("status")["set_aside"] and office.json("check")["findings"] == []
    for above in ("560", "54", "VN"):
        assert not tree[above].json("status")["set_aside"] and named_clocks(tree[above]) == []


def crowd(tree):
    district = tree["560"]
    token = hoi_messages.read_token(district.hoi("invite", "22174"))
    unknown = {**token, "secret": bytes(10)}
    node = Node()
    said = {}
    start = time.monotonic()
    for at in range(ADDRESS_BURST + 60):
        if at % 8 == 0:
            node = Node()  # a key may ask sixteen times: this is about the address
        answer = hoi_messages.read_message(hoi_link.ask_to_join(node, unknown))
        said[answer["reason"]] = said.get(answer["reason"], 0) + 1
    took = time.monotonic() - start
    assert said.get(1, 0) <= ADDRESS_BURST + ADDRESS_SECOND * (took + 1), (said, took)
    assert said.get(BUSY, 0) > 0, (said, took)
    office = office_of(tree, "22174", "honest")
    office.hoi("join", "-", "--wait", "30", stdin=district.hoi("invite", "22174"))
    print(f"  {sum(said.values())} joins with a wrong token in {took:.1f} s: {said.get(1)} looked at, {said.get(BUSY)} told to come later; an honest office got in")


def carried(tree, parent, office, code, *more):
    """Request there, admission here, and back: two files in a folder of their own, as on a stick."""
    stick = os.path.join(tree.dir, "stick-" + os.path.basename(office.dir))
    os.makedirs(stick, exist_ok=True)
    request, admission = os.path.join(stick, "request.hoi"), os.path.join(stick, "admission.hoi")
    asked = json.loads(office.hoi("join", "--write-request", request, "--json"))
    told = json.loads(parent.hoi("invite", code, "--request", request, "-o", admission, "--json", *more))
    assert asked["fingerprint"] == told["fingerprint"] and re.fullmatch(r"([a-z2-7]{5}-){3}[a-z2-7]{5}", told["fingerprint"]), (asked, told)
    assert told["complete"] is True and told["unit"]["code"] == code
    return request, admission


def files(tree):
    district, office, other = tree["560"], office_of(tree, "22168", "by file"), office_of(tree, "22171", "another PC")
    before = len(nodes_of(district, "22168"))
    request, admission = carried(tree, district, office, "22168")
    assert len(nodes_of(district, "22168")) == before + 1
    _, twice = carried(tree, district, office, "22168")  # once more, since the stick was lost
    assert twice == admission and len(nodes_of(district, "22168")) == before + 1
    assert "22171" in refused(district, 323, "invite", "22171", "--request", request, "-o", admission + ".other")
    assert not os.path.exists(admission + ".other")
    assert "a request" in refused(district, 321, "invite", "22168", "--request", admission, "-o", admission + ".other")
    assert "an admission" in refused(office, 321, "join", "--admission", request)
    refused(office, 509, "join", "--admission", admission + ".none")
    refused(other, 322, "join", "--admission", admission)
    is_no_node(other)
    with open(admission, "rb") as file:
        whole = file.read()
    altered = os.path.join(tree.dir, "altered.hoi")
    for at in [*range(0, 40), *range(40, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
        with open(altered, "wb") as file:
            file.write(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1:])
        refused(office, 321, "join", "--admission", altered)
    for content in (b"", whole[:-1], whole + b"\0", b"PK\x03\x04" * 100):
        with open(altered, "wb") as file:
            file.write(content)
        refused(office, 321, "join", "--admission", altered)
    is_no_node(office)
    office.hoi("join", "--admission", admission)
    refused(office, 606, "join", "--admission", admission)
    assert [form["name"] for form in office.json("form", "list")["forms"]] == [form["name"] for form in district.json("form", "list")["forms"]]
    office.hoi("put", "members", "2025-Q2", "members_total=77")  # with no line at all, she begins her work
    office.hoi("check")
    office.hoi("config", "uplink", f"tcp://127.0.0.1:{port_of(district)}")  # and one day there is one
    office.hoi("sync", "--wait", "20")
    wait(lambda: district.json("rollup", "members", "2025-Q2", "--unit", "22168")["fields"]["members_total"]["value"] == "77", 20, "what was written without a line")


def history(office):
    """All that the office holds of itself and from above: records with author and hash of each entry, forms, documents."""
    rows = []
    for form, period in (("members", "2025-Q1"), ("members", "2025-Q2"), ("loans", "2025-06")):
        try:
            shown = office.json("show", form, period, "--history")
        except Refused:
            continue
        for row in shown["rows"]:
            rows.append([form, period, [[entry["entry"], entry["node"], entry.get("fields")] for entry in row["entries"]],
                         {name: [field["state"], field.get("value")] for name, field in row["fields"].items()}])
    inbox = sorted(document["id"] for document in office.json("inbox")["documents"])
    return {"rows": rows, "forms": sorted(form["version"] for form in office.json("form", "list")["forms"]), "inbox": inbox}


def signatures(tree, office):
    """The signature of every entry that the office holds, by the entry's hash, read from a copy of its store while nothing has it open."""
    with tempfile.TemporaryDirectory(dir=tree.dir) as copy:
        for name in ("store.db", "store.db-wal"):
            if os.path.exists(os.path.join(office.dir, name)):
                shutil.copy(os.path.join(office.dir, name), copy)
        store = sqlite3.connect(os.path.join(copy, "store.db"))
        found = dict(store.execute("SELECT hash, signature FROM entry"))
        store.close()
    return found


def dies_and_comes_back(tree, join):
    """The PC of 22165 dies with all it has; `join` makes a node of an empty directory."""
    district, commune = tree["560"], tree["22165"]
    commune.hoi("put", "members", "2025-Q2", "members_total=131", "members_new=11")
    commune.hoi("put", "members", "2025-Q1", "members_total=121")
    district.hoi("send", "--to", "560/*", "--title", "Về việc nộp báo cáo " + str(len(tree.offices)))
    commune.hoi("sync", "--wait", "20")
    wait(lambda: commune.json("status")["log"]["stored_above"] == commune.json("status")["log"]["written"], 20, "all of it stored above")
    before = history(commune)
    assert len(before["rows"]) == 2 and before["inbox"] and before["forms"], before
    old = commune.json("status")["node"]["id"]
    commune.kill()
    signed = signatures(tree, commune)
    shutil.rmtree(commune.dir)
    os.makedirs(commune.dir, mode=0o700)
    join(commune)
    after = history(commune)
    assert after == before, (before, after)
    back = signatures(tree, commune)
    assert signed and {entry: back.get(entry) for entry in signed} == signed, "not the original signatures"
    assert commune.json("status")["node"]["id"] != old
    assert commune.json("check")["findings"] == []  # every signature up to the founder's, anew
    listens(commune)
    commune.hoi("put", "members", "2025-Q2", "members_total=132")  # and goes on where the dead one stopped
    wait(lambda: district.json("rollup", "members", "2025-Q2", "--unit", "22165")["fields"]["members_total"]["value"] == "132", 30, "the next figure")
    fields = district.json("rollup", "members", "2025-Q2", "--unit", "22165")["fields"]
    assert fields["members_total"]["contested"] == 0, fields
    assert commune.json("status")["conflicts"] == 0


def dead_by_token(tree):
    dies_and_comes_back(tree, lambda commune: commune.hoi("join", "-", stdin=tree["560"].hoi("invite", "22165")))


def dead_by_files(tree):
    def join(commune):
        _, admission = carried(tree, tree["560"], commune, "22165")
        commune.hoi("join", "--admission", admission)

    dies_and_comes_back(tree, join)


def second(tree):
    commune, district = tree["22165"], tree["560"]
    form = os.path.join(tree.dir, "notebook.json")
    with open(form, "w", encoding="utf-8") as file:
        json.dump({"name": "notebook", "title": {"vi": "Sổ tay"}, "period": "month", "reach": "private", "fields": [{"name": "visits", "type": "integer"}]}, file)
    district.hoi("form", "add", form)
    wait(lambda: "notebook" in [each["name"] for each in commune.json("form", "list")["forms"]], 20, "the form at the commune")
    beside = office_of(tree, "22165", "second PC")
    beside.hoi("join", "-", stdin=commune.hoi("invite", "22165"))  # by the unit's own node, which it dials from then on
    listens(beside)
    assert history(beside) == history(commune)
    beside.hoi("put", "members", "2025-Q3", "members_total=140")
    commune.hoi("put", "members", "2025-Q4", "members_total=150")
    wait(lambda: commune.json("show", "members", "2025-Q3")["rows"], 20, "what the second PC wrote, at the first")
    wait(lambda: beside.json("show", "members", "2025-Q4")["rows"], 20, "what the first PC wrote, at the second")
    wait(lambda: district.json("rollup", "members", "2025-Q3", "--unit", "22165")["fields"]["members_total"]["value"] == "140", 20, "both above")
    above = office_of(tree, "22165", "third PC")  # and one that dials the level above
    above.hoi("join", "-", stdin=district.hoi("invite", "22165"))
    listens(above)
    wait(lambda: history(above) == history(commune), 20, "a third PC with all that the unit has")
    for office in (above, beside):
        office.hoi("sync", "--wait", "20")
    commune.hoi("put", "notebook", "2025-06", "visits=7")  # a form that stays within the unit: the level above holds none of it, and cannot give it on
    wait(lambda: district.json("log", "--unit", "22165")["entries"][0]["state"] == "withheld", 20, "its header above")
    wait(lambda: len(above.json("log", "--unit", "22165")["entries"]) == len(commune.json("log", "--unit", "22165")["entries"]), 20, "its header at the third PC")
    above.hoi("sync", "--wait", "20")  # what the other side cannot have is not waited for: only the unit's own nodes have it
    assert above.json("sync", "--wait", "20")["in_step"] is True
    assert not above.json("show", "notebook", "2025-06")["rows"] and beside.json("show", "notebook", "2025-06")["rows"][0]["fields"]["visits"]["value"] == "7"
    digests = {office.json("digest", "--unit", "22165")["state"] for office in (commune, beside, above, district)}
    assert len(digests) == 1, digests


def main():
    scenarios = (minute, telephone, again, many, clocks, crowd, files, dead_by_token, dead_by_files, second)
    names = sys.argv[1:]
    with Tree() as tree:
        tree.found("VN", UNITS, [os.path.join(FORMS, name) for name in ("members.json", "loans.json")])
        tree.join("VN", "54")
        tree.join("54", "560")
        for scenario in scenarios:
            if not names or scenario.__name__ in names or scenario is minute:
                start = time.monotonic()
                scenario(tree)
                print(f"{scenario.__name__}: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"FAILED: {failure}")

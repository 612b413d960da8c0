#!/usr/bin/python3
"""Goal: a store that is put back loses nothing that another office holds, and never makes its honest office look like a thief.

1 commune put back    an old copy of a commune's directory is put back behind hoi's back; it works on without a line, then comes online: nothing is lost, no fork is told, digests are equal
2 commune restored    the same with `hoi backup` while the daemon runs and `hoi restore`: what only the store of before had is taken over, that store stays
3 province put back   an old copy of a province: its communes fill it up again while the centre is away; it hears of nothing twice
4 epochs              an office that works without a daemon, many times a day, goes on in one epoch; so does one that is started again; only what forgets begins another
5 clone               one directory runs twice: the level above hears both and says so, province and centre tell of it in `status`, nothing is forked; `hoi node rotate` goes on, the copy counts no more
6 new key             a province takes a new key: its communes find it by themselves
7 shut out            a commune's node is revoked from above: said before by --dry-run, what it writes afterwards counts nowhere
8 fork                a disk image runs twice and both write under one number: province and centre tell of it; decided for the copy, the office writes what fell again by itself
9 root lost           the root's PC is gone: two of three recovery keys make a new PC the root, the province fills it up again, the old key is cut, life goes on; one key, or the same twice, does nothing
"""
import os
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from tree import Office, Refused, Tree, wait  # noqa: E402

FORM = """{"name": "ledger", "title": {"vi": "Sổ", "en": "Ledger"}, "period": "month", "list": true,
 "fields": [{"name": "amount", "type": "integer", "over_units": "sum", "over_time": "sum"}]}"""
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên"), ("22165", "54", 3, "Thị trấn Củng Sơn"), ("22168", "54", 3, "Xã Phước Tân")]
CHAIN = ["VN", "54", "22165"]


class Ledger:
    """What was entered, and must be counted wherever it may be held."""

    def __init__(self):
        self.rows, self.count = {}, 0

    def put(self, office, value=None):
        self.count += 1
        row = f"r{self.count:04d}"
        office.hoi("put", "ledger", "2025-01", "--row", row, f"amount={value or self.count}")
        self.rows[office.code, row] = value or self.count

    def check(self, tree, offices, unit):
        """Every row of the unit, at all of these offices."""
        for office in offices:
            shown = tree[office].json("show", "ledger", "2025-01", "--unit", unit)["rows"]
            values = {row["row"]: row["fields"]["amount"] for row in shown}
            for (code, row), value in self.rows.items():
                if code == unit:
                    held = values.get(row)
                    assert held and held["value"] == str(value) and not held["contested"], f"{office}: {unit} {row} is {held}, not {value}"


def step(text):
    print(f"  {text}", flush=True)


def entries(office, node=None):
    found = office.json("log", "--limit", "10000", *(["--node", node] if node else []))["entries"]
    return [entry["ref"] for entry in found]


def epochs(office, node, kind):
    """The epochs of a node's log of that kind, as an office holds them."""
    return {ref.split(":")[2] for ref in entries(office) if ref.split(":")[0] == node and ref.split(":")[1] == kind}


def in_step(tree, codes):
    """All of the line hold the same: digests of what each pair may share."""
    def equal():
        for upper, lower in zip(codes, codes[1:]):
            args = ("digest", "--unit", lower, "--with", upper)
            if tree[upper].hoi(*args) != tree[lower].hoi(*args):
                return False
        return True
    for code in codes[1:]:
        tree[code].hoi("sync", "--wait", "60")
    wait(equal, 60, "digests to be equal")


def no_fork(tree, codes):
    for code in codes:
        status = tree[code].json("status")
        assert not status.get("forks"), f"{code} tells of a fork: {status['forks']}"
        assert not any(group["reason"] in ("FORK", "AUTHOR_CUT") for group in status["set_aside"]), f"{code} has set aside: {status['set_aside']}"
        tree[code].hoi("check")


def copy_of(office, name):
    """A copy of the directory as somebody makes one by hand, while no daemon runs."""
    path = os.path.join(office.tree.dir, name)
    shutil.copytree(office.dir, path)
    return path


def put_back(office, path):
    """The directory becomes what the copy is: every file is written over, none is made anew that is there."""
    for name in os.listdir(office.dir):
        if not os.path.exists(os.path.join(path, name)):
            os.remove(os.path.join(office.dir, name))
    for name in os.listdir(path):
        shutil.copy2(os.path.join(path, name), os.path.join(office.dir, name))


def commune_put_back(tree, ledger):
    step("1 commune put back")
    commune = tree["22165"]
    node = commune.json("status")["node"]["id"]
    for _ in range(3):
        ledger.put(commune)
    in_step(tree, CHAIN)
    commune.stop()
    old = copy_of(commune, "copy-commune")
    commune.start()
    for _ in range(4):  # three days of work that the copy does not know
        ledger.put(commune)
    in_step(tree, CHAIN)
    before = epochs(tree["54"], node, "report")
    commune.stop()
    put_back(commune, old)
    tree["54"].stop()  # nobody to be reached
    commune.start()
    for _ in range(3):
        ledger.put(commune)
    tree["54"].start()
    in_step(tree, CHAIN)
    ledger.check(tree, CHAIN, "22165")
    no_fork(tree, CHAIN)
    after = epochs(tree["54"], node, "report")
    assert len(after) == len(before) + 1 and before < after, f"{len(before)} epochs became {len(after)}"
    assert set(entries(tree["54"], node)) == set(entries(commune, node)), "the commune does not hold what it had sent"
    # What came back is known again: a figure of it can be corrected without a conflict.
    (unit, row), _ = sorted(ledger.rows.items())[4]
    commune.hoi("put", "ledger", "2025-01", "--row", row, "amount=777")
    ledger.rows[unit, row] = 777
    in_step(tree, CHAIN)
    ledger.check(tree, CHAIN, "22165")
    for office in CHAIN:
        assert tree[office].json("status")["conflicts"] == 0, f"{office} has conflicts"
    taken = [item for item in tree["VN"].json("status")["taken_back"] if item["node"] == node]
    assert len(taken) == 1 and taken[0]["entries"] == 4 and not taken[0]["both"], f"the centre tells {taken}"


def commune_restored(tree, ledger):
    step("2 commune restored")
    commune, backup = tree["22165"], os.path.join(tree.dir, "commune.backup")
    node = commune.json("status")["node"]["id"]
    commune.hoi("backup", backup)
    for _ in range(2):
        ledger.put(commune)
    in_step(tree, CHAIN)
    tree["54"].stop()
    ledger.put(commune)  # held here alone
    try:
        commune.hoi("restore", backup)
        raise AssertionError("restored under a running daemon")
    except Refused as refused:
        assert refused.status == 1, refused
    commune.stop()
    assert commune.json("restore", backup, "--dry-run")["entries"] > 0
    restored = commune.json("restore", backup)
    assert restored["backup"] and not restored["merged"] and restored["taken"] == 3 and os.path.exists(os.path.join(restored["replaced"], "store.db")), restored
    before = epochs(commune, node, "report")
    ledger.put(commune)
    assert len(epochs(commune, node, "report")) == len(before) + 1, "a restored store goes on in an epoch of before"
    commune.start()
    tree["54"].start()
    in_step(tree, CHAIN)
    ledger.check(tree, CHAIN, "22165")
    no_fork(tree, CHAIN)
    try:  # of another office
        tree["22168"].stop()
        tree["22168"].hoi("restore", backup)
        raise AssertionError("another office's backup was taken")
    except Refused as refused:
        assert "HOI-0512" in refused.stderr, refused
    tree["22168"].start()


def province_put_back(tree, ledger):
    step("3 province put back")
    province = tree["54"]
    node = province.json("status")["node"]["id"]
    province.hoi("send", "--to", "54/*", "--title", "before the copy")
    in_step(tree, CHAIN)
    province.stop()
    old = copy_of(province, "copy-province")
    province.start()
    province.hoi("send", "--to", "54/*", "--title", "after the copy")
    province.hoi("unit", "add", "22171", "--name", "Xã Mới", "--level", "3")
    for code in ("22165", "22168"):
        for _ in range(3):
            ledger.put(tree[code])
        in_step(tree, ["VN", "54", code])
    held = set(entries(province))
    province.stop()
    put_back(province, old)
    assert held - set(entries(province)), "the copy lacks nothing"
    tree["VN"].stop()  # by its communes alone
    province.start()
    for code in ("22165", "22168"):
        tree[code].hoi("sync", "--wait", "60")
    wait(lambda: held <= set(entries(province)), 60, "the province to hold again what it held")
    tree["VN"].start()
    in_step(tree, CHAIN)
    in_step(tree, ["54", "22168"])
    assert [unit for unit in province.json("unit", "list")["units"] if unit["code"] == "22171"], "a unit is forgotten"
    province.hoi("send", "--to", "54/*", "--title", "after all")
    in_step(tree, CHAIN)
    titles = [item["title"] for item in tree["22165"].json("inbox")["documents"]]
    assert sorted(titles) == sorted(["before the copy", "after the copy", "after all"]), titles
    for code in ("22165", "22168"):
        in_step(tree, ["VN", "54", code])
        ledger.check(tree, ["VN", "54", code], code)
    no_fork(tree, CHAIN + ["22168"])
    assert len(epochs(tree["22165"], node, "directive")) == 2, "the province does not go on in a new epoch"


def epochs_are_few(tree, ledger):
    step("4 epochs")
    commune = tree["22168"]
    node = commune.json("status")["node"]["id"]
    in_step(tree, ["54", "22168"])
    commune.stop()
    before = epochs(commune, node, "report")
    for _ in range(10):
        ledger.put(commune)  # each opens the store by itself
    for _ in range(3):
        commune.start()
        ledger.put(commune)
        commune.stop()
    commune.start()
    ledger.put(commune)
    commune.kill()
    ledger.put(commune)
    assert len(epochs(commune, node, "report")) <= len(before) + 1, f"{len(before)} epochs became {len(epochs(commune, node, 'report'))}"
    commune.start()
    in_step(tree, ["VN", "54", "22168"])
    ledger.check(tree, ["VN", "54", "22168"], "22168")
    no_fork(tree, ["VN", "54", "22168"])


def rotate(tree, office):
    """A new key comes into force with the first start after the level above has heard of it."""
    old = office.json("status")["node"]["id"]
    new = office.json("node", "rotate")["node"]
    office.hoi("sync", "--wait", "60")
    office.stop()
    office.start()
    assert office.json("status")["node"]["id"] == new != old
    return old, new


def clone(tree, ledger):
    step("5 clone")
    commune = tree["22168"]
    node = commune.json("status")["node"]["id"]
    in_step(tree, ["VN", "54", "22168"])
    commune.stop()
    twin = tree.offices["twin"] = Office(tree, "twin")
    shutil.copytree(commune.dir, twin.dir)
    commune.start()
    ledger.put(commune)
    in_step(tree, ["VN", "54", "22168"])
    twin.hoi("config", "listen", "tcp://127.0.0.1:*")
    twin.start()
    twin.hoi("put", "ledger", "2025-02", "--row", "twin", "amount=1")  # signed by the same key
    wait(lambda: twin.json("status")["log"]["stored_above"] >= 1, 60, "the twin to be heard")
    for _ in range(3):
        commune.hoi("put", "ledger", "2025-03", "--row", "own", f"amount={ledger.count}")
        ledger.put(commune)
        commune.process.send_signal(signal.SIGHUP)  # dials at once
        twin.process.send_signal(signal.SIGHUP)
        time.sleep(1)
    told = wait(lambda: [each for each in tree["54"].json("node", "list")["nodes"] if each["node"] == node and each.get("twice")], 120, "the province to notice")
    assert told and "id=child_twice" in open(os.path.join(tree["54"].dir, "hoid.log"), encoding="utf-8").read()
    for office in ("54", "VN"):
        wait(lambda office=office: [each for each in tree[office].json("status")["taken_back"] if each["node"] == node and each["both"]], 60, f"{office} to tell of two copies")
        assert "hoi node rotate" in tree[office].hoi("status"), f"{office} does not say what to do"
    no_fork(tree, ["VN", "54"])
    twin.stop()
    rotate(tree, commune)
    in_step(tree, ["VN", "54", "22168"])
    twin.hoi("put", "ledger", "2025-02", "--row", "late", "amount=5")
    twin.start()
    ledger.put(commune)
    in_step(tree, ["VN", "54", "22168"])
    ledger.check(tree, ["VN", "54", "22168"], "22168")
    time.sleep(3)
    rows = {row["row"] for row in tree["54"].json("show", "ledger", "2025-02", "--unit", "22168")["rows"]}
    assert "late" not in rows, "what the copy wrote with the old key counts"
    twin.stop()
    del tree.offices["twin"]


def new_key(tree, ledger):
    step("6 new key")
    in_step(tree, CHAIN)
    in_step(tree, ["VN", "54", "22168"])
    rotate(tree, tree["54"])
    for code in ("22165", "22168"):
        ledger.put(tree[code])
    for code in ("22165", "22168"):
        in_step(tree, ["VN", "54", code])
        ledger.check(tree, ["VN", "54", code], code)


def shut_out(tree, ledger):
    step("7 shut out")
    commune = tree["22165"]
    node = commune.json("status")["node"]["id"]
    ledger.put(commune)
    in_step(tree, CHAIN)
    planned = tree["VN"].json("node", "revoke", node[:8], "--reason", "máy bị mất", "--dry-run")
    assert planned["entry"] is None and sum(planned["aside"].values()) == 0 and planned["upto"], planned
    done = tree["VN"].json("node", "revoke", node[:8], "--reason", "máy bị mất")
    assert done["entry"] and done["upto"] == planned["upto"], done
    in_step(tree, ["VN", "54"])
    commune.hoi("put", "ledger", "2025-04", "--row", "thief", "amount=1")
    wait(lambda: [each for each in tree["54"].json("node", "list")["nodes"] if each["node"] == node and each["state"] == "revoked"], 60, "the node to be shut out")
    time.sleep(3)
    ledger.check(tree, ["VN", "54"], "22165")
    assert not tree["54"].json("show", "ledger", "2025-04", "--unit", "22165")["rows"], "a revoked key writes on"


def fork(tree, ledger):
    step("8 fork")
    commune, province = tree["22168"], tree["54"]
    in_step(tree, ["VN", "54", "22168"])
    commune.stop()
    image = tree.offices["image"] = Office(tree, "image")
    shutil.copytree(commune.dir, image.dir)
    for name in ("heads", "heads.mark"):  # as a disk image, it does not know that it is another
        os.remove(os.path.join(image.dir, name))
    image.start()
    image.hoi("sync", "--wait", "60")  # the level above has the same: it may go on
    image.stop()
    image.hoi("put", "ledger", "2025-05", "--row", "image", "amount=1")
    commune.hoi("put", "ledger", "2025-05", "--row", "own", "amount=2")
    image.start()
    image.hoi("sync", "--wait", "60")
    image.stop()
    commune.start()
    for office in ("54", "VN"):
        told = wait(lambda office=office: tree[office].json("status")["forks"], 120, f"{office} to tell of the fork")
        assert len(told) == 1 and told[0]["waits"] and told[0]["unit"]["code"] == "22168", told
        assert "hoi node fork --keep" in tree[office].hoi("status")
    held = province.json("status")["forks"][0]["held"]
    assert province.json("node", "fork", "--keep", held)["keeps"] == held

    def both():
        rows = {row["row"]: row["fields"]["amount"]["value"] for row in province.json("show", "ledger", "2025-05", "--unit", "22168")["rows"]}
        return rows == {"image": "1", "own": "2"}
    wait(lambda: not commune.json("status")["forks"] or commune.json("status")["forks"][0]["waits"] is False, 60, "the decision at the commune")
    commune.stop()
    commune.start()
    wait(both, 60, "what fell to be written again")
    in_step(tree, ["VN", "54", "22168"])
    ledger.check(tree, ["VN", "54", "22168"], "22168")
    del tree.offices["image"]


def root_lost():
    step("9 root lost")
    with Tree() as tree:
        form, out = os.path.join(tree.dir, "ledger.json"), os.path.join(tree.dir, "recovery")
        with open(form, "w", encoding="utf-8") as file:
            file.write(FORM)
        root = tree.offices["VN"] = Office(tree, "VN")
        root.hoi("init", "Test", "--unit", "VN", "--name", "Centre", "--level", "0", "--recovery-dir", out)
        root.hoi("unit", "add", "54", "--name", "Tỉnh Phú Yên", "--level", "1")
        root.hoi("unit", "add", "22165", "--name", "Thị trấn Củng Sơn", "--level", "3", "--parent", "54")
        root.hoi("form", "add", form)
        root.hoi("config", "listen", "tcp://127.0.0.1:*")
        root.start()
        root.fix_port()
        tree.join("VN", "54")
        tree.join("54", "22165")
        wait(lambda: tree["22165"].json("form", "list")["forms"], 30, "the form at 22165")
        ledger, old = Ledger(), root.json("status")["node"]["id"]
        for _ in range(3):
            ledger.put(tree["22165"])
        root.hoi("send", "--to", "54/*", "--title", "before")
        in_step(tree, CHAIN)
        held = set(entries(root))
        root.stop()
        shutil.rmtree(root.dir)  # and no backup of it
        backup, keys = os.path.join(tree.dir, "province.backup"), [os.path.join(out, f"hoi-recovery-{i}.key") for i in (1, 2, 3)]
        tree["54"].hoi("backup", backup)
        new = tree.offices["VN"] = Office(tree, "VN")
        for wrong in (keys[:1], [keys[0], keys[0]], keys):
            try:
                new.hoi("recovery", "admit", "--from", backup, *[word for key in wrong for word in ("--key", key)])
                raise AssertionError(f"{len(wrong)} keys were enough")
            except Refused as refused:
                assert "HOI-0326" in refused.stderr, refused
        typed = os.path.join(tree.dir, "typed")  # from the printed page, in capitals
        with open(keys[2][:-4] + ".txt", encoding="utf-8") as page, open(typed, "w", encoding="utf-8") as file:
            file.write(next(line for line in page if line.startswith("hoir1-")).upper())
        told = new.json("recovery", "admit", "--from", backup, "--key", keys[0], "--key", typed)
        assert new.json("status")["node"] == {**new.json("status")["node"], "id": told["node"], "stands": True}
        new.hoi("config", "listen", "tcp://127.0.0.1:*")
        new.start()
        new.fix_port()
        with open(os.path.join(new.dir, "listen"), encoding="utf-8") as file:
            address = file.read().strip()
        tree["54"].hoi("recovery", "follow", address, told["node"], told["key"])
        tree["54"].process.send_signal(signal.SIGHUP)
        ledger.put(tree["22165"])
        in_step(tree, CHAIN)
        wait(lambda: held <= set(entries(new)), 60, "the new root to hold what the old one held")
        ledger.check(tree, CHAIN, "22165")
        new.hoi("recovery", "revoke", old[:10], "--key", keys[1], "--key", keys[2])
        new.hoi("send", "--to", "54/*", "--title", "after")
        new.hoi("unit", "add", "22168", "--name", "Xã Phước Tân", "--level", "3", "--parent", "54")
        in_step(tree, CHAIN)
        for office in CHAIN:
            assert [each for each in tree[office].json("node", "list")["nodes"] if each["node"] == old and each["state"] == "revoked"], f"{office}: the old key is not cut"
        titles = sorted(each["title"] for each in tree["22165"].json("inbox")["documents"])
        assert titles == ["after", "before"], titles
        no_fork(tree, CHAIN)
        for office in tree.offices.values():
            office.stop()


def main():
    with Tree() as tree:
        form = os.path.join(tree.dir, "ledger.json")
        with open(form, "w", encoding="utf-8") as file:
            file.write(FORM)
        tree.found("VN", UNITS, [form])
        tree.join("VN", "54")
        tree.join("54", "22165")
        tree.join("54", "22168")
        for code in ("22165", "22168"):
            wait(lambda code=code: tree[code].json("form", "list")["forms"], 30, f"the form at {code}")
        ledger = Ledger()
        ledger.put(tree["22168"])
        commune_put_back(tree, ledger)
        commune_restored(tree, ledger)
        province_put_back(tree, ledger)
        epochs_are_few(tree, ledger)
        clone(tree, ledger)
        new_key(tree, ledger)
        shut_out(tree, ledger)
        fork(tree, ledger)
        for office in tree.offices.values():
            office.stop()
    root_lost()
    print("test_restore: passed")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Goal: nobody sees what is not for him. Looked for byte by byte in every file that an office has (database, write-ahead log, what the daemon logs), so that no screen can hide it.

1 siblings     two communes of one province, and one of another: of each other's figures, notes and letters nothing is in any of their files, nor are the headers of their reports
2 private      a form that never leaves the unit: neither the figures nor the notes are at the level above; corrected from above is refused; a widened version lets go only what is written from then on
3 reach        a form whose records stop at the province: the centre has the headers and nothing of the bodies
4 letters      a letter to one commune passes through the province and is at no other one
5 erased       a note, a figure and a letter are erased from above: gone from the files of every level, from a sibling's second look, from a backup that is restored and from a copy put back by hand
"""
import os
import shutil
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from tree import Refused, Tree, wait  # noqa: E402

FIELDS = """"fields": [{"name": "amount", "type": "integer"}, {"name": "note", "type": "text", "over_time": "none"}]}"""
OPEN = '{"name": "open", "period": "month", ' + FIELDS
SECRET = '{"name": "secret", "period": "month", "reach": "private", ' + FIELDS
LOCAL = '{"name": "local", "period": "month", "reach": "province", ' + FIELDS
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên"), ("56", "VN", 1, "Tỉnh Khánh Hòa"), ("22165", "54", 3, "Thị trấn Củng Sơn"), ("22168", "54", 3, "Xã Phước Tân"),
         ("22333", "56", 3, "Xã Vạn Hưng")]
ALL = ["VN", "54", "56", "22165", "22168", "22333"]


def step(text):
    print(f"  {text}", flush=True)


class Secret:
    """A figure and a note that stand nowhere else, as they stand in a body: too short and too odd for any compression to take apart."""
    count = 0

    def __init__(self):
        Secret.count += 1
        self.amount = 7_315_924_086_137_000 + 7919 * Secret.count
        self.note = f"zQ{Secret.count:02d}-Kx7vW"
        self.title = f"Jt{Secret.count:02d}-pB9uM"

    def needles(self):
        return [struct.pack(">BQ", 0xcf, self.amount), self.note.encode(), str(self.amount).encode()]

    def put(self, office, form, period="2025-06", *more):
        office.hoi("put", form, period, f"amount={self.amount}", f"note={self.note}", *more)


def places(directory, needles):
    """The files below a folder in which one of these stands."""
    found = []
    for folder, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                found += [path for needle in needles if needle in data]
    return found


def is_at(tree, codes, needles):
    for code in codes:
        assert places(tree[code].dir, needles), f"{needles} is not at {code}: this search finds nothing, or it did not come"


def is_not_at(tree, codes, needles):
    for code in codes:
        found = places(tree[code].dir, needles)
        assert not found, f"{needles} stands in {found}"


def in_step(tree):
    """Every office with the one above: twice, as what goes up may come down again."""
    for _ in range(2):
        for code in ("22165", "22168", "22333", "54", "56"):
            tree[code].hoi("sync", "--wait", "60")
    for upper, lower in (("VN", "54"), ("VN", "56"), ("54", "22165"), ("54", "22168"), ("56", "22333")):
        args = ("digest", "--unit", lower, "--with", upper)
        wait(lambda a=args, u=upper, l=lower: tree[u].hoi(*a) == tree[l].hoi(*a), 60, f"{upper} and {lower} to agree")


def node_of(office):
    return office.json("status")["node"]["id"]


def siblings(tree):
    step("1 siblings")
    secret = Secret()
    secret.put(tree["22165"], "open")
    tree["22165"].hoi("send", "--to", "54", "--title", secret.title)
    in_step(tree)
    is_at(tree, ["22165", "54", "VN"], [secret.note.encode()])
    is_at(tree, ["22165", "54", "VN"], [struct.pack(">BQ", 0xcf, secret.amount)])
    is_at(tree, ["22165", "54", "VN"], [secret.title.encode()])
    is_not_at(tree, ["22168", "56", "22333"], secret.needles() + [secret.title.encode()])
    for code in ("22168", "56", "22333"):
        logs = {entry["ref"].split(":")[0] for entry in tree[code].json("log", "--limit", "10000")["entries"] if entry["kind"] == "report"}
        assert node_of(tree["22165"]) not in logs, f"{code} holds headers of a sibling's reports"


def private(tree):
    step("2 private")
    secret = Secret()
    secret.put(tree["22165"], "secret")
    in_step(tree)
    is_at(tree, ["22165"], [secret.note.encode()])
    is_not_at(tree, [code for code in ALL if code != "22165"], secret.needles())
    shown = tree["54"].json("show", "secret", "2025-06", "--unit", "22165")
    assert shown["rows"] == [], shown
    try:
        tree["54"].hoi("put", "secret", "2025-06", "--unit", "22165", "amount=1", "--reason", "x")
        raise AssertionError("a figure was corrected that nobody above can see")
    except Refused as refused:
        assert refused.status == 1, refused
    path = os.path.join(tree.dir, "secret2.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SECRET.replace('"private"', '"province"').replace('"period"', '"title": "Wider", "period"'))
    tree["VN"].hoi("form", "add", path)
    in_step(tree)
    later = Secret()
    later.put(tree["22165"], "secret", "2025-07")
    in_step(tree)
    is_at(tree, ["22165", "54"], [later.note.encode()])
    is_not_at(tree, ["VN", "56", "22168", "22333"], later.needles())
    is_not_at(tree, [code for code in ALL if code != "22165"], secret.needles())


def reach(tree):
    step("3 reach")
    secret = Secret()
    secret.put(tree["22165"], "local")
    in_step(tree)
    is_at(tree, ["22165", "54"], [secret.note.encode()])
    is_not_at(tree, ["VN", "56", "22168", "22333"], secret.needles())
    node = node_of(tree["22165"])
    withheld = [entry for entry in tree["VN"].json("log", "--limit", "10000")["entries"] if entry["node"] == node and entry["state"] == "withheld"]
    assert withheld, "the centre holds not even the header"


def letters(tree):
    step("4 letters")
    secret = Secret()
    tree["VN"].hoi("send", "--to", "22165", "--title", secret.title)
    in_step(tree)
    is_at(tree, ["VN", "54", "22165"], [secret.title.encode()])
    is_not_at(tree, ["22168", "56", "22333"], [secret.title.encode()])


def ref_of(office, node, what):
    found = [entry["ref"] for entry in office.json("log", "--limit", "10000")["entries"]
             if entry["node"] == node and any(what in change["what"] for change in entry["changes"])]
    assert len(found) == 1, found
    return found[0]


def erased(tree):
    step("5 erased")
    figure, kept = Secret(), Secret()
    commune, node = tree["22165"], node_of(tree["22165"])
    kept.put(commune, "open", "2025-07")
    figure.put(commune, "open", "2025-08", "--by", "Nguyễn Thị Lan")
    commune.hoi("send", "--to", "54", "--title", figure.title)
    in_step(tree)
    line, needles = ["22165", "54", "VN"], figure.needles() + [figure.title.encode(), "Nguyễn Thị Lan".encode()]
    is_at(tree, line, [figure.note.encode()])
    backup = os.path.join(tree.dir, "commune.backup")
    commune.hoi("backup", backup)
    commune.stop()
    copy = os.path.join(tree.dir, "copy-22165")
    shutil.copytree(commune.dir, copy)
    commune.start()

    names = [ref_of(tree["54"], node, "open 2025-08"), ref_of(tree["54"], node, figure.title)]
    try:
        tree["22168"].hoi("erase", names[0], "--reason", "x", "--yes")
        raise AssertionError("a sibling erases")
    except Refused as refused:
        assert refused.status == 1, refused
    told = tree["54"].json("erase", *names, "--reason", "dữ liệu cá nhân", "--dry-run")
    assert len(told["entries"]) == 2 and "written" not in told, told
    is_at(tree, line, [figure.note.encode()])
    tree["54"].hoi("erase", *names, "--reason", "dữ liệu cá nhân", "--yes")
    in_step(tree)
    is_not_at(tree, line, needles)
    is_at(tree, line, [kept.note.encode()])
    for code in line:
        status = tree[code].json("status")["erased"]
        assert [(item["entries"], item["reason"], item["unit"]["code"]) for item in status] == [(2, "dữ liệu cá nhân", "54")], f"{code}: {status}"
        shown = tree[code].json("show", "open", "2025-08", "--unit", "22165")
        assert shown["rows"] == [] and shown["erased"][0]["entries"] == 1, shown
        assert "dữ liệu cá nhân" in " ".join(tree[code].hoi("show", "open", "2025-08", "--unit", "22165").split())
        tree[code].hoi("check")
        before = tree[code].hoi("digest")
        tree[code].hoi("rebuild")
        assert tree[code].hoi("digest") == before, code
    assert "erased" not in tree["22168"].json("show", "open", "2025-08"), "a sibling is told"

    commune.stop()  # what a backup of before brings back goes at once: the erasure itself is taken over
    commune.hoi("restore", backup)
    commune.start()
    in_step(tree)
    is_not_at(tree, line, needles)
    commune.stop()  # a copy put back by hand knows of no erasure until it has spoken with the level above
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        if os.path.exists(os.path.join(commune.dir, name)):
            os.remove(os.path.join(commune.dir, name))
    shutil.copy2(os.path.join(copy, "store.db"), os.path.join(commune.dir, "store.db"))
    assert places(commune.dir, [figure.note.encode()])
    commune.start()
    in_step(tree)
    is_not_at(tree, line, needles)
    is_at(tree, line, [kept.note.encode()])
    kept.put(commune, "open", "2025-09")  # life goes on
    in_step(tree)


def main():
    with Tree() as tree:
        forms = []
        for name, text in (("open", OPEN), ("secret", SECRET), ("local", LOCAL)):
            forms.append(os.path.join(tree.dir, name + ".json"))
            with open(forms[-1], "w", encoding="utf-8") as file:
                file.write(text)
        tree.found("VN", UNITS, forms)
        for parent, code in (("VN", "54"), ("VN", "56"), ("54", "22165"), ("54", "22168"), ("56", "22333")):
            tree.join(parent, code)
        in_step(tree)
        siblings(tree)
        private(tree)
        reach(tree)
        letters(tree)
        erased(tree)
        for office in tree.offices.values():
            office.stop()
    print("reach: all scenarios passed")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Goal: where the bodies of a form's records stop, their sums go on, and nothing but their sums.

1 sums         a form whose records stop at the province: the centre adds up the same totals as the province, with the same completeness, and has no word of the notes
2 changed      a figure corrected by the commune, by the province, taken back: the centre follows each time, and holds one extract of it that counts
3 small        of a form that asks for it, a figure below 3 stands at the centre as "under 3", nowhere as what it is; in a file of the province as <3, and not to be had by subtraction
4 a list       rows are summed before they go on: the centre has neither their keys nor how many they are
5 contested    two offices of one unit say different things: the centre counts what the province counts, and says that it is contested
6 two cutters  a second PC of the province cuts the same: nothing is counted twice, and the two do not go on answering one another
7 erased       the entry that a figure was cut from is erased: its extract counts no more
8 the same     views made anew say the same, digests are equal all along
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from test_reach import is_at, is_not_at  # noqa: E402
from tree import Office, Refused, Tree, wait  # noqa: E402

CASES = {"name": "cases", "period": "month", "reach": "province", "extract": True, "levels": [3],
         "fields": [{"name": "cases", "type": "integer"}, {"name": "paid", "type": "money"}, {"name": "note", "type": "text"},
                    {"name": "chair", "type": "yesno", "over_units": "count"}, {"name": "mean", "type": "computed", "places": 2, "formula": "paid / cases"}]}
SMALL = {"name": "small", "period": "month", "reach": "province", "extract": True, "suppress_below": 3, "levels": [3],
         "fields": [{"name": "cases", "type": "integer"}, {"name": "paid", "type": "money"}]}
LOANS = {"name": "loans", "period": "month", "reach": "province", "extract": True, "list": True, "levels": [3], "fields": [{"name": "lent", "type": "money"}]}
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên"), ("22165", "54", 3, "Thị trấn Củng Sơn"), ("22168", "54", 3, "Xã Phước Tân"), ("22171", "54", 3, "Xã Sơn Hội")]
NOTE, ROW = "zQ71-Kx7vW", "Jt72-pB9uM"


def step(text):
    print(f"  {text}", flush=True)


def fields(office, form, period="2025-06", unit="54", by=()):
    rolled = office.json("rollup", form, period, "--unit", unit, *by)
    return rolled["fields"] if not by else rolled["rows"]


def totals(office, form, *names, period="2025-06"):
    found = fields(office, form, period)
    return [found[name]["value"] for name in names]


def follows(tree, form, *names, period="2025-06"):
    """The centre comes to say what the province says; returns it."""
    wanted = lambda: totals(tree["54"], form, *names, period=period)  # noqa: E731
    wait(lambda: totals(tree["VN"], form, *names, period=period) == wanted(), 60, f"{form}: the centre to say {wanted()}, not {totals(tree['VN'], form, *names, period=period)}")
    return wanted()


def agree(tree):
    for upper, lower in (("VN", "54"), ("54", "22165"), ("54", "22168")):
        args = ("digest", "--unit", lower, "--with", upper)
        wait(lambda a=args, u=upper, l=lower: tree[u].hoi(*a) == tree[l].hoi(*a), 60, f"{upper} and {lower} to agree")


def extracts(office):
    """References of the entries that carry extracts, newest first."""
    return [entry["ref"] for entry in office.json("log", "--limit", "10000")["entries"] if any(change["kind"] == "extract" for change in entry["changes"])]


def sums(tree):
    step("1 sums")
    tree["22165"].hoi("put", "cases", "2025-06", "cases=120", "paid=173000000", f"note={NOTE}", "chair=yes")
    tree["22168"].hoi("put", "cases", "2025-06", "cases=30", "paid=7000000", f"note={NOTE}")
    wait(lambda: totals(tree["54"], "cases", "cases") == ["150"], 60, "the province to have both")
    assert follows(tree, "cases", "cases", "paid", "mean") == ["150", "180000000", "1200000.00"]
    upper, lower = (tree[code].json("rollup", "cases", "2025-06", "--unit", "54") for code in ("VN", "54"))
    assert upper["completeness"] == lower["completeness"] and lower["completeness"]["missing"] == ["22171"], (upper, lower)
    by_unit = fields(tree["VN"], "cases", by=("--by", "unit"))
    assert {row["unit"]: row["fields"]["cases"]["value"] for row in by_unit} == {"22165": "120", "22168": "30", "22171": None}, by_unit
    assert tree["VN"].json("show", "cases", "2025-06", "--unit", "22165")["rows"] == []
    is_at(tree, ["22165", "54"], [NOTE.encode()])
    is_not_at(tree, ["VN"], [NOTE.encode()])
    agree(tree)


def changed(tree):
    step("2 changed")
    tree["22165"].hoi("put", "cases", "2025-06", "cases=121")
    wait(lambda: totals(tree["54"], "cases", "cases") == ["151"], 60, "the commune's correction")
    follows(tree, "cases", "cases", "paid", "mean")
    tree["54"].hoi("put", "cases", "2025-06", "--unit", "22165", "paid=100000000", "--reason", "cộng nhầm")
    assert follows(tree, "cases", "cases", "paid") == ["151", "107000000"]
    tree["22168"].hoi("put", "cases", "2025-06", "cases=", "paid=")
    wait(lambda: totals(tree["54"], "cases", "cases") == ["121"], 60, "figures taken back")
    assert follows(tree, "cases", "cases", "paid") == ["121", "100000000"]
    tree["22168"].hoi("put", "cases", "2025-06", "cases=30", "paid=7000000")
    tree["22168"].hoi("put", "cases", "2025-05", "cases=4")
    wait(lambda: totals(tree["54"], "cases", "cases", period="2025-Q2") == ["155"], 60, "another month")
    follows(tree, "cases", "cases", "paid", period="2025-Q2")
    agree(tree)


def small(tree):
    step("3 small")
    tree["22165"].hoi("put", "small", "2025-06", "cases=40", "paid=2")
    tree["22168"].hoi("put", "small", "2025-06", "cases=2", "paid=1")
    tree["22171"].hoi("put", "small", "2025-06", "cases=0")
    wait(lambda: totals(tree["54"], "small", "cases") == ["42"], 60, "the province to have all")
    wait(lambda: totals(tree["VN"], "small", "cases") == ["43"], 60, "the centre to have their extracts")
    found = {row["unit"]: row["fields"]["cases"] for row in fields(tree["VN"], "small", by=("--by", "unit"))}
    assert found["22168"]["value"] == "3" and found["22168"]["qualifier"] == "under", found
    assert found["22165"]["value"] == "40" and "qualifier" not in found["22165"] and found["22171"]["value"] == "0", found
    total = fields(tree["VN"], "small")
    assert total["cases"] == {"value": "43", "qualifier": "under", "contested": 0} and total["paid"]["value"] == "3", total
    path = os.path.join(tree.dir, "small.csv")  # at the province, which knows the figures
    assert "2 figures are not shown" in " ".join(tree["54"].hoi("rollup", "small", "2025-06", "--by", "unit", "-o", path).split())
    with open(path, encoding="utf-8-sig") as file:
        lines = {line.split(",")[0]: line.rstrip().split(",")[3] for line in file if line[:1] in "25" and not line.startswith("unit")}
    assert lines == {"22165": "×", "22168": "<3", "22171": "0", "54": "42"}, lines
    path = os.path.join(tree.dir, "small.json")
    tree["54"].hoi("rollup", "small", "2025-06", "--unit", "22168", "-o", path)
    with open(path, encoding="utf-8") as file:
        assert json.load(file)["fields"]["cases"] == {"value": None, "contested": 0, "suppressed": "small", "below": 3}
    agree(tree)


def a_list(tree):
    step("4 a list")
    for row, amount in ((ROW, 5), (ROW + "2", 7), (ROW + "3", 11)):
        tree["22165"].hoi("put", "loans", "2025-06", "--row", row, f"lent={amount}")
    wait(lambda: totals(tree["54"], "loans", "lent") == ["23"], 60, "all rows")
    assert follows(tree, "loans", "lent") == ["23"]
    is_at(tree, ["22165", "54"], [ROW.encode()])
    is_not_at(tree, ["VN"], [ROW.encode()])
    agree(tree)


def contested(tree):
    step("5 contested")
    # Both write over what the other has not seen: the commune offline, the province meanwhile.
    tree["22165"].hoi("put", "cases", "2025-07", "cases=10")
    wait(lambda: totals(tree["54"], "cases", "cases", period="2025-07") == ["10"], 60, "the first figure")
    tree["54"].stop()
    tree["22165"].hoi("put", "cases", "2025-07", "cases=11")
    tree["54"].hoi("put", "cases", "2025-07", "--unit", "22165", "cases=12", "--reason", "theo sổ")
    tree["54"].start()
    wait(lambda: tree["54"].json("status")["conflicts"] == 1, 60, "the conflict at the province")
    assert follows(tree, "cases", "cases", period="2025-07") == ["11"]
    wait(lambda: fields(tree["VN"], "cases", "2025-07")["cases"]["contested"] == 1, 60, "the centre to say that it is contested")
    upper, lower = (tree[code].json("rollup", "cases", "2025-07", "--unit", "54")["completeness"] for code in ("VN", "54"))
    assert upper == lower and upper["contested"] == 1, (upper, lower)
    tree["54"].hoi("put", "cases", "2025-07", "--unit", "22165", "cases=12", "--reason", "đã thống nhất")
    assert follows(tree, "cases", "cases", period="2025-07") == ["12"]
    wait(lambda: fields(tree["VN"], "cases", "2025-07")["cases"]["contested"] == 0, 60, "the centre to hear that it is settled")
    agree(tree)


def two_cutters(tree):
    step("6 two cutters")
    second = tree.offices["54b"] = Office(tree, "54b")
    os.makedirs(second.dir, mode=0o700)
    second.hoi("join", "-", stdin=tree["54"].hoi("invite", "54"))
    second.hoi("config", "listen", "tcp://127.0.0.1:*")
    second.start()
    wait(lambda: totals(second, "cases", "cases") == totals(tree["54"], "cases", "cases"), 60, "the second PC of the province to have its figures")
    before = totals(tree["VN"], "cases", "cases", "paid", period="2025")
    tree["22165"].hoi("put", "cases", "2025-06", "cases=122")
    wait(lambda: totals(tree["54"], "cases", "cases") == ["152"], 60, "the change at the first PC")
    follows(tree, "cases", "cases", "paid")
    wait(lambda: totals(second, "cases", "cases") == ["152"], 60, "the change at the second PC")
    second.hoi("put", "cases", "2025-06", "--unit", "22168", "cases=33", "--reason", "máy thứ hai")
    wait(lambda: totals(tree["54"], "cases", "cases") == ["155"], 60, "its correction at the first PC")
    assert follows(tree, "cases", "cases")[0] == "155" and totals(tree["VN"], "cases", "paid", period="2025") == before[1:]
    agree(tree)
    count = len(extracts(tree["VN"]))
    for office in (tree["54"], second):  # every idle spell asks again
        for _ in range(3):
            office.hoi("config", "metered", "no")
            office.hoi("sync", "--wait", "60")
            office.stop()
            office.start()
    wait(lambda: tree["54"].json("status")["uplinks"][0]["state"] == "connected", 60, "the line")
    agree(tree)
    assert len(extracts(tree["VN"])) == count, "extracts answer one another"
    assert count < 40, f"{count} extracts of a dozen changes"


def erased(tree):
    step("7 erased")
    node = tree["22168"].json("status")["node"]["id"]
    refs = [entry["ref"] for entry in tree["54"].json("log", "--limit", "10000")["entries"]
            if entry["node"] == node and any(change["what"] == "cases 2025-05" for change in entry["changes"])]
    assert len(refs) == 1 and totals(tree["VN"], "cases", "cases", period="2025-05") == ["4"]
    tree["54"].hoi("erase", refs[0], "--reason", "nhập nhầm", "--yes")
    wait(lambda: totals(tree["VN"], "cases", "cases", period="2025-05") == [None], 60, "the extract of what was erased to fall")
    assert totals(tree["54"], "cases", "cases", period="2025-05") == [None]
    agree(tree)


def the_same(tree):
    step("8 the same")
    for code in ("VN", "54", "22165"):
        office = tree[code]
        before = [office.hoi("digest"), json.dumps([fields(office, form, "2025", unit) for form in ("cases", "small", "loans") for unit in (["54"] if code != "22165" else ["22165"])])]
        office.hoi("check")
        office.hoi("rebuild")
        after = [office.hoi("digest"), json.dumps([fields(office, form, "2025", unit) for form in ("cases", "small", "loans") for unit in (["54"] if code != "22165" else ["22165"])])]
        assert before == after, code
    try:
        tree["VN"].hoi("put", "small", "2025-06", "--unit", "22168", "cases=1", "--reason", "x")
        raise AssertionError("the centre corrects what it cannot see")
    except Refused as refused:
        assert refused.status == 1, refused


def main():
    with Tree() as tree:
        forms = []
        for form in (CASES, SMALL, LOANS):
            forms.append(os.path.join(tree.dir, form["name"] + ".json"))
            with open(forms[-1], "w", encoding="utf-8") as file:
                json.dump(form, file)
        tree.found("VN", UNITS, forms)
        for parent, code in (("VN", "54"), ("54", "22165"), ("54", "22168"), ("54", "22171")):
            tree.join(parent, code)
        for scenario in (sums, changed, small, a_list, contested, two_cutters, erased, the_same):
            scenario(tree)
        for office in tree.offices.values():
            office.stop()
    print("extract: all scenarios passed")


if __name__ == "__main__":
    main()

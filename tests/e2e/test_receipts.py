#!/usr/bin/python3
"""Goal: the commune sees how far its figures got, level by level, in words, from signed receipts alone: what none says is said to be not known.

1 written    nobody above is there: written here, and no more is known
2 district   only the district is: stored and counted there
3 province   the centre is down: stored and counted at the province, not at the centre
4 centre     it comes up: at the centre; every unit on the way is named, the nearest first; the counts are those of what was written
5 aside      a second PC of the commune's office writes about another commune: set aside at every level, and the commune reads it with its reason in its own status
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "interop")]
sys.dont_write_bytecode = True
import hoi_author  # noqa: E402
from test_second_node import FORMS, LINE, Q1_2025, UNITS, World  # noqa: E402
from tree import Tree, wait  # noqa: E402

COMMUNE = "22165"


def entry_of(tree, period):
    """The commune's entry of that quarter as JSON, and the words for it without and with the history."""
    office = tree[COMMUNE]
    shown = office.json("show", "members", period)["rows"][0]["entries"][-1]
    flat = lambda text: " ".join(text.split())
    return shown, flat(office.hoi("show", "members", period)), flat(office.hoi("show", "members", period, "--history"))


def way_of(entry):
    return [(step["unit"]["code"], step["counted"]) for step in entry["way"]]


def written(tree):
    for code in ("560", "54", "VN"):
        tree[code].stop()
    tree[COMMUNE].hoi("put", "members", "2025-Q1", "members_total=120", "--by", "Nguyễn Thị Lan")
    entry, short, _ = entry_of(tree, "2025-Q1")
    assert way_of(entry) == [] and not entry["stored_above"] and "that it is stored at any level above is not known yet" in short, (entry, short)
    log = tree[COMMUNE].json("status")["log"]
    assert log == {"written": 1, "stored_above": 0, "counted_above": 0, "at_root": 0}, log


def reaches(tree, code, expected, words, absent):
    tree[code].start()
    wait(lambda: way_of(entry_of(tree, "2025-Q1")[0]) == expected, 60, f"the figures to be at {code}")
    entry, short, whole = entry_of(tree, "2025-Q1")
    assert words in short and words in whole and absent not in whole, (short, whole)
    assert entry["stored_above"] and entry["counted_above"] and entry["at_root"] == (code == "VN"), entry
    return whole


def district(tree):
    reaches(tree, "560", [("560", True)], "stored and counted at 560 Huyện Sơn Hòa", "54 Tỉnh")
    status = tree[COMMUNE].hoi("status")
    assert "560 Huyện Sơn Hòa: 1 stored, 1 counted" in status and "at the centre" not in status, status


def province(tree):
    whole = reaches(tree, "54", [("560", True), ("54", True)], "stored and counted at 54 Tỉnh Phú Yên", "at the centre")
    assert "stored and counted at 560 Huyện Sơn Hòa; stored and counted at 54 Tỉnh Phú Yên" in whole, whole
    assert tree[COMMUNE].json("status")["log"]["at_root"] == 0


def centre(tree):
    reaches(tree, "VN", [("560", True), ("54", True), ("VN", True)], "at the centre", "not known")
    status = tree[COMMUNE].json("status")
    assert status["log"] == {"written": 1, "stored_above": 1, "counted_above": 1, "at_root": 1}, status["log"]
    assert [(each["unit"]["code"], each["stored"], each["counted"], each["set_aside"]) for each in status["above"]] == [
        ("560", 1, 1, 0), ("54", 1, 1, 0), ("VN", 1, 1, 0)], status["above"]
    entry, _, _ = entry_of(tree, "2025-Q1")
    assert entry["person"]["name"] == "Nguyễn Thị Lan"
    # At the district, the same entry with the same receipts: those of the levels above it, and its own.
    seen = tree["560"].json("show", "members", "2025-Q1", "--unit", COMMUNE)["rows"][0]["entries"][0]
    assert way_of(seen) == way_of(entry), (seen, entry)


def aside(tree):
    world = World(tree)
    node = world.enrol("second PC", "560", COMMUNE)
    world.sync("second PC")
    hoi_author.put(node, "members", Q1_2025, {"members_total": 1}, unit=world.ids["22168"], flags=2, reason="by mistake")
    world.sync("second PC")
    wait(lambda: tree[COMMUNE].json("status")["own_aside"], 30, "what was set aside, in the commune's own status")
    for code in (COMMUNE, "560", "54", "VN"):
        wait(lambda: any(each["reason"] == "OUTSIDE_AUTHORITY" for each in tree[code].json("status")["set_aside"]), 30, f"the entry to be set aside at {code}")
    status = tree[COMMUNE].json("status")
    own = status["own_aside"][0]
    assert status["own_aside_count"] == 1 and own["reason"] == "OUTSIDE_AUTHORITY" and own["status"] == 306 and own["change"]["kind"] == "put", status
    words = " ".join(tree[COMMUNE].hoi("status").split())
    assert "Of this office set aside" in words and "may act only for its own unit" in words, words
    assert not tree["560"].json("status")["own_aside"], "it is not the district's"
    # What the commune wrote itself counts as before; nobody's total has the stray figure.
    assert entry_of(tree, "2025-Q1")[0]["at_root"]
    total = tree["VN"].json("rollup", "members", "2025-Q1")["fields"]["members_total"]["value"]
    assert total == "120", total


def main():
    with Tree() as tree:
        tree.found("VN", UNITS, [os.path.join(FORMS, "members.json")])
        for above, below in zip(LINE, LINE[1:]):
            tree.join(above, below)
        wait(lambda: tree[COMMUNE].json("form", "show", "members"), 20, "the form at the commune")
        for number, part in enumerate((written, district, province, centre, aside), 1):
            part(tree)
            print(f"{number} {part.__name__}")
    print("test_receipts: passed")


if __name__ == "__main__":
    main()

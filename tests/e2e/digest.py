#!/usr/bin/python3
"""Goal: hoi digest --unit U is equal on every node that holds U's subtree, before and after rebuild; a store that holds only what is common
(the commune's: its own logs and the directives above it) prints the same as the centre's, which holds much more. With `--at CODE`, only that
office's daemon gets the planted bug (tests/planted), after the forms are there, and one look is enough: no digest may differ.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import Refused, Tree, wait  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
LINE = ["VN", "54", "560", "22165"]
UNITS = [("54", "VN", 1, "Tỉnh Phú Yên"), ("560", "54", 2, "Huyện Sơn Hòa"), ("22165", "560", 3, "Thị trấn Củng Sơn"),
         ("22168", "560", 3, "Xã Phước Tân"), ("562", "54", 2, "Huyện Tây Hoà")]


def digests(tree, unit):
    return [tree[code].json("digest", "--unit", unit)["state"] for code in LINE]


def equal(values):
    return len(set(values)) == 1


def main(planted_at):
    planted = os.environ.pop("HOI_PLANTED", "") if planted_at else ""  # before the offices take the environment over
    with Tree() as tree:
        tree.found("VN", UNITS, [os.path.join(ROOT, "tools", "forms", name) for name in ("members.json", "loans.json")])
        for above, below in zip(LINE, LINE[1:]):
            tree.join(above, below)
        tree.join("560", "22168")
        tree.join("54", "562")
        for code in ("22165", "22168", "562"):
            wait(lambda: tree[code].json("form", "show", "members"), 20, f"forms at {code}")
        if planted_at:
            tree[planted_at].stop()
            tree[planted_at].environment["HOI_PLANTED"] = planted
            tree[planted_at].start()
        tree["22165"].hoi("put", "members", "2025-Q1", "members_total=120", "members_new=7")
        tree["22168"].hoi("put", "members", "2025-Q1", "members_total=80", "members_new=0")
        tree["562"].hoi("put", "members", "2025-Q1", "members_total=16.657", "members_new=486")
        wait(lambda: tree["560"].json("show", "members", "2025-Q1", "--unit", "22165")["rows"], 20, "the record to correct, at 560")
        tree["560"].hoi("put", "members", "2025-Q1", "--unit", "22165", "members_new=8", "--reason", "counted again")
        for code in ("22165", "22168", "562", "560"):
            tree[code].hoi("sync", "--wait", "30")
        done = lambda code: tree[code].json("status")["log"]
        for code in ("22165", "22168", "562", "560"):
            wait(lambda: done(code)["at_root"] == done(code)["written"], 30, f"{code} at the root: {done(code)}")
        if planted_at:
            for unit in ("22165", "22168"):
                values = [tree[code].json("digest", "--unit", unit)["state"] for code in ("VN", "54", "560", unit)]
                assert equal(values), f"the digests of {unit} differ: {values}"
            return
        for unit in ("22165", "560"):
            holders = LINE if unit == "22165" else LINE[:3]
            wait(lambda: equal([tree[code].json("digest", "--unit", unit)["state"] for code in holders]), 20, f"equal digests of {unit}")
        before = digests(tree, "22165")
        for code in LINE:
            tree[code].hoi("rebuild")
        assert digests(tree, "22165") == before, "rebuild changed the digest"
        held = {code: len(tree[code].json("log", "--limit", "100000")["entries"]) for code in LINE}
        assert held["22165"] < held["VN"], f"the commune should hold less than the centre: {held}"
        print(f"equal at {LINE}, before and after rebuild; entries held: {held}")


if __name__ == "__main__":
    try:
        main(sys.argv[sys.argv.index("--at") + 1] if "--at" in sys.argv else None)
    except (AssertionError, Refused) as error:
        print(f"FAILED: {error}")
        sys.exit(1)

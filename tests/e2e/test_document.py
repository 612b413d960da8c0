#!/usr/bin/python3
"""Goal: a document for one commune, written at the centre, arrives there through the offices between, and stands in nobody else's inbox."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tree import Refused, Tree, wait  # noqa: E402

LINE = ["VN", "54", "560", "22165"]
UNITS = [("54", "VN", 1, "Province"), ("560", "54", 2, "District"), ("22165", "560", 3, "Commune"), ("22168", "560", 3, "Other commune")]


def titles(office):
    return [document["title"] for document in office.json("inbox")["documents"]]


def main():
    with Tree() as tree:
        tree.found("VN", UNITS, [])
        for above, below in zip(LINE, LINE[1:]):
            tree.join(above, below)
        tree.join("560", "22168")
        tree["VN"].hoi("send", "--to", "22165", "--title", "For one commune", "--text", "-", stdin="Text\n")
        wait(lambda: "For one commune" in titles(tree["22165"]), 20, "the document at the commune")
        tree["VN"].hoi("send", "--to", "VN/level:3", "--title", "For all communes", "--text", "-", stdin="Text\n")
        for code in ("22165", "22168"):
            wait(lambda: "For all communes" in titles(tree[code]), 20, f"the second document at {code}")
        tree["22168"].hoi("sync", "--wait", "20")
        assert "For one commune" not in titles(tree["22168"]), "a sibling reads what is not meant for it"
        for code in ("54", "560"):
            assert titles(tree[code]) == [], f"{code} passes documents on; they are not for its inbox: {titles(tree[code])}"
        print("two documents arrived where they were meant for, and nowhere else")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, Refused) as error:
        print(f"FAILED: {error}")
        sys.exit(1)

#!/usr/bin/env python3
"""docs/security.md names a test for each claim and each attack: is every one of them there, and is every test of a hostile peer in its table?"""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def missing(file, name):
    """What of `file: name` is not in the repository, or None."""
    path = os.path.join(ROOT, file)
    if not os.path.isfile(path):
        return f"{file} is not there"
    with open(path, encoding="utf-8") as text:
        return None if re.search(rf"\b{re.escape(name)}\b", text.read()) else f"{file} has no {name}"


def main():
    with open(os.path.join(ROOT, "docs", "security.md"), encoding="utf-8") as page:
        text = page.read()
    claims = re.findall(r"^\*\*\d+\. .*?(?=^\*\*\d+\. |^## )", text, re.M | re.S)
    named = [(claim.split("**")[1], re.findall(r"`(tests/[^`: ]+): (\w+)`", claim)) for claim in claims]
    table = text.split("## Attack by attack")[1].split("\n## ")[0]
    rows = [(row.split("|")[1].strip(), re.findall(r"`(tests/[^`: ]+): (\w+)`", row)) for row in table.splitlines() if row.startswith("| ")][1:]
    named += rows
    wrong = [f"{title} names no test" for title, tests in named if not tests]
    told = {name for _, tests in rows for _, name in tests}
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "malpeer", "test_*.py"))):
        with open(path, encoding="utf-8") as source:
            tests = re.findall(r"\w+", " ".join(re.findall(r"^(?:TESTS|ALONE) = \((.*?)\)", source.read(), re.M | re.S)))
        wrong += [f"{os.path.basename(path)}: no tests found"] if not tests else [f"{os.path.basename(path)}: {name} is not in the table" for name in tests if name not in told]
    wrong += [f"{title} {fault}" for title, tests in named for test in tests if (fault := missing(*test))]
    assert len(named) - len(rows) >= 10 and len(rows) >= 20, f"{len(named) - len(rows)} claims and {len(rows)} attacks were found on the page"
    for line in wrong:
        print(line)
    print(f"{len(named)} claims and attacks, {sum(len(tests) for _, tests in named)} tests named, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

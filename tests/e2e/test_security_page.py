#!/usr/bin/env python3
"""docs/security.md names a test for each claim: is every one of them there?"""
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
    wrong = [f"{title} names no test" for title, tests in named if not tests]
    wrong += [f"{title} {fault}" for title, tests in named for test in tests if (fault := missing(*test))]
    assert len(named) >= 10, f"{len(named)} claims were found on the page"
    for line in wrong:
        print(line)
    print(f"{len(named)} claims, {sum(len(tests) for _, tests in named)} tests named, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

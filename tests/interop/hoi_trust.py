"""Changes by which trust and structure move (docs/protocol.md, 5.6 to 5.10): move, close, same, handover, revocation, pin, and those after them."""

from __future__ import annotations

from hoi_common import DATE, ID, LINE_MAX, REF, check_distinct, log_key, refs
from hoi_control import check_line_above
from hoi_shape import Fields, ListOf, Maybe, Refused, Shape, Struct, Text

REFS_MAX = 256
SUCCESSORS_MAX = 64
REASON_BYTES_MAX = 2000

LINE = ListOf(ID, 1, LINE_MAX)
_PLACING: list[tuple[str, Shape]] = [("unit", ID), ("effective", Maybe(DATE)), ("line", LINE), ("former", LINE)]


def _placing(item: Fields, where: str) -> None:
    for line in ("line", "former"):
        check_line_above(item["unit"], item[line], f"{where}.{line}")


def _close(item: Fields, where: str) -> None:
    _placing(item, where)
    successors = item["successors"]
    check_distinct([item["unit"], *successors], f"{where}.successors")
    if successors and successors[0] != item["line"][0]:
        raise Refused(f"{where}.successors", "the main successor is not the first of line")


PLACING = Struct(_PLACING, _placing)
CLOSE = Struct([*_PLACING, ("successors", ListOf(ID, 0, SUCCESSORS_MAX))], _close)


def _one_a_log(item: Fields, where: str) -> None:
    check_distinct([log_key(ref) for ref in item["upto"]], f"{where}.upto")


def _revocation(item: Fields, where: str) -> None:
    _one_a_log(item, where)
    if any(ref["node"] != item["node"] for ref in item["upto"]):
        raise Refused(f"{where}.upto", "names a log of another node")


def _some(item: Fields, where: str) -> None:
    name = "pins" if "pins" in item else "entries"
    if not item[name]:
        raise Refused(f"{where}.{name}", "empty")


def _fork_decision(item: Fields, where: str) -> None:
    keeps, rival = item["keeps"], item["rival"]
    if log_key(keeps) != log_key(rival) or keeps["hash"] == rival["hash"]:
        raise Refused(f"{where}.rival", "not another entry of the same log")
    if rival["seq"] > keeps["seq"] + 1:
        raise Refused(f"{where}.rival", "more than one behind what is kept")


HANDOVER = Struct([("unit", ID), ("parent", ID), ("upto", refs(REFS_MAX))], _one_a_log)
REVOCATION = Struct([("node", ID), ("upto", refs(REFS_MAX)), ("reason", Maybe(REF))], _revocation)
PIN = Struct([("pins", refs(REFS_MAX))], _some)
FORK_DECISION = Struct([("keeps", REF), ("rival", REF)], _fork_decision)
ERASE = Struct([("entries", refs(REFS_MAX)), ("reason", Maybe(REF))], _some)
ACCEPT = Struct([("entries", refs(REFS_MAX))], _some)
REASON = Struct([("text", Text(1, REASON_BYTES_MAX))])

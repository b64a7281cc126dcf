from __future__ import annotations

from uraniborg.catalog.adql.errors import AdqlError, suggest
from uraniborg.core.errors import UserError


def test_the_caret_is_under_the_fault() -> None:
    error = AdqlError("no such column", "SELECT a,\n\tbad FROM t", (11, 14), hint="write good")
    lines = str(error).splitlines()
    assert isinstance(error, UserError)
    assert (error.line, error.column) == (2, 2)
    assert lines[1] == "  \tbad FROM t"
    assert lines[2] == "  \t^^^"
    assert lines[3].strip() == "write good"


def test_a_long_line_is_cut_around_the_fault() -> None:
    query = "SELECT " + "a, " * 200 + "BAD" + ", a" * 200
    place = query.index("BAD")
    lines = str(AdqlError("x", query, (place, place + 3))).splitlines()
    start = lines[2].index("^")
    assert lines[1][start : start + 3] == "BAD"
    assert len(lines[1]) < 120


def test_suggestions_are_near() -> None:
    assert suggest("coord_rb", ["coord_ra", "flux"]) == "did you mean coord_ra?"
    assert suggest("zzz", ["coord_ra"]) == ""

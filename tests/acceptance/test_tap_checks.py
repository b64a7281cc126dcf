from __future__ import annotations

import pytest

from uraniborg.acceptance.tap_checks import HOSTILE_QUERIES, _uploads
from uraniborg.catalog.adql import AdqlError, parse
from uraniborg.core.errors import UserError
from uraniborg.services.reading import read_votable


@pytest.mark.parametrize("query", [HOSTILE_QUERIES[n] for n in ("an open quote", "a very long number", "a zero")])
def test_queries_that_are_no_adql_are_refused_by_the_parser(query: str) -> None:
    with pytest.raises(AdqlError):
        parse(query)


@pytest.mark.parametrize("name", _uploads())
def test_every_upload_is_hostile(name: str) -> None:
    with pytest.raises(UserError):
        read_votable(_uploads()[name].encode(), most_rows=10**6)

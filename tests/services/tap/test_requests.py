from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.config import ServiceConfig
from uraniborg.services.parameters import Parameters
from uraniborg.services.tap.requests import read_request, receive_uploads


def test_a_request_is_read_within_the_limits(tmp_path: Path) -> None:
    config = ServiceConfig(tmp_path, tmp_path)
    wanted = read_request(Parameters({"QUERY": ["SELECT 1"], "LANG": ["adql-2.0"], "MAXREC": [str(10**12)]}), config)
    assert wanted.rows == config.most_rows
    assert read_request(Parameters({"QUERY": ["q"]}), config).rows == config.default_rows
    assert read_request(Parameters({"QUERY": ["q"], "FORMAT": ["csv"]}), config).format.ending == "csv"


@pytest.mark.parametrize(
    ("values", "message"),
    [({"QUERY": [" "]}, "QUERY is missing"), ({"QUERY": ["q"], "LANG": ["PQL"]}, "LANG"),
     ({"QUERY": ["q"], "REQUEST": ["getCapabilities"]}, "REQUEST"), ({"QUERY": ["q", "r"]}, "2 times"),
     ({"QUERY": ["q"], "MAXREC": ["-1"]}, "MAXREC"), ({"QUERY": ["q"], "FORMAT": ["x"]}, "format")],
)  # fmt: skip
def test_wrong_requests(tmp_path: Path, values: dict[str, list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_request(Parameters(values), ServiceConfig(tmp_path, tmp_path))


def test_uploads_in_a_parameter_and_uploads_that_are_not_there(tmp_path: Path) -> None:
    config = ServiceConfig(tmp_path, tmp_path)
    parameters = Parameters({"UPLOAD": ["t,param:X"], "X": ["a,b\n1,2\n"]})
    files = asyncio.run(receive_uploads(parameters, tmp_path / "in", config))
    assert files["t"].read_text() == "a,b\n1,2\n"
    with pytest.raises(UserError, match="does not have"):
        asyncio.run(receive_uploads(Parameters({"UPLOAD": ["t,param:Y"]}), tmp_path / "in", config))

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from uraniborg.acceptance.tap_server import make_catalogue, serving
from uraniborg.core.errors import StoreError

pytestmark = pytest.mark.service


def test_a_catalogue_is_served_and_the_server_ends(tmp_path: Path) -> None:
    catalogue = make_catalogue(tmp_path, 20_000, threads=1)
    with serving(catalogue.folder, tmp_path / "state") as server:
        query = {"QUERY": catalogue.cone(3), "RESPONSEFORMAT": "csv"}
        assert httpx.get(f"{server.url}/tap/sync", params=query).text.count("\n") > 1
        assert server.memory() > 50
        assert len(server.workers()) >= 2
        process = server.process
    assert process.returncode is not None


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="log"), serving(tmp_path / "empty", tmp_path / "state", users=()):
        pass

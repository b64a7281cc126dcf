from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.acceptance import tap_speed
from uraniborg.acceptance.tap_server import make_catalogue, serving

pytestmark = pytest.mark.service


@pytest.mark.slow
def test_every_measurement_measures(tmp_path: Path) -> None:
    catalogue = make_catalogue(tmp_path, 30_000, threads=1)
    with serving(catalogue.folder, tmp_path / "state") as server:
        found = tap_speed.measure_cones(catalogue, server, blocks=1, each=3)
        found |= tap_speed.measure_clients(catalogue, server, each=8, repeat=1)
        found |= tap_speed.measure_result(server, rows=20_000, repeat=1)
        found["beside"] = tap_speed.measure_beside_scan(catalogue, server, each=1)
    assert all(value.value > 0 for value in found.values())
    assert found["result_votable"].note.startswith("20000 rows")

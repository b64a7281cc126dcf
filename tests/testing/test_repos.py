from __future__ import annotations

from pathlib import Path

from uraniborg.testing.repos import make_repository


def test_repository_has_the_camera(tmp_path: Path) -> None:
    with make_repository(tmp_path, n_exposures=3, n_detectors=2) as butler:
        data_ids = butler.query_data_ids(["exposure", "detector"], where="band = 'r'")
        assert {(d["exposure"], d["detector"]) for d in data_ids} == {(e, d) for e in (1, 2, 3) for d in (0, 1)}
        assert butler.run == "tests"
        assert butler.registry.defaults.dataId["instrument"] == "Tiny"

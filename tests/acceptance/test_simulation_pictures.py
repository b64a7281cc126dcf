from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from uraniborg.acceptance.simulation import SimulationMeasures
from uraniborg.acceptance.simulation_pictures import PICTURES, draw_pictures


def test_pictures_are_small_and_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(PICTURES) - {"effects", "focal_plane"}:
        monkeypatch.delitem(PICTURES, name)
    measures = SimulationMeasures(tmp_path, data=tmp_path, quick=True)
    made = draw_pictures(tmp_path / "one", measures)
    assert set(made) == {"sim_effects.png", "sim_focal_plane.png"}
    draw_pictures(tmp_path / "two", measures)
    for name in made:
        path = tmp_path / "one" / name
        assert path.stat().st_size <= 60_000
        assert path.read_bytes() == (tmp_path / "two" / name).read_bytes()
        with Image.open(path) as picture:
            assert min(picture.size) > 300

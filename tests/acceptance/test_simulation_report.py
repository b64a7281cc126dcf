from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.acceptance.simulation import SimulationMeasures
from uraniborg.acceptance.simulation_pictures import PICTURES
from uraniborg.acceptance.simulation_report import write_simulation_report
from uraniborg.verify.metrics import Measurement, load_suite


def test_the_page_has_every_number_and_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(PICTURES) - {"focal_plane"}:
        monkeypatch.delitem(PICTURES, name)
    metrics = load_suite("simulation")
    found = [
        Measurement(metrics[0], 0.3, "a < b"),
        Measurement(metrics[1], 0.7, "missed"),
        Measurement(metrics[2], float("nan")),
    ]
    page = write_simulation_report(tmp_path, found, SimulationMeasures(tmp_path, data=tmp_path, quick=True))
    text = page.read_text("utf8")
    assert "1 of 3 promises hold" in text
    assert "a &lt; b" in text
    assert text.count("<img") == 1
    assert (page.parent / "sim_focal_plane.png").is_file()
    assert "not measured" in text

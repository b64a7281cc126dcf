from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from uraniborg.execution.report import RunReport
from uraniborg.instruments.simcam import SimCam
from uraniborg.productions.first_light import Field, FirstLight
from uraniborg.productions.first_light_report import _with_trouble, first_light_data, measure_run, report_run
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig
from uraniborg.sim.writer import simulate_field
from uraniborg.verify.metrics import Measurement, load_suite
from uraniborg.verify.products import Products


@pytest.mark.slow
def test_every_promise_of_a_simulated_field_is_measured(mini_run: FirstLight) -> None:
    found = measure_run(mini_run)
    wanted = [metric.name for metric in load_suite("first-light") if metric.field in ("simulated", "both")]
    assert [m.metric.name for m in found] == wanted
    assert all(m.measured for m in found), [(m.metric.name, m.note) for m in found if not m.measured]


@pytest.mark.slow
def test_report_and_summary_hold_numbers_and_pictures(mini_run: FirstLight, tmp_path: Path) -> None:
    report = report_run(mini_run, tmp_path, seconds=1.0)
    content = json.loads(report.summary.read_text("utf8"))
    assert content["complete"]
    assert content["simulated"]
    for row in content["metrics"]:
        assert {"name", "value", "unit", "bar", "holds"} <= set(row)
    names = {row["name"] for row in content["metrics"]} | {row["name"] for row in content["measured_elsewhere"]}
    assert names == {metric.name for metric in load_suite("first-light")}
    page = report.html.read_text("utf8")
    assert page.count("data:image/png;base64,") >= 6
    assert page.count("<svg") >= 3
    assert not re.search(r"""(src|href)=["']https?://""", page)  # the page stands alone


def _result(folder: Path, truth: object, **run: object) -> FirstLight:
    field = Field(
        name="test", images=folder, instrument=SimCam(), references=(), catalogue="gaia", preset="simulated",
        pixel_scale=0.26, truth=truth,
    )  # fmt: skip
    return FirstLight(field=field, repo=folder, collection="u", run=RunReport(run="u/r", output="u", n_quanta=3, **run))


def test_a_simulated_field_is_held_against_its_truth(tmp_path: Path) -> None:
    camera = CameraConfig(width=96, height=96, cosmic_rays=0)
    config = SimConfig(camera=camera, observing=ObservingConfig(bands=("r",), nights=(0.0,), dither=0.0))
    simulated = simulate_field(config, tmp_path / "sim")
    data = first_light_data(_result(tmp_path, simulated), Products(None, "repo", "u"))  # type: ignore[arg-type]
    assert data.truth is not None
    assert len(data.truth.exposures) == 1
    assert len(data.truth.sources) > 0
    assert data.survey_ccds is None


def test_a_real_field_is_held_against_another_pipeline(tmp_path: Path) -> None:
    from astropy.table import Table

    Table({"expnum": [7], "ccdzpt": [25.0], "fwhm": [4.0]}).write(tmp_path / "survey-ccds-1.fits")
    data = first_light_data(_result(tmp_path, None), Products(None, "repo", "u"))  # type: ignore[arg-type]
    assert data.truth is None
    assert data.survey_ccds is not None


def test_an_incomplete_run_is_told_in_every_note(tmp_path: Path) -> None:
    found = (Measurement(load_suite("first-light")[0], 3.0, "9 exposures"),)
    assert _with_trouble(_result(tmp_path, None), found) == found
    told = _with_trouble(_result(tmp_path, None, not_reached=2), found)
    assert told[0].value == 3.0
    assert told[0].note.startswith("9 exposures (run incomplete")

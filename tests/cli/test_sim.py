from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from uraniborg.cli.main import cli
from uraniborg.sim.config import load_config
from uraniborg.sim.writer import load_field


def test_list_names_the_surveys() -> None:
    result = CliRunner().invoke(cli, ["sim", "list"])
    assert result.exit_code == 0
    assert "tiny" in result.output
    assert "mini" in result.output


def test_show_prints_what_night_accepts(tmp_path: Path) -> None:
    shown = CliRunner().invoke(cli, ["sim", "show", "mini"])
    path = tmp_path / "shown.yaml"
    path.write_text(shown.output, "utf8")
    assert load_config(path) == load_config("mini")


def test_night_writes_a_survey_with_the_seed_asked_for(tmp_path: Path) -> None:
    mini = load_config("mini")
    camera = mini.camera.model_copy(update={"width": 96, "height": 96})
    plan = mini.observing.model_copy(update={"nights": (0.0,)})
    small = mini.model_copy(update={"camera": camera, "observing": plan})
    (tmp_path / "small.yaml").write_text(small.to_yaml(), "utf8")
    out = tmp_path / "out"
    arguments = ["sim", "night", "--config", str(tmp_path / "small.yaml"), "--out", str(out), "--seed", "7"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    field = load_field(out)
    assert field.config.seed == 7
    assert f"{len(field.images)} reduced exposures" in result.output


def test_calib_writes_raws_with_the_seed_asked_for(tmp_path: Path) -> None:
    calib = load_config("calib")
    camera = calib.camera.model_copy(update={"width": 96, "height": 96})
    sequence = calib.calibration.model_copy(
        update={
            "biases": 1,
            "darks": 0,
            "flat_levels": (1000.0,),
            "flats": 0,
            "skies": 0,
            "wavelengths": (),
            "spot_levels": (),
        }
    )
    small = calib.model_copy(update={"camera": camera, "calibration": sequence})
    (tmp_path / "small.yaml").write_text(small.to_yaml(), "utf8")
    out = tmp_path / "out"
    arguments = ["sim", "calib", "--config", str(tmp_path / "small.yaml"), "--out", str(out), "--seed", "7"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "3 raw calibration files" in result.output
    field = load_field(out)
    assert field.config.seed == 7
    assert len(field.raws) == 3

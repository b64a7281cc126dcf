from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.core.errors import UserError
from uraniborg.sim.config import SimConfig, list_surveys, load_config


def test_ready_made_surveys_load_under_their_own_names() -> None:
    surveys = list_surveys()
    assert {"tiny", "mini"} <= set(surveys)
    for name, description in surveys.items():
        assert load_config(name).name == name
        assert description


def test_yaml_round_trip(tmp_path: Path) -> None:
    config = load_config("mini")
    path = tmp_path / "mine.yaml"
    path.write_text(config.to_yaml(), "utf8")
    assert load_config(path) == config


def test_tiny_is_what_the_demonstration_needs() -> None:
    config = load_config("tiny")
    assert config.camera.geometry.n_detectors == 1
    assert config.observing.bands == ("g", "r")
    assert len(config.observing.nights) == 3


@pytest.mark.parametrize("name", ["no_such_survey", "../tiny", "absent.yaml"])
def test_unknown_survey_is_a_user_error(name: str) -> None:
    with pytest.raises(UserError, match="ready-made are"):
        load_config(name)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("camera: {gain: -1}", "gain"),
        ("camera: {gian: 1}", "gian"),
        ("sky: {star_magnitudes: [20, 18]}", "bright limit"),
        ("observing: {bands: [g, g]}", "none twice"),
        ("observing: {bands: [r], sky: {g: 22.0}}", "no value for band"),
        ("observing: {bands: [q]}", "bands"),
        ("camera: [", "not valid"),
    ],
)
def test_wrong_values_are_user_errors_that_name_the_field(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, "utf8")
    with pytest.raises(UserError, match=word):
        load_config(path)


def test_config_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        SimConfig().seed = 3  # type: ignore[misc]

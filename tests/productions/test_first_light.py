from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from uraniborg.archive.repository import open_repository
from uraniborg.core.errors import UserError
from uraniborg.execution.runner import RunChanged
from uraniborg.productions import first_light
from uraniborg.productions.first_light import FirstLight, process_field, read_field, simulated_field
from uraniborg.sim import load_config, simulate_field


@pytest.mark.slow
def test_a_field_is_processed_completely(mini_run: FirstLight) -> None:
    assert mini_run.run.ok
    n_exposures = len(mini_run.field.truth.images)
    with open_repository(mini_run.repo, collections=mini_run.collection) as butler:
        for name in ("visit_image", "source", "difference_image", "dia_source_detector", "alert_packets"):
            assert len(butler.query_datasets(name)) == n_exposures, name
        assert len(butler.query_datasets("deep_coadd")) == 2 * len(butler.query_datasets("object"))


@pytest.mark.slow
def test_a_second_call_finds_everything_done(mini_run: FirstLight) -> None:
    again = process_field(mini_run.field, mini_run.repo, jobs=1)
    assert again.run.ok
    assert again.run.run == mini_run.run.run
    assert not again.run.succeeded
    assert sum(again.run.skipped.values()) == again.run.n_quanta


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no exposures .* no Gaia stars"):
        read_field(tmp_path)


def test_another_survey_in_the_folder_is_refused(tmp_path: Path) -> None:
    config = load_config("mini")
    simulate_field(config.model_copy(update={"seed": 5, "observing": _one_visit(config)}), tmp_path / "survey")
    with pytest.raises(UserError, match="holds another simulated survey than mini"):
        simulated_field("mini", tmp_path / "survey")


def test_a_changed_pipeline_starts_a_new_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run_pipeline(_: str, *, resume: bool, **__: object) -> SimpleNamespace:
        asked.append(resume)
        if resume:
            raise RunChanged("the configuration of subtractImages has changed")
        return SimpleNamespace(ok=True)

    monkeypatch.setattr(first_light, "run_pipeline", run_pipeline)
    camera = SimpleNamespace(makeUmbrellaCollectionName=lambda: "SimCam/defaults", getName=lambda: "SimCam")
    field = SimpleNamespace(instrument=camera, catalogue="gaia", raw=False)
    assert first_light._run(field, tmp_path, jobs=1, overrides={}).ok
    assert asked == [True, False]


def _one_visit(config: object) -> object:
    return config.observing.model_copy(update={"bands": ("r",), "nights": (0.0,)})

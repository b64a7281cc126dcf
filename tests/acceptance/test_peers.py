from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from uraniborg.acceptance.peers import run_psfex, run_sextractor
from uraniborg.acceptance.psf_accuracy import measure_psf_size
from uraniborg.acceptance.survey_frame import SurveyFrameConfig, make_survey_frame
from uraniborg.core.errors import Unprocessable


def test_sextractor_runs_or_is_said_to_be_absent(tmp_path: Path) -> None:
    frame = make_survey_frame(SurveyFrameConfig(shape=(500, 500), n_detectable=120), seed=2)
    if shutil.which("source-extractor") is None:
        with pytest.raises(Unprocessable, match="source-extractor"):
            run_sextractor(frame, tmp_path)
        return
    found = run_sextractor(frame, tmp_path, repeats=1)
    assert found.seconds > 0.0
    assert len(found.catalogue.x) > 60
    assert abs(found.sky_bias) < 0.2


def test_psfex_models_have_the_width_of_the_stars(tmp_path: Path) -> None:
    frame = make_survey_frame(SurveyFrameConfig(shape=(900, 900), n_detectable=400), seed=2)
    if shutil.which("psfex") is None:
        with pytest.raises(Unprocessable, match="psfex"):
            run_psfex(frame, tmp_path)
        return
    found = run_psfex(frame, tmp_path, repeats=1)
    assert found.terms.shape == (6, 25, 25)
    assert abs(measure_psf_size(frame, found, n=20).value) < 0.02

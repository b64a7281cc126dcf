from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from uraniborg.acceptance.peers import run_sextractor
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

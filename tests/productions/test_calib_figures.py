from __future__ import annotations

from uraniborg.productions.calib import CalibrationBuild
from uraniborg.productions.calib_figures import calibration_figures, render_page


def test_a_page_needs_no_other_files_and_escapes_text() -> None:
    page = render_page("bias <b>refused</b>", {"flat & dark": "<svg></svg>"})
    assert "&lt;b&gt;refused" in page
    assert "flat &amp; dark" in page
    assert "<svg></svg>" in page
    assert "http" not in page


def test_a_build_that_made_nothing_has_no_figures() -> None:
    assert calibration_figures(None, CalibrationBuild("SimCam", "SimCam/calib")) == {}

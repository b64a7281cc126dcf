from __future__ import annotations

import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify import isr_sections
from uraniborg.verify.calib import Check, Outcome
from uraniborg.verify.first_light import FirstLightData

CHECKS = (
    Check("bias.growth", 0.0213, "<= 0.025", "growth of the read noise", passed=True),
    Check("bias.mean", 7.5, "<= 5 sigma", "largest mean <of> an amplifier", passed=False),
)


@pytest.fixture(scope="module")
def data(made_up) -> FirstLightData:  # type: ignore[no-untyped-def]
    outcomes = (
        Outcome("bias", {"instrument": "SimCam", "detector": 3}, "refused", CHECKS, "bias.mean is 7.5"),
        Outcome("dark", {"instrument": "SimCam", "detector": 3}, "kept"),
    )
    return FirstLightData(made_up.products, truth=made_up.truth, calibrations=outcomes)


def test_every_number_of_a_calibration_stands_beside_its_bar(data: FirstLightData) -> None:
    page = isr_sections.calibrations(data)
    assert "<b>bias</b> 3" in page
    assert "0.0213" in page
    assert "&lt;= 0.025" in page
    assert "largest mean &lt;of&gt; an amplifier" in page
    assert page.count("badge missed") == 2
    assert page.count("badge held") == 2


def test_no_frame_before_and_after_without_raws(data: FirstLightData) -> None:
    with pytest.raises(AlgorithmError, match="post_isr_image"):
        isr_sections.signature(data)

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uraniborg.model.calibrations.base import Calibration


def test_versions_that_are_not_known_are_refused() -> None:
    assert Calibration().version == 1
    with pytest.raises(ValidationError, match="version"):
        Calibration(version=2)
    with pytest.raises(ValidationError, match="colour"):
        Calibration(colour="blue")

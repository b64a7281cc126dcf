from __future__ import annotations

import pytest
from pydantic import ValidationError

from uraniborg.sim.motion.config import MovingConfig, SatelliteConfig


def test_nothing_moves_by_default() -> None:
    assert MovingConfig().number == 0
    assert not MovingConfig().real
    assert SatelliteConfig().rate == 0.0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValidationError, match="number"):
        MovingConfig(number=-1)
    with pytest.raises(ValidationError, match="obstruction"):
        SatelliteConfig(obstruction=1.0)

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uraniborg.sim.atmosphere.config import AtmosphereConfig


def test_the_air_does_nothing_by_default() -> None:
    air = AtmosphereConfig()
    assert (air.real_sky, air.refraction, air.moon) == (False, False, False)
    assert air.turbulence == air.cloud_structure == 0.0


@pytest.mark.parametrize("name", ["refraction", "moon"])
def test_directions_need_the_real_sky(name: str) -> None:
    with pytest.raises(ValidationError, match="real_sky"):
        AtmosphereConfig.model_validate({name: True})
    assert getattr(AtmosphereConfig.model_validate({name: True, "real_sky": True}), name)

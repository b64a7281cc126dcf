"""The atmosphere above a simulated telescope."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ("AtmosphereConfig",)

NotNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]


class AtmosphereConfig(BaseModel):
    """What the air does; all of it is off unless asked for.

    Attributes
    ----------
    real_sky : bool
        Airmass and the direction to the zenith follow from time, place and position, and not from
        ``observing.airmass``; the field must be up.
    refraction : bool
        Stars are displaced and smeared by colour along the direction to the zenith. Needs ``real_sky``.
    moon : bool
        The sky brightens with airmass and moonlight; ``observing.sky`` is then that of the moonless zenith. Needs
        ``real_sky``.
    temperature, pressure, humidity : float [Celsius], [hPa], []
        Of the air at the telescope.
    turbulence : float []
        Scatter of g1, of g2 and of the relative width over the field, with the correlation of von Karman turbulence.
    turbulence_scale : float [arcmin]
        Its outer scale on the sky.
    cloud_structure : float [mag]
        Scatter of the extinction by clouds over the field.
    cloud_scale : float [arcmin]
        Outer scale of that structure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    real_sky: bool = False
    refraction: bool = False
    moon: bool = False
    temperature: Annotated[float, Field(ge=-40.0, le=40.0)] = 10.0
    pressure: Positive = 743.0
    humidity: Annotated[float, Field(ge=0.0, le=1.0)] = 0.4
    turbulence: Annotated[float, Field(ge=0.0, lt=0.1)] = 0.0
    turbulence_scale: Positive = 8.0
    cloud_structure: NotNegative = 0.0
    cloud_scale: Positive = 60.0

    @model_validator(mode="after")
    def _needs_the_real_sky(self) -> AtmosphereConfig:
        if (self.refraction or self.moon) and not self.real_sky:
            raise ValueError("refraction and moon need real_sky: true")
        return self

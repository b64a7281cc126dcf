"""What moves through a simulated field: bodies of the Solar System and satellites."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ("MovingConfig", "SatelliteConfig")

NotNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MovingConfig(_Section):
    """Bodies on two-body orbits.

    Attributes
    ----------
    number : int
        Bodies on orbits of real shape, turned so that they cross the field at its middle time.
    magnitudes : tuple of float [mag]
        Range of their V magnitude at that time; it sets H.
    spread : float [arcsec]
        They are within this distance of the field's centre at that time.
    real : bool
        Whether the real orbits that come with the package are put on the sky as well, wherever they are.
    """

    number: Annotated[int, Field(ge=0)] = 0
    magnitudes: tuple[float, float] = (18.0, 23.5)
    spread: NotNegative = 60.0
    real: bool = False


class SatelliteConfig(_Section):
    """Artificial satellites on circular orbits, out of focus.

    Attributes
    ----------
    rate : float [visit^-1]
        Mean number of trails that cross the focal plane in an exposure of 30 s; in proportion to the exposure time.
    heights : tuple of float [km]
        Range of the heights above the ground.
    magnitudes : tuple of float [mag]
        Range of the AB magnitude (all bands) that a satellite would have at the zenith if it stood still.
    aperture, obstruction : float [m], []
        Diameter of the telescope and the share of it that the central obstruction takes; they set the defocus.
    size : float [m]
        Size of a satellite.
    """

    rate: NotNegative = 0.0
    heights: tuple[Positive, Positive] = (500.0, 1200.0)
    magnitudes: tuple[float, float] = (5.0, 8.0)
    aperture: Positive = 8.36
    obstruction: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.61
    size: NotNegative = 2.0

"""The observing: which visits are made, under which sky, and how wrong their headers are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.time import Time
from astropy.wcs import WCS

from uraniborg.core.errors import UserError
from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.sim.atmosphere.night_sky import MoonState, moon_state, night_sky
from uraniborg.sim.config import Band, SimConfig
from uraniborg.sim.motion.observer import SkyGeometry, observer_at
from uraniborg.sim.optics import Projection, make_projection
from uraniborg.sim.spectra import BANDS

__all__ = ("Visit", "plan_visits")

_OVERHEAD = 30.0  # between two exposures of a night [s]
_LOWEST = 70.0  # largest zenith distance [deg]


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit as it really was.

    Attributes
    ----------
    visit : int
        Number: day (YYMMDD) times 1000, plus the sequence number in the night.
    band : str
        Band.
    mjd_begin, exposure_time : float [day], [s]
        Start (TAI) and length.
    ra, dec, rotation : float [deg]
        True boresight, and position angle of the detectors' +y axis, North through East.
    pixel_scale : float [arcsec]
        True pixel scale at the boresight.
    airmass : float []
        Airmass.
    seeing : float [arcsec]
        Full width at half maximum of the PSF at the boresight, without the pixel.
    zero_point : float [mag]
        AB magnitude, above the atmosphere, that gives one electron in the whole exposure.
    sky_level : float [electron]
        Sky in a pixel.
    sky_gradient : tuple of float []
        Relative change of the sky from the centre to the edge of a detector, along x and y.
    header_ra, header_dec, header_rotation : float [deg]
        What the header says.
    cloud : float [mag]
        Extinction by clouds, part of the zero point.
    zenith_distance, parallactic_angle, azimuth : float [deg]
        Where the boresight stands at the middle of the exposure; NaN if airmass does not follow from time and place.
    moon : MoonState or None
        The Moon, likewise.
    snap, snaps : int
        Number of this exposure among those of its pointing, and how many these are.
    """

    visit: int
    band: str
    mjd_begin: float
    exposure_time: float
    ra: float
    dec: float
    rotation: float
    pixel_scale: float
    airmass: float
    seeing: float
    zero_point: float
    sky_level: float
    sky_gradient: tuple[float, float]
    header_ra: float
    header_dec: float
    header_rotation: float
    cloud: float = 0.0
    zenith_distance: float = float("nan")
    parallactic_angle: float = float("nan")
    azimuth: float = float("nan")
    moon: MoonState | None = None
    snap: int = 0
    snaps: int = 1

    @property
    def pointing(self) -> int:
        """Number of the first exposure of the visit, which all its snaps share."""
        return self.visit - self.snap

    @property
    def mjd_middle(self) -> float:
        """Middle of the exposure, TAI [day]."""
        return self.mjd_begin + 0.5 * self.exposure_time / 86400.0

    @property
    def pointing_error(self) -> float:
        """Distance of the header's boresight from the true one [arcsec]."""
        d_ra = (self.header_ra - self.ra) * np.cos(np.deg2rad(self.dec))
        return float(np.hypot(d_ra, self.header_dec - self.dec) * 3600.0)

    def true_wcs(self, config: SimConfig, detector: int) -> WCS:
        """Return the true projection of a detector; with distortion, read it with ``all_pix2world``."""
        geometry = replace(config.camera.geometry, pixel_scale=self.pixel_scale)
        return geometry.wcs(detector, ra=self.ra, dec=self.dec, rotation=self.rotation)

    def projection(self, config: SimConfig, detector: int) -> Projection:
        """Return the true projection of a detector with an exact inverse."""
        geometry = replace(config.camera.geometry, pixel_scale=self.pixel_scale)
        return make_projection(geometry, detector, ra=self.ra, dec=self.dec, rotation=self.rotation)

    def header_exposure(self, config: SimConfig) -> SimCamExposure:
        """Return the visit as its headers tell it."""
        return SimCamExposure(
            exposure=self.visit,
            physical_filter=f"{self.band}_sim",
            ra=self.header_ra,
            dec=self.header_dec,
            mjd_begin=self.mjd_begin,
            exposure_time=self.exposure_time,
            rotation=self.header_rotation,
            airmass=self.airmass,
            field=config.name,
            seed=config.seed,
            altitude=None if np.isnan(self.zenith_distance) else 90.0 - self.zenith_distance,
            azimuth=None if np.isnan(self.azimuth) else self.azimuth,
            snap=self.snap,
            snaps=self.snaps,
        )


def plan_visits(config: SimConfig) -> tuple[Visit, ...]:
    """Return the visits of a survey in order of time: every night, one visit in each band; each snap is an exposure of its own.

    Parameters
    ----------
    config : SimConfig
        The survey; equal configurations give equal visits.

    Returns
    -------
    tuple of Visit
    """
    plan = config.observing
    visits = []
    for night in plan.nights:
        for sequence, band in enumerate(plan.bands):
            begin = plan.first_mjd + night + sequence * (plan.exposure_time + plan.snaps * _OVERHEAD) / 86400
            for snap in range(plan.snaps):
                start = begin + snap * (plan.exposure_time / plan.snaps + _OVERHEAD) / 86400
                visits.append(_visit(config, band, start, sequence=sequence * plan.snaps + snap + 1, snap=snap))
    visits.sort(key=lambda visit: visit.mjd_begin)
    return tuple(visits if config.part.visits is None else visits[: config.part.visits * plan.snaps])


def _stand(config: SimConfig, position: tuple[float, float], middle: float) -> tuple[SkyGeometry, float, MoonState]:
    """Return where a position is on the real sky, its azimuth, and the Moon."""
    observer = observer_at(middle)
    geometry = observer.geometry(*position)
    if geometry.zenith_distance > _LOWEST:
        raise UserError(
            f"survey {config.name!r}: at MJD {middle:.4f} the field is {geometry.zenith_distance:.0f} degrees from the "
            f"zenith, at most {_LOWEST:.0f} are allowed; change observing.first_mjd, observing.nights or sky.ra"
        )
    return geometry, observer.azimuth(*position), moon_state(observer, *position)


def _visit(config: SimConfig, band: Band, begin: float, *, sequence: int, snap: int = 0) -> Visit:
    plan = config.observing
    exposure_time = plan.exposure_time / plan.snaps
    day = Time(begin - 0.5, format="mjd", scale="tai").strftime("%y%m%d")
    number = int(day) * 1000 + sequence
    rng = random_stream(config.seed, "observing", {"visit": number - snap})
    dither = rng.uniform(-1.0, 1.0, 2) * plan.dither / 3600.0
    dec = config.sky.dec + dither[1]
    ra = config.sky.ra + dither[0] / np.cos(np.deg2rad(dec))
    rotation = rng.uniform(-1.0, 1.0) * plan.rotation
    airmass = rng.uniform(*plan.airmass)
    stand, azimuth, moon = None, float("nan"), None
    if config.atmosphere.real_sky:
        stand, azimuth, moon = _stand(config, (ra, dec), begin + 0.5 * exposure_time / 86400.0)
        airmass = stand.airmass
    low, high = BANDS[band]
    seeing = plan.seeing * np.exp(rng.normal(0.0, plan.seeing_scatter))
    seeing *= airmass**0.6 * (0.5 * (low + high) / 0.62) ** -0.2  # Kolmogorov turbulence: X^(3/5) lambda^(-1/5)
    cloud = plan.cloud * rng.uniform()
    loss = plan.extinction[band] * airmass + cloud
    full_zero_point = plan.zero_points[band] + 2.5 * np.log10(exposure_time)
    area = config.camera.pixel_scale**2
    sky = plan.sky[band]
    if config.atmosphere.moon and stand is not None and moon is not None:
        sky = night_sky(sky, band, extinction=plan.extinction[band], zenith=stand.zenith_distance, moon=moon)
    sky_level = area * 10.0 ** (-0.4 * (sky - full_zero_point)) * np.exp(rng.normal(0.0, 0.05))
    sky_gradient = rng.normal(0.0, 0.005, 2)
    size, angle = rng.uniform(0.5, 1.5) * plan.pointing_error / 3600.0, rng.uniform(0.0, 2.0 * np.pi)
    turn = rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.5) * plan.rotation_error / 3600.0
    stretch = rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.5) * plan.scale_error
    return Visit(
        visit=number,
        band=band,
        mjd_begin=begin,
        exposure_time=exposure_time,
        ra=float(ra),
        dec=float(dec),
        rotation=float(rotation),
        pixel_scale=float(config.camera.pixel_scale * (1.0 + stretch)),
        airmass=float(airmass),
        seeing=float(seeing),
        zero_point=float(full_zero_point - loss),
        sky_level=float(sky_level),
        sky_gradient=(float(sky_gradient[0]), float(sky_gradient[1])),
        header_ra=float(ra + size * np.sin(angle) / np.cos(np.deg2rad(dec))),
        header_dec=float(dec + size * np.cos(angle)),
        header_rotation=float(rotation + turn),
        cloud=float(cloud),
        zenith_distance=float("nan") if stand is None else stand.zenith_distance,
        parallactic_angle=float("nan") if stand is None else stand.parallactic_angle,
        azimuth=azimuth,
        moon=moon,
        snap=snap,
        snaps=plan.snaps,
    )

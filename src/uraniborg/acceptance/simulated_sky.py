"""What a simulated sky and its atmosphere are worth against formulae and published numbers, for ``simulation``."""

from __future__ import annotations

import importlib
import warnings
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import DataError
from uraniborg.sim.config import SimConfig, load_config
from uraniborg.sim.measure import (
    NumberCounts,
    PsfStatistics,
    RefractionShifts,
    measure_movers,
    measure_number_counts,
    measure_psf_statistics,
    measure_refraction_shifts,
    measure_throughput,
)
from uraniborg.sim.motion.observer import SITE
from uraniborg.sim.motion.orbits import Elements
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.sky import make_sky
from uraniborg.verify.metrics import Value

__all__ = (
    "correlation",
    "galaxy_counts",
    "moving_objects",
    "number_counts",
    "one_detector",
    "psf_statistics",
    "refraction_shifts",
    "seeing",
    "star_counts",
    "star_flux",
)

_SUN_KM3_S2 = 1.32712440018e11


def one_detector(size: int = 1024) -> SimConfig:
    """Return the survey ``sim1`` with a single, smaller detector; sky and air stay as they are."""
    config = load_config("sim1")
    camera = config.camera.model_copy(update={"columns": 1, "rows": 1, "width": size, "height": size})
    return config.model_copy(update={"camera": camera})


def star_flux(*, number: int) -> Value:
    """Return the mean deviation of star fluxes from throughput x exposure x atmosphere [%]."""
    config = one_detector()
    found = measure_throughput(config, plan_visits(config)[0], number=number)
    deviation = 100.0 * (found.value - 1.0)
    return Value(abs(deviation), f"{number} stars, {deviation:+.4f} +- {100 * found.error:.4f} %")


def psf_statistics(*, exposures: int) -> PsfStatistics:
    """Return shapes of stars in many exposures of `one_detector`."""
    return measure_psf_statistics(one_detector(), exposures=exposures)


def seeing(found: PsfStatistics) -> Value:
    """Return the mean deviation of the width of stars [%]."""
    deviation = 100.0 * (found.seeing.value - 1.0)
    return Value(abs(deviation), f"{deviation:+.3f} +- {100 * found.seeing.error:.3f} %")


def correlation(found: PsfStatistics) -> Value:
    """Return the largest deviation of the correlation of ellipticities, in its errors."""
    sigma = np.abs(found.correlation - found.expected) / found.error
    pairs = zip(found.separation, found.correlation, found.error, found.expected, strict=True)
    note = ", ".join(f"{r:g} arcmin {c:.3f} +- {e:.3f} ({m:.3f})" for r, c, e, m in pairs)
    return Value(float(sigma.max()), note)


def refraction_shifts() -> RefractionShifts:
    """Return shifts of stars by colour, in the visit of ``sim1`` furthest from the zenith."""
    config = one_detector()
    visit = max(plan_visits(config), key=lambda one: one.zenith_distance)
    return measure_refraction_shifts(config, visit)


def number_counts() -> dict[str, NumberCounts]:
    """Return counts of the sky of ``sim1``."""
    config = load_config("sim1")
    return measure_number_counts(config, make_sky(config))


def galaxy_counts(found: dict[str, NumberCounts]) -> Value:
    """Return the largest deviation of counts of galaxies from the published ones [%]."""
    counts = found["galaxies"]
    deviation = 100.0 * (counts.simulated / counts.published - 1.0)
    edges = counts.edges
    return Value(float(np.abs(deviation).max()), f"{len(deviation)} bins, {edges[0]:g} to {edges[-1]:g} mag in i")


def star_counts(found: dict[str, NumberCounts]) -> Value:
    """Return counts of stars over the published ones."""
    counts = found["stars"]
    each = ", ".join(f"{ratio:.2f}" for ratio in counts.simulated / counts.published)
    ratio = float(counts.simulated.sum() / counts.published.sum())
    return Value(ratio, f"bins from {counts.edges[0]:g} to {counts.edges[-1]:g} mag: {each}")


def moving_objects(*, both_ends: bool) -> Value:
    """Return the largest distance of moving bodies from skyfield's places [arcsec].

    Parameters
    ----------
    both_ends : bool
        In the first and the last visit; otherwise in the first one only.

    Raises
    ------
    DataError
        If skyfield or its ephemeris is not installed.
    """
    if find_spec("skyfield") is None or find_spec("skyfield_data") is None:
        raise DataError("skyfield and skyfield-data are not installed; install the dependency group `test`")
    config = load_config("sim1")
    visits = plan_visits(config)
    moments = [visits[k].mjd_middle for k in ((0, -1) if both_ends else (0,))]
    worst = max(measure_movers(config, mjd, _skyfield_places) for mjd in moments)
    return Value(worst, f"at MJD {', '.join(f'{mjd:.2f}' for mjd in moments)}")


def _skyfield_places(elements: Elements, mjd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return astrometric places of bodies by skyfield with DE421 [deg]."""
    api, kepler = importlib.import_module("skyfield.api"), importlib.import_module("skyfield.keplerlib")
    frames = importlib.import_module("skyfield.data.spice").inertial_frames
    package = find_spec("skyfield_data")
    assert package is not None
    assert package.origin is not None
    scale = api.load.timescale(builtin=True)
    ephemeris = api.load_file(str(Path(package.origin).parent / "data" / "de421.bsp"))
    site, units = importlib.import_module("skyfield.toposlib"), importlib.import_module("skyfield.units")
    places = []
    with closing(ephemeris), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # skyfield sets shapes in place and divides by zero
        observer = ephemeris["earth"] + site.ITRSPosition(units.Distance(m=list(SITE)))
        at = observer.at(scale.tai_jd(mjd + 2400000.5))
        for k in range(len(elements.a)):
            orbit = kepler._KeplerOrbit._from_mean_anomaly(
                elements.a[k] * (1.0 - elements.e[k] ** 2), elements.e[k], elements.inclination[k], elements.node[k],
                elements.argument[k], elements.anomaly[k], scale.tdb_jd(elements.epoch[k] + 2400000.5), _SUN_KM3_S2, 10,
            )  # fmt: skip
            orbit._rotation = frames["ECLIPJ2000"].T
            seen = at.observe(ephemeris["sun"] + orbit).radec()
            places.append((seen[0]._degrees, seen[1].degrees))
    ra, dec = np.array(places).T
    return ra, dec

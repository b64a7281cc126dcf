"""Stars of the Milky Way in one direction: counts, distances, colours and motions from one model of the Galaxy.

Space densities and the main sequence are those of Juric et al. (2008, ApJ 673, 864; thin and thick disc, halo); the
luminosity function is that of the solar neighbourhood (Binney & Merrifield 1998, Galactic Astronomy, table 3.16).
There is no dust, no bulge and no spiral arm.
"""

from __future__ import annotations

from dataclasses import dataclass

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("StarSample", "draw_stars", "locus_colours", "star_counts")

_LUMINOSITY_FUNCTION = np.array(
    [1.0, 3.0, 5.0, 12.0, 17.0, 29.0, 30.0, 29.0, 33.0, 42.0, 70.0, 90.0, 127.0, 102.0, 102.0, 127.0, 102.0, 76.0]
)
"""Stars of M_V = 0, 1, ... 17 in a magnitude and 10^4 cubic parsec."""
_SYSTEMS = 0.70
"""Share of the stars that are seen on their own: the rest hide in unresolved multiples. Set so that the counts agree
with Gaia's at l = 237, b = 42."""
_EVOLVED = 4.0  # brighter than this M_V, old stars have left the main sequence [mag]
_SUN = (8000.0, 25.0)  # distance from the Galactic centre and height above the plane [pc]
_SOLAR_MOTION = np.array([11.1, 12.24, 7.25])  # Schonrich et al. 2010 [km/s]
_LAG = {"thin": 10.0, "thick": 45.0, "halo": 220.0}  # behind the local standard of rest [km/s]
_DISPERSIONS = {"thin": (35.0, 22.0, 18.0), "thick": (65.0, 45.0, 40.0), "halo": (140.0, 100.0, 95.0)}
_COMPONENTS = ("thin", "thick", "halo")
_KM_S_PER_MAS = 4.740470463  # tangential velocity of 1 mas/yr at 1 kpc [km/s]


@dataclass(frozen=True, slots=True)
class StarSample:
    """Stars drawn from the model.

    Attributes
    ----------
    magnitudes : dict of str to (n,) float [mag]
        AB magnitude in each band.
    distance : (n,) float [pc]
        Distances.
    motion : (n, 3) float [km/s]
        Velocity relative to the Sun on ICRS axes.
    """

    magnitudes: dict[str, NDArray[np.float64]]
    distance: NDArray[np.float64]
    motion: NDArray[np.float64]

    def proper_motions(self, ra: ArrayLike, dec: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return proper motions [mas/yr], the first times cos(dec), for directions [deg]."""
        a, d = np.deg2rad(np.asarray(ra)), np.deg2rad(np.asarray(dec))
        east = np.stack([-np.sin(a), np.cos(a), np.zeros_like(a)], axis=-1)
        north = np.stack([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)], axis=-1)
        scale = _KM_S_PER_MAS * self.distance / 1e3
        return np.sum(self.motion * east, axis=1) / scale, np.sum(self.motion * north, axis=1) / scale


def locus_colours(r_minus_i: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return the magnitude in each band minus r on the stellar locus.

    Parameters
    ----------
    r_minus_i : (n,) float [mag]
        Colour.

    Returns
    -------
    dict of str to (n,) float [mag]
        g - r of Juric et al. (2008), equation 1. u - g, i - z and z - y are straight pieces through the loci of
        F, G, K and M dwarfs, good to about 0.1 mag.
    """
    x = np.asarray(r_minus_i, dtype=float)
    g_r = 1.39 * (1.0 - np.exp(-4.9 * x**3 - 2.45 * x**2 - 1.68 * x - 0.050))
    u_g = np.interp(g_r, [-0.3, 0.2, 0.5, 0.8, 1.1, 1.39], [0.9, 1.0, 1.35, 1.95, 2.4, 2.65])
    i_z = np.interp(x, [-0.2, 0.0, 0.2, 0.5, 2.0], [-0.15, -0.03, 0.07, 0.26, 1.10])
    return {"u": g_r + u_g, "g": g_r, "r": np.zeros_like(x), "i": -x, "z": -x - i_z, "y": -x - 1.45 * i_z}


def _absolute_r(r_minus_i: NDArray[np.float64]) -> NDArray[np.float64]:
    """Photometric parallax of Juric et al. (2008), equation 2: M_r of the main sequence."""
    x = r_minus_i
    return 3.2 + 13.30 * x - 11.50 * x**2 + 5.40 * x**3 - 0.70 * x**4


def _density(component: str, galactocentric: NDArray[np.float64], height: NDArray[np.float64]) -> NDArray[np.float64]:
    """Space density relative to that of the thin disc at the Sun (Juric et al. 2008, table 10, corrected for bias)."""
    if component == "halo":
        radius2 = galactocentric**2 + (height / 0.64) ** 2
        return np.asarray(0.0051 * (_SUN[0] ** 2 / np.maximum(radius2, 500.0**2)) ** (0.5 * 2.77))
    length, thickness, share = (2600.0, 300.0, 1.0) if component == "thin" else (3600.0, 900.0, 0.12)
    return np.asarray(share * np.exp((_SUN[0] - galactocentric) / length - (np.abs(height) - _SUN[1]) / thickness))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Expected stars in cells of component, M_V and distance, for one square degree."""

    number: NDArray[np.float64]
    absolute: NDArray[np.float64]
    colour: NDArray[np.float64]
    r_minus_v: NDArray[np.float64]
    distance: NDArray[np.float64]
    step: float


def _grid(longitude: float, latitude: float, limits: tuple[float, float]) -> _Grid:
    colour = np.linspace(-0.25, 2.2, 400)
    m_v_of_colour = _absolute_r(colour) + 0.4216 * locus_colours(colour)["g"] - 0.0038
    absolute = np.arange(0.0, 17.01, 0.1)
    main = np.interp(absolute, m_v_of_colour, colour)
    log_distance = np.arange(1.0, 5.3, 0.02)  # 10 pc to 200 kpc
    distance = 10.0**log_distance
    number = np.zeros((3, absolute.size, distance.size))
    lon, lat = np.deg2rad(longitude), np.deg2rad(latitude)
    height = distance * np.sin(lat) + _SUN[1]
    x, y = _SUN[0] - distance * np.cos(lat) * np.cos(lon), distance * np.cos(lat) * np.sin(lon)
    volume = (np.pi / 180.0) ** 2 * distance**3 * np.log(10.0) * 0.02
    colours = np.tile(main, (3, 1))
    for k, component in enumerate(_COMPONENTS):
        function = 1e-4 * np.interp(absolute, np.arange(18.0), _LUMINOSITY_FUNCTION)
        if component != "thin":
            evolved = absolute < _EVOLVED
            function = np.where(evolved, 17e-4 * 10.0 ** (0.45 * (absolute - _EVOLVED)), function)
            colours[k] = np.where(evolved, np.interp(absolute, [0.0, 3.0, 3.5, 4.0], [0.35, 0.22, 0.15, 0.10]), main)
        number[k] = 0.1 * function[:, None] * (_density(component, np.hypot(x, y), height) * volume)[None, :]
    r_minus_v = 0.0038 - 0.4216 * locus_colours(colours)["g"]
    r = absolute[None, :, None] + r_minus_v[:, :, None] + 5.0 * np.log10(distance)[None, None, :] - 5.0
    number *= _SYSTEMS / (1.0 + 0.12 + 0.0051)  # the luminosity function is that of all components together
    number[(r < limits[0]) | (r > limits[1])] = 0.0
    return _Grid(number, absolute, colours, r_minus_v, distance, 0.02)


def _galactic(ra: float, dec: float) -> tuple[float, float]:
    longitude, latitude = erfa.icrs2g(np.deg2rad(ra), np.deg2rad(dec))
    return float(np.degrees(longitude)), float(np.degrees(latitude))


def star_counts(ra: float, dec: float, edges: ArrayLike) -> NDArray[np.float64]:
    """Return the expected number of stars of a square degree in bins of r.

    Parameters
    ----------
    ra, dec : float [deg]
        Direction.
    edges : (n + 1,) float [mag]
        Edges of the bins.

    Returns
    -------
    (n,) float [deg^-2]
    """
    bounds = np.asarray(edges, dtype=float)
    position = _galactic(ra, dec)
    return np.array([_grid(*position, (low, high)).number.sum() for low, high in zip(bounds, bounds[1:], strict=False)])


def draw_stars(
    rng: np.random.Generator, ra: float, dec: float, *, area: float, limits: tuple[float, float], factor: float = 1.0
) -> StarSample:
    """Draw the stars of a field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    ra, dec : float [deg]
        Direction of the field.
    area : float [arcmin^2]
        Its area.
    limits : tuple of float [mag]
        Range in r.
    factor : float []
        Multiplies the counts.

    Returns
    -------
    StarSample
    """
    grid = _grid(*_galactic(ra, dec), limits)
    expected = grid.number.sum() * area / 3600.0 * factor
    n = int(rng.poisson(expected))
    cumulative = np.cumsum(grid.number.ravel())
    cell = np.searchsorted(cumulative, rng.uniform(0.0, cumulative[-1], n), side="right")
    component, absolute, place = np.unravel_index(cell, grid.number.shape)
    distance = grid.distance[place] * 10.0 ** (grid.step * rng.uniform(-0.5, 0.5, n))
    magnitude = grid.absolute[absolute] + rng.uniform(-0.05, 0.05, n) + grid.r_minus_v[component, absolute]
    colours = locus_colours(grid.colour[component, absolute] + rng.normal(0.0, 0.02, n))
    r = np.clip(magnitude + 5.0 * np.log10(distance / 10.0), *limits)
    lag = np.array([_LAG[name] for name in _COMPONENTS])[component]
    scatter = np.array([_DISPERSIONS[name] for name in _COMPONENTS])[component]
    velocity = rng.normal(0.0, 1.0, (n, 3)) * scatter - _SOLAR_MOTION
    velocity[:, 1] -= lag
    return StarSample({band: r + value for band, value in colours.items()}, distance, velocity @ _axes())


def _axes() -> NDArray[np.float64]:
    """Return the Galactic axes (centre, rotation, pole) as rows of ICRS unit vectors."""
    rows = []
    for longitude, latitude in ((0.0, 0.0), (0.5 * np.pi, 0.0), (0.0, 0.5 * np.pi)):
        a, d = erfa.g2icrs(longitude, latitude)
        rows.append([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    return np.array(rows)

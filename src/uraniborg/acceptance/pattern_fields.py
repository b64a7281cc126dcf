"""Fields of sources and reference stars for the pattern matcher: shifted, turned, distorted, and not quite the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry import from_tangent_plane, unit_vectors

__all__ = ("PatternField", "PatternFieldConfig", "make_pattern_field")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PatternFieldConfig:
    """What a field is made of.

    Attributes
    ----------
    n_references : int
        References on the detector; as many for each area lie around it.
    size : (width, height) [arcsec]
        Of the detector.
    margin : float [arcsec]
        How far references go beyond it.
    ra, dec : float [deg]
        Middle.
    shift : float [arcsec]
        Largest error of the first guess.
    turn : float [deg]
        Its largest turn.
    seen : float
        Part of the references that are detected.
    extra : float
        Sources that are in no catalogue, as a part of the others.
    noise : float [arcsec]
        Error of each axis of a source.
    distortion : float [arcsec]
        Third-order distortion of the first guess 400 arcsec from the middle.
    color_scatter : float [mag]
        Scatter between the magnitudes of sources and of references.
    wrong : bool
        Whether the sources have nothing to do with the references.
    """

    n_references: int = 60
    size: tuple[float, float] = (760.0, 380.0)
    margin: float = 90.0
    ra: float = 150.1
    dec: float = 2.2
    shift: float = 60.0
    turn: float = 2.0
    seen: float = 0.75
    extra: float = 0.4
    noise: float = 0.03
    distortion: float = 0.2
    color_scatter: float = 0.4
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class PatternField:
    """Directions, brightest first, and the truth.

    Attributes
    ----------
    sources : (n, 3) float
        First-guess directions.
    references : (m, 3) float
    partner : (n,) int
        Reference of each source; -1 for none.
    """

    sources: Floats
    references: Floats
    partner: NDArray[np.intp]


def make_pattern_field(config: PatternFieldConfig, *, seed: int) -> PatternField:
    """Make a field.

    Parameters
    ----------
    config : PatternFieldConfig
    seed : int
        Of everything random.

    Returns
    -------
    PatternField
    """
    rng = np.random.default_rng(seed)
    size = np.array(config.size)
    wide = size + 2.0 * config.margin
    n_all = int(config.n_references * np.prod(wide) / np.prod(size))
    references = rng.uniform(-0.5, 0.5, (n_all, 2)) * wide
    magnitude = np.sort(20.0 + 2.0 * np.log10(rng.uniform(size=n_all)))
    sky = rng.uniform(-0.5, 0.5, (n_all, 2)) * wide if config.wrong else references
    seen = (np.abs(sky) < 0.5 * size).all(axis=1) & (rng.uniform(size=n_all) < config.seen)
    n_extra = int(config.extra * seen.sum())
    places = np.vstack([sky[seen], rng.uniform(-0.5, 0.5, (n_extra, 2)) * size])
    light = np.concatenate([magnitude[seen], 20.0 + 2.0 * np.log10(rng.uniform(size=n_extra))])
    known = np.full(int(seen.sum()), -1) if config.wrong else np.flatnonzero(seen)
    partner = np.concatenate([known, np.full(n_extra, -1)])
    order = np.argsort(light + rng.normal(0.0, config.color_scatter, len(light)), kind="stable")
    places, partner = places[order], partner[order]
    scaled = places / 400.0
    places = places + config.distortion * scaled * np.sum(scaled**2, axis=1)[:, None]
    places += rng.normal(0.0, config.noise, places.shape)
    angle, direction = np.radians(rng.uniform(-config.turn, config.turn)), rng.uniform(0.0, 2.0 * np.pi)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    away = config.shift * np.sqrt(rng.uniform()) * np.array([np.cos(direction), np.sin(direction)])
    center = (config.ra, config.dec)
    return PatternField(
        sources=unit_vectors(*from_tangent_plane(places @ matrix + away, center)),
        references=unit_vectors(*from_tangent_plane(references, center)),
        partner=partner.astype(np.intp),
    )

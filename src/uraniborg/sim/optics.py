"""From the sky to the pixels of a detector and back, exactly, with the radial distortion of the optics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs import WCS
from numpy.typing import ArrayLike, NDArray

from uraniborg.instruments.simcam.geometry import SimCamGeometry

__all__ = ("Projection", "make_projection", "radial_factor", "radial_inverse")


def radial_factor(q2: ArrayLike, terms: tuple[float, ...]) -> NDArray[np.float64]:
    """Return 1 + d1 q^2 + d2 q^4 + ... for squares of the distance q."""
    q = np.asarray(q2, dtype=float)
    result = np.zeros_like(q)
    for term in reversed(terms):
        result += term
        result *= q
    result += 1.0
    return result


def radial_inverse(radius: ArrayLike, terms: tuple[float, ...]) -> NDArray[np.float64]:
    """Return q with q (1 + d1 q^2 + d2 q^4 + ...) = radius, by Newton's method."""
    target = np.asarray(radius, dtype=float)
    q = target.copy()
    slopes = tuple(term * (2 * k + 1) for k, term in enumerate(terms, start=1))
    for _ in range(20):
        step = (q * radial_factor(q**2, terms) - target) / radial_factor(q**2, slopes)
        q = q - step
        if not np.any(np.abs(step) > 1e-13):
            break
    return q


@dataclass(frozen=True, slots=True)
class Projection:
    """The true projection of one detector of one visit.

    Attributes
    ----------
    tangent : astropy.wcs.WCS
        The projection without distortion.
    centre : tuple of float [pixel]
        Boresight.
    corner_radius : float [pixel]
        Distance where q is 1.
    terms : tuple of float []
        Distortion, see `SimCamGeometry.distortion`.
    """

    tangent: WCS
    centre: tuple[float, float]
    corner_radius: float
    terms: tuple[float, ...]

    def to_pixels(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
        """Return 0-based pixel positions, (n, 2), of ICRS positions [deg]; NaN behind the tangent plane."""
        a, d = np.atleast_1d(np.asarray(ra, dtype=float)), np.atleast_1d(np.asarray(dec, dtype=float))
        if not a.size:
            return np.zeros((0, 2))
        plane = np.column_stack(self.tangent.wcs_world2pix(a, d, 0))
        a0, d0 = np.deg2rad(self.tangent.wcs.crval)
        cosine = np.sin(d0) * np.sin(np.deg2rad(d)) + np.cos(d0) * np.cos(np.deg2rad(d)) * np.cos(np.deg2rad(a) - a0)
        plane[cosine < 0.1] = np.nan
        return self._distorted(plane)

    def to_sky(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return ICRS positions, (n, 2) [deg], of 0-based pixel positions."""
        plane = self.to_plane(x, y) + self.centre
        return np.column_stack(self.tangent.wcs_pix2world(plane[:, 0], plane[:, 1], 0))

    def to_plane(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return places on the tangent plane relative to the boresight, in pixels without distortion, (n, 2)."""
        place = np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]) - self.centre
        return place * radial_factor(np.sum(place**2, axis=1) / self.corner_radius**2, self.terms)[:, None]

    def areas(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return the area of pixels relative to that at the boresight."""
        q2 = ((np.asarray(x) - self.centre[0]) / self.corner_radius) ** 2 + (
            (np.asarray(y) - self.centre[1]) / self.corner_radius
        ) ** 2
        slopes = tuple(term * (2 * k + 1) for k, term in enumerate(self.terms, start=1))
        result = radial_factor(q2, self.terms)
        result *= radial_factor(q2, slopes)
        return result

    def jacobians(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return derivatives of the pixel position by the place on the tangent plane, (n, 2, 2)."""
        place = np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]) - self.centre
        q2 = np.sum(place**2, axis=1) / self.corner_radius**2
        radial = radial_factor(q2, tuple(term * (2 * k + 1) for k, term in enumerate(self.terms, start=1)))
        across = radial_factor(q2, self.terms)
        unit = place / np.maximum(np.hypot(place[:, 0], place[:, 1]), 1e-12)[:, None]
        outer = unit[:, :, None] * unit[:, None, :]
        return np.eye(2) / across[:, None, None] + outer * (1.0 / radial - 1.0 / across)[:, None, None]

    def _distorted(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.terms:
            return plane
        place = plane - self.centre
        radius = np.hypot(place[:, 0], place[:, 1]) / self.corner_radius
        within = np.where(radius < 2.0, radius, np.nan)  # beyond, the polynomial means nothing
        scale = np.where(radius > 0.0, radial_inverse(within, self.terms) / np.maximum(radius, 1e-300), 1.0)
        return np.asarray(self.centre + place * scale[:, None])


def make_projection(geometry: SimCamGeometry, detector: int, *, ra: float, dec: float, rotation: float) -> Projection:
    """Return the projection of a detector.

    Parameters
    ----------
    geometry : SimCamGeometry
        The camera as it is.
    detector : int
        Detector.
    ra, dec, rotation : float [deg]
        True boresight and position angle of +y.
    """
    plain = replace(geometry, distortion=())
    return Projection(
        tangent=plain.wcs(detector, ra=ra, dec=dec, rotation=rotation),
        centre=geometry.boresight(detector),
        corner_radius=geometry.corner_radius,
        terms=geometry.distortion,
    )

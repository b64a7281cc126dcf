"""From an image, its sources and a reference catalogue to a projection and a zero point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from lsst.images import VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.photometry import CalibrationField, ColorTermSet, ZeroPoint, flux_scale
from uraniborg.tasks.common.astrometric_solution import AstrometricSolution, solve_astrometry, source_positions
from uraniborg.tasks.common.photometric_solution import solve_photometry, solve_variation, usable_fluxes
from uraniborg.tasks.common.reference_stars import ReferenceStars, reference_stars

__all__ = ("Calibration", "solve_calibration")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that was found about one image.

    Attributes
    ----------
    image : lsst.images.VisitImage
        Image in electron, with the projection that it came with.
    stars : ReferenceStars
        Reference stars.
    astrometry : AstrometricSolution
        Refined projection and pairs.
    photometry : ZeroPoint
        Zero point; its arrays go with the pairs.
    variation : CalibrationField or None
        How the calibration varies over the image; None where a constant serves as well.
    """

    image: VisitImage
    stars: ReferenceStars
    astrometry: AstrometricSolution
    photometry: ZeroPoint
    variation: CalibrationField | None = None

    def scale(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the flux in nJy of an instrumental flux of one at positions (n,) [pixel]."""
        if self.variation is None:
            return np.full(np.shape(x), flux_scale(self.photometry.zero_point))
        return self.variation.evaluate(x, y)

    @property
    def visit(self) -> int:
        """Number of the visit."""
        return int(self.image.sky_projection.pixel_frame.visit)

    @property
    def detector(self) -> int:
        """Number of the detector."""
        return int(self.image.sky_projection.pixel_frame.detector)


def solve_calibration(
    image: VisitImage,
    sources: Table,
    references: Table,
    *,
    terms: ColorTermSet,
    max_shift: float,
    max_rotation: float,
    match_radius: float,
    min_snr: float,
    position_floor: float,
    unknown_motion: float,
    max_model: str,
    min_astrometry_stars: int,
    min_photometry_stars: int,
    photometry_degree: int = 0,
) -> Calibration:
    """Match sources with reference stars, refine the projection, find the zero point.

    Parameters
    ----------
    image : lsst.images.VisitImage
        Image in electron.
    sources : astropy.table.Table
        Rows of ``PreliminarySource``.
    references : astropy.table.Table
        Rows of ``ReferenceObject``.
    terms : ColorTermSet
        From the catalogue to the bands of the camera.
    max_shift, match_radius : float [arcsec]
        Largest error of the first guess, and largest separation of a pair when that is taken out.
    max_rotation : float [deg]
        Largest turn of the first guess.
    min_snr : float
        Of the faintest source to match.
    position_floor : float [mas]
        Error of a position that more light does not lower.
    unknown_motion : float [mas/yr]
        Dispersion of the motions that the catalogue does not give.
    max_model : str
        Richest correction of the projection.
    min_astrometry_stars, min_photometry_stars : int
        Fewest stars.
    photometry_degree : int
        Highest degree of the calibration's variation over the image.

    Returns
    -------
    Calibration

    Raises
    ------
    AlgorithmError
        If there are too few stars for a zero point.
    """
    stars = reference_stars(references, image, terms=terms, margin=max_shift, unknown_motion=unknown_motion)
    astrometry = solve_astrometry(
        image.sky_projection,
        source_positions(sources),
        stars,
        bbox=image.bbox,
        max_shift=max_shift,
        max_rotation=max_rotation,
        match_radius=match_radius,
        min_snr=min_snr,
        floor=position_floor,
        min_stars=min_astrometry_stars,
        max_model=max_model,
    )
    matched, partner = sources[astrometry.source], astrometry.reference
    stars_of_image = {
        "magnitude": stars.magnitude[partner],
        "magnitude_err": stars.magnitude_err[partner],
        "usable": usable_fluxes(matched),
        "moving": stars.moving[partner],
        "scatter": terms.term(image.band).scatter,
        "min_stars": min_photometry_stars,
    }
    flux, flux_err = (np.asarray(matched[name], dtype=np.float64) for name in ("psfInstFlux", "psfInstFluxErr"))
    photometry = solve_photometry(flux, flux_err, **stars_of_image)
    place = (np.asarray(matched["x"], dtype=np.float64), np.asarray(matched["y"], dtype=np.float64))
    variation = solve_variation(
        flux, flux_err, **stars_of_image, place=place, bbox=image.bbox, max_degree=photometry_degree
    )
    return Calibration(image, stars, astrometry, photometry, variation)

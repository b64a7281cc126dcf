"""From an image, its sources and a reference catalogue to a projection and a zero point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from lsst.images import VisitImage

from uraniborg.algorithms.photometry import ColorTermSet, ZeroPoint
from uraniborg.tasks.common.astrometric_solution import AstrometricSolution, solve_astrometry, source_positions
from uraniborg.tasks.common.photometric_solution import solve_photometry, usable_fluxes
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
    """

    image: VisitImage
    stars: ReferenceStars
    astrometry: AstrometricSolution
    photometry: ZeroPoint

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
    photometry = solve_photometry(
        np.asarray(matched["psfInstFlux"], dtype=np.float64),
        np.asarray(matched["psfInstFluxErr"], dtype=np.float64),
        magnitude=stars.magnitude[partner],
        magnitude_err=stars.magnitude_err[partner],
        usable=usable_fluxes(matched),
        moving=stars.moving[partner],
        scatter=terms.term(image.band).scatter,
        min_stars=min_photometry_stars,
    )
    return Calibration(image, stars, astrometry, photometry)

"""Ghosts: out-of-focus images of the pupil that bright stars make by reflections between optical surfaces."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.model.tables import conform, empty_table
from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import Visit
from uraniborg.sim.sky import fluxes_at, positions_at

__all__ = ("add_ghosts", "ghosts_on_detector")


def ghosts_on_detector(sky: Table, visit: Visit, detector: int, *, config: SimConfig) -> Table:
    """Return the ghosts that reach a detector, of stars anywhere on or near the focal plane.

    A ghost is an annulus of even brightness; its centre lies at a multiple of the star's position from the optical
    axis, its inner circle is shifted outwards or inwards along the same line. Stars are taken where an undistorted
    projection puts them.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``; galaxies make no ghosts.
    visit : Visit
        The visit.
    detector : int
        Number of the detector.
    config : SimConfig
        The survey; its ``ghosts`` say which there are.

    Returns
    -------
    astropy.table.Table
        Declared as ``TruthGhost``: those brighter than their ``faintest``, in order of the star.
    """
    stars = sky[np.asarray(sky["kind"]) != "galaxy"]
    if not config.ghosts or not len(stars):
        return empty_table("TruthGhost")
    electrons = fluxes_at(stars, visit.band, visit.mjd_middle) * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    radec = positions_at(stars, visit.mjd_middle)
    axis = np.array(config.camera.geometry.boresight(detector))
    from_axis = visit.true_wcs(config, detector).wcs_world2pix(radec, 0) - axis
    size = np.array([config.camera.width, config.camera.height])
    rows = []
    for number, ghost in enumerate(config.ghosts):
        light = ghost.intensity * electrons
        brightness = light / (np.pi * ghost.radius**2 * (1.0 - ghost.obscuration**2))
        arm = ghost.magnification * from_axis
        centre = axis + np.array(ghost.offset) + arm
        reach = ghost.radius + 1.0
        seen = (brightness >= ghost.faintest) & np.all((centre > -reach) & (centre < size + reach), axis=1)
        for k in np.flatnonzero(seen):
            rows.append(
                {
                    "visit": visit.visit,
                    "detector": detector,
                    "truthId": stars["truthId"][k],
                    "ghost": number,
                    "x": centre[k, 0],
                    "y": centre[k, 1],
                    "outerRadius": ghost.radius,
                    "innerX": centre[k, 0] + ghost.decentre * arm[k, 0],
                    "innerY": centre[k, 1] + ghost.decentre * arm[k, 1],
                    "innerRadius": ghost.obscuration * ghost.radius,
                    "electrons": light[k],
                    "brightness": brightness[k],
                }
            )
    if not rows:
        return empty_table("TruthGhost")
    table = conform(Table(rows=rows), "TruthGhost")
    table.sort(["truthId", "ghost"])
    return table


def add_ghosts(image: NDArray[np.float64], ghosts: Table) -> None:
    """Add ghosts to an image in place.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Expected light of a detector.
    ghosts : astropy.table.Table
        Declared as ``TruthGhost``. Edges are softened over a pixel; the inner circle has to lie in the outer one for
        the light to be the one declared.
    """
    height, width = image.shape
    for row in ghosts:
        outer, inner = float(row["outerRadius"]), float(row["innerRadius"])
        x, y = float(row["x"]), float(row["y"])
        columns = slice(max(0, int(x - outer) - 1), min(width, int(x + outer) + 3))
        lines = slice(max(0, int(y - outer) - 1), min(height, int(y + outer) + 3))
        if columns.start >= columns.stop or lines.start >= lines.stop:
            continue
        v, u = np.ogrid[lines, columns]
        disc = np.clip(outer + 0.5 - np.hypot(v - y, u - x), 0.0, 1.0)
        hole = np.clip(inner + 0.5 - np.hypot(v - float(row["innerY"]), u - float(row["innerX"])), 0.0, 1.0)
        image[lines, columns] += float(row["brightness"]) * disc * (1.0 - hole if inner > 0.0 else 1.0)

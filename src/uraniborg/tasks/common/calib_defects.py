"""The list of defects of a detector from its dark and its flats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from lsst.images import MaskedImage

from uraniborg.algorithms.calib.defects import find_dark, find_hot
from uraniborg.model.calibrations import Defect, DefectList
from uraniborg.model.masks import select_pixels
from uraniborg.tasks.common.calib_frames import Label

__all__ = ("list_defects",)

_DEAD = 0.3  # of the light of neighbours: below, a pixel is dead


def list_defects(
    dark: MaskedImage | None,
    flats: Sequence[MaskedImage],
    label: Label,
    *,
    n_sigma: float,
    hot_floor: float,
    dark_floor: float,
) -> DefectList:
    """Return hot pixels of the dark, and dead and dark ones of any flat; none is listed twice.

    Parameters
    ----------
    dark : lsst.images.MaskedImage or None
        Combined dark [electron/s].
    flats : sequence of lsst.images.MaskedImage
        Combined flats.
    label : Label
        Whose list it is.
    n_sigma : float []
        Significance.
    hot_floor : float [electron/s]
        Harmless dark current.
    dark_floor : float []
        Harmless loss of light.
    """
    shape = (dark if dark is not None else flats[0]).image.array.shape
    dead, weak, trap, hot = (np.zeros(shape, dtype=bool) for _ in range(4))
    for flat in flats:
        image = np.where(select_pixels(flat.mask, ["NO_DATA"]), np.float32(np.nan), flat.image.array)
        found = find_dark(image, flat.variance.array, n_sigma=n_sigma, floor=dark_floor)
        dead |= found.pixels & ~(image > _DEAD)
        weak |= found.pixels
        trap |= found.columns
    if dark is not None:
        found = find_hot(dark.image.array, dark.variance.array, n_sigma=n_sigma, floor=hot_floor)
        # Charge behind a blocked column is no dark current of the pixels.
        hot |= found.all
    defects: list[Defect] = []
    seen = np.zeros(shape, dtype=bool)
    for mask, kind in ((dead, "dead"), (hot, "hot"), (weak, "dark"), (trap, "trap")):
        defects += DefectList.runs(mask & ~seen, kind)  # type: ignore[arg-type]
        seen |= mask
    return DefectList(
        instrument=label.instrument,
        detector=label.detector,
        metadata={"bad_fraction": float(seen.mean()), "n_pixels": int(seen.sum())},
        defects=tuple(defects),
    )

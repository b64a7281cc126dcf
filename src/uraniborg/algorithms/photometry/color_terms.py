"""From the magnitudes of a reference catalogue to those in the bands of a camera: coefficients and their sources.

A colour-term set is chosen by its name, so that a task needs a label only; `COLOR_TERMS` is the one registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import UserError

__all__ = ("COLOR_TERMS", "ColorTerm", "ColorTermSet", "ReferenceMagnitudes", "color_terms")


@dataclass(frozen=True, slots=True)
class ColorTerm:
    """How the magnitude in one band follows from a catalogue.

    Attributes
    ----------
    coefficients : tuple of float
        Polynomial in the colour, lowest power first, of band magnitude minus base magnitude [mag].
    color_range : (float, float) [mag]
        Colours for which it holds; others get no magnitude.
    scatter : float [mag]
        Intrinsic scatter of single stars about it.
    refraction : float [mas/mag]
        Displacement away from the zenith for each magnitude of `ColorTermSet.refraction_color`, at a zenith distance
        of 45 degrees.
    """

    coefficients: tuple[float, ...]
    color_range: tuple[float, float]
    scatter: float
    refraction: float = 0.0


@dataclass(frozen=True, slots=True)
class ColorTermSet:
    """Colour terms from one catalogue to one camera.

    Attributes
    ----------
    name : str
        Label.
    source : str
        Where the numbers come from.
    base : str
        Column of the base magnitude.
    color : (str, str)
        Columns whose difference is the colour.
    bands : mapping of str to ColorTerm
        Terms of each band.
    refraction_color : (str, str)
        Bands whose (transformed) magnitude difference is the colour of differential refraction; empty for none.
    refraction_reference : float [mag]
        Colour of the star that is not displaced.
    """

    name: str
    source: str
    base: str
    color: tuple[str, str]
    bands: Mapping[str, ColorTerm]
    refraction_color: tuple[str, ...] = ()
    refraction_reference: float = 0.0
    columns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(dict.fromkeys((self.base, *self.color))))

    def term(self, band: str) -> ColorTerm:
        """Return the term of a band.

        Raises
        ------
        UserError
            If there is none.
        """
        if band not in self.bands:
            raise UserError(f"colour terms {self.name!r} have no band {band!r}; they have {sorted(self.bands)}")
        return self.bands[band]

    def magnitudes(
        self, band: str, columns: Mapping[str, ArrayLike], errors: Mapping[str, ArrayLike] | None = None
    ) -> ReferenceMagnitudes:
        """Return the magnitudes of reference stars in a band.

        Parameters
        ----------
        band : str
            Band of the camera.
        columns : mapping of str to (n,) float [mag]
            Catalogue magnitudes; needs `columns`.
        errors : mapping of str to (n,) float [mag], optional
            Their errors under the same names; missing ones count as zero.

        Returns
        -------
        ReferenceMagnitudes
        """
        term = self.term(band)
        value = {name: np.asarray(columns[name], dtype=np.float64) for name in self.columns}
        zero = np.zeros_like(value[self.base])
        given = errors or {}
        error = {name: np.nan_to_num(np.asarray(given.get(name, zero), dtype=np.float64)) for name in self.columns}
        blue, red = self.color
        color = value[blue] - value[red]
        low, high = term.color_range
        with np.errstate(invalid="ignore"):
            valid = (color >= low) & (color <= high) & np.isfinite(value[self.base])
        inside = np.where(valid, color, 0.5 * (low + high))
        magnitude = value[self.base] + polynomial.polyval(inside, term.coefficients)
        slope = polynomial.polyval(inside, polynomial.polyder(term.coefficients))
        # Partial derivatives by each catalogue magnitude, which may be both base and part of the colour.
        partial = {name: (name == self.base) + slope * ((name == blue) * 1.0 - (name == red)) for name in self.columns}
        variance = np.sum([(partial[name] * error[name]) ** 2 for name in self.columns], axis=0)
        return ReferenceMagnitudes(
            magnitude=np.where(valid, magnitude, np.nan),
            error=np.where(valid, np.sqrt(variance), np.nan),
            color=color,
            valid=valid,
        )

    def displacement_color(self, columns: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Return the colour [mag] that differential refraction goes with, (n,); NaN where it is not known."""
        if not self.refraction_color:
            return np.full(np.shape(np.asarray(columns[self.base])), np.nan)
        blue, red = (self.magnitudes(band, columns).magnitude for band in self.refraction_color)
        return blue - red


@dataclass(frozen=True, slots=True)
class ReferenceMagnitudes:
    """Magnitudes of reference stars in one band.

    Attributes
    ----------
    magnitude, error : (n,) float [mag]
        AB magnitudes and the errors that come from the catalogue's; NaN outside the colour range.
    color : (n,) float [mag]
        Catalogue colour.
    valid : (n,) bool
        Colour within range.
    """

    magnitude: NDArray[np.float64]
    error: NDArray[np.float64]
    color: NDArray[np.float64]
    valid: NDArray[np.bool_]


def color_terms(name: str) -> ColorTermSet:
    """Return a colour-term set.

    Raises
    ------
    UserError
        If there is no such set.
    """
    if name not in COLOR_TERMS:
        raise UserError(f"no colour terms {name!r}; there are {sorted(COLOR_TERMS)}")
    return COLOR_TERMS[name]


def _term(numbers: str, *, scatter: float, color_range: tuple[float, float], refraction: float = 0.0) -> ColorTerm:
    return ColorTerm(tuple(float(word) for word in numbers.split()), color_range, scatter, refraction)


_DECAM_RANGE = (-0.6, 4.1)
_SIMCAM_RANGE = (-0.65, 3.05)

_DECAM = ColorTermSet(
    name="decam_gaia_dr2",
    source=(
        "Polynomials in BP-RP of the DESI Legacy Imaging Surveys DR9 (R. Zhou, 2020-04-12; published with the "
        "legacypipe software), from Gaia DR2 G, BP, RP to the DECam AB magnitudes of the Legacy Surveys, valid for "
        "-0.6 < BP-RP < 4.1. No scatter is published; the values here are adopted. Refraction: Bernstein et al. 2017, "
        "PASP 129, 074503 (mas per magnitude of g-i, zero at g-i = 0.61)."
    ),
    base="phot_g_mean_mag",
    color=("phot_bp_mean_mag", "phot_rp_mean_mag"),
    bands={
        "g": _term(
            "-0.1178631039 0.3650113495 0.5608615360 -0.2850687702 -1.0243473939 1.4378375491 0.0679401731 "
            "-1.1713172509 0.9107811975 -0.3374324004 0.0683946390 -0.0073089582 0.0003230170",
            scatter=0.05,
            color_range=_DECAM_RANGE,
            refraction=45.0,
        ),
        "r": _term(
            "0.1139078673 -0.2868955307 0.0013196434 0.1029151074 0.1196710702 -0.3729031390 0.1859874242 "
            "0.1370162451 -0.1808580848 0.0803219195 -0.0180218196 0.0020584707 -0.0000953486",
            scatter=0.03,
            color_range=_DECAM_RANGE,
            refraction=8.4,
        ),
        "i": _term(
            "0.3396481660 -0.6491867119 -0.3330769819 0.4381097294 0.5752125977 -1.4746570523 1.2979140762 "
            "-0.6371018151 0.1948940062 -0.0382055596 0.0046907449 -0.0003296841 0.0000101480",
            scatter=0.03,
            color_range=_DECAM_RANGE,
            refraction=3.2,
        ),
        "z": _term(
            "0.4811198057 -0.9990015041 0.1403990019 0.2150988888 -0.2917655866 0.1326831887 -0.0259205004 "
            "0.0018548776",
            scatter=0.03,
            color_range=_DECAM_RANGE,
            refraction=1.4,
        ),
    },
    refraction_color=("g", "i"),
    refraction_reference=0.61,
)

_SIMCAM = ColorTermSet(
    name="simcam_gaia",
    source=(
        "Black bodies of 2500 K to 40000 K through the pass-bands of the simulator (uraniborg.sim.spectra), least "
        "squares of degree 6 in BP-RP; largest misfit 0.0002 mag."
    ),
    base="phot_g_mean_mag",
    color=("phot_bp_mean_mag", "phot_rp_mean_mag"),
    bands={
        band: _term(numbers, scatter=0.001, color_range=_SIMCAM_RANGE)
        for band, numbers in {
            "u": "-0.018717 1.011546 0.283592 0.032109 0.000681 -0.004598 0.000638",
            "g": "-0.057799 0.263432 0.205806 0.032765 -0.005778 -0.001969 0.000360",
            "r": "0.064591 -0.313039 0.159927 0.029171 -0.004430 -0.001601 0.000283",
            "i": "0.239382 -0.623404 0.128399 0.020958 -0.001861 -0.001600 0.000250",
            "z": "0.402462 -0.806223 0.109652 0.013961 -0.000079 -0.001568 0.000226",
            "y": "0.602272 -0.965210 0.093542 0.006492 0.001482 -0.001525 0.000208",
        }.items()
    },
)

COLOR_TERMS: Mapping[str, ColorTermSet] = {terms.name: terms for terms in (_DECAM, _SIMCAM)}
"""Every set, by name."""

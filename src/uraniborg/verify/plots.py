"""Figures of reports as inline SVG whose text takes the colour of the page, so that they read on light and on dark."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

__all__ = (
    "BAND_COLOURS",
    "STYLE",
    "LightCurve",
    "VectorField",
    "light_curve_figure",
    "pull_figure",
    "residual_figure",
    "to_svg",
    "vector_figure",
)

BAND_COLOURS = {"u": "#56B4E9", "g": "#009E73", "r": "#D55E00", "i": "#CC79A7", "z": "#0072B2", "y": "#E69F00"}
"""Okabe and Ito's palette, safe for colour-blind readers."""
BAND_MARKERS = {"u": "P", "g": "o", "r": "s", "i": "^", "z": "D", "y": "v"}

_INK = "#010203"  # stands for the colour of the page's text
_FAINT = "#8a8f98"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.titlesize": 9.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.2,
}


@dataclass(frozen=True, slots=True)
class VectorField:
    """Positional residuals of one exposure.

    Attributes
    ----------
    title : str
        Caption.
    band : str
        Band.
    x, y : (n,) float [pixel]
        Positions.
    before, after : (n, 2) float [mas]
        Residuals of the header's projection and of ours, along right ascension and declination.
    extent : tuple of float [pixel]
        First and last x, first and last y of the panel.
    """

    title: str
    band: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    extent: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LightCurve:
    """Fluxes of one object over time.

    Attributes
    ----------
    title : str
        Caption.
    time : (n,) float [day]
        Times, TAI, as MJD.
    band : (n,) str
        Bands.
    flux, error : (n,) float [nJy]
        Measured.
    truth : (n,) float [nJy] or None
        What was put in.
    """

    title: str
    time: NDArray[np.float64]
    band: NDArray[np.str_]
    flux: NDArray[np.float64]
    error: NDArray[np.float64]
    truth: NDArray[np.float64] | None = None


def light_curve_figure(curves: Sequence[LightCurve], *, columns: int = 3) -> str:
    """Return light curves side by side: points are measured, crosses are the truth.

    Parameters
    ----------
    curves : sequence of LightCurve
        At least one.
    columns : int
        Panels in a row.

    Returns
    -------
    str
        SVG.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _grid(len(curves), columns=columns, height=2.0)
        for axis, curve in zip(axes, curves, strict=True):
            start = np.floor(curve.time.min())
            for band in np.unique(curve.band):
                rows = np.flatnonzero(curve.band == band)
                rows = rows[np.argsort(curve.time[rows])]
                colour, marker = BAND_COLOURS.get(str(band), _FAINT), BAND_MARKERS.get(str(band), "o")
                when = curve.time[rows] - start
                if curve.truth is not None:
                    axis.plot(when, 1e-3 * curve.truth[rows], color=colour, lw=0.8, alpha=0.5, marker="x", ms=6)
                axis.errorbar(
                    when, 1e-3 * curve.flux[rows], 1e-3 * curve.error[rows],
                    color=colour, marker=marker, ms=4, ls="none", lw=0.9, label=str(band),
                )  # fmt: skip
            axis.axhline(0.0, color=_FAINT, lw=0.5)
            axis.set_title(curve.title, loc="left")
            axis.set_xlabel(f"MJD - {start:.0f}")
            axis.legend(loc="best", fontsize=7, handletextpad=0.1)
        axes[0].set_ylabel("flux [µJy]")
        return to_svg(figure)


def vector_figure(fields: Sequence[VectorField], *, key_before: float, key_after: float, columns: int = 3) -> str:
    """Return, for each exposure, positional residuals as arrows: gray before, coloured after the refinement.

    Parameters
    ----------
    fields : sequence of VectorField
        At least one.
    key_before, key_after : float [mas]
        Lengths of the arrows in the legend. Both are drawn equally long: each kind of arrow has its own scale.
    columns : int
        Panels in a row.

    Returns
    -------
    str
        SVG.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _grid(len(fields), columns=columns, height=3.3)
        for axis, field in zip(axes, fields, strict=True):
            x0, x1, y0, y1 = field.extent
            axis.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal", xlabel="x [pixel]")
            for vectors, key, place, colour, width in (
                (field.before, key_before, 0.34, _FAINT, 0.005),
                (field.after, key_after, 0.88, BAND_COLOURS.get(field.band, _INK), 0.009),
            ):
                quiver = axis.quiver(
                    field.x, field.y, -vectors[:, 0], vectors[:, 1],
                    color=colour, width=width, angles="uv", scale=7.0 * key, scale_units="width",
                )  # fmt: skip
                axis.quiverkey(quiver, place, 1.05, key, f"{key:g} mas", labelpos="W", fontproperties={"size": 7})
            axis.set_title(field.title, loc="left", pad=20)
        axes[0].set_ylabel("y [pixel]")
        return to_svg(figure)


def residual_figure(
    groups: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]], *, x_label: str, y_label: str, limit: float
) -> str:
    """Return magnitude residuals over magnitude, one colour for each band.

    Parameters
    ----------
    groups : mapping of str to tuple of (n,) float
        Band to magnitude, residual and error [mag].
    x_label, y_label : str
        Labels.
    limit : float [mag]
        Half range of the ordinate; points beyond it are drawn at the edge as triangles.

    Returns
    -------
    str
        SVG.
    """
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = _grid(1, columns=1, height=3.2, width=8.0)
        axis.axhline(0.0, color=_FAINT, lw=0.8)
        for band, values in groups.items():
            magnitude, residual, error = (np.asarray(value, dtype=np.float64) for value in values)
            colour = BAND_COLOURS.get(band, _FAINT)
            inside = np.abs(residual) <= limit
            axis.errorbar(
                magnitude[inside], residual[inside], error[inside],
                color=colour, marker=BAND_MARKERS.get(band, "o"), ms=3, ls="none", alpha=0.8, label=band,
                ecolor=to_rgba(colour, 0.2), elinewidth=0.6,
            )  # fmt: skip
            for sign, marker in ((1.0, "^"), (-1.0, "v")):
                beyond = sign * residual > limit
                axis.plot(magnitude[beyond], np.full(beyond.sum(), 0.98 * sign * limit), marker, color=colour, ms=4)
        axis.set_ylim(-limit, limit)
        axis.set_xlabel(x_label)
        axis.set_ylabel(y_label)
        axis.legend(loc="upper left", ncols=6)
        return to_svg(figure)


def pull_figure(groups: Mapping[str, ArrayLike], *, x_label: str) -> str:
    """Return histograms of pulls over the standard normal distribution.

    Parameters
    ----------
    groups : mapping of str to (n,) float
        Band to pulls.
    x_label : str
        Label.

    Returns
    -------
    str
        SVG.
    """
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = _grid(1, columns=1, height=2.6, width=5.0)
        edges = np.linspace(-5.0, 5.0, 41)
        for band, values in groups.items():
            pulls = np.asarray(values, dtype=float)
            pulls = pulls[np.isfinite(pulls)]
            density, _ = np.histogram(pulls, edges)
            density = density / max(pulls.size, 1) / np.diff(edges)
            axis.stairs(density, edges, color=BAND_COLOURS.get(band, _FAINT), lw=1.3, label=f"{band} ({pulls.size})")
        grid = np.linspace(-5.0, 5.0, 201)
        normal = np.exp(-0.5 * grid**2) / np.sqrt(2.0 * np.pi)
        axis.plot(grid, normal, color=_INK, lw=0.8, ls="--", label="normal")
        axis.set_xlabel(x_label)
        axis.set_yticks([])
        axis.legend(loc="upper left")
        return to_svg(figure)


def _grid(n: int, *, columns: int, height: float, width: float = 9.0) -> tuple[Figure, list[Axes]]:
    columns = min(columns, n)
    rows = -(-n // columns)
    figure = Figure(figsize=(width if n > 1 else min(width, 8.0), height * rows), layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    panels = list(axes.ravel())
    for spare in panels[n:]:
        spare.set_axis_off()
    return figure, panels[:n]


def to_svg(figure: Figure) -> str:
    """Return the figure as SVG to put into a page: no fixed size, the page's text colour, identifiers of its own."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "report"}):
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r'<svg ([^>]*?)height="[^"]*" ([^>]*?)width="[^"]*"', r"<svg \1\2", text, count=1)
    text = re.sub(r"<svg ([^>]*?)width=\"[^\"]*\" ([^>]*?)height=\"[^\"]*\"", r"<svg \1\2", text, count=1)
    prefix = "f" + hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    return re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', text)

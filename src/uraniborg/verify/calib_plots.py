"""Figures of calibration products; each is a matplotlib figure, `uraniborg.verify.plots.to_svg` puts it into a page."""

from __future__ import annotations

import matplotlib
import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from uraniborg.algorithms.calib.kernel import laplacian
from uraniborg.model.calibrations import BrighterFatterModel, CrosstalkModel, LinearityModel, PhotonTransferCurve
from uraniborg.verify.plots import STYLE

__all__ = (
    "crosstalk_figure",
    "kernel_figure",
    "linearity_figure",
    "mosaic_figure",
    "ptc_figure",
    "transmission_figure",
)

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_SIDE = 256  # of a picture [pixel]


def _figure(n: int, *, width: float = 9.0, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, [figure.add_subplot(1, n, k + 1) for k in range(n)]


def ptc_figure(curve: PhotonTransferCurve) -> Figure:
    """Return variance over level, and variance over what Poisson light would have, of all amplifiers."""
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = _figure(2)
        for k, item in enumerate(curve.amplifiers):
            colour = _COLOURS[k % len(_COLOURS)]
            level, variance = np.array(item.mean) * item.gain, np.array(item.variance) * item.gain**2
            used = np.array(item.used, dtype=bool)
            order = np.argsort(level)
            left.plot(level[order], variance[order], color=colour, lw=0.7)
            left.plot(level[used], variance[used], ".", color=colour, ms=3)
            ratio = (variance - item.read_noise**2) / level
            right.plot(level[used], ratio[used], ".", color=colour, ms=3)
            right.plot(level[~used], ratio[~used], "x", color=colour, ms=3, alpha=0.5)
        left.set(xlabel="level [electron]", ylabel="variance [electron²]", title="photon transfer")
        right.set(
            xlabel="level [electron]", ylabel="(variance - noise) / level", title="over Poisson's", ylim=(0.4, 1.05)
        )
        return figure


def linearity_figure(model: LinearityModel) -> Figure:
    """Return the correction over the signal, and the deviation of levels from the line before it."""
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = _figure(2)
        for k, item in enumerate(model.amplifiers):
            colour = _COLOURS[k % len(_COLOURS)]
            if item.kind == "spline":
                nodes, corrections = np.array(item.nodes[1:]), np.array(item.corrections[1:])
                left.plot(nodes, 100.0 * corrections / nodes, color=colour, lw=0.9)
            curves = model.metadata.get("curves")
            if curves:
                times, level = np.array(curves["time"]), np.array(curves["level"][k])
                rate = np.median(level[: max(3, level.size // 6)] / times[: max(3, level.size // 6)])
                right.plot(level, 100.0 * (level / (rate * times) - 1.0), ".", color=colour, ms=3)
        left.set(xlabel="measured [adu]", ylabel="correction [%]", title="correction")
        right.set(xlabel="measured [adu]", ylabel="deviation [%]", title="levels before correction", ylim=(-4.0, 1.0))
        return figure


def kernel_figure(model: BrighterFatterModel) -> Figure:
    """Return the kernel, and the covariances of flats that it stands for."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(2, width=7.0)
        kernel = model.array
        for axis, image, title in (
            (axes[0], kernel, "kernel"),
            (axes[1], laplacian(kernel)[1:-1, 1:-1], "covariances a"),
        ):
            top = float(np.sort(np.abs(image).ravel())[-3]) or 1.0
            half = image.shape[0] / 2.0
            extent = (-half, half, -half, half)
            shown = axis.imshow(
                image * 1e6, origin="lower", cmap="RdBu_r", vmin=-top * 1e6, vmax=top * 1e6, extent=extent
            )
            figure.colorbar(shown, ax=axis, label="10⁻⁶ / electron")
            axis.set(title=title, xlabel="dx [pixel]", ylabel="dy [pixel]")
        return figure


def crosstalk_figure(model: CrosstalkModel) -> Figure:
    """Return the matrix of coefficients."""
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = _figure(1, width=4.0)
        shown = axis.imshow(model.matrix * 1e4, cmap="viridis")
        figure.colorbar(shown, ax=axis, label="coefficient [10⁻⁴]")
        axis.set(title="crosstalk", xlabel="source", ylabel="victim")
        return figure


def transmission_figure(curve: Table) -> Figure:
    """Return the throughput of all amplifiers over wavelength."""
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = _figure(1, width=5.0)
        for name in dict.fromkeys(curve["amplifier"]):
            part = curve[curve["amplifier"] == name]
            axis.plot(part["wavelength"], part["throughput"], ".-", lw=0.7, ms=3)
        axis.set(title="transmission", xlabel="wavelength [nm]", ylabel="throughput, relative", ylim=(0.0, None))
        return figure


def mosaic_figure(image: NDArray[np.floating], *, label: str) -> Figure:
    """Return a picture of a detector, its cells averaged, between the 1st and 99th percentile.

    Parameters
    ----------
    image : (ny, nx) float
        Pixels.
    label : str
        What the colours mean.
    """
    step = max(1, int(np.ceil(max(image.shape) / _SIDE)))
    rows, columns = (size // step for size in image.shape)
    cells = image[: rows * step, : columns * step].reshape(rows, step, columns, step).mean(axis=(1, 3))
    low, high = np.percentile(cells, [1.0, 99.0])
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = _figure(1, width=4.2, height=3.4)
        extent = (0, image.shape[1], 0, image.shape[0])
        shown = axis.imshow(cells, origin="lower", cmap="viridis", vmin=low, vmax=max(high, low + 1e-12), extent=extent)
        figure.colorbar(shown, ax=axis, label=label)
        axis.set(xlabel="x [pixel]", ylabel="y [pixel]")
        return figure

"""Pictures of simulated frames and of what is measured on them, as small PNG files."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from uraniborg.acceptance.simulated_sky import one_detector
from uraniborg.acceptance.simulation import SimulationMeasures
from uraniborg.core.progress import progress
from uraniborg.instruments.simcam.geometry import NOMINAL
from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.instruments.simcam.raw_layout import join_segments
from uraniborg.sim.camera.config import GhostConfig
from uraniborg.sim.camera.honesty import reduce_with_truth
from uraniborg.sim.config import SimConfig, load_config
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.psf import make_psf_field
from uraniborg.sim.raw_exposure import RawExposure, detector_properties, expose_light, expose_visit
from uraniborg.sim.sky import make_sky

__all__ = ("PICTURES", "draw_pictures")

_COLOURS = (64, 32, 16, 8)
_LARGEST = 58_000  # of a file [byte]
_BANDS = {"u": "#56B4E9", "g": "#009E73", "r": "#D55E00", "i": "#CC79A7", "z": "#0072B2", "y": "#E69F00"}


def draw_pictures(folder: Path, measures: SimulationMeasures) -> dict[str, str]:
    """Draw all pictures.

    Parameters
    ----------
    folder : pathlib.Path
        Where the PNG files go; made if absent.
    measures : SimulationMeasures
        What was measured; what is not there yet is measured now.

    Returns
    -------
    dict of str to str
        Name of a file in the folder to its caption.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    with progress("drawing pictures", total=len(PICTURES)) as bar:
        for name, (caption, draw) in PICTURES.items():
            _save(draw(measures), folder / f"sim_{name}.png")
            made[f"sim_{name}.png"] = caption
            bar.advance(note=name)
    return made


def _save(figure: Figure, path: Path) -> None:
    """Write a figure with as many colours as keep the file small."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = Image.open(buffer).convert("RGB")
    for number in _COLOURS:
        picture.quantize(number, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)
        if path.stat().st_size <= _LARGEST:
            return


def _figure(n: int, *, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    rows = -(-n // columns)
    figure = Figure(figsize=(width, height * rows), dpi=80, layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, columns)).ravel()[:n])


def _show(axis: Axes, image: NDArray[np.float64], title: str, *, low: float = 1.0, high: float = 99.0) -> None:
    finite = image[np.isfinite(image)]
    first, last = np.percentile(finite, [low, high])
    axis.imshow(
        np.arcsinh(np.clip((image - first) / max(last - first, 1e-9), 0.0, None) * 3.0),
        origin="lower", cmap="gray", interpolation="antialiased", vmin=0.0, vmax=np.arcsinh(3.0),
    )  # fmt: skip
    axis.set_title(title, fontsize=8)
    axis.set_xticks([])
    axis.set_yticks([])


def _science(config: SimConfig, band: str) -> RawExposure:
    visit = next(visit for visit in plan_visits(config) if visit.band == band)
    return expose_visit(make_sky(config), visit, 0, config=config)


def _raw_frame(measures: SimulationMeasures) -> Figure:
    config = load_config("tiny-raw")
    raw = _science(config, "r")
    layout = detector_properties(config, 0).layout
    upper = [np.flipud(raw.segments[layout.columns + k]) for k in range(layout.columns)]
    mosaic = np.vstack([np.hstack(list(raw.segments[: layout.columns])), np.hstack(upper)]).astype(float)
    figure, (axis,) = _figure(1, columns=1, width=6.0, height=5.2)
    _show(axis, mosaic[::2, ::2], "", low=0.5, high=99.3)
    return figure


def _flat_header(seconds: float = 30.0, kind: str = "flat") -> SimCamExposure:
    return SimCamExposure(7, "r_sim", 0.0, 0.0, 60000.2, exposure_time=seconds, observation_type=kind)


def _only(**sections: Any) -> SimConfig:
    """Return a quiet camera of one small detector, with some values changed."""
    quiet: dict[str, dict[str, Any]] = {
        "camera": {"width": 160, "height": 160, "bad_columns": 0, "cosmic_rays": 0.0, "read_noise": 4.0},
        "sensor": {
            "hot_pixels": 0.0, "dark_current": 0.0, "vignetting": 0.0, "pixel_response": 0.0, "dust_grains": 0.0,
            "fringing": {}, "brighter_fatter": 0.0, "serial_cti": 0.0, "parallel_cti": 0.0,
        },
        "electronics": {"columns": 2, "rows": 1, "crosstalk": 0.0, "nonlinearity": 0.0, "bias_scatter": 0.0,
                        "gain_scatter": 0.0},
    }  # fmt: skip
    for name, values in sections.items():
        quiet[name] = quiet.get(name, {}) | values
    return SimConfig.model_validate({"raw": True, **quiet})


def _exposed(config: SimConfig, light: NDArray[np.float64] | float, *, seconds: float = 30.0) -> NDArray[np.float64]:
    """Return a detector's image with the level of the bias taken off [adu]."""
    shape = (config.camera.height, config.camera.width)
    raw = expose_light(np.full(shape, light), _flat_header(seconds), 0, config=config)
    properties = detector_properties(config, 0)
    return np.asarray(join_segments(raw.segments - properties.amplifiers.bias_level[:, None, None], properties.layout))


def _effects(measures: SimulationMeasures) -> Figure:
    y, x = np.mgrid[:160, :160]
    star = 1.5e8 * np.exp(-0.5 * ((x - 40) ** 2 + (y - 80) ** 2) / 2.5**2) / (2 * np.pi * 2.5**2)
    spot = np.where(np.hypot(x - 40, y - 80) < 14, 9e4, 20.0)
    line = np.where(np.abs(x - 70) < 1, 8e4, 5.0)
    wide = {"camera": {"width": 320, "height": 320}}
    panels = [
        ("bleeding, 150 million electrons", _exposed(_only(), star + 60.0), 92.0),
        ("crosstalk x 30", _exposed(_only(electronics={"crosstalk": 6e-3}), spot), 96.0),
        ("serial transfer x 300", _exposed(_only(sensor={"serial_cti": 3e-4, "trap_time": 5.0}), line), 97.0),
        ("cosmic rays", _exposed(_only(camera={"cosmic_rays": 15.0}), 100.0), 99.8),
        ("dark of 600 s: hot pixels", _exposed(_only(sensor={"hot_pixels": 1500.0}), 0.0, seconds=600.0), 99.95),
        ("dead columns", _exposed(_only(camera={"bad_columns": 4}), 3e3), 99.9),
        ("flat: dust, response, vignetting",
         _exposed(_only(**wide, sensor={"dust_grains": 12.0, "pixel_response": 0.002, "vignetting": 0.08}), 6e4), 99.0),
        ("fringes", 1e3 + 30.0 * detector_properties(_only(**wide), 0).fringes.astype(float), 99.0),
        ("bias: serial turn-on, drift of rows",
         _exposed(_only(electronics={"bias_pattern": 3.0, "bias_drift": 4.0}), 0.0), 99.0),
    ]  # fmt: skip
    figure, axes = _figure(len(panels), columns=3, width=5.4, height=1.95)
    for axis, (title, image, high) in zip(axes, panels, strict=True):
        _show(axis, image, title, high=high)
    return figure


def _ghosts(measures: SimulationMeasures) -> Figure:
    config = load_config("tiny-raw").model_copy(
        update={
            "ghosts": (
                GhostConfig(intensity=0.03, radius=110.0, magnification=-0.6, decentre=0.08, faintest=20.0),
                GhostConfig(intensity=0.03, radius=230.0, magnification=1.2, offset=(60.0, 30.0), faintest=5.0),
            )
        }
    )
    sky = make_sky(config.model_copy(update={"sky": config.sky.model_copy(update={"star_magnitudes": (11.0, 24.0)})}))
    visit = next(visit for visit in plan_visits(config) if visit.band == "r")
    figure, axes = _figure(2, columns=2, width=6.0, height=3.1)
    plain = config.model_copy(update={"ghosts": ()})
    for axis, each, title in zip(axes, (config, plain), ("with ghosts", "without"), strict=True):
        light = np.nan_to_num(reduce_with_truth(expose_visit(sky, visit, 0, config=each), config=each), nan=0.0)
        _show(
            axis,
            np.median(light.reshape(128, 8, 128, 8).swapaxes(1, 2).reshape(128, 128, 64), axis=2),
            title,
            high=99.0,
        )
    return figure


def _trail(measures: SimulationMeasures) -> Figure:
    config = one_detector(512)
    config = config.model_copy(
        update={
            "satellites": config.satellites.model_copy(update={"rate": 5.0}),
            "sky": config.sky.model_copy(update={"n_variables": 0, "n_transients": 0}),
        }
    )
    sky, visit = make_sky(config), plan_visits(config)[1]
    rng = np.random.default_rng(1)
    light = rng.poisson(expected_image(sky, visit, 0, config=config)).astype(float)
    figure, (axis,) = _figure(1, columns=1, width=4.4, height=4.2)
    _show(axis, light, "", low=1.0, high=99.5)
    return figure


def _photon_transfer(measures: SimulationMeasures) -> Figure:
    found, spots = measures.transfer(), measures.spots()
    figure, (left, right) = _figure(2, columns=2, width=8.0, height=3.2)
    for k in range(len(found.gain)):
        order = np.argsort(found.mean[k])
        electrons = found.gain[k] * found.mean[k][order]
        read = (found.noise[k] / found.gain[k]) ** 2 * (1.0 + 1.0 / 28.0)
        left.plot(electrons / 1e3, found.gain[k] * (found.variance[k][order] - read) / found.mean[k][order], "o", ms=3)
    axis = np.linspace(0.0, 9e4, 50)
    left.plot(axis / 1e3, 1.0 - found.true_slope * axis, "k-", lw=1, label="as set, first order")
    left.set_xlabel("signal [1000 electrons]")
    left.set_ylabel("variance / mean, in electrons")
    left.legend(frameon=False, fontsize=8)
    left.set_title("photon transfer, eight amplifiers", fontsize=9)
    right.errorbar(spots.peak / 1e3, spots.size, spots.error, fmt="o", ms=4, color="#D55E00", label="raws")
    right.plot(spots.peak / 1e3, spots.expected, "k-", lw=1, label="kernel")
    right.set_xlabel("peak of the spots [1000 electrons]")
    right.set_ylabel("second moment [pixel²]")
    right.legend(frameon=False, fontsize=8)
    right.set_title("spots grow with their charge", fontsize=9)
    return figure


def _number_counts(measures: SimulationMeasures) -> Figure:
    figure, axes = _figure(2, columns=2, width=8.0, height=3.2)
    labels = {"stars": ("Gaia DR2", "G [mag]"), "galaxies": ("LSST Science Book", "i [mag]")}
    for axis, (name, counts) in zip(axes, measures.counts().items(), strict=True):
        middle, width = 0.5 * (counts.edges[1:] + counts.edges[:-1]), np.diff(counts.edges)
        axis.errorbar(middle, counts.simulated / width, counts.error / width, fmt="o", ms=4, label="simulated")
        axis.plot(middle, counts.published / width, "k-", lw=1, label=labels[name][0])
        axis.set_yscale("log")
        axis.set_xlabel(labels[name][1])
        axis.set_ylabel("per square degree and mag")
        axis.set_title(name, fontsize=9)
        axis.legend(frameon=False, fontsize=8)
    return figure


def _refraction(measures: SimulationMeasures) -> Figure:
    shifts = measures.shifts()
    figure, (axis,) = _figure(1, columns=1, width=5.0, height=3.4)
    for band in "ugrizy":
        mine = shifts.band == band
        order = np.argsort(shifts.expected[mine])
        axis.plot(
            shifts.expected[mine][order], shifts.measured[mine][order], "o-", ms=4, color=_BANDS[band], label=band
        )
    ends = [shifts.expected.min(), shifts.expected.max()]
    axis.plot(ends, ends, "k:", lw=1)
    axis.set_xlabel("refraction by ERFA, against a star of 5778 K [mas]")
    axis.set_ylabel("drawn star [mas]")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _psf_field(measures: SimulationMeasures) -> Figure:
    config = one_detector(4096)
    visit = plan_visits(config)[0]
    field = make_psf_field(config, visit, 0)
    grid = np.linspace(0.0, 4095.0, 16)
    values = np.array([[field.parameters(float(x), float(y)) for x in grid] for y in grid])
    g1, g2, fwhm = np.moveaxis(values, 2, 0)
    figure, (left, right) = _figure(2, columns=2, width=8.0, height=3.7)
    angle, length = 0.5 * np.arctan2(g2, g1), np.hypot(g1, g2)
    colours = left.quiver(
        grid, grid, length * np.cos(angle), length * np.sin(angle), fwhm * config.camera.pixel_scale,
        pivot="middle", headwidth=0, headlength=0, headaxislength=0, width=0.006, cmap="viridis",
    )  # fmt: skip
    figure.colorbar(colours, ax=left, label="seeing [arcsec]")
    left.set_aspect("equal")
    left.set_title(f"shear of the PSF, up to {length.max():.3f}", fontsize=9)
    left.set_xticks([])
    left.set_yticks([])
    shapes = measures.shapes()
    right.errorbar(shapes.separation, shapes.correlation, shapes.error, fmt="o", ms=4, label="drawn stars")
    right.plot(shapes.separation, shapes.expected, "k-", lw=1, label="von Karman")
    right.set_xlabel("separation [arcmin]")
    right.set_ylabel("correlation of ellipticities")
    right.legend(frameon=False, fontsize=8)
    return figure


def _focal_plane(measures: SimulationMeasures) -> Figure:
    figure, (axis,) = _figure(1, columns=1, width=5.2, height=5.2)
    for detector in range(NOMINAL.n_detectors):
        x, y = (-value for value in NOMINAL.boresight(detector))
        names = NOMINAL.raft_and_slot(detector)
        assert names is not None
        shade = "#dbe7f3" if (int(names[0][1]) + int(names[0][2])) % 2 else "#f3e6d0"
        axis.add_patch(Rectangle((x, y), NOMINAL.width, NOMINAL.height, facecolor=shade, edgecolor="#555555", lw=0.5))
        axis.text(x + 2048, y + 2048, str(detector), ha="center", va="center", fontsize=5.5)
    half = 0.52 * max(NOMINAL.full_size)
    axis.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    axis.set_frame_on(False)
    return figure


PICTURES: dict[str, tuple[str, Callable[[SimulationMeasures], Figure]]] = {
    "raw_frame": (
        "A raw of survey tiny-raw as it is read out: its segments with their prescans and overscans",
        _raw_frame,
    ),
    "effects": ("Effects of the camera, each alone and most of them magnified", _effects),
    "ghosts": ("Ghosts of bright stars, thirty times as strong as in survey lsstcam", _ghosts),
    "trail": ("A satellite trail over a part of a detector of survey sim1", _trail),
    "photon_transfer": ("Photon transfer and growth of spots against what was put in", _photon_transfer),
    "number_counts": ("Number counts of survey sim1 against published ones", _number_counts),
    "refraction": ("Shift of stars by colour against the refraction formula, all bands", _refraction),
    "psf_field": ("The PSF of one exposure, and the correlation of ellipticities in many", _psf_field),
    "focal_plane": ("The 189 detectors of survey lsstcam", _focal_plane),
}
"""Name to caption and the function that draws it."""

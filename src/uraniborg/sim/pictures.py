"""Pictures of what is simulated, for the guide: light on a detector, shifts by colour, number counts, shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from uraniborg.sim.config import SimConfig
from uraniborg.sim.measure import measure_number_counts, measure_psf_statistics, measure_refraction_shifts
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.scene import make_scene
from uraniborg.sim.sky import make_sky

__all__ = ("demonstration", "draw_pictures")


def demonstration(size: int = 640) -> SimConfig:
    """Return the survey of the pictures: one small detector, low in the sky, all effects of sky and air switched on."""
    values = SimConfig(name="pictures").model_dump()
    values["camera"] |= {"width": size, "height": size, "distortion": (0.002,)}
    values["sky"] |= {
        "star_model": "galactic",
        "star_factor": 3.0,
        "galaxy_model": "bulge_disc",
        "star_magnitudes": (13.0, 24.0),
    }
    values["observing"] |= {"bands": ("g",), "nights": (0.0,), "first_mjd": 60740.02, "exposure_time": 120.0}
    values["atmosphere"] |= {"real_sky": True, "refraction": True, "moon": True, "turbulence": 0.01}
    values["moving"] |= {"number": 6, "spread": 0.4 * size * values["camera"]["pixel_scale"]}
    values["moving"]["magnitudes"] = (17.0, 19.5)
    values["satellites"]["rate"] = 1.0
    return SimConfig.model_validate(values)


def draw_pictures(out_dir: Path) -> tuple[Path, ...]:
    """Draw all pictures.

    Parameters
    ----------
    out_dir : pathlib.Path
        Folder to write to; made if absent.

    Returns
    -------
    tuple of pathlib.Path
        PNG files, each below 60 kB.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[Axes], None]] = {
        "sim_scene": _scene,
        "sim_refraction": _refraction,
        "sim_counts": _counts,
        "sim_turbulence": _turbulence,
    }
    paths = []
    for name, draw in pictures.items():
        figure = Figure(figsize=(4.6, 3.4), dpi=80, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        path = out_dir / f"{name}.png"
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
        paths.append(path)
    return tuple(paths)


def _scene(axes: Axes) -> None:
    config = demonstration(400)
    mean = make_scene(make_sky(config), plan_visits(config)[0], 0, config=config).mean
    binned = mean.reshape(200, 2, 200, 2).mean(axis=(1, 3))
    level, spread = np.median(binned), np.sqrt(np.median(binned))
    shown = np.round(np.arcsinh((binned - level) / spread) * 12.0) / 12.0  # few grays: a small file
    axes.imshow(shown, origin="lower", cmap="gray", vmin=-0.5, vmax=5.0, interpolation="nearest")
    axes.set_axis_off()


def _refraction(axes: Axes) -> None:
    config = demonstration(512)
    visit = plan_visits(config)[0]
    shifts = measure_refraction_shifts(config, visit, temperatures=(3000.0, 4000.0, 7500.0, 10000.0))
    for kelvin in np.unique(shifts.temperature):
        rows = shifts.temperature == kelvin
        (line,) = axes.plot(shifts.band[rows], shifts.expected[rows], lw=1)
        axes.plot(shifts.band[rows], shifts.measured[rows], "o", color=line.get_color(), label=f"{kelvin:.0f} K")
    axes.set(xlabel="band", ylabel="shift to the zenith [mas]", title=f"zenith distance {visit.zenith_distance:.0f}°")
    axes.legend(fontsize=8)


def _counts(axes: Axes) -> None:
    values = demonstration().model_dump()
    values["camera"] |= {"width": 12000, "height": 12000}
    values["sky"] |= {"star_factor": 1.0, "star_magnitudes": (12.0, 21.0), "galaxy_magnitudes": (18.0, 24.0)}
    for name, counts in measure_number_counts(SimConfig.model_validate(values)).items():
        middle = 0.5 * (counts.edges[1:] + counts.edges[:-1])
        width = np.diff(counts.edges)
        axes.errorbar(middle, counts.simulated / width, counts.error / width, fmt="o", ms=4, label=f"{name}, simulated")
        axes.plot(middle, counts.published / width, lw=1, label=f"{name}, published")
    axes.set(yscale="log", xlabel="G (stars), i (galaxies)", ylabel="number for each mag and square degree")
    axes.legend(fontsize=8)


def _turbulence(axes: Axes) -> None:
    separations = (0.5, 1.0, 2.0, 4.0, 7.0, 11.0, 16.0, 24.0)
    found = measure_psf_statistics(demonstration(), exposures=400, separations=separations)
    axes.errorbar(found.separation, found.correlation, found.error, fmt="o", ms=4, label="drawn stars")
    axes.plot(found.separation, found.expected, lw=1, label="von Karman")
    axes.set(xlabel="separation [arcmin]", ylabel="correlation of ellipticities")
    axes.legend(fontsize=8)

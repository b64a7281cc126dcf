"""Seconds and memory of one 4096x4096 frame from background to zero point, stage by stage, on one core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
from astropy.io.fits import Header

from uraniborg.acceptance.stages import StageProfile, profile_stages
from uraniborg.algorithms.background import estimate_background
from uraniborg.algorithms.background.mesh import BackgroundModel
from uraniborg.algorithms.detection import detect_sources
from uraniborg.algorithms.measurement import measure_aperture_correction, measure_sources
from uraniborg.algorithms.psf import fit_psf
from uraniborg.algorithms.singleframe.characterize import find_stars
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.headers import Member, make_headers
from uraniborg.model.frames import ReducedFrame
from uraniborg.sim import SimConfig, make_reference_catalogue, make_sky, plan_visits, render_exposure
from uraniborg.sim.config import CameraConfig, ObservingConfig
from uraniborg.tasks.assemble_reduced import AssembleReducedTask
from uraniborg.tasks.calibrate_image import CalibrateImageTask
from uraniborg.tasks.characterize_image import CharacterizeImageTask
from uraniborg.tasks.common.astrometric_solution import solve_astrometry
from uraniborg.tasks.common.photometric_solution import solve_photometry
from uraniborg.verify.metrics import Value

__all__ = ("STAGES", "frame_config", "measure_single_frame")

COMPARED_TO = "SExtractor 2.1 + PSFEx 1.6 + SCAMP 3.9 = 7.6 CPU s on such a frame"

STAGES: dict[str, Sequence[Callable[..., Any]]] = {
    "background": (estimate_background, BackgroundModel.evaluate),
    "detection": (detect_sources,),
    "psf": (find_stars, fit_psf),
    "measurement": (measure_sources, measure_aperture_correction),
    "astrometry": (solve_astrometry,),
    "zero point": (solve_photometry,),
}
"""Stages, and the functions that make them up."""


def frame_config(size: int) -> SimConfig:
    """Return the survey of one frame: about 50 sources in each square arcminute, 0.2 arcsec pixels.

    Parameters
    ----------
    size : int [pixel]
        Side of the frame; 4096 gives about 9000 sources.
    """
    return SimConfig(
        name="frame",
        camera=CameraConfig(width=size, height=size, pixel_scale=0.2),
        observing=ObservingConfig(bands=("r",), nights=(0.0,)),
    )


def measure_single_frame(*, size: int = 4096) -> Value:
    """Measure one simulated frame on one thread; everything is compiled on a small frame beforehand.

    Parameters
    ----------
    size : int [pixel]
        Side of the frame.

    Returns
    -------
    Value
        CPU seconds from background to zero point; seconds and peak memory [MiB] of each stage in the details.
    """
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        _run(_frame(512))
        frame = _frame(size)
        profile, n_sources = _run(frame)
    finally:
        numba.set_num_threads(threads)
    stages = {
        name: {
            "cpu_seconds": round(stage.seconds, 3),
            "peak_memory_mib": round(stage.peak_memory, 1),
            "calls": stage.calls,
        }
        for name, stage in profile.stages.items()
    }
    inside = sum(stage.seconds for stage in profile.stages.values())
    spent = ", ".join(
        f"{name} {stage['cpu_seconds']:.2f} s {stage['peak_memory_mib']:.0f} MiB" for name, stage in stages.items()
    )
    note = f"{n_sources} sources; {spent}, the rest {profile.total_seconds - inside:.2f} s; {COMPARED_TO}"
    return Value(profile.total_seconds, note, {"size": size, "n_sources": n_sources, "stages": stages})


def _frame(size: int) -> dict[str, Any]:
    """Return a simulated frame as it would be read from files, with its reference catalogue."""
    config = frame_config(size)
    sky, visit = make_sky(config), plan_visits(config)[0]
    rendered = render_exposure(sky, visit, 0, config=config)
    members: dict[Member, Any] = {"image": rendered.image, "weight": rendered.weight, "dq": rendered.dq}
    frames = {}
    for member, array in members.items():
        primary, extension = make_headers(
            visit.header_exposure(config),
            0,
            member,
            geometry=config.camera.geometry,
            gain=config.camera.gain,
            read_noise=config.camera.read_noise,
            saturation=config.camera.full_well / config.camera.gain,
            fwhm=float(rendered.exposure["psfFwhm"][0]),
            sky_level=visit.sky_level / config.camera.gain,
        )
        frames[member] = ReducedFrame(primary, _with_size(extension, size), array)
    return {"frames": frames, "references": make_reference_catalogue(sky, config)}


def _with_size(header: Header, size: int) -> Header:
    sized = header.copy()
    sized["NAXIS"], sized["NAXIS1"], sized["NAXIS2"] = 2, size, size
    return sized


def _run(frame: dict[str, Any]) -> tuple[StageProfile, int]:
    """Run the tasks on a frame in memory; what reads and writes files is left out."""
    assembled = AssembleReducedTask(config=AssembleReducedTask.ConfigClass()).run(
        **frame["frames"], instrument=SimCam()
    )
    characterize = CharacterizeImageTask(config=CharacterizeImageTask.ConfigClass())
    calibrate = CalibrateImageTask(config=CalibrateImageTask.ConfigClass())
    with profile_stages(STAGES) as profile:
        first = characterize.run(image=assembled.output)
        calibrate.run(image=first.output, sources=first.sources, references=frame["references"])
    return profile, len(first.sources)

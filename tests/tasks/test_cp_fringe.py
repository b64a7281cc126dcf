from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.model.frames import RawFrame, ReducedFrame
from uraniborg.sim.camera.effects_light import fringe_pattern
from uraniborg.sim.raw_exposure import expose_light
from uraniborg.tasks.cp_fringe import CpFringeTask

SCIENCE = SimCamExposure(
    exposure=250101001,
    physical_filter="r_sim",
    ra=10.0,
    dec=0.0,
    mjd_begin=60676.1,
    exposure_time=30.0,
    field="sky",
    seed=1,
    observation_type="sky",
)


def test_the_sky_gives_the_fringe(calibration_set, calibrations) -> None:
    rng = np.random.default_rng(3)
    shape = calibration_set.truth.hot.shape
    pattern = 0.02 * fringe_pattern(shape, rng, spacing=30.0)
    template = calibration_set.frames["flat"][0]
    frames = []
    for number in range(4):
        header = replace(SCIENCE, exposure=SCIENCE.exposure + number)
        made = expose_light(4000.0 * (1.0 + pattern), header, 0, config=calibration_set.config)
        parts = tuple(ReducedFrame(made.primary, h, p) for h, p in zip(made.headers, made.segments, strict=True))
        frames.append(replace(template, exposure=number, kind="sky", load=partial(RawFrame, made.primary, parts)))
    inputs = {name: calibrations[name] for name in ("bias", "linearizer", "crosstalk", "dark", "flat", "defects")}
    task = CpFringeTask(config=CpFringeTask.ConfigClass())
    result = task.run(label=calibration_set.label, frames=frames, gains=calibrations["gain"], **inputs)
    image = result.fringe.image.array
    good = ~calibrations["defects"].mask(shape)
    slope = np.sum((image * pattern)[good]) / np.sum(pattern[good] ** 2)
    # A Gaussian of 2 pixels leaves exp(-2 pi^2 4 / 30^2) = 0.92 of a pattern of 30 pixels.
    assert 0.85 < slope < 1.0

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.model.frames import RawFrame, ReducedFrame
from uraniborg.sim.raw_exposure import expose_light
from uraniborg.tasks.cp_illumination import CpIlluminationTask

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


def test_the_sky_gives_the_illumination(calibration_set, calibrations) -> None:
    shape = calibration_set.truth.hot.shape
    pattern = 0.03 * np.linspace(-1.0, 1.0, shape[1]) * np.ones(shape)
    template = calibration_set.frames["flat"][0]
    frames = []
    for number in range(4):
        header = replace(SCIENCE, exposure=SCIENCE.exposure + number)
        made = expose_light(4000.0 * (1.0 + pattern), header, 0, config=calibration_set.config)
        parts = tuple(ReducedFrame(made.primary, h, p) for h, p in zip(made.headers, made.segments, strict=True))
        frames.append(replace(template, exposure=number, kind="sky", load=partial(RawFrame, made.primary, parts)))
    inputs = {name: calibrations[name] for name in ("bias", "linearizer", "crosstalk", "dark", "flat", "defects")}
    task = CpIlluminationTask(config=CpIlluminationTask.ConfigClass())
    result = task.run(label=calibration_set.label, frames=frames, gains=calibrations["gain"], **inputs)
    image = result.illumination.image.array
    good = ~calibrations["defects"].mask(shape)
    slope = np.sum((image * pattern)[good]) / np.sum(pattern[good] ** 2)
    assert abs(slope - 1.0) < 0.12

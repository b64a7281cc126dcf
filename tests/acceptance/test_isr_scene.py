from __future__ import annotations

import numpy as np

from uraniborg.acceptance.isr_scene import make_scene, perfect_calibrations, scene_config
from uraniborg.algorithms.isr.pipeline import remove_signature


def test_scene_and_calibrations_belong_together() -> None:
    scene = make_scene(scene_config(256))
    known = perfect_calibrations(scene)
    assert scene.geometry.shape == scene.light.shape == (256, 256)
    assert not scene.trails.any()
    assert not scene.ghosts.any()
    result = remove_signature(scene.segments, scene.geometry, known, dark_time=scene.dark_time)
    good = ~np.any(list(result.planes.values()), axis=0)
    pull = ((result.image - scene.light) / np.sqrt(result.variance))[good]
    assert 0.97 < pull.std() < 1.03
    assert abs(np.mean(pull)) < 0.06

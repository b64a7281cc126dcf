import numpy as np
from astropy.coordinates import SkyCoord

from uraniborg.testing.difference_scene import DifferenceScene
from uraniborg.testing.scenes import SceneExposure


def test_expected_flux_is_relative_to_the_other_visits() -> None:
    exposures = tuple(SceneExposure(visit=visit, noise=noise) for visit, noise in ((1, 10.0), (2, 10.0), (3, 20.0)))
    fluxes = np.array([[900.0, 0.0], [0.0, 0.0], [0.0, 500.0]])
    scene = DifferenceScene(None, exposures, SkyCoord([1, 2], [3, 4], unit="deg"), fluxes)
    np.testing.assert_allclose(scene.expected_flux(1), [900.0, -100.0])
    np.testing.assert_allclose(scene.expected_flux(3), [-450.0, 500.0])

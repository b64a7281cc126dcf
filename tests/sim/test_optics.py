from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from uraniborg.instruments.simcam.headers import make_headers
from uraniborg.sim.config import SimConfig
from uraniborg.sim.measure import measure_neighbours
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.optics import radial_factor, radial_inverse


def _config(**camera: object) -> SimConfig:
    values = SimConfig().model_dump()
    values["camera"] |= {"columns": 3, "rows": 3, "distortion": (0.004, -0.001), "width": 2048, "height": 2048} | camera
    values["observing"] |= {"pointing_error": 0.0, "rotation_error": 0.0, "scale_error": 0.0, "rotation": 30.0}
    return SimConfig.model_validate(values)


def test_the_inverse_undoes_the_distortion() -> None:
    q, terms = np.linspace(0.0, 1.4, 200), (0.02, -0.01, 0.005)
    assert radial_inverse(q * radial_factor(q**2, terms), terms) == pytest.approx(q, abs=1e-12)


def test_positions_are_those_that_astropy_reads_from_the_header() -> None:
    config = _config()
    visit = plan_visits(config)[0]
    x, y = np.random.default_rng(0).uniform(0.0, 2047.0, (2, 200))
    for detector in (0, 4, 8):
        header = make_headers(
            visit.header_exposure(config), detector, "image", geometry=config.camera.header_geometry,
            gain=1.0, read_noise=1.0, saturation=1.0, fwhm=1.0, sky_level=1.0,
        )[1]  # fmt: skip
        assert header["CTYPE1"] == "RA---TAN-SIP"
        ra, dec = WCS(header).all_pix2world(x, y, 0)
        assert np.abs(visit.projection(config, detector).to_pixels(ra, dec) - np.column_stack([x, y])).max() < 1e-3
        assert np.abs(visit.projection(config, detector).to_sky(x, y) - np.column_stack([ra, dec])).max() < 1e-9


def test_headers_can_keep_the_distortion_to_themselves() -> None:
    config = _config(header_distortion=False)
    visit = plan_visits(config)[0]
    told = config.camera.header_geometry.wcs(0, ra=visit.ra, dec=visit.dec, rotation=visit.rotation)
    ra, dec = told.wcs_pix2world(0.0, 0.0, 0)
    away = visit.projection(config, 0).to_pixels(ra, dec)[0]
    assert np.hypot(*away) == pytest.approx(0.003 * config.camera.geometry.corner_radius, rel=0.02)


def test_neighbours_see_one_sky() -> None:
    config = _config()
    assert measure_neighbours(config, plan_visits(config)[0], (0, 1)) < 1e-6
    assert measure_neighbours(config, plan_visits(config)[0], (4, 8)) < 1e-6


def test_areas_and_jacobians_are_derivatives() -> None:
    config = _config()
    projection = plan_visits(config)[0].projection(config, 0)
    x, y = np.array([10.0, 1000.0]), np.array([20.0, 1500.0])
    across = (projection.to_plane(x + 0.5, y) - projection.to_plane(x - 0.5, y),
              projection.to_plane(x, y + 0.5) - projection.to_plane(x, y - 0.5))  # fmt: skip
    matrix = np.stack(across, axis=-1)
    assert np.linalg.det(matrix) == pytest.approx(projection.areas(x, y), rel=1e-6)
    assert np.linalg.inv(matrix) == pytest.approx(projection.jacobians(x, y), abs=1e-6)

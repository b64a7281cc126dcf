from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import Visit, plan_visits
from uraniborg.sim.scene import cloud_extinction, make_scene, make_smear
from uraniborg.sim.sky import make_sky


def _config(**sections: dict[str, object]) -> SimConfig:
    values = SimConfig().model_dump()
    values["camera"] |= {"width": 384, "height": 384, "cosmic_rays": 0.0, "bad_columns": 0}
    values["sky"] |= {"star_density": 30.0, "galaxy_density": 20.0, "n_variables": 0, "n_transients": 0}
    values["observing"] |= {"bands": ("g",), "nights": (0.0,), "first_mjd": 60740.02}
    for name, section in sections.items():
        values[name] |= section
    return SimConfig.model_validate(values)


@pytest.fixture(scope="module")
def air() -> tuple[SimConfig, Visit]:
    config = _config(atmosphere={"real_sky": True, "refraction": True})
    return config, plan_visits(config)[0]


def test_truth_positions_are_where_the_light_of_colours_falls(air: tuple[SimConfig, Visit]) -> None:
    config, visit = air
    assert visit.zenith_distance > 45.0
    sky = make_sky(config)
    stars = sky[(sky["kind"] == "star")]
    blank = make_scene(sky[:0], visit, 0, config=config).mean
    coldest, hottest = (stars[order] for order in np.argsort(stars["temperature"])[[0, -1]])
    shifts = []
    for row in (coldest, hottest):
        one = stars[:1].copy()
        for name in row.colnames:
            one[name] = row[name]
        ra, dec = visit.projection(config, 0).to_sky(190.3, 200.7)[0]
        one["ra"], one["dec"], one["pmRa"], one["pmDec"] = ra, dec, 0.0, 0.0
        scene = make_scene(one, visit, 0, config=config)
        light = scene.mean - blank
        y, x = np.indices(light.shape)
        found = np.array([np.sum(x * light), np.sum(y * light)]) / light.sum()
        assert found == pytest.approx(scene.sources.positions[0], abs=0.01)
        shifts.append(scene.sources.positions[0] - scene.sources.reference[0])
    smear = make_smear(config, visit)
    assert smear is not None
    assert (shifts[1] - shifts[0]) @ smear.unit * visit.pixel_scale > 0.05  # blue nearer to the zenith [arcsec]


def test_the_band_is_smeared_along_the_direction_to_the_zenith(air: tuple[SimConfig, Visit]) -> None:
    config, visit = air
    still = _config(atmosphere={"real_sky": True})
    star = make_sky(config)[:1]
    assert star["kind"][0] == "star"
    star["ra"], star["dec"] = visit.projection(config, 0).to_sky(190.0, 200.0)[0]
    widths = []
    for each in (config, still):
        light = make_scene(star, visit, 0, config=each).mean - make_scene(star[:0], visit, 0, config=each).mean
        y, x = np.indices(light.shape)
        smear = make_smear(config, visit)
        assert smear is not None
        along = (x - np.sum(x * light) / light.sum()) * smear.unit[0] + (
            y - np.sum(y * light) / light.sum()
        ) * smear.unit[1]
        widths.append(np.sum(along**2 * light * (np.hypot(x - 190, y - 200) < 25.0)) / light.sum())
    expected = (make_scene(star, visit, 0, config=config).sources.width[0] / visit.pixel_scale) ** 2
    assert widths[0] - widths[1] == pytest.approx(expected, rel=0.05)


def test_clouds_take_light_as_the_truth_says() -> None:
    config = _config(atmosphere={"cloud_structure": 0.05, "cloud_scale": 2.0}, sky={"galaxy_density": 0.0})
    visit, clear = plan_visits(config)[0], _config(sky={"galaxy_density": 0.0})
    sky = make_sky(config)
    cloudy, plain = (make_scene(sky, visit, 0, config=each).sources for each in (config, clear))
    assert cloudy.electrons == pytest.approx(plain.electrons * 10.0 ** (-0.4 * cloudy.cloud))
    assert 0.005 < np.std(cloudy.cloud) < 0.15
    assert not np.any(cloud_extinction(clear, visit, np.zeros((5, 2))))


def test_sky_follows_the_area_of_pixels() -> None:
    config = _config(camera={"distortion": (0.02,)})
    visit = plan_visits(config)[0]
    blank = make_scene(make_sky(config)[:0], visit, 0, config=config).mean
    flat = make_scene(make_sky(config)[:0], visit, 0, config=_config()).mean
    assert blank[0, 0] / flat[0, 0] == pytest.approx(1.02 * 1.06, rel=1e-3)
    assert blank[192, 192] / flat[192, 192] == pytest.approx(1.0, abs=1e-4)


def test_bulges_discs_and_shear_keep_the_light() -> None:
    config = _config(sky={"star_density": 0.0, "galaxy_model": "bulge_disc", "galaxy_magnitudes": (18.0, 21.0)})
    visit, sky = plan_visits(config)[0], make_sky(config)
    one = sky[np.argsort(sky["i_flux"])[-1:]]
    one["ra"], one["dec"] = visit.projection(config, 0).to_sky(192.0, 192.0)[0]
    one["bulgeFraction"], one["halfLightRadius"], one["bulgeRadius"] = 0.3, 0.8, 0.4
    blank = make_scene(sky[:0], visit, 0, config=config).mean
    moments = []
    for shear in (0.0, 0.1):
        one["axisRatio"], one["shear"], one["shearAngle"] = 1.0, shear, 90.0
        scene = make_scene(one, visit, 0, config=config)
        light = scene.mean - blank
        assert light.sum() == pytest.approx(scene.sources.electrons[0], rel=0.01)
        y, x = np.indices(light.shape) - 192.0
        weight = light * np.exp(-0.5 * (x**2 + y**2) / 36.0)
        moments.append(np.sum(weight * (x**2 - y**2)) / np.sum(weight * (x**2 + y**2)))
    assert moments[1] - moments[0] > 0.02  # position angle 90 is East-West, which is x where +y is North

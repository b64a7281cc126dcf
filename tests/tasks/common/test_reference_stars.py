from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation
from lsst.images import VisitImage

from uraniborg.algorithms.astrometry import sky_offsets, zenith_geometry
from uraniborg.algorithms.photometry import color_terms
from uraniborg.model.projections import pixel_to_sky, sky_to_pixel
from uraniborg.tasks.common.reference_stars import ReferenceStars, midpoint_mjd, reference_stars, zenith_distance
from uraniborg.testing.star_fields import StarField, StarFieldConfig, make_star_field


def _load(field: StarField, image: VisitImage | None = None, *, terms: str = "simcam_gaia") -> ReferenceStars:
    image = image or field.image
    return reference_stars(field.references, image, terms=color_terms(terms), margin=5.0, unknown_motion=8.0)


def _at_observatory(image: VisitImage) -> VisitImage:
    place = EarthLocation.from_geodetic(109.2 * u.deg, -30.17 * u.deg)
    values = {name: getattr(image.obs_info, name) for name in image.obs_info.all_properties}
    info = type(image.obs_info)(**{k: v for k, v in (values | {"location": place}).items() if v is not None})
    return VisitImage(
        image.image, mask=image.mask, variance=image.variance, obs_info=info, psf=image.psf, detector=image.detector,
        band=image.band, sky_projection=image.sky_projection,
    )  # fmt: skip


def test_stars_stand_where_the_exposure_saw_them_brightest_first() -> None:
    field = make_star_field(StarFieldConfig(centroid_err=1e-6, shift=(0.0, 0.0), n_missing=0))
    stars = _load(field)
    assert len(stars) == 40
    assert (np.diff(stars.brightness) >= 0.0).all()
    source = {int(number): row for row, number in enumerate(field.truth) if number}
    rows = [source[int(number)] for number in stars.ids]
    seen = pixel_to_sky(field.projection, field.sources["x"][rows], field.sources["y"][rows])
    assert np.abs(sky_offsets(seen, (stars.ra, stars.dec))).max() < 0.05
    assert np.isfinite(stars.magnitude).all()


def test_only_stars_in_reach_are_kept() -> None:
    field = make_star_field()
    field.references["dec"][:10] += 0.1
    field.references["ra"][10] += 170.0
    assert len(_load(field)) == 29


def test_missing_motions_and_errors_are_stood_and_widen_the_error() -> None:
    field = make_star_field()
    for name in ("pmRa", "pmDec", "parallax", "raErr", "decErr"):
        field.references[name][:5] = np.nan
    stars = _load(field)
    unknown = np.isin(stars.ids, np.arange(1, 6))
    assert stars.error[unknown] == pytest.approx(8.0 * 2000.0 / 365.25, rel=1e-3)
    assert stars.error[~unknown] == pytest.approx(0.3)
    assert not stars.moving[unknown].any()
    assert stars.moving[~unknown].mean() > 0.9


def test_refraction_moves_blue_stars_towards_the_zenith() -> None:
    field = make_star_field()
    image = _at_observatory(field.image)
    here, there = _load(field, terms="decam_gaia_dr2"), _load(field, image, terms="decam_gaia_dr2")
    zenith = zenith_geometry((187.03, 25.56), mjd=midpoint_mjd(image), latitude=-30.17, longitude=109.2)
    up = zenith.direction / np.hypot(*zenith.direction)
    along = sky_offsets((there.ra, there.dec), (here.ra, here.dec)) @ up
    order = np.argsort(here.color)
    assert (np.diff(along[order]) <= 1e-3).all()
    assert np.ptp(along) > 5.0
    assert zenith_distance(image) == pytest.approx(zenith.zenith_distance, abs=0.1)
    assert np.isnan(zenith_distance(field.image))


def test_margin_is_measured_on_the_sky() -> None:
    field = make_star_field()
    x, _ = sky_to_pixel(field.image.sky_projection, field.references["ra"], field.references["dec"])
    narrow = reference_stars(
        field.references, field.image, terms=color_terms("simcam_gaia"), margin=-30.0, unknown_motion=8.0
    )
    inside, _ = sky_to_pixel(field.image.sky_projection, narrow.ra, narrow.dec)
    assert len(narrow) < len(x)
    assert inside.min() > 30.0 / 0.26 - 2.0

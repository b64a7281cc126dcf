from __future__ import annotations

import dataclasses

import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify import sections
from uraniborg.verify.first_light import FirstLightData


@pytest.fixture(scope="module")
def data(made_up) -> FirstLightData:  # type: ignore[no-untyped-def]
    return FirstLightData(made_up.products, truth=made_up.truth)


def test_each_exposure_is_shown_with_its_numbers(data: FirstLightData) -> None:
    html = sections.exposures(data)
    assert html.count("<img") == 8
    assert "FWHM 1.10″" in html
    assert "zero point 31.200" in html


def test_three_bands_make_a_colour_picture(data: FirstLightData) -> None:
    html = sections.coadds(data)
    assert html.count("<img") == 1
    assert "z r g" in html


def test_cutouts_show_the_best_source_first_and_its_truth(data: FirstLightData) -> None:
    html = sections.difference_cutouts(data)
    first = html.split("<figcaption>")[1]
    assert "true transient 1001" in first
    assert html.count('alt="science"') == html.count('alt="difference"') == 9
    assert "nothing varies here" in html


def test_light_curves_carry_the_truth(data: FirstLightData) -> None:
    assert "true transient 1001" in sections.light_curves(data)
    without = dataclasses.replace(data, truth=None)
    assert "what was put in" not in sections.light_curves(without)


def test_astrometry_psf_and_photometry_are_drawn(data: FirstLightData) -> None:
    assert sections.astrometry(data).count("<svg") == 1
    html = sections.psf(data)
    assert html.count('alt="median star"') == 8
    assert "largest residual" in html
    assert sections.photometry(data).count("<svg") == 2
    assert sections.photometry(dataclasses.replace(data, truth=None)).count("<svg") == 1


def test_the_model_of_stars_fits_what_it_was_drawn_with(made_up) -> None:  # type: ignore[no-untyped-def]
    image = made_up.products.butler.get("visit_image", visit=1, detector=1)
    table = made_up.products.tables("source")[1, 1]
    stacked = sections._stack_stars(image, table)
    assert stacked is not None
    star, residual, n = stacked
    assert n == 60
    assert abs(residual).max() < 0.03 * star.max()
    table = table.copy()
    table["calib_psf_used"] = False
    assert sections._stack_stars(image, table) is None


def test_an_empty_collection_says_what_is_absent(made_up) -> None:  # type: ignore[no-untyped-def]
    made_up.products.butler.collections.register("empty")
    empty = FirstLightData(dataclasses.replace(made_up.products, collection="empty"))
    for _, _, section in sections.SECTIONS:
        with pytest.raises(AlgorithmError):
            section(empty)

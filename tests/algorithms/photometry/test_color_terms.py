from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.photometry.color_terms import COLOR_TERMS, ColorTerm, ColorTermSet, color_terms
from uraniborg.core.errors import UserError
from uraniborg.sim.spectra import black_body_colours

G, BP, RP = "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"


def _gaia(magnitude: float, color: np.ndarray) -> dict[str, np.ndarray]:
    return {G: np.full_like(color, magnitude), BP: magnitude + 0.5 * color, RP: magnitude - 0.5 * color}


def test_a_solar_star_has_the_colours_of_the_sun() -> None:
    # Sun: BP-RP = 0.82 (Casagrande & VandenBerg 2018), DES g-r = 0.44, r-i = 0.11..0.13, i-z = 0.02..0.05
    # (Willmer 2018, ApJS 236, 47).
    terms = color_terms("decam_gaia_dr2")
    g, r, i, z = (terms.magnitudes(band, _gaia(15.0, np.array([0.82]))).magnitude[0] for band in "griz")
    assert g - r == pytest.approx(0.44, abs=0.05)
    assert r - i == pytest.approx(0.12, abs=0.03)
    assert i - z == pytest.approx(0.035, abs=0.03)


@pytest.mark.parametrize("name", sorted(COLOR_TERMS))
def test_every_set_states_its_source_and_is_smooth_within_its_range(name: str) -> None:
    terms = COLOR_TERMS[name]
    assert len(terms.source) > 40
    for band, term in terms.bands.items():
        low, high = term.color_range
        color = np.linspace(low + 1e-6, high - 1e-6, 500)
        difference = terms.magnitudes(band, _gaia(18.0, color)).magnitude - 18.0
        assert np.abs(np.diff(difference)).max() < 3.5 * np.diff(color)[0]


@pytest.mark.parametrize("band", list("ugrizy"))
def test_simulated_stars_get_their_true_magnitudes(band: str) -> None:
    temperature = np.linspace(2800.0, 9000.0, 300)
    columns = {name: 18.0 + black_body_colours(temperature, name) for name in (G, BP, RP)}
    found = color_terms("simcam_gaia").magnitudes(band, columns)
    assert found.valid.all()
    assert np.abs(found.magnitude - 18.0 - black_body_colours(temperature, band)).max() < 5e-4


def test_errors_of_base_and_colour_propagate() -> None:
    terms = ColorTermSet("t", "two-line test", "a", ("a", "b"), {"x": ColorTerm((0.1, 0.5, 0.2), (-1.0, 1.0), 0.0)})
    rng = np.random.default_rng(1)
    noisy = {"a": 18.0 + rng.normal(0.0, 0.01, 20000), "b": 17.6 + rng.normal(0.0, 0.02, 20000)}
    spread = terms.magnitudes("x", noisy).magnitude.std()
    found = terms.magnitudes("x", {"a": [18.0], "b": [17.6]}, {"a": [0.01], "b": [0.02]})
    assert found.error[0] == pytest.approx(spread, rel=0.03)


def test_colours_out_of_range_or_missing_have_no_magnitude() -> None:
    terms = color_terms("decam_gaia_dr2")
    found = terms.magnitudes("r", _gaia(18.0, np.array([-1.0, 0.8, 5.0, np.nan])))
    assert found.valid.tolist() == [False, True, False, False]
    assert np.isnan(found.magnitude[[0, 2, 3]]).all()
    assert np.isfinite(terms.displacement_color(_gaia(18.0, np.array([0.8])))[0])


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(UserError, match="decam_gaia_dr2"):
        color_terms("nowhere")
    with pytest.raises(UserError, match="no band 'Y'"):
        color_terms("decam_gaia_dr2").term("Y")

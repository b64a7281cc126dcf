from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.model.tables import declared_columns
from uraniborg.sim.config import SimConfig, SkyConfig
from uraniborg.sim.reference import GAIA_LIMIT, gaia_position_error, make_reference_catalogue
from uraniborg.sim.sky import make_sky
from uraniborg.sim.spectra import flux_to_magnitude


@pytest.fixture(scope="module")
def tables() -> tuple[Table, Table]:
    config = SimConfig(sky=SkyConfig(star_density=150.0, galaxy_density=5.0))
    sky = make_sky(config)
    return sky, make_reference_catalogue(sky, config)


def _truth_of(sky: Table, reference: Table) -> Table:
    row = {number: k for k, number in enumerate(sky["truthId"])}
    return sky[[row[number] for number in reference["refObjectId"]]]


def test_only_stars_that_gaia_sees(tables: tuple[Table, Table]) -> None:
    sky, reference = tables
    truth = _truth_of(sky, reference)
    assert set(truth["kind"]) == {"star"}
    assert np.asarray(reference["phot_g_mean_mag"]).max() < GAIA_LIMIT + 0.1
    assert 0.1 * len(sky) < len(reference) < 0.6 * len(sky)


def test_errors_are_as_told(tables: tuple[Table, Table]) -> None:
    sky, reference = tables
    truth = _truth_of(sky, reference)
    n = len(reference)
    assert list(declared_columns("ReferenceObject")) == reference.colnames
    pulls = {
        "ra": (reference["ra"] - truth["ra"]) * np.cos(np.deg2rad(truth["dec"])) * 3.6e6 / reference["raErr"],
        "dec": (reference["dec"] - truth["dec"]) * 3.6e6 / reference["decErr"],
        "pmRA": (reference["pmRa"] - truth["pmRa"]) / reference["pmRaErr"],
        "mag_g": (reference["mag_g"] - flux_to_magnitude(truth["g_flux"])) / reference["mag_gErr"],
    }
    for pull in pulls.values():
        values = np.asarray(pull)
        assert values.mean() == pytest.approx(0.0, abs=4.5 / np.sqrt(n))
        assert values.std() == pytest.approx(1.0, abs=4.5 / np.sqrt(2 * n))


def test_errors_of_positions_are_gaias() -> None:
    assert gaia_position_error(np.array([13.0, 17.0, 20.0])) == pytest.approx([0.02, 0.07, 0.5], rel=0.15)


def test_columns_are_those_of_a_reference_catalogue(tables: tuple[Table, Table]) -> None:
    _, reference = tables
    assert reference["ra"].unit == "deg"
    assert reference["pmRa"].unit == "mas / yr"
    assert np.asarray(reference["epochMjdTai"]) == pytest.approx(57388.5)
    colour = reference["phot_bp_mean_mag"] - reference["phot_rp_mean_mag"]
    assert 0.3 < np.median(colour) < 2.5

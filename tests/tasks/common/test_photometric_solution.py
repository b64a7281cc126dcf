from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.core.errors import AlgorithmError
from uraniborg.core.flags import MeasurementFlag
from uraniborg.tasks.common.photometric_solution import choose_standards, solve_photometry, usable_fluxes


def test_moving_objects_are_preferred_where_there_are_enough() -> None:
    usable = np.array([True, True, True, False])
    assert choose_standards(usable, np.array([True, False, True, True])).tolist() == [True, False, True, False]
    assert choose_standards(usable, np.array([True, False, False, True])).tolist() == usable.tolist()


def test_a_quasar_among_three_does_not_matter_but_gets_a_residual() -> None:
    magnitude = np.array([17.0, 18.0, 19.0])
    flux = 10.0 ** (-0.4 * (magnitude - 31.0))
    flux[1] *= 10.0 ** (0.4 * 0.25)
    fit = solve_photometry(
        flux, 0.003 * flux, magnitude=magnitude, magnitude_err=np.full(3, 0.02), usable=np.ones(3, dtype=bool),
        moving=np.array([True, False, True]), scatter=0.03,
    )  # fmt: skip
    assert fit.zero_point == pytest.approx(31.0, abs=1e-6)
    assert fit.used.tolist() == [True, False, True]
    assert fit.residuals == pytest.approx([0.0, 0.25, 0.0], abs=1e-6)


def test_too_few_stars_is_an_error() -> None:
    one = np.ones(1)
    with pytest.raises(AlgorithmError, match="n_stars=1"):
        solve_photometry(
            1e4 * one, 10.0 * one, magnitude=18.0 * one, magnitude_err=0.01 * one, usable=one > 0, moving=one > 0,
            scatter=0.0,
        )  # fmt: skip


def test_saturated_extended_and_negative_sources_have_no_usable_flux() -> None:
    flags = [0, MeasurementFlag.PIXEL_SATURATED, 0, MeasurementFlag.NEGATIVE, MeasurementFlag.BLENDED]
    table = Table({"flags": np.array([int(flag) for flag in flags]), "extendedness": [0.0, 0.0, 1.0, 0.0, np.nan]})
    assert usable_fluxes(table).tolist() == [True, False, False, False, True]

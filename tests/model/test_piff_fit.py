from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.psf import fit_psf, psf_shape
from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.model.piff_fit import fit_piff, psf_fitter
from uraniborg.testing.fields import simulate_field, true_psf


@pytest.mark.slow
def test_piff_and_our_own_fit_agree_with_each_other_and_with_the_truth() -> None:
    field = simulate_field((300, 300), n_stars=14, isolated=True, seed=4, flux_range=(5e4, 3e5))
    order = np.argsort(-field.flux)
    x, y = field.x[order] + 0.2, field.y[order] - 0.3
    theirs, ours = (
        fit(field.flat, field.variance, x=x, y=y, max_order=1, fwhm=4.0, n_iterations=2) for fit in (fit_piff, fit_psf)
    )
    assert theirs.order == 1
    assert theirs.n_stars >= 10
    # Piff's first rounds start at the centre of light; its weights count the noise of the data.
    assert 0.5 < theirs.chi2_dof < 1.5
    used = theirs.used
    assert np.abs((theirs.x - field.x[order])[used]).max() < 0.1
    assert np.median((theirs.flux / field.flux[order])[used]) == pytest.approx(1.0, abs=0.02)
    wanted = psf_shape(true_psf(field, size=25), x=[150.0], y=[150.0]).fwhm[0]
    assert psf_shape(theirs.model, x=[150.0], y=[150.0]).fwhm[0] == pytest.approx(wanted, rel=0.02)
    assert psf_shape(ours.model, x=[150.0], y=[150.0]).fwhm[0] == pytest.approx(wanted, rel=0.01)


def test_names_of_fits() -> None:
    assert psf_fitter("piff") is fit_piff
    assert psf_fitter("pixel_grid") is fit_psf
    with pytest.raises(UserError, match="there are"):
        psf_fitter("psfex")


def test_no_star_is_an_error() -> None:
    with pytest.raises(AlgorithmError, match="no star"):
        fit_piff(np.zeros((60, 60)), np.ones((60, 60)), x=np.array([]), y=np.array([]))

import numpy as np
import pytest

from uraniborg.algorithms.diffim.subtract import MatchingOptions, Planes, effective_sigma, subtract_template
from uraniborg.core.errors import AlgorithmError, UserError


def subtract(pair, stamp_of, **options):
    return subtract_template(
        pair.science,
        pair.template,
        science_psf=stamp_of(pair.science_sigma),
        template_psf=stamp_of(pair.template_sigma),
        **options,
    )


def psf_fluxes(result, points, half: int = 9):
    """Return flux and error of point sources by a fit of the difference's own point-spread function."""
    from scipy.ndimage import shift

    centre = result.psf.shape[0] // 2
    fluxes = []
    for y, x, _ in points:
        j, i = round(y), round(x)
        stamp = shift(result.psf, (y - j, x - i), order=5)[
            centre - half : centre + half + 1, centre - half : centre + half + 1
        ]
        window = np.s_[j - half : j + half + 1, i - half : i + half + 1]
        weight = 1.0 / result.variance[window].mean()
        power = weight * (stamp**2).sum()
        fluxes.append((weight * (stamp * result.difference[window]).sum() / power, power**-0.5))
    return np.array(fluxes).T


@pytest.mark.parametrize(("science_sigma", "template_sigma"), [(2.0, 1.5), (1.5, 2.0), (1.7, 1.7)])
def test_transient_flux_has_no_bias(make_pair, stamp_of, science_sigma, template_sigma) -> None:
    pair = make_pair(science_sigma, template_sigma, transient_flux=40000.0)
    result = subtract(pair, stamp_of)
    assert result.convolved == ("template" if science_sigma >= template_sigma else "science")
    flux, _ = psf_fluxes(result, pair.transients)
    assert np.mean(flux) / 40000.0 == pytest.approx(1.0, abs=0.01)
    assert np.std(flux) / 40000.0 < 0.02


@pytest.mark.parametrize(("science_sigma", "template_sigma"), [(2.0, 1.5), (1.5, 2.0), (1.7, 1.7)])
def test_errors_of_faint_transients_are_honest(make_pair, stamp_of, science_sigma, template_sigma) -> None:
    pulls = []
    for seed in range(8):
        pair = make_pair(science_sigma, template_sigma, seed=seed, transient_flux=2000.0)
        flux, error = psf_fluxes(subtract(pair, stamp_of), pair.transients)
        pulls.extend((flux - 2000.0) / error)
    # 96 pulls: the standard errors of their width and mean are 0.07 and 0.1.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)
    assert abs(np.mean(pulls)) < 0.35


@pytest.mark.parametrize(("sigmas", "ratio"), [((2.2, 1.5), 1.3), ((1.5, 2.2), 0.7)])
def test_kernel_sum_is_the_flux_ratio(make_pair, stamp_of, sigmas, ratio) -> None:
    result = subtract(make_pair(*sigmas, flux_ratio=ratio, n_transients=0), stamp_of)
    assert result.kernel_sum == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize("sigmas", [(2.0, 1.5), (1.5, 2.0)])
def test_noise_is_white_and_as_predicted(make_pair, stamp_of, sigmas) -> None:
    pair = make_pair(*sigmas, n_transients=0)
    result = subtract(pair, stamp_of)
    empty = np.s_[15:110, 15:240]
    pull = (result.difference / np.sqrt(result.variance))[empty]
    assert pull.std() == pytest.approx(1.0, abs=0.02)
    assert result.residual_rms == pytest.approx(1.0, abs=0.04)
    for lag in [(0, 1), (1, 0), (1, 1), (0, 2), (2, 0)]:
        shifted = pull[lag[0] :, lag[1] :] * pull[: pull.shape[0] - lag[0], : pull.shape[1] - lag[1]]
        # Four standard errors of the correlation of 21,000 white pixels, and what the centre kernel leaves.
        assert abs(shifted.mean()) < 4.0 / np.sqrt(pull.size) + 0.02
    raw = subtract(pair, stamp_of, options=MatchingOptions(decorrelate=False))
    assert raw.psf_filter.shape == ((1, 1) if raw.convolved == "template" else raw.kernel.shape)


def test_static_stars_leave_nothing_but_noise(make_pair, stamp_of) -> None:
    pair = make_pair(2.0, 1.5, n_transients=0)
    result = subtract(pair, stamp_of)
    pull = result.difference / np.sqrt(result.variance)
    for y, x, flux in pair.stars:
        j, i = round(y), round(x)
        window = np.s_[max(j - 5, 0) : j + 6, max(i - 5, 0) : i + 6]
        usable = ~result.bad[window]
        residual = np.abs(result.difference[window])[usable]
        assert (residual[np.abs(pull[window])[usable] > 5.0] < 0.01 * flux).all()


def test_stars_choose_the_order(make_pair, stamp_of) -> None:
    pair = make_pair(2.0, 1.5, n_stars=70, n_transients=0)
    positions = pair.stars[:, :2]
    assert subtract(pair, stamp_of, stars=positions).solution.order == 2
    assert subtract(pair, stamp_of, stars=positions[:35]).solution.order == 1
    assert subtract(pair, stamp_of, stars=positions[:12]).solution.order == 0
    assert subtract(pair, stamp_of).solution.order == 0


def test_unusable_pixels_are_marked_and_do_not_leak(make_pair, stamp_of) -> None:
    pair = make_pair(2.0, 1.5, n_transients=0)
    image, bad = pair.template.image.copy(), pair.template.bad.copy()
    image[60:63, 80:83] = np.nan
    image[200, :] = 1e7
    bad[200, :] = True
    science = pair.science.image.copy()
    science[40, 40] = np.nan
    result = subtract_template(
        Planes(science, pair.science.variance, pair.science.bad),
        Planes(image, pair.template.variance, bad),
        science_psf=stamp_of(2.0),
        template_psf=stamp_of(1.5),
    )
    assert np.isfinite(result.difference).all()
    assert result.bad[60:63, 80:83].all()
    assert result.bad[200].all()
    assert result.bad[40, 40]
    good = ~result.bad
    assert np.abs(result.difference[good] / np.sqrt(result.variance[good])).max() < 8.0
    assert good[20:50, 60:200].mean() > 0.99


def test_matched_template_plus_raw_difference_is_the_science_image(make_pair, stamp_of) -> None:
    pair = make_pair(2.0, 1.5)
    result = subtract(pair, stamp_of, options=MatchingOptions(decorrelate=False))
    good = ~result.bad
    np.testing.assert_allclose((result.matched + result.difference)[good], pair.science.image[good], rtol=1e-9)


def test_wrong_input_is_told(make_pair, stamp_of) -> None:
    pair = make_pair(2.0, 1.5)
    with pytest.raises(UserError, match="differ in shape"):
        subtract_template(
            pair.science,
            Planes(np.zeros((5, 5)), np.ones((5, 5)), np.zeros((5, 5), dtype=bool)),
            science_psf=stamp_of(2.0),
            template_psf=stamp_of(1.5),
        )
    nothing = Planes(pair.template.image, pair.template.variance, np.ones(pair.template.bad.shape, dtype=bool))
    with pytest.raises(AlgorithmError, match="no usable pixel"):
        subtract_template(pair.science, nothing, science_psf=stamp_of(2.0), template_psf=stamp_of(1.5))


def test_effective_sigma_of_a_gaussian() -> None:
    offsets = np.arange(-12, 13.0)
    psf = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / 1.8**2)
    assert effective_sigma(psf) == pytest.approx(1.8, rel=1e-3)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lsst.images import Box, Image
from lsst.images.psfs import GaussianPointSpreadFunction, PiffWrapper, PointSpreadFunction

from uraniborg.algorithms.psf import elliptical_moffat
from uraniborg.core.errors import UserError
from uraniborg.core.pixelgrid import CellPsf, PsfModel
from uraniborg.model.psf import from_lsst, stamps, to_lsst
from uraniborg.testing.images import make_cell_coadd, make_visit_image

BOX = Box.factory[100:2100, 50:4050]
ORIGIN = (50.0, 100.0)
PLACES = [(60.3, 101.2), (2000.0, 1000.0), (4040.4999, 2090.51), (1234.56, 789.4)]


def _model(order: int = 2, sampling: float = 1.0) -> PsfModel:
    rng = np.random.default_rng(1)
    side = 2 * int(14 / sampling) + 1
    n_terms = (order + 1) * (order + 2) // 2
    base = elliptical_moffat(3.6, 2.8, size=side, sampling=sampling, shear=(0.05, -0.02))
    terms = [base] + [0.05 * rng.uniform(-1, 1) * np.roll(base, k % 3 - 1, axis=k % 2) for k in range(1, n_terms)]
    return PsfModel(np.stack(terms), order, (1999.5, 999.5), (2000.0, 1000.0), sampling, 25)


@pytest.mark.parametrize(("order", "sampling"), [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (2, 0.7)])
def test_what_piff_draws_is_what_we_evaluate(order: int, sampling: float) -> None:
    model = _model(order, sampling)
    stored = to_lsst(model, BOX, origin=ORIGIN)
    for x, y in PLACES:
        theirs = stored.compute_stellar_image(x=x, y=y)
        ours = model.evaluate(x - ORIGIN[0], y - ORIGIN[1])[0]
        assert np.abs(theirs.array - ours).max() <= 1e-5 * ours.max()
        assert theirs.bbox.x.min == int(np.floor(x + 0.5)) - 12
        kernel = stored.compute_kernel_image(x=x, y=y).array
        assert kernel.sum() == pytest.approx(1.0)
        assert np.unravel_index(kernel.argmax(), kernel.shape) == (12, 12)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_a_round_trip_gives_the_model_back(order: int) -> None:
    model = _model(order)
    again = from_lsst(to_lsst(model, BOX, origin=ORIGIN), origin=ORIGIN)
    assert isinstance(again, PsfModel)
    x, y = np.array([p[0] for p in PLACES]) - ORIGIN[0], np.array([p[1] for p in PLACES]) - ORIGIN[1]
    np.testing.assert_allclose(again.evaluate(x, y), model.evaluate(x, y), atol=1e-12)


def test_a_file_gives_the_model_back(tmp_path: Path) -> None:
    image = make_visit_image()
    model = PsfModel(_model(1).coefficients, 1, (30.0, 20.0), (32.0, 24.0), 1.0, 25)
    image.psf = to_lsst(model, image.bbox)
    image.write(tmp_path / "image.fits")
    read = type(image).read(tmp_path / "image.fits").psf
    assert isinstance(read, PiffWrapper)
    found = from_lsst(read)
    np.testing.assert_allclose(found.evaluate(10.3, 40.1), model.evaluate(10.3, 40.1), atol=1e-12)
    ours = model.evaluate(10.3, 40.1)[0]
    assert np.abs(read.compute_stellar_image(x=10.3, y=40.1).array - ours).max() <= 1e-5 * ours.max()


@pytest.mark.parametrize("sigma", [0.8, 1.7, 4.0])
def test_gaussians_are_evaluated_like_theirs(sigma: float) -> None:
    psf = GaussianPointSpreadFunction(sigma, bounds=BOX, stamp_size=27)
    ours = stamps(psf, [60.3, 70.0], [110.2, 120.49])
    for stamp, (x, y) in zip(ours, [(60.3, 110.2), (70.0, 120.49)], strict=True):
        theirs = psf.compute_stellar_image(x=x, y=y).array
        assert np.abs(stamp - theirs).max() < 1e-3 * theirs.max()


def test_cells_of_a_coadd_are_found_and_shifted() -> None:
    coadd = make_cell_coadd()
    psf = from_lsst(coadd.psf, origin=(200, 100))
    assert isinstance(psf, CellPsf)
    for x, y in ((203, 105), (221, 139), (259, 119)):
        kernel = coadd.psf.compute_kernel_image(x=x, y=y).array
        np.testing.assert_allclose(psf.evaluate(x - 200, y - 100)[0], kernel / kernel.sum(), atol=1e-12)
    shifted = psf.evaluate(10.3, 10.0)[0]
    steps = np.arange(15) - 7
    assert (shifted.sum(axis=0) * steps).sum() == pytest.approx(0.3, abs=0.01)
    part = from_lsst(coadd.psf[Box.factory[120:140, 220:260]], origin=(200, 100))
    np.testing.assert_array_equal(part.grids([25, 45], [25, 35]), psf.grids([25, 45], [25, 35]))
    assert np.isnan(part.grids([5], [25])).all()


def test_stamps_of_a_wanted_size() -> None:
    stored = to_lsst(_model(), BOX, origin=ORIGIN)
    plain = stamps(stored, [500.2], [600.7])
    small, large = (stamps(stored, [500.2], [600.7], size=size) for size in (15, 31))
    np.testing.assert_array_equal(small, plain[:, 5:-5, 5:-5])
    np.testing.assert_array_equal(large[:, 3:-3, 3:-3], plain)
    assert large[:, :3].sum() == 0.0


def test_other_piff_solutions_are_refused() -> None:
    stored = to_lsst(_model(0), BOX, origin=ORIGIN)
    stored.piff_psf.interp._keys = ("u", "color")
    with pytest.raises(UserError, match="keys"):
        from_lsst(stored)


class _Plain(PointSpreadFunction):
    """A type that has no fast evaluation."""

    def __init__(self) -> None:
        self.inner = GaussianPointSpreadFunction(1.7, bounds=BOX, stamp_size=21)

    bounds = property(lambda self: self.inner.bounds)
    kernel_bbox = property(lambda self: self.inner.kernel_bbox)

    def compute_kernel_image(self, *, x: float, y: float) -> Image:
        return self.inner.compute_kernel_image(x=x, y=y)

    def compute_stellar_image(self, *, x: float, y: float) -> Image:
        return self.inner.compute_stellar_image(x=x, y=y)

    def compute_stellar_bbox(self, *, x: float, y: float) -> Box:
        return self.inner.compute_stellar_bbox(x=x, y=y)


def test_other_types_are_drawn_by_themselves() -> None:
    with pytest.raises(UserError, match="_Plain"):
        from_lsst(_Plain())
    drawn = stamps(_Plain(), [60.3, 70.0], [110.2, 120.4])
    np.testing.assert_array_equal(drawn[1], _Plain().compute_stellar_image(x=70.0, y=120.4).array)

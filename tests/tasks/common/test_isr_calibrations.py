from __future__ import annotations

import numpy as np
import pytest
from lsst.images import Box, Image, MaskedImage

from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section
from uraniborg.algorithms.isr.linearity import correct_linearity
from uraniborg.core.errors import UserError
from uraniborg.model.calibrations import (
    AmplifierGains,
    BrighterFatterModel,
    ChargeTransfer,
    ChargeTransferModel,
    CrosstalkModel,
    Defect,
    DefectList,
    Linearity,
    LinearityModel,
)
from uraniborg.model.frames import RawFrame, ReducedFrame
from uraniborg.model.masks import mask_schema
from uraniborg.tasks.common.isr_calibrations import charge_transfer_shares, isr_calibrations, linearity_tables, master

NAMES = ("C00", "C01")


@pytest.fixture
def raw() -> RawFrame:
    from astropy.io.fits import Header

    header = Header([("GAIN", 2.0), ("SATURATE", 50000.0)])
    return RawFrame(Header(), tuple(ReducedFrame(Header(), header, np.zeros((4, 4))) for _ in NAMES))


@pytest.fixture
def geometry() -> DetectorGeometry:
    data = Section(0, 4, 0, 4)
    return DetectorGeometry(
        (4, 8), tuple(AmplifierGeometry(n, data, Section(0, 4, 4 * k, 4 * k + 4)) for k, n in enumerate(NAMES))
    )


def plane(value: float) -> MaskedImage:
    box = Box.from_shape((4, 8))
    image, variance = (Image(np.full((4, 8), v, np.float32), bbox=box) for v in (value, 0.25))
    return MaskedImage(image, variance=variance, mask_schema=mask_schema())


def test_without_products_the_headers_are_believed(raw, geometry) -> None:
    known = isr_calibrations(raw, geometry, {"bias": None})
    np.testing.assert_array_equal(known.gain, [2.0, 2.0])
    np.testing.assert_array_equal(known.saturation, [5e4, 5e4])
    assert known.bias is known.flat is known.crosstalk is known.read_noise is known.charge_transfer is None


def test_all_products_become_arrays(raw, geometry) -> None:
    products = {
        "gain": AmplifierGains(amplifiers=NAMES, gain=(1.6, 2.5), read_noise=(6.0, 7.0)),
        "bias": plane(1.0),
        "dark": plane(0.1),
        "flat": plane(0.9),
        "illumination": plane(1.1),
        "fringe": plane(0.01),
        "defects": DefectList(defects=(Defect(x=3, y=1, height=2),)),
        "linearizer": LinearityModel(amplifiers=tuple(Linearity(amplifier=n, kind="none") for n in NAMES)),
        "crosstalk": CrosstalkModel(amplifiers=NAMES, coefficients=((0.0, 1e-4), (2e-4, 0.0))),
        "cti": ChargeTransferModel(
            amplifiers=tuple(ChargeTransfer(amplifier=n, serial=1e-6, parallel=2e-6) for n in NAMES)
        ),
        "bfKernel": BrighterFatterModel(kernel=((1e-7,),)),
    }
    known = isr_calibrations(raw, geometry, products)
    np.testing.assert_allclose(known.saturation * known.gain, 1e5)
    np.testing.assert_array_equal(known.read_noise, [6.0, 7.0])
    assert (known.bias.image[0, 0], known.bias.variance[0, 0]) == (1.0, 0.25)
    assert known.flat.image.dtype == np.float32
    assert (known.illumination[0, 0], known.fringe[0, 0]) == pytest.approx((1.1, 0.01))
    assert known.defects.sum() == 2
    assert known.crosstalk[1, 0] == 2e-4
    np.testing.assert_array_equal(known.charge_transfer.parallel, [2e-6, 2e-6])
    assert known.kernel.shape == (1, 1)


def test_kinds_of_linearity() -> None:
    model = LinearityModel(
        amplifiers=(
            Linearity(amplifier="a", kind="none"),
            Linearity(amplifier="b", kind="quadratic", coefficient=1e-6),
            Linearity(amplifier="c", kind="spline", nodes=(0.0, 1e3, 2e3), corrections=(0.0, 10.0, 20.0)),
            Linearity(amplifier="d", kind="table", corrections=tuple(0.01 * np.arange(3000.0))),
        )
    )
    signal = np.array([[1000.0]], np.float32)
    found = [float(correct_linearity(signal, linearity_tables(model), amplifier=k)[0, 0]) for k in range(4)]
    assert found == pytest.approx([1000.0, 1001.0, 1010.0, 1010.0], abs=0.01)


def test_products_of_other_amplifiers_are_refused(raw, geometry) -> None:
    other = CrosstalkModel(amplifiers=("A", "B"), coefficients=((0.0, 0.0), (0.0, 0.0)))
    with pytest.raises(UserError, match="crosstalk is for amplifiers"):
        isr_calibrations(raw, geometry, {"crosstalk": other})
    assert master(None) is None
    model = ChargeTransferModel(amplifiers=(ChargeTransfer(amplifier="A", serial=0.0, parallel=0.0, trap_time=1.5),))
    assert charge_transfer_shares(model).trap_time == [1.5]

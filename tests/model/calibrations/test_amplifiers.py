from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from uraniborg.model.calibrations import (
    AmplifierGains,
    ChargeTransfer,
    ChargeTransferModel,
    CrosstalkModel,
    Linearity,
    LinearityModel,
    PhotonTransfer,
    PhotonTransferCurve,
)

NAMES = ("C00", "C01")
EXAMPLES = (
    AmplifierGains(amplifiers=NAMES, gain=(1.5, 1.6), read_noise=(6.0, 7.0), exposures=(1, 2)),
    LinearityModel(
        amplifiers=(
            Linearity(amplifier="C00", kind="spline", nodes=(0.0, 1.0, 2.5), corrections=(0.0, 0.1, 0.3)),
            Linearity(amplifier="C01", kind="quadratic", coefficient=1e-7),
        )
    ),
    CrosstalkModel(amplifiers=NAMES, coefficients=((0.0, 1e-4), (2e-4, 0.0)), others={3: ((1e-5, 0.0), (0.0, 1e-5))}),
    ChargeTransferModel(amplifiers=(ChargeTransfer(amplifier="C00", serial=1e-6, parallel=2e-7),)),
    PhotonTransferCurve(
        amplifiers=(
            PhotonTransfer(
                amplifier="C00", gain=1.5, gain_error=0.01, read_noise=6.0, read_noise_error=0.1, turnoff=9e4,
                a=((-2e-6, 4e-7), (5e-7, 1e-7)), mean=(1.0, 2.0), variance=(0.5, 1.0), used=(True, False),
            ),
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda m: type(m).__name__)
def test_json_keeps_everything(model) -> None:
    assert type(model).model_validate_json(model.model_dump_json()) == model


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValidationError, match="1 values for 2"):
        AmplifierGains(amplifiers=NAMES, gain=(1.5,), read_noise=(6.0, 7.0))
    with pytest.raises(ValidationError, match="greater than 0"):
        AmplifierGains(amplifiers=NAMES, gain=(1.5, -1.0), read_noise=(6.0, 7.0))
    with pytest.raises(ValidationError, match="rising"):
        Linearity(amplifier="A", kind="spline", nodes=(0.0, 2.0, 1.0), corrections=(0.0, 0.0, 0.0))
    with pytest.raises(ValidationError, match="two corrections"):
        Linearity(amplifier="A", kind="table", corrections=(0.0,))
    with pytest.raises(ValidationError, match="2 by 2"):
        CrosstalkModel(amplifiers=NAMES, coefficients=((0.0,), (0.0,)))
    with pytest.raises(ValidationError, match="less than"):
        ChargeTransfer(amplifier="A", serial=0.5, parallel=0.0)


def test_matrix_has_victims_as_rows() -> None:
    np.testing.assert_array_equal(EXAMPLES[2].matrix, [[0.0, 1e-4], [2e-4, 0.0]])

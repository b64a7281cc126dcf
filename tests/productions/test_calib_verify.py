from __future__ import annotations

import pytest

from uraniborg.core.errors import UserError
from uraniborg.productions.calib_plan import Product
from uraniborg.productions.calib_verify import measure_product


def test_a_product_without_a_verification_is_refused() -> None:
    with pytest.raises(UserError, match="no verification for 'colour'"):
        measure_product(None, Product("colour", (), ("colour",)), None, instrument="SimCam", detector=0, collections=[])

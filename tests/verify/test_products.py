from __future__ import annotations

import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.products import PRODUCTS, open_products


def test_products_are_found_in_order(made_up) -> None:  # type: ignore[no-untyped-def]
    products = made_up.products
    assert [ref.dataId["visit"] for ref in products.refs("visit_image")] == list(range(1, 9))
    assert products.bands()[4] == "r"
    assert products.visits("difference_image").tolist() == list(range(1, 9))
    assert set(products.tables("source")) == {(visit, 1) for visit in range(1, 9)}
    assert len(products.table("source")) == 8 * 60


def test_what_was_not_made_is_empty_or_an_error(made_up) -> None:  # type: ignore[no-untyped-def]
    assert made_up.products.refs("object") == []
    assert made_up.products.refs("no_such_type") == []
    with pytest.raises(AlgorithmError, match="no dataset 'object'"):
        made_up.products.table("object")


def test_a_collection_is_opened_for_reading(made_up) -> None:  # type: ignore[no-untyped-def]
    products = open_products(made_up.products.root, "scene")
    with products.butler:
        assert len(products.refs("source")) == 8
    assert set(PRODUCTS.values()) == {"exposure", "patch", "tract"}

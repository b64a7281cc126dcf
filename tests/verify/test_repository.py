from __future__ import annotations

import dataclasses

import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.repository import listed_products, provenance_reached


def test_rubins_command_lists_what_is_there(made_up) -> None:  # type: ignore[no-untyped-def]
    found = listed_products(made_up.products)
    assert found.details["source"] == "8 of 8"
    assert found.details["deep_coadd"] == "3 of 3"
    assert found.details["object"] == "0 of 1"
    assert 0.0 < found.value < 100.0


def test_a_command_that_fails_says_why(made_up) -> None:  # type: ignore[no-untyped-def]
    broken = dataclasses.replace(made_up.products, root="/no/such/repository")
    with pytest.raises(AlgorithmError, match="query-datasets' failed"):
        listed_products(broken)


def test_datasets_that_no_quantum_made_do_not_reach_raws(made_up) -> None:  # type: ignore[no-untyped-def]
    found = provenance_reached(made_up.products)
    assert found.value == 0.0
    assert "the first that does not" in found.note

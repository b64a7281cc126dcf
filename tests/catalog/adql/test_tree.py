from __future__ import annotations

import pytest

from uraniborg.catalog.adql.tree import Identifier


@pytest.mark.parametrize(
    ("identifier", "name", "same"),
    [
        (Identifier("Flux", (0, 4)), "fLUX", True),
        (Identifier("Flux", (0, 4), quoted=True), "flux", False),
        (Identifier("Flux", (0, 4), quoted=True), "Flux", True),
    ],
)
def test_case_counts_in_double_quotes_only(identifier: Identifier, name: str, same: bool) -> None:
    assert identifier.matches(name) is same

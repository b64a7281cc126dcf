from __future__ import annotations

import pytest

from uraniborg.catalog.pools import QueryRefusedError, WorkerLostError
from uraniborg.core.errors import DataError, UserError
from uraniborg.services.errors import ForbiddenError, NotSignedInError, TooLargeError, UnknownThingError, status_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [(NotSignedInError, 401), (ForbiddenError, 403), (UnknownThingError, 404), (TooLargeError, 413),
     (QueryRefusedError, 429), (UserError, 400), (WorkerLostError, 503), (DataError, 500), (KeyError, 500)],
)  # fmt: skip
def test_every_error_has_its_status(kind: type[Exception], status: int) -> None:
    assert status_of(kind("x")) == status

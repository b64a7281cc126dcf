from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service


def test_the_page_and_its_parts(served: Served) -> None:
    with served.client() as client:
        page = client.get("/")
        assert "<textarea" in page.text
        assert page.headers["content-type"].startswith("text/html")
        assert client.get("/page.js").status_code == client.get("/page.css").status_code == 200
        assert client.get("/page.py").status_code == 404


def test_errors_have_the_form_of_their_door(served: Served) -> None:
    with served.client() as client:
        tap = client.get("/tap/sync", params={"QUERY": "SELECT x FROM nothing"})
        assert tap.status_code == 400
        assert 'value="ERROR"' in tap.text
        assert "there is no table nothing" in tap.text
        own = client.get("/mydb")
        assert (own.status_code, list(own.json())) == (403, ["error"])
        bad = client.get("/tap/sync", headers={"Authorization": "Bearer wrong"})
        assert bad.status_code == 401
        assert bad.headers["www-authenticate"].startswith("Bearer")
        assert client.get("/nothing").status_code == 404

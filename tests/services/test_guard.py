from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service


def test_other_names_and_other_pages_are_refused(served: Served) -> None:
    with served.client() as client:
        assert client.get("/tap/availability", headers={"Host": "evil.example"}).status_code == 421
        data = {"QUERY": "SELECT TOP 1 n FROM sky.Star", "LANG": "ADQL"}
        assert client.post("/tap/async", data=data, headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.post("/tap/sync", data=data, headers={"Origin": served.url}).status_code == 200
        reply = client.get("/tap/availability")
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["server"].startswith("uraniborg/")


def test_endless_bodies_are_refused(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"POST /tap/sync HTTP/1.1\r\nHost: {host}\r\nContent-Length: {10**12}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    with served.client() as client:
        assert client.get("/tap/availability").status_code == 200

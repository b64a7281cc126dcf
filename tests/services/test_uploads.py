from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.errors import TooLargeError
from uraniborg.services.uploads import UploadReader, fetch, guess_format, parse_upload, to_parquet


def test_the_upload_parameter() -> None:
    assert parse_upload("a,param:x;b,http://h/t.xml") == {"a": "param:x", "b": "http://h/t.xml"}
    for bad in ("a", "a,", "1a,param:x", "a b,param:x", "a,param:x;A,param:y", "../a,param:x"):
        with pytest.raises(UserError):
            parse_upload(bad)


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"PAR1..", "parquet"), (b"ARROW1", "arrow"), (b"<?xml", "votable"), (b"a,b\n1,2", "csv"), (b"a\tb\n1\t2", "tsv"),
     (b"SIMPLE  =   T", "fits"), (b"\xef\xbb\xbf<VOTABLE", "votable")],
)  # fmt: skip
def test_formats_are_known_by_their_first_bytes(head: bytes, kind: str) -> None:
    assert guess_format(head) == kind


def test_files_become_parquet_with_nulls_for_nan(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_text("id,x\n1,2.5\n2,nan\n")
    assert to_parquet(tmp_path / "a.raw", tmp_path / "a.parquet", "a", 10) == 2
    assert pq.read_table(tmp_path / "a.parquet")["x"].to_pylist() == [2.5, None]
    pq.write_table(
        pa.table({"x": [1.0, float("nan")], "d": pa.array(["a", "b"]).dictionary_encode()}), tmp_path / "b.raw"
    )
    assert to_parquet(tmp_path / "b.raw", tmp_path / "b.parquet", "b", 10) == 2
    assert pq.read_table(tmp_path / "b.parquet").to_pylist() == [{"x": 1.0, "d": "a"}, {"x": None, "d": "b"}]


@pytest.mark.parametrize(
    "data", [b"PAR1" + b"\0" * 100, b"PAR1\xff\xff\xff\x7fPAR1", b"ARROW1\0\0junk", b"a,b\n1\n", b"a,a\n1,2\n"]
)
def test_lying_files_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(data)
    with pytest.raises(UserError):
        to_parquet(tmp_path / "a.raw", tmp_path / "a.parquet", "a", 10)


def test_long_or_nested_tables_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": range(11)}), tmp_path / "a.raw")
    with pytest.raises(UserError, match="10 rows"):
        to_parquet(tmp_path / "a.raw", tmp_path / "a.parquet", "a", 10)
    pq.write_table(pa.table({"x": [[1]]}), tmp_path / "b.raw")
    with pytest.raises(UserError, match="numbers and texts"):
        to_parquet(tmp_path / "b.raw", tmp_path / "b.parquet", "b", 10)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1/secret")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a\n1\n" if self.path == "/ok" else b"x" * 100_000)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_uploads_come_from_public_or_named_hosts_only(web: str, tmp_path: Path) -> None:
    target = tmp_path / "t"
    fetch(f"{web}/ok", target, hosts=("127.0.0.1",), most=1000)
    assert target.read_bytes() == b"a\n1\n"
    with pytest.raises(UserError, match="not public"):
        fetch(f"{web}/ok", target, hosts=("*",), most=1000)
    with pytest.raises(UserError, match="not public"):
        fetch(web.replace("127.0.0.1", "localhost") + "/ok", target, hosts=("*",), most=1000)
    with pytest.raises(UserError, match="not fetched from"):
        fetch(f"{web}/ok", target, hosts=(), most=1000)
    with pytest.raises(UserError, match="redirects"):
        fetch(f"{web}/moved", target, hosts=("127.0.0.1",), most=1000)
    with pytest.raises(TooLargeError):
        fetch(f"{web}/large", target, hosts=("127.0.0.1",), most=1000)
    for uri in ("file:///etc/passwd", "ftp://h/x", "http://", "http://[", "gopher://127.0.0.1:1/"):
        with pytest.raises(UserError):
            fetch(uri, target, hosts=("*",), most=1000)


def test_a_lost_reader_process_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_text("id\n1\n")
    reader = UploadReader()

    async def run() -> None:
        assert await reader.read(tmp_path / "a.raw", tmp_path / "a.parquet", "a", 10) == 1
        pool = reader._executor()
        for process in pool._processes.values():
            process.kill()
        with pytest.raises(UserError, match="broke its reader"):
            await reader.read(tmp_path / "a.raw", tmp_path / "b.parquet", "a", 10)
        assert await reader.read(tmp_path / "a.raw", tmp_path / "c.parquet", "a", 10) == 1

    asyncio.run(run())
    reader.close()

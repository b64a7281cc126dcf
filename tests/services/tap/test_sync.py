from __future__ import annotations

import gc
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import pyvo
import requests
from astropy.table import Table

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service


def test_pyvo_unmodified(served: Served) -> None:
    with requests.Session() as session, warnings.catch_warnings():
        _use(pyvo.dal.TAPService(served.tap, session=session))
        warnings.simplefilter("ignore", ResourceWarning)  # pyvo leaves the connections of refused queries open
        gc.collect()


def _use(service: pyvo.dal.TAPService) -> None:
    assert {"sky.Star", "sky.Visit", "tap_schema.columns"} <= set(service.tables.keys())
    assert {c.name for c in service.tables["sky.Star"].columns} >= {"objectId", "flux"}
    assert service.maxrec == 1_000_000
    assert len(service.examples) >= 4
    rows = service.search("SELECT TOP 5 objectId, flux, band FROM sky.Star ORDER BY objectId")
    assert rows["objectId"].tolist() == [1, 2, 3, 4, 5]
    assert str(rows.getdesc("flux").unit) == "nJy"
    cut = service.search("SELECT * FROM sky.Star", maxrec=10)
    assert (len(cut), cut.query_status) == (10, "OVERFLOW")
    with pytest.raises(pyvo.dal.DALQueryError, match="did you mean"):
        service.search("SELECT flx FROM sky.Star")
    table = Table({"objectId": [1, 2, 3], "word": ["a", "b", "c"], "yes": [True, False, True]})
    found = service.search("SELECT word, band FROM TAP_UPLOAD.t JOIN sky.Star USING (objectId)", uploads={"t": table})
    assert sorted(found["word"]) == ["a", "b", "c"]
    answer = service.run_async("SELECT COUNT(*) AS n FROM sky.Star WHERE flux > 5")
    assert answer["n"][0] > 1000
    job = service.submit_job("SELECT nothing FROM sky.Star")
    job.run().wait(phases=["ERROR"])
    with pytest.raises(pyvo.dal.DALQueryError, match="nothing"):
        job.raise_if_error()
    job.delete()


def test_maxrec_zero_has_columns_and_is_marked(served: Served) -> None:
    reply = served.query("SELECT * FROM sky.Star", RESPONSEFORMAT="votable", MAXREC=0)
    assert reply.text.count("<FIELD") == 7
    assert 'value="OVERFLOW"' in reply.text


@pytest.mark.parametrize("name", ["t.csv", "t.vot", "t.parquet", "t.fits"])
def test_uploads_in_every_format(served: Served, name: str, tmp_path: Path) -> None:
    table = Table({"objectId": [5, 6], "x": [0.5, float("nan")]})
    kind = {"vot": "votable"}.get(name.split(".")[1], name.split(".")[1])
    if kind == "csv":
        table.write(tmp_path / name, format="ascii.csv")
    else:
        table.write(tmp_path / name, format=kind)
    with served.client() as client, (tmp_path / name).open("rb") as file:
        data = {"LANG": "ADQL", "QUERY": "SELECT objectId FROM TAP_UPLOAD.u WHERE x IS NULL", "UPLOAD": "u,param:f",
                "RESPONSEFORMAT": "csv"}  # fmt: skip
        reply = client.post("/tap/sync", data=data, files={"f": file})
    assert reply.text == "objectId\n6\n"


_STAGES = "TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS UPL EXA"


@pytest.mark.slow
def test_taplint_finds_nothing_wrong(served: Served) -> None:
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed")
    command = ["stilts", "taplint", f"tapurl={served.tap}", f"stages={_STAGES}", "report=EWF"]
    out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300).stdout
    lines = [line for line in out.splitlines() if line[:2] in ("E-", "W-", "F-")]
    assert [line for line in lines if not line.startswith("W-")] == []
    assert len(lines) <= 10, "\n".join(lines)


@pytest.mark.slow
def test_stilts_clients_unmodified(served: Served, tmp_path: Path) -> None:
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed")
    objects = served.catalog.parent / "objects.parquet"
    rows = pq.read_table(objects, columns=["ra", "dec"]).slice(0, 50)
    Table({name: rows[name].to_numpy() for name in rows.column_names}).write(tmp_path / "in.fits")
    for sync in ("true", "false"):
        query = "adql=SELECT TOP 100 * FROM sky.Star"
        command = ["stilts", "tapquery", f"tapurl={served.tap}", query, f"sync={sync}", "ofmt=csv", "out=-"]
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
        assert len(Table.read(out.splitlines(), format="ascii.csv")) == 100
    command = ["stilts", "tapskymatch", f"tapurl={served.tap}", "taptable=sky.Star", "taplon=ra", "taplat=dec",
               f"in={tmp_path / 'in.fits'}", "inlon=ra", "inlat=dec", "sr=0.0001", "ofmt=csv", "out=-"]  # fmt: skip
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    assert len(Table.read(out.splitlines(), format="ascii.csv")) == 50

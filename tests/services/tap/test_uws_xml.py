from __future__ import annotations

import xml.etree.ElementTree as ET

from uraniborg.services.tap.jobs import Job
from uraniborg.services.tap.uws_xml import job_document, jobs_document, parameters_document, results_document

_UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


def _job(**changes: object) -> Job:
    values = {"id": "j1", "owner": "o", "phase": "COMPLETED", "parameters": {"QUERY": "a < b & c", "_UPLOADx": "0.raw"},
              "created": 0.0, "destruction": 9.0, "duration": 60.0, "result": "result.vot", "rows": 7}  # fmt: skip
    return Job(**(values | changes))  # type: ignore[arg-type]


def test_a_job_is_told_as_uws_wants_it() -> None:
    root = ET.fromstring(job_document(_job(), "http://h/async"))
    assert root.findtext(f"{_UWS}phase") == "COMPLETED"
    assert [p.text for p in root.iter(f"{_UWS}parameter")] == ["a < b & c"]
    (result,) = root.iter(f"{_UWS}result")
    assert result.get("{http://www.w3.org/1999/xlink}href") == "http://h/async/j1/results/result"
    assert root.find(f".//{_UWS}jobInfo/progress").get("rows") == "7"  # type: ignore[union-attr]
    failed = ET.fromstring(job_document(_job(phase="ERROR", error="<no>"), "b"))
    assert failed.findtext(f".//{_UWS}message") == "<no>"
    assert list(failed.iter(f"{_UWS}result")) == []


def test_lists_and_parts() -> None:
    assert len(ET.fromstring(jobs_document([_job(), _job(id="j2", run_id="r")], "b"))) == 2
    assert len(ET.fromstring(parameters_document(_job()))) == 1
    assert len(ET.fromstring(results_document(_job(), "b"))) == 1

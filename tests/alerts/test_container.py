import copy
import io

import fastavro
import pytest
from lsst.alert.packet import Schema

from uraniborg.alerts.container import read_alerts, validate_alerts, write_alerts
from uraniborg.core.errors import UserError


def test_what_was_written_is_read(packets) -> None:
    back = read_alerts(write_alerts(packets))
    assert [item["diaSourceId"] for item in back] == [71, 72]
    assert back[0]["cutoutScience"] == packets[0]["cutoutScience"]
    assert back[0]["diaSource"]["psfFlux"] == 900.0
    assert back[0]["prvDiaSources"] == read_alerts(write_alerts(back))[0]["prvDiaSources"]


def test_same_packets_same_bytes(packets) -> None:
    assert write_alerts(packets) == write_alerts(copy.deepcopy(packets))


def test_rubins_own_reader_agrees(packets) -> None:
    _, records = Schema.from_file().retrieve_alerts(io.BytesIO(write_alerts(packets)))
    assert list(records) == read_alerts(write_alerts(packets))


def test_good_packets_pass(packets) -> None:
    report = validate_alerts(write_alerts(packets))
    assert (report.n_packets, report.n_valid, report.faults) == (2, 2, ())
    assert validate_alerts(write_alerts([])).n_packets == 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"cutoutScience": None}, "cutoutScience is missing"),
        ({"cutoutTemplate": b"abc"}, "cutoutTemplate"),
        ({"diaSourceId": 5}, "another source"),
    ],
)
def test_faults_are_found(packets, change: dict, fault: str) -> None:
    report = validate_alerts(write_alerts([packets[0] | change, packets[1]]))
    assert report.n_valid == 1
    assert any(fault in line for line in report.faults)


def test_wrong_type_is_refused_when_writing(packets) -> None:
    with pytest.raises(UserError, match="alert 71 does not agree"):
        write_alerts([packets[0] | {"diaSource": packets[0]["diaSource"] | {"ra": "far"}}])
    with pytest.raises(UserError, match="alert 71 does not agree"):
        write_alerts([{key: value for key, value in packets[0].items() if key != "diaSource"}])


def test_other_schema_is_a_fault() -> None:
    schema = {"type": "record", "name": "other.alert", "fields": [{"name": "diaSourceId", "type": "long"}]}
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, [{"diaSourceId": 1}])
    report = validate_alerts(buffer.getvalue())
    assert report.n_valid == 0
    assert any("other.alert" in line for line in report.faults)


def test_damaged_files(packets) -> None:
    with pytest.raises(UserError, match="not an Avro"):
        read_alerts(b"plain text")
    data = write_alerts(packets)
    with pytest.raises(UserError, match="damaged"):
        read_alerts(data[:-500])

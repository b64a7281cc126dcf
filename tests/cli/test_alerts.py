import numpy as np
import pytest
from click.testing import CliRunner

from uraniborg.alerts import write_alerts
from uraniborg.alerts.schema import latest_schema
from uraniborg.cli.main import cli


def packet(**changes) -> dict:
    neutral = {"long": 1, "int": 0, "float": 1.5, "double": 1.5, "boolean": False, "string": "r"}
    source = {
        field.name: None if field.nullable else neutral[field.kind] for field in latest_schema().fields("diaSource")
    }
    whole = {field.name: None for field in latest_schema().fields()}
    return whole | {"diaSourceId": 1, "diaSource": source} | changes


@pytest.fixture
def stamp() -> bytes:
    from uraniborg.alerts import Plane, encode_cutout

    plane = Plane(np.zeros((40, 40), np.float32), np.ones((40, 40), np.float32))
    return encode_cutout(plane, (20.0, 20.0), sky=(1.0, 2.0), matrix=np.eye(2) * 1e-4)


def test_show_and_validate(tmp_path, stamp) -> None:
    stamps = dict.fromkeys(("cutoutScience", "cutoutTemplate", "cutoutDifference"), stamp)
    path = tmp_path / "alerts.avro"
    path.write_bytes(write_alerts([packet(**stamps) for _ in range(3)]))
    shown = CliRunner().invoke(cli, ["alerts", "show", str(path), "--limit", "2"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "3 packets" in shown.output
    assert "1 more" in shown.output
    checked = CliRunner().invoke(cli, ["alerts", "validate", str(path)], catch_exceptions=False)
    assert checked.exit_code == 0
    assert "3 of 3 packets" in checked.output


def test_validate_fails_on_faults(tmp_path) -> None:
    path = tmp_path / "alerts.avro"
    path.write_bytes(write_alerts([packet()]))
    checked = CliRunner().invoke(cli, ["alerts", "validate", str(path)], catch_exceptions=False)
    assert checked.exit_code == 1
    assert "cutoutScience is missing" in checked.output

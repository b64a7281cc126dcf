import io

import fastavro
import pytest

from uraniborg.alerts.schema import AlertSchema, latest_schema
from uraniborg.alerts.wire import frame, schema_number, unframe
from uraniborg.core.errors import UserError


def test_head_is_a_zero_and_the_number_big_endian(packets) -> None:
    schema = latest_schema()
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema.definition, packets[0])
    message = frame(buffer.getvalue(), 1101)
    assert message[:5] == b"\x00\x00\x00\x04\x4d"
    number, record = unframe(message)
    assert number == 1101
    assert fastavro.schemaless_reader(io.BytesIO(record), schema.definition, None)["diaSourceId"] == 71


def test_number_of_the_schema() -> None:
    assert schema_number(AlertSchema({}, "11.1")) == 1101
    assert schema_number(AlertSchema({}, "7.4")) == 704
    with pytest.raises(UserError, match="above 99"):
        schema_number(AlertSchema({}, "1.100"))


@pytest.mark.parametrize("message", [b"", b"\x00\x00", b"Obj\x01abcdef"])
def test_other_messages_are_refused(message: bytes) -> None:
    with pytest.raises(UserError, match="wire format"):
        unframe(message)

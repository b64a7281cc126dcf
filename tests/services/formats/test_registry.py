from __future__ import annotations

import pyarrow as pa
import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.formats import FORMATS, find_format


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.aliases[0])
def test_formats_are_found_by_every_name(format_: object) -> None:
    for name in (format_.media_type, *format_.aliases):  # type: ignore[attr-defined]
        assert find_format(name.upper()) is format_
    assert find_format(None) is FORMATS[0]


def test_an_unknown_format_is_refused_with_the_list() -> None:
    with pytest.raises(UserError, match="votable, votable/td, csv"):
        find_format("application/msword")


def test_what_is_known_better_is_used() -> None:
    from dataclasses import replace

    schema = pa.schema([("a", pa.int64())])
    format_ = replace(FORMATS[0], describe=lambda fields: tuple(replace(f, ucd="meta.id") for f in fields))
    assert b'ucd="meta.id"' in format_.open(schema).begin()

from __future__ import annotations

import io

import numpy as np
import pytest
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table

from uraniborg.core.errors import UserError
from uraniborg.services.reading import read_votable

_HEAD = '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
_TAIL = "</TABLE></RESOURCE></VOTABLE>"


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_what_astropy_writes_is_read(form: str) -> None:
    table = Table(
        {
            "a": np.arange(4, dtype="i8"),
            "x": [1.5, np.nan, -2.0, 4.0],
            "s": ["a", "bb", "", "d<&>"],
            "f": np.ones(4, "f4"),
        }
    )
    if form != "binary":  # BINARY has no nulls for integers but a magic value
        table["m"] = MaskedColumn([1, 2, 3, 4], mask=[0, 1, 0, 0], dtype="i2", fill_value=-9)
    table["b"] = [True, False, True, True]
    table["x"].unit = "deg"
    out = io.BytesIO()
    from_table(table).to_xml(out, tabledata_format=form)
    found = read_votable(out.getvalue(), most_rows=10)
    assert found["a"].to_pylist() == [0, 1, 2, 3]
    assert found["x"].to_pylist() == [1.5, None, -2.0, 4.0]
    assert [s or "" for s in found["s"].to_pylist()] == ["a", "bb", "", "d<&>"]
    assert form == "binary" or found["m"].to_pylist() == [1, None, 3, 4]
    assert found["b"].to_pylist() == [True, False, True, True]
    assert found.schema.field("x").metadata[b"unit"] == b"deg"


_TEXT = '<FIELD name="s" datatype="char" arraysize="*"/>'
_FIELD = '<FIELD name="a" datatype="int"/>'
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE v [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<VOTABLE><RESOURCE>&b;</RESOURCE></VOTABLE>"
)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (_BOMB, "entities"),
        ('<!DOCTYPE v SYSTEM "file:///etc/passwd"><VOTABLE/>', "document type"),
        ("<html/>", "no VOTable"),
        ("<VOTABLE>" + "<a>" * 200, "nested too deep"),
        ("not xml", "well-formed"),
        (f"{_HEAD}{_TAIL}", "no table with columns"),
        (f'{_HEAD}<FIELD name="a" datatype="doubleComplex"/>{_TAIL}', "not supported"),
        (f'{_HEAD}<FIELD name="a" datatype="int" arraysize="999999999"/>{_TAIL}', "array"),
        (f'{_HEAD}<FIELD name="a" datatype="char" arraysize="99999999999"/>{_TAIL}', "arraysize"),
        (f"{_HEAD}{_FIELD}{_FIELD}{_TAIL}", "same name"),
        (f"{_HEAD}{_FIELD}<DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD></TR></TABLEDATA></DATA>{_TAIL}", "2 cells"),
        (f"{_HEAD}{_FIELD}<DATA><TABLEDATA><TR><TD>x</TD></TR></TABLEDATA></DATA>{_TAIL}", "column 'a'"),
        (f"{_HEAD}{_FIELD}<DATA><TABLEDATA>{'<TR><TD>1</TD></TR>' * 11}</TABLEDATA></DATA>{_TAIL}", "than 10 rows"),
        (f'{_HEAD}{_FIELD}<DATA><BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2></DATA>', "well-formed"),
        (f'{_HEAD}{_FIELD}<DATA><BINARY2><STREAM encoding="base64">AA</STREAM></BINARY2></DATA>{_TAIL}', "base64"),
        (f'{_HEAD}{_FIELD}<DATA><BINARY><STREAM href="file:///etc/passwd"/></BINARY></DATA>{_TAIL}', "elsewhere"),
        (f'{_HEAD}{_TEXT}<DATA><BINARY><STREAM encoding="base64">f////w==</STREAM>'
         f"</BINARY></DATA>{_TAIL}", "longer than the data"),
        (f'{_HEAD}{_TEXT}<DATA><BINARY><STREAM encoding="base64">AA==</STREAM>'
         f"</BINARY></DATA>{_TAIL}", "ends in the middle"),
    ],
)  # fmt: skip
def test_hostile_tables_are_refused_with_a_reason(document: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_votable(document.encode(), most_rows=10)

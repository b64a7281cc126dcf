from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from uraniborg.services.catalogue import ServedTable, tap_schema_tables
from uraniborg.services.config import ServiceConfig
from uraniborg.services.formats.fields import VoField
from uraniborg.services.tap import vosi


def test_documents_are_xml_and_say_what_is_so(tmp_path: Path) -> None:
    hostile = ServedTable("s", "t<&>", 'a "b" <c>', (VoField("x&y", "double", unit="deg"),), position=("x&y", "x&y"))
    config = ServiceConfig(tmp_path, tmp_path, anonymous=False)
    root = ET.fromstring(vosi.capabilities("http://h&h", config))
    text = ET.tostring(root, encoding="unicode")
    assert "BearerToken" in text
    assert f'<hard unit="row">{config.most_rows}</hard>' in text
    assert len(ET.fromstring(vosi.tables_document(tap_schema_tables())).findall(".//column")) == sum(
        len(table.fields) for table in tap_schema_tables()
    )
    tables = ET.fromstring(vosi.tables_document([hostile]))
    assert tables.findtext(".//table/name") == 's."t<&>"'
    assert ET.fromstring(vosi.tables_document([hostile], columns=False)).find(".//column") is None
    assert ET.fromstring(vosi.tables_document([hostile], one=True)).findtext("name") == 's."t<&>"'
    assert ET.fromstring(vosi.availability(since="2026-01-01T00:00:00Z", note="<ok>")) is not None
    assert "typeof" in vosi.examples([hostile]).decode()
    ET.fromstring(vosi.examples([hostile]))

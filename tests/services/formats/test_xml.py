from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from uraniborg.services.formats.xml import attribute, element, escape


@given(st.text())
def test_any_text_is_one_text_node_and_one_attribute(text: str) -> None:
    root = ET.fromstring(element("a", text, b=text))
    assert list(root) == []
    assert ET.fromstring(f"<a>{escape(text)}</a>").text in (None, *{root.text})


def test_empty_attributes_are_left_out_and_prefixes_are_made() -> None:
    assert attribute(xlink_href="x", unit="", other=None) == ' xlink:href="x"'
    assert element("e") == "<e/>"

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from uraniborg.verify.first_light import FirstLightData, measure_first_light
from uraniborg.verify.metrics import Measurement, load_suite
from uraniborg.verify.report import Report, format_value, write_report

VOID = {"meta", "img", "br", "link", "hr", "input"}


class _Checker(HTMLParser):
    """Fails on tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(made_up, tmp_path_factory: pytest.TempPathFactory) -> Report:  # type: ignore[no-untyped-def]
    data = FirstLightData(made_up.products, truth=made_up.truth)
    folder = tmp_path_factory.mktemp("report") / "out"
    return write_report(data, measure_first_light(data), folder, title="Stars & a <transient>", seconds=12.5)


def test_page_is_whole_and_stands_alone(report: Report) -> None:
    page = report.html.read_text("utf8")
    checker = _Checker()
    checker.feed(page)
    assert not checker.open
    assert checker.count["section"] == 8
    assert checker.count["svg"] >= 4
    outside = re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"', page)
    assert [link for link in outside if not link.startswith("data:")] == []
    assert "$" not in re.sub(r"data:image/png;base64,[^\"]*", "", page)


def test_page_shows_every_number_with_its_bar(report: Report) -> None:
    page = report.html.read_text("utf8")
    assert "Stars &amp; a &lt;transient&gt;" in page
    for metric in load_suite("first-light"):
        if metric.field in ("simulated", "both"):
            assert metric.bar_text.replace("<", "&lt;").replace(">", "&gt;") in page
    assert 'class="badge held"' in page
    assert 'class="badge missed"' in page


def test_summary_has_name_value_unit_bar_and_verdict(report: Report) -> None:
    summary = json.loads(report.summary.read_text("utf8"))
    assert summary == json.loads(json.dumps(report.content))
    assert summary["seconds"] == 12.5
    assert summary["simulated"] is True
    for entry in summary["metrics"]:
        assert {"name", "value", "unit", "bar", "holds"} <= set(entry)
    by_name = {entry["name"]: entry for entry in summary["metrics"]}
    assert by_name["simulated_transients_recovered"]["value"] == 100.0
    assert by_name["simulated_transients_recovered"]["holds"] is True
    assert summary["all_hold"] is False


def test_report_does_not_change_with_time(made_up, report: Report, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = FirstLightData(made_up.products, truth=made_up.truth)
    again = write_report(data, measure_first_light(data), tmp_path, title="Stars & a <transient>", seconds=12.5)
    assert again.html.read_text("utf8") == report.html.read_text("utf8")


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5 mas"), (0.01234, "0.0123 mas"), (38.04, "38.0 mas"), (1234.5, "1234 mas"), (math.nan, "not measured")],
)
def test_values_for_people(value: float, text: str) -> None:
    metric = load_suite("first-light")[0]
    assert format_value(Measurement(metric, value)) == text

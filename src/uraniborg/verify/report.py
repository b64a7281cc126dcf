"""The report of a run: one HTML file that stands alone, with pictures and numbers, and the same numbers as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from uraniborg import __version__
from uraniborg.core.errors import DataError
from uraniborg.core.progress import progress
from uraniborg.verify.first_light import FirstLightData
from uraniborg.verify.isr_sections import ISR_SECTIONS
from uraniborg.verify.metrics import Measurement, summarise
from uraniborg.verify.sections import SECTIONS, absent

__all__ = ("Report", "format_value", "write_report")


@dataclass(frozen=True, slots=True)
class Report:
    """Where a report was written.

    Attributes
    ----------
    html : pathlib.Path
        The page.
    summary : pathlib.Path
        The numbers (JSON).
    content : dict
        What the JSON file holds.
    """

    html: Path
    summary: Path
    content: dict[str, Any]


def write_report(
    data: FirstLightData, measurements: Sequence[Measurement], folder: Path, *, title: str, **facts: Any
) -> Report:
    """Write ``report.html`` and ``summary.json``.

    Parameters
    ----------
    data : FirstLightData
        Products of the run; only read.
    measurements : sequence of Measurement
        What was measured of them.
    folder : pathlib.Path
        Where to write; made if absent.
    title : str
        Heading of the page.
    **facts
        Further entries of the summary, e.g. the seconds that the run took.

    Returns
    -------
    Report
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = _counts(data)
    content = summarise(
        measurements,
        title=title,
        suite="first-light",
        version=__version__,
        repository=data.products.root,
        collection=data.products.collection,
        simulated=data.truth is not None,
        counts=counts,
        **facts,
    )
    template = Template((files("uraniborg.verify") / "templates" / "report.html").read_text("utf8"))
    held = f"{content['n_held']} of {content['n_metrics']}"
    subtitle = f"Collection {escape(data.products.collection)} of {escape(data.products.root)}"
    page = template.substitute(
        title=escape(title),
        subtitle=subtitle,
        facts="".join(_fact(str(value), name) for name, value in {**counts, "bars held": held}.items()),
        sections=_table_of_numbers(measurements) + _sections(data),
        footer=f"Written by uraniborg {escape(__version__)}. The same numbers are in <code>summary.json</code>.",
    )
    report = Report(html=folder / "report.html", summary=folder / "summary.json", content=content)
    report.html.write_text(page, "utf8")
    report.summary.write_text(json.dumps(content, indent=2, allow_nan=False, default=_plain) + "\n", "utf8")
    return report


def format_value(measurement: Measurement) -> str:
    """Return the value with its unit for people, or "not measured"."""
    if not measurement.measured:
        return "not measured"
    value, unit = measurement.value, measurement.metric.unit
    digits = 0 if value == round(value) and abs(value) < 1e6 else max(0, 2 - math.floor(math.log10(abs(value) or 1.0)))
    return f"{value:.{min(digits, 4)}f}" + (f" {unit}" if unit else "")


def _plain(value: Any) -> Any:
    """Return a NumPy number as one of Python's, for JSON."""
    return value.item()


def _fact(value: str, name: str) -> str:
    return f'<div class="fact"><b>{escape(value)}</b><span>{escape(name)}</span></div>'


def _counts(data: FirstLightData) -> dict[str, Any]:
    products = data.products
    bands = sorted(set(products.bands().values()), key="ugrizy".find)
    counts: dict[str, Any] = {"exposures": len(products.refs("visit_image")), "bands": " ".join(bands)}
    for name, dataset_type in (("sources", "source"), ("objects", "object"), ("difference sources", "dia_source")):
        rows = [ref.makeComponentRef("rowcount") for ref in products.refs(dataset_type)]
        counts[name] = sum(int(products.butler.get(ref)) for ref in rows)
    return counts


def _table_of_numbers(measurements: Sequence[Measurement]) -> str:
    rows = []
    for found in measurements:
        if not found.measured:
            badge = '<span class="badge none">not measured</span>'
        elif found.metric.comparison == "report":
            badge = '<span class="badge none">reported</span>'
        else:
            word = "held" if found.holds else "missed"
            badge = f'<span class="badge {word}">{"✓" if found.holds else "✗"} {word}</span>'
        rows.append(
            f"<tr><td>{escape(found.metric.description)}<small>{escape(found.note)}</small></td>"
            f'<td class="number">{escape(format_value(found))}</td>'
            f'<td class="number">{escape(found.metric.bar_text)}</td><td>{badge}</td></tr>'
        )
    if not rows:
        return ""
    head = "<tr><th>What was promised</th><th>Value</th><th>Bar</th><th></th></tr>"
    lead = '<p class="lead">Every number is measured on the products of this run.</p>'
    table = f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    return f"<section><h2>Numbers</h2>{lead}{table}</section>"


def _sections(data: FirstLightData) -> str:
    parts = []
    sections = (*ISR_SECTIONS, *SECTIONS) if data.calibrations else SECTIONS
    with progress("drawing the report", total=len(sections)) as bar:
        for title, lead, section in sections:
            try:
                body = section(data)
            except DataError as error:
                body = absent(f"Nothing to show: {error}")
            parts.append(f'<section><h2>{title}</h2><p class="lead">{lead}</p>{body}</section>')
            bar.advance(note=title)
    return "\n".join(parts)

"""The report of the suite ``simulation``: one page with its numbers and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from uraniborg.acceptance.simulation import SimulationMeasures
from uraniborg.acceptance.simulation_pictures import draw_pictures
from uraniborg.verify.metrics import Measurement
from uraniborg.verify.report import format_value

__all__ = ("write_simulation_report",)

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ccc;
vertical-align:top}td small{display:block;color:#666}figure{margin:1.5rem 0}img{max-width:100%}figcaption{color:#555}
.missed{color:#b00020;font-weight:600}.held{color:#0a7d32}"""


def write_simulation_report(folder: Path, found: Sequence[Measurement], measures: SimulationMeasures) -> Path:
    """Write ``report/index.html`` and its pictures.

    Parameters
    ----------
    folder : pathlib.Path
        Folder that gets the folder ``report``.
    found : sequence of Measurement
        Numbers, in their order.
    measures : SimulationMeasures
        What they were made from.

    Returns
    -------
    pathlib.Path
        The page.
    """
    pictures = draw_pictures(folder / "report", measures)
    rows = "".join(_row(one) for one in found)
    figures = "".join(
        f'<figure><img src="{name}" alt="{escape(caption)}"><figcaption>{escape(caption)}.</figcaption></figure>'
        for name, caption in pictures.items()
    )
    held = sum(one.holds for one in found)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Simulation</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>A simulated observatory</h1><p>{held} of {len(found)} promises hold.</p>"
        f"<table><tr><th>What was promised</th><th>Value</th><th>Bar</th><th></th></tr>{rows}</table>{figures}"
        "</body></html>\n"
    )
    path = folder / "report" / "index.html"
    path.write_text(page, "utf8")
    return path


def _row(found: Measurement) -> str:
    if not found.measured:
        verdict = "not measured"
    elif found.metric.comparison == "report":
        verdict = "reported"
    else:
        verdict = '<span class="held">holds</span>' if found.holds else '<span class="missed">missed</span>'
    return (
        f"<tr><td>{escape(found.metric.description)}<small>{escape(found.note)}</small></td>"
        f"<td>{escape(format_value(found))}</td><td>{escape(found.metric.bar_text)}</td><td>{verdict}</td></tr>"
    )

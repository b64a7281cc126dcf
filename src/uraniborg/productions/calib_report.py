"""What a build of calibrations tells: a table for the terminal, a page with figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsst.pipe.base import Instrument

from uraniborg.archive.repository import open_repository
from uraniborg.core.errors import UserError
from uraniborg.productions.calib import CalibrationBuild
from uraniborg.productions.calib_plan import PRODUCTS, find_exposures, select_exposures

__all__ = ("describe_build", "describe_plan", "find_instrument", "write_report")


def find_instrument(repo: str | Path, name: str | None) -> Instrument:
    """Return an instrument of a repository, the only one if no name is given.

    Raises
    ------
    UserError
        If there is no such instrument, or several and no name.
    """
    with open_repository(repo) as butler:
        names = sorted(str(record.name) for record in butler.query_dimension_records("instrument", explain=False))
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            raise UserError(f"give --instrument, one of {names}" if names else f"no instruments in {repo}")
        try:
            instrument: Instrument = Instrument.fromName(name, butler.registry)
        except (ImportError, TypeError) as error:
            raise UserError(f"the class of instrument {name!r} cannot be loaded: {error}") from error
        return instrument


def describe_plan(repo: str | Path, nights: Sequence[int], *, instrument: Instrument) -> str:
    """Return which exposures would make which product, one line for each."""
    with open_repository(repo) as butler:
        exposures = find_exposures(butler, instrument.getName(), nights)
    lines = []
    for product in PRODUCTS:
        selection = select_exposures(product, exposures) if product.kinds else None
        if not product.kinds:
            text = f"from {', '.join(product.needs)}"
        elif selection is None:
            text = f"nothing: fewer than {product.fewest} exposures of type {', '.join(product.kinds)}"
        else:
            kept = f", {len(selection.held)} held back to verify" if selection.independent and selection.held else ""
            text = f"{len(selection.used)} exposures{kept}"
        lines.append(f"{product.name:13s} {text}")
    return "\n".join(lines)


def describe_build(build: CalibrationBuild) -> str:
    """Return the table of all products and their numbers."""
    lines = []
    for item in build.outcomes:
        where = " ".join(str(value) for key, value in item.data_id.items() if key != "instrument")
        seconds = build.seconds.get(item.product, 0.0)
        lines.append(f"{item.product:13s} {where:10s} {item.state:10s} {seconds:6.1f} s  {item.reason}".rstrip())
        for check in item.checks:
            mark = "ok  " if check.passed else "FAIL"
            lines.append(f"    {mark} {check.name:26s} {check.value:11.4g}   {check.bar:22s} {check.text}")
    total = sum(build.seconds.values())
    counts = {state: sum(item.state == state for item in build.outcomes) for state in ("certified", "kept", "refused")}
    summary = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    lines.append(f"{summary or 'nothing made'} in {build.collection}, {total:.1f} s")
    return "\n".join(lines)


def write_report(repo: str | Path, build: CalibrationBuild, path: Path) -> None:
    """Write a page with the table and figures of every detector.

    Parameters
    ----------
    repo : str or pathlib.Path
        Repository.
    build : CalibrationBuild
        What was built.
    path : pathlib.Path
        HTML file to write.
    """
    from uraniborg.productions.calib_figures import calibration_figures, render_page

    with open_repository(repo) as butler:
        figures = calibration_figures(butler, build)
    path.write_text(render_page(describe_build(build), figures), "utf8")

"""Measures a run of first light against what is promised, and writes its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uraniborg.productions.first_light import FirstLight
from uraniborg.verify.first_light import SUITE, FirstLightData, measure_first_light, read_survey_ccds
from uraniborg.verify.metrics import Measurement, load_suite
from uraniborg.verify.products import Products, Truth, open_products
from uraniborg.verify.report import Report, write_report
from uraniborg.verify.survey_psfs import read_survey_psfs

__all__ = ("first_light_data", "measure_run", "report_run")


def first_light_data(result: FirstLight, products: Products) -> FirstLightData:
    """Return the products of a run with what they are held against: the truth, or another pipeline's numbers.

    Parameters
    ----------
    result : FirstLight
        The run.
    products : Products
        Access to its products.
    """
    truth = result.field.truth
    if truth is None:
        images = result.field.images
        return FirstLightData(products, survey_ccds=read_survey_ccds(images), survey_psfs=read_survey_psfs(images))
    true = Truth(*(truth.truth(name) for name in ("sources", "visits", "exposures")))
    return FirstLightData(products, true, calibrations=result.calibrations)


def measure_run(result: FirstLight) -> tuple[Measurement, ...]:
    """Measure every promise that a run can show; the notes tell if the run is incomplete."""
    products = open_products(result.repo, result.collection)
    with products.butler:
        return _with_trouble(result, measure_first_light(first_light_data(result, products)))


def report_run(result: FirstLight, folder: Path, **facts: Any) -> Report:
    """Measure a run and write ``report.html`` and ``summary.json``.

    Parameters
    ----------
    result : FirstLight
        The run.
    folder : pathlib.Path
        Where to write.
    **facts
        Further entries of the summary.

    Returns
    -------
    Report
    """
    products = open_products(result.repo, result.collection)
    title = f"First light: {result.field.name}"
    with products.butler:
        data = first_light_data(result, products)
        measurements = _with_trouble(result, measure_first_light(data))
        facts |= {"complete": result.run.ok, "measured_elsewhere": _elsewhere(measurements)}
        return write_report(data, measurements, folder, title=title, **facts)


def _elsewhere(measurements: tuple[Measurement, ...]) -> list[dict[str, Any]]:
    """Return the promises of the suite that this kind of field cannot show."""
    here = {found.metric.name for found in measurements}
    return [
        {"name": m.name, "unit": m.unit, "comparison": m.comparison, "bar": list(m.bar), "measured_on": m.field}
        for m in load_suite(SUITE)
        if m.name not in here
    ]


def _with_trouble(result: FirstLight, measurements: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
    if result.run.ok:
        return measurements
    trouble = f" (run incomplete: {len(result.run.failures)} failed, {result.run.n_blocked} blocked)"
    return tuple(
        Measurement(m.metric, m.value, m.note + trouble, seconds=m.seconds, details=m.details) for m in measurements
    )

"""Figures of calibration products, and the page that shows them."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
from lsst.daf.butler import Butler, DatasetRef, MissingDatasetTypeError

from uraniborg.productions.calib import CalibrationBuild
from uraniborg.verify import calib_plots
from uraniborg.verify.plots import to_svg

__all__ = ("calibration_figures", "render_page")


def calibration_figures(butler: Butler, build: CalibrationBuild) -> dict[str, str]:
    """Return figures (SVG) of all products that were certified, by title.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    build : CalibrationBuild
        What was built.
    """
    figures: dict[str, str] = {}
    makers: dict[str, Any] = {
        "ptc": calib_plots.ptc_figure,
        "linearizer": calib_plots.linearity_figure,
        "bfKernel": calib_plots.kernel_figure,
        "crosstalk": calib_plots.crosstalk_figure,
        "transmission": calib_plots.transmission_figure,
    }
    for dataset in ("bias", "dark", "flat", "fringe", "illumination", "defects", *makers):
        for ref in _refs(butler, dataset, build):
            product = butler.get(ref)
            where = " ".join(str(value) for name, value in ref.dataId.required.items() if name != "instrument")
            title = f"{dataset}, detector {where}"
            if dataset in makers:
                figures[title] = to_svg(makers[dataset](product))
            elif dataset == "defects":
                images = _refs(butler, "dark", build)
                shape = butler.get(images[0]).image.array.shape if images else (512, 512)
                bad = product.mask(shape).astype(np.float32)
                figures[title] = to_svg(calib_plots.mosaic_figure(bad, label="bad pixels"))
            else:
                figures[title] = to_svg(calib_plots.mosaic_figure(product.image.array, label=str(product.unit)))
    return figures


def _refs(butler: Butler, dataset: str, build: CalibrationBuild) -> list[DatasetRef]:
    if not build.runs:
        return []
    try:
        refs = butler.query_datasets(dataset, collections=build.runs, explain=False, limit=None)
    except MissingDatasetTypeError:
        return []
    return sorted(refs, key=lambda ref: str(ref.dataId))


def render_page(text: str, figures: dict[str, str]) -> str:
    """Return a page of a text and figures, which needs no other files."""
    blocks = "\n".join(
        f"<figure><figcaption>{html.escape(title)}</figcaption>{svg}</figure>" for title, svg in figures.items()
    )
    style = (
        "body{font:15px system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color-scheme:light dark}"
        "pre{overflow-x:auto}figure{display:inline-block;margin:1em 1em 1em 0;vertical-align:top}svg{max-width:100%}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Calibrations</title><style>{style}</style>'
        f"<h1>Calibrations</h1><pre>{html.escape(text)}</pre>{blocks}</html>\n"
    )

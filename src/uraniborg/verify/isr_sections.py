"""The sections of the report of first light that are of raw frames: before and after, and the calibrations."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
from lsst.daf.butler import DatasetRef

from uraniborg.algorithms.isr.assembly import read_detector
from uraniborg.core.errors import AlgorithmError
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.verify import calib_plots, pictures
from uraniborg.verify.calib import Outcome
from uraniborg.verify.first_light import FirstLightData
from uraniborg.verify.plots import to_svg

__all__ = ("ISR_SECTIONS", "calibrations", "signature")

_FIGURES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("ptc", "Photon transfer: variance over level, and over what Poisson light would have", calib_plots.ptc_figure),
    ("linearizer", "Linearity: the correction, and what levels deviate by before it", calib_plots.linearity_figure),
    ("bfKernel", "Brighter-fatter kernel and the covariances that it stands for", calib_plots.kernel_figure),
    ("crosstalk", "Crosstalk coefficients", calib_plots.crosstalk_figure),
)
_IMAGES = ("bias", "dark", "flat")


def _where(ref: DatasetRef) -> str:
    """Return detector and filter of a dataset for people."""
    parts = {key: value for key, value in ref.dataId.required.items() if key != "instrument"}
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in parts.items())


def signature(data: FirstLightData) -> str:
    """One frame of each band as it was read out, and after the signature of the camera has been removed."""
    products, butler = data.products, data.products.butler
    raws = {(ref.dataId["exposure"], ref.dataId["detector"]): ref for ref in products.refs("raw")}
    numbers = {(r.dataId["exposure"], r.dataId["detector"]): r for r in products.refs("isr_metadata")}
    first: dict[str, DatasetRef] = {}
    for ref in products.refs("post_isr_image"):
        first.setdefault(str(ref.dataId["band"]), ref)
    if not first:
        raise AlgorithmError("there is no dataset 'post_isr_image' in this collection")
    parts = []
    for band, ref in first.items():
        key = (ref.dataId["exposure"], ref.dataId["detector"])
        if key not in raws:
            continue
        raw, after = butler.get(raws[key]), np.asarray(butler.get(ref).image.array)
        before = read_detector([item.array for item in raw.segments], raw_geometry(raw), overscan=None).image
        found = butler.get(numbers[key])["isr"]["isr"] if key in numbers else None
        lines = [("before", before, f"as read out, {len(raw.segments)} segments [adu]")]
        lines.append(("after", after, "signature removed [electron]" + ("" if found is None else _told(found))))
        for name, pixels, text in lines:
            shown = pictures.shrink(pixels, max_side=512)
            picture = pictures.gray_picture(shown, pictures.noise_stretch(shown))
            caption = f"<b>{key[0]}</b> detector {key[1]}, {escape(band)}, {name}: {escape(text)}"
            parts.append(
                f'<figure><img src="{picture}" alt="exposure {key[0]} {name} instrument signature removal">'
                f"<figcaption>{caption}</figcaption></figure>"
            )
    return f'<div class="grid triplets">{"".join(parts)}</div>'


def _told(found: Any) -> str:
    sky, noise = (np.array(found.getArray(name), dtype=float) for name in ("skyNoise", "expectedNoise"))
    ratio = sky / noise
    return (
        f"; noise of the sky over the expected one {ratio.min():.3f} to {ratio.max():.3f}, step between amplifiers "
        f"{float(found['amplifierStep']):.2f} electron, {int(found['cosmicRayPixels'])} pixels of cosmic rays"
    )


def calibrations(data: FirstLightData) -> str:
    """Every calibration that was made, its numbers against their bars, and figures."""
    rows = "".join(_rows(item) for item in data.calibrations)
    head = "<tr><th>Calibration</th><th>Value</th><th>Bar</th><th></th></tr>"
    parts = [f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>']
    butler = data.products.butler
    for name, text, draw in _FIGURES:
        for ref in data.products.refs(name):
            svg = to_svg(draw(butler.get(ref)))
            parts.append(f'<div class="plot">{svg}<p>{escape(text)}; {escape(_where(ref))}</p></div>')
    figures = []
    for name in _IMAGES:
        for ref in data.products.refs(name):
            pixels = pictures.shrink(np.asarray(butler.get(ref).image.array), max_side=512)
            low, high = np.nanpercentile(pixels, [1.0, 99.0])
            stretch = pictures.Stretch(low=low, high=max(high, low + 1e-9), softening=max(high - low, 1e-9))
            caption = f"<b>{name}</b>, {escape(_where(ref))}; {low:.4g} (black) to {high:.4g} (white)"
            picture = pictures.gray_picture(pixels, stretch)
            figures.append(f'<figure><img src="{picture}" alt="{name}"><figcaption>{caption}</figcaption></figure>')
    return "".join(parts) + f'<div class="grid">{"".join(figures)}</div>'


def _rows(item: Outcome) -> str:
    where = " ".join(str(value) for key, value in item.data_id.items() if key != "instrument")
    good = item.state in ("certified", "kept")
    badge = f'<span class="badge {"held" if good else "missed"}">{escape(item.state)}</span>'
    note = "numbers are in the log of the call that made it" if item.state == "kept" else item.reason
    rows = [
        f"<tr><td><b>{escape(item.product)}</b> {escape(where)}<small>{escape(note)}</small></td>"
        f"<td></td><td></td><td>{badge}</td></tr>"
    ]
    for check in item.checks:
        mark = f'<span class="badge {"held" if check.passed else "missed"}">{"✓" if check.passed else "✗"}</span>'
        rows.append(
            f"<tr><td>{escape(check.name)}<small>{escape(check.text)}</small></td>"
            f'<td class="number">{check.value:.4g}</td><td class="number">{escape(check.bar)}</td><td>{mark}</td></tr>'
        )
    return "".join(rows)


ISR_SECTIONS: tuple[tuple[str, str, Callable[[FirstLightData], str]], ...] = (
    (
        "Raw frames",
        "One frame of each band before and after the signature of the camera is removed.",
        signature,
    ),
    (
        "Calibrations",
        "Made of the survey's own calibration frames, verified with frames held back, and certified if they pass.",
        calibrations,
    ),
)
"""Title, one sentence, and the function of every section, in reading order."""

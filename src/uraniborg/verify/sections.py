"""The sections of the report of first light: each reads products and returns HTML, or says what is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DatasetRef
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError
from uraniborg.model.psf import stamps
from uraniborg.verify import pictures, plots
from uraniborg.verify.first_light import FirstLightData, expected_of, match_truth
from uraniborg.verify.matching import match_positions

__all__ = ("SECTIONS", "absent", "figure")

MAX_TRIPLETS = 9
MAX_LIGHT_CURVES = 9
CUTOUT_HALF = 20
STAMP_SIZE = 25
MAX_PSF_STARS = 60
WAVELENGTH_ORDER = "ugrizy"

type Section = Callable[[FirstLightData], str]


def figure(picture: str, caption: str, *, kind: str = "", alt: str) -> str:
    """Return one picture with its caption (HTML) and a text for those who cannot see it."""
    return (
        f'<figure class="{kind}"><img src="{picture}" alt="{escape(alt)}"><figcaption>{caption}</figcaption></figure>'
    )


def absent(what: str) -> str:
    """Return a box that says why there is nothing to show."""
    return f'<p class="absent">{escape(what)}</p>'


def _grid(parts: Iterable[str], kind: str = "") -> str:
    return f'<div class="grid {kind}">{"".join(parts)}</div>'


def _plot(svg: str, caption: str) -> str:
    return f'<div class="plot">{svg}<p>{caption}</p></div>'


def _need(refs: Sequence[DatasetRef], name: str) -> Sequence[DatasetRef]:
    if not refs:
        raise AlgorithmError(f"there is no dataset {name!r} in this collection")
    return refs


def _key(ref: DatasetRef) -> tuple[int, int]:
    return int(ref.dataId["visit"]), int(ref.dataId["detector"])


def _cutout(image: Any, x: float, y: float) -> NDArray[np.float64]:
    """Return the pixels around a position of any image of `lsst.images`, NaN outside of it."""
    size = 2 * CUTOUT_HALF + 1
    result = np.full((size, size), np.nan)
    box, array = image.bbox, image.image.array
    x0, y0 = round(x) - box.x.start - CUTOUT_HALF, round(y) - box.y.start - CUTOUT_HALF
    rows = slice(max(y0, 0), min(y0 + size, array.shape[0]))
    columns = slice(max(x0, 0), min(x0 + size, array.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        result[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0] = array[rows, columns]
    return result


def exposures(data: FirstLightData) -> str:
    """Every calibrated exposure, with the numbers that calibration found."""
    refs = _need(data.products.refs("visit_image"), "visit_image")
    summary = data.products.tables("visit_detector_summary")
    parts = []
    for ref in refs:
        visit, detector = _key(ref)
        image = np.asarray(data.products.butler.get(ref).image.array)
        caption = f"<b>{visit}</b> detector {detector}, {escape(str(ref.dataId['band']))}"
        if (visit, detector) in summary and len(summary[visit, detector]):
            row = summary[visit, detector][0]
            caption += (
                f"<br>FWHM {row['seeing']:.2f}″, zero point {row['zeroPoint']:.3f}, 5σ depth {row['magLim']:.2f} mag"
                f"<br>{row['nAstrometryUsed']} Gaia stars, rms {row['rmsRa']:.1f}, {row['rmsDec']:.1f} mas"
                f" (header {row['headerRmsRa']:.0f}, {row['headerRmsDec']:.0f})"
            )
        shown = pictures.shrink(image, max_side=512)
        picture = pictures.gray_picture(shown, pictures.noise_stretch(shown))
        parts.append(figure(picture, caption, kind="pixels", alt=f"calibrated image of visit {visit}"))
    return _grid(parts)


def coadds(data: FirstLightData) -> str:
    """The coadds: a colour picture of three bands, else one gray picture for each band."""
    refs = _need(data.products.refs("deep_coadd"), "deep_coadd")
    bands: dict[str, list[tuple[NDArray[np.float64], int, int]]] = {}
    for ref in refs:
        coadd = data.products.butler.get(ref)
        tile = (np.asarray(coadd.image.array, dtype=float), coadd.bbox.x.start, coadd.bbox.y.start)
        bands.setdefault(str(ref.dataId["band"]), []).append(tile)
    names = sorted(bands, key=WAVELENGTH_ORDER.find)
    tiles = [tile for band in bands.values() for tile in band]
    x0, y0 = min(x for _, x, _ in tiles), min(y for _, _, y in tiles)
    width = max(x + pixels.shape[1] for pixels, x, _ in tiles) - x0
    height = max(y + pixels.shape[0] for pixels, _, y in tiles) - y0
    frame = (np.full((height, width), np.nan), x0, y0)  # makes all bands one size
    whole = {name: pictures.mosaic([*bands[name], frame]) for name in names}
    where = "North is up, East to the left"
    if len(names) >= 3:
        chosen = [names[-1], names[len(names) // 2], names[0]]
        caption = f"<b>{' '.join(chosen)}</b> as red, green and blue; {where}"
        picture = pictures.colour_picture([whole[name] for name in chosen])
        return figure(picture, caption, kind="wide", alt="colour picture of the coadds")
    parts = []
    for name in names:
        shown = pictures.shrink(whole[name], max_side=900)
        picture = pictures.gray_picture(shown, pictures.noise_stretch(shown), max_side=900)
        caption = f"<b>{escape(name)}</b>, {len(bands[name])} patches; {where}"
        parts.append(figure(picture, caption, alt=f"coadd in {name}"))
    return _grid(parts, "coadds")


def _best_sources(data: FirstLightData) -> Table:
    """Return the most significant difference source of each object, unflagged ones first, best first."""
    table = data.products.table("dia_source")
    if not len(table):
        raise AlgorithmError("no difference source was found")
    doubtful = np.zeros(len(table), dtype=bool)
    for name in ("centroid_flag", "pixelFlags_saturatedCenter", "pixelFlags_edge", "pixelFlags_bad"):
        doubtful |= np.asarray(table[name], dtype=bool)
    order = np.lexsort([-np.abs(np.nan_to_num(np.asarray(table["snr"], dtype=float))), doubtful])
    _, first = np.unique(np.asarray(table["diaObjectId"])[order], return_index=True)
    return table[order[np.sort(first)]]


def _truth_label(data: FirstLightData, ra: float, dec: float) -> str:
    """Return what was put in at a position of a simulated field."""
    if data.truth is None:
        return ""
    varying = data.truth.sources[np.asarray(data.truth.sources["lightCurve"]) != "constant"]
    found = match_positions(([ra], [dec]), (varying["ra"], varying["dec"]), radius=1.0)
    if not found.second.size:
        return "nothing varies here"
    row = varying[found.second[0]]
    where = " on a galaxy" if row["hostId"] else ""
    return f"true {row['kind'] if row['kind'] == 'transient' else 'variable star'} {row['truthId']}{where}"


def difference_cutouts(data: FirstLightData) -> str:
    """Science, template and difference of the most significant difference sources."""
    best = _best_sources(data)[:MAX_TRIPLETS]
    images: dict[tuple[int, int], list[Any]] = {}
    wanted = {(int(row["visit"]), int(row["detector"])) for row in best}
    for name in ("visit_image", "template_detector", "difference_image"):
        for ref in _need(data.products.refs(name), name):
            if _key(ref) in wanted:
                images.setdefault(_key(ref), []).append(data.products.butler.get(ref))
    parts = []
    for row in best:
        key = (int(row["visit"]), int(row["detector"]))
        science, template, difference = (_cutout(image, row["x"], row["y"]) for image in images[key])
        stretch = pictures.noise_stretch(np.stack([science, template]).reshape(-1, science.shape[1]), bright=99.5)
        noise = np.nanpercentile(np.abs(difference), 68.0)
        limit = max(6.0 * noise, 0.7 * float(np.nanmax(np.abs(difference)))) or 1.0
        frames = [
            pictures.gray_picture(science, stretch),
            pictures.gray_picture(template, stretch),
            pictures.diverging_picture(difference, limit=limit),
        ]
        label = _truth_label(data, float(row["ra"]), float(row["dec"]))
        caption = (
            f"<b>{key[0]}</b> {escape(str(row['band']))}, S/N {row['snr']:+.1f}"
            f"<br>{row['ra']:.5f} {row['dec']:+.5f}, {1e-3 * row['psfFlux']:+.2f} µJy"
        ).replace("S/N +", "S/N ")
        caption += f"<br>{escape(label)}" if label else ""
        names = ("science", "template", "difference")
        tags = "".join(f'<img src="{f}" alt="{n}">' for f, n in zip(frames, names, strict=True))
        parts.append(f'<figure><div class="triplet">{tags}</div><figcaption>{caption}</figcaption></figure>')
    return _grid(parts, "triplets")


def light_curves(data: FirstLightData) -> str:
    """Forced photometry on the difference images of the objects that changed most."""
    best = _best_sources(data)
    forced = data.products.table("dia_forced_source")
    numbers = np.asarray(forced["diaObjectId"])
    expected = None if data.truth is None else expected_of(data.truth)
    curves: list[plots.LightCurve] = []
    for row in best:
        rows = forced[numbers == row["diaObjectId"]]
        rows = rows[np.isfinite(np.asarray(rows["psfFlux"], dtype=float))]
        if len(rows) < 2 or len(curves) == MAX_LIGHT_CURVES:
            continue
        label = _truth_label(data, float(row["ra"]), float(row["dec"])) or f"{row['ra']:.5f} {row['dec']:+.5f}"
        curves.append(
            plots.LightCurve(
                title=label,
                time=np.asarray(rows["midpointMjdTai"], dtype=float),
                band=np.asarray(rows["band"]).astype(str),
                flux=np.asarray(rows["psfFlux"], dtype=float),
                error=np.asarray(rows["psfFluxErr"], dtype=float),
                truth=None if expected is None else _true_change(expected, row, np.asarray(rows["visit"])),
            )
        )
    if not curves:
        raise AlgorithmError("no object has forced photometry on two difference images")
    caption = "Flux on the difference image: each visit minus the weighted mean of the others of its band."
    caption += " Crosses joined by lines: what was put in." if data.truth is not None else ""
    return _plot(plots.light_curve_figure(curves), caption)


def _true_change(expected: Table, row: Any, visits: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return the true difference flux of the source at a position, for each visit; None if nothing varies there."""
    pairs = match_positions(([row["ra"]], [row["dec"]]), (expected["ra"], expected["dec"]), radius=1.0)
    if not pairs.second.size:
        return None
    mine = expected[np.asarray(expected["truthId"]) == expected["truthId"][pairs.second[0]]]
    change = dict(zip(np.asarray(mine["visit"]).tolist(), np.asarray(mine["diffFlux"]).tolist(), strict=True))
    return np.array([change.get(int(visit), np.nan) for visit in visits])


def astrometry(data: FirstLightData) -> str:
    """Residuals of the reference stars before and after the refinement."""
    bands = data.products.bands()
    fields = []
    sources = data.products.tables("source")
    for (visit, detector), match in data.products.tables("astrometry_match").items():
        stars = match[np.asarray(match["astrometryUsed"], dtype=bool)]
        if len(stars):
            fields.append(
                plots.VectorField(
                    title=f"{visit}/{detector} {bands.get(visit, '')}, {len(stars)} stars",
                    band=bands.get(visit, ""),
                    x=np.asarray(stars["x"], dtype=float),
                    y=np.asarray(stars["y"], dtype=float),
                    before=np.column_stack([stars["headerDeltaRa"], stars["headerDeltaDec"]]),
                    after=np.column_stack([stars["deltaRa"], stars["deltaDec"]]),
                    extent=_extent(sources[visit, detector]),
                )
            )
    if not fields:
        raise AlgorithmError("no exposure has matched reference stars")
    before, after = (_key_length([getattr(field, name) for field in fields]) for name in ("before", "after"))
    caption = "Source minus Gaia star at the time of the exposure; up is North, right is West."
    caption += " Gray: with the header's projection; coloured: with ours. Each has its own scale, see the keys."
    return _plot(plots.vector_figure(fields, key_before=before, key_after=after), caption)


def _extent(source: Table) -> tuple[float, float, float, float]:
    """Return the part of the detector that its sources span, with a margin."""
    x, y = np.asarray(source["x"], dtype=float), np.asarray(source["y"], dtype=float)
    margin = 0.06 * max(float(np.ptp(x)), float(np.ptp(y)), 50.0)
    return float(x.min()) - margin, float(x.max()) + margin, float(y.min()) - margin, float(y.max()) + margin


def _key_length(residuals: Sequence[NDArray[np.float64]]) -> float:
    """Return a round number [mas] that nine tenths of the arrows of every set do not exceed much."""
    longest = max(float(np.percentile(np.hypot(*arrows.T), 90.0)) for arrows in residuals)
    return next((step for step in (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0) if step >= 0.8 * longest), 1000.0)


def psf(data: FirstLightData) -> str:
    """The median star of each exposure, its model, and what is left."""
    refs = _need(data.products.refs("visit_image"), "visit_image")
    sources = data.products.tables("source")
    parts = []
    for ref in refs:
        table = sources.get(_key(ref))
        image = data.products.butler.get(ref)
        if table is None or image.psf is None:
            continue
        stacked = _stack_stars(image, table)
        if stacked is None:
            continue
        star, residual, n = stacked
        peak = float(star.max())
        stretch = pictures.Stretch(low=0.0, high=peak, softening=0.02 * peak)
        limit = 0.05 * peak
        frames = (
            pictures.gray_picture(star, stretch),
            pictures.gray_picture(star - residual, stretch),
            pictures.diverging_picture(residual, limit=limit),
        )
        names = ("median star", "model", "residual")
        tags = "".join(f'<img src="{f}" alt="{name}">' for f, name in zip(frames, names, strict=True))
        worst_pixel = 100.0 * float(np.abs(residual).max()) / peak
        caption = (
            f"<b>{ref.dataId['visit']}</b> {escape(str(ref.dataId['band']))}, {n} stars: median star, model, residual"
            f" (full colour at 5 % of the peak); largest residual {worst_pixel:.1f} % of the peak"
        )
        parts.append(f'<figure><div class="triplet">{tags}</div><figcaption>{caption}</figcaption></figure>')
    if not parts:
        raise AlgorithmError("no exposure has a PSF model and stars that it was made from")
    return _grid(parts, "triplets")


def _stack_stars(image: Any, table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64], int] | None:
    """Return the median normalised star, the median of star minus model, and the number of stars."""
    half = STAMP_SIZE // 2
    box, array = image.bbox, np.asarray(image.image.array, dtype=float)
    x, y = np.asarray(table["x"], dtype=float), np.asarray(table["y"], dtype=float)
    column, row = np.floor(x + 0.5).astype(int) - box.x.start, np.floor(y + 0.5).astype(int) - box.y.start
    keep = np.asarray(table["calib_psf_used"], dtype=bool) & (np.asarray(table["psfFlux"], dtype=float) > 0.0)
    keep &= (column >= half) & (column < array.shape[1] - half) & (row >= half) & (row < array.shape[0] - half)
    chosen = np.flatnonzero(keep)
    chosen = chosen[np.argsort(-np.asarray(table["psfFlux"], dtype=float)[chosen])][:MAX_PSF_STARS]
    if not chosen.size:
        return None
    models = stamps(image.psf, x[chosen], y[chosen], size=STAMP_SIZE)
    cuts = np.stack(
        [
            array[r - half : r + half + 1, c - half : c + half + 1]
            for r, c in zip(row[chosen], column[chosen], strict=True)
        ]
    )
    # the flux that fits the model best, so that the picture shows the shape only
    flux = np.nansum(cuts * models, axis=(1, 2)) / np.nansum(models**2, axis=(1, 2))
    normalised = cuts / flux[:, None, None]
    star, residual = np.nanmedian(normalised, axis=0), np.nanmedian(normalised - models, axis=0)
    return np.nan_to_num(star), np.nan_to_num(residual), int(chosen.size)


def photometry(data: FirstLightData) -> str:
    """Magnitudes against the truth of a simulated field, or against the reference stars of a real one."""
    if data.truth is None:
        return _photometry_of_reference(data)
    groups: dict[str, list[NDArray[np.float64]]] = {}
    pulls: dict[str, list[NDArray[np.float64]]] = {}
    visits = data.truth.visits
    bands = data.products.bands()
    for (visit, detector), source in data.products.tables("source").items():
        here = visits[(np.asarray(visits["visit"]) == visit) & (np.asarray(visits["detector"]) == detector)]
        match = match_truth(source, here)
        flux, error = np.asarray(match.source["psfFlux"], float), np.asarray(match.source["psfFluxErr"], float)
        true = np.asarray(match.truth["flux"], dtype=float)
        keep = (flux > 0.0) & (match.snr > 5.0)
        flux, error, true = flux[keep], error[keep], true[keep]
        values = np.stack([31.4 - 2.5 * np.log10(true), -2.5 * np.log10(flux / true), 1.0857 * error / flux])
        groups.setdefault(bands.get(visit, ""), []).append(values)
        pulls.setdefault(bands.get(visit, ""), []).append(((flux - true) / error)[match.snr[keep] > 10.0])
    if not groups:
        raise AlgorithmError("there is no dataset 'source' in this collection")
    joined = {band: tuple(np.concatenate(parts, axis=1)) for band, parts in sorted(groups.items())}
    residuals = plots.residual_figure(
        joined,
        x_label="true magnitude (AB)",
        y_label="PSF magnitude - truth",
        limit=0.15,
    )
    histogram = plots.pull_figure(
        {band: np.concatenate(parts) for band, parts in sorted(pulls.items())}, x_label="(flux - truth) / error"
    )
    return _plot(residuals, "Isolated true stars of all exposures; triangles lie beyond the range.") + _plot(
        histogram, "Pulls of isolated stars with S/N > 10; dashed: the normal distribution."
    )


def _photometry_of_reference(data: FirstLightData) -> str:
    match = data.products.table("astrometry_match")
    keep = np.isfinite(np.asarray(match["mag"], float)) & np.isfinite(np.asarray(match["refMag"], float))
    stars = match[keep]
    groups = {}
    for band in np.unique(np.asarray(stars["band"]).astype(str)):
        mine = stars[np.asarray(stars["band"]).astype(str) == band]
        groups[str(band)] = (mine["refMag"], np.asarray(mine["mag"] - mine["refMag"], dtype=float), mine["magErr"])
    if not groups:
        raise AlgorithmError("no reference star has a magnitude")
    svg = plots.residual_figure(groups, x_label="magnitude from Gaia (AB)", y_label="ours - Gaia's", limit=0.3)
    return _plot(svg, "Reference stars of all exposures, Gaia's magnitudes with colour terms; triangles lie beyond.")


SECTIONS: tuple[tuple[str, str, Section], ...] = (
    (
        "Exposures",
        "Calibrated images, background subtracted; black is two standard deviations below the sky.",
        exposures,
    ),
    ("Coadds", "All visits of a band on one grid, weighted by inverse variance.", coadds),
    (
        "What changed",
        "The most significant difference sources: science, matched template, difference (red brighter, blue fainter).",
        difference_cutouts,
    ),
    ("Light curves", "Forced photometry of the objects that changed most.", light_curves),
    ("Astrometry", "Positions against Gaia, before and after the refinement.", astrometry),
    ("Point-spread function", "How well the model describes the stars that it was made from.", psf),
    ("Photometry", "Calibrated magnitudes against what they should be.", photometry),
)
"""Title, one sentence, and the function of every section, in reading order."""

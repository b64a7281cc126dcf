"""A repository of made-up products of known quality, so that numbers and report can be checked without a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from lsst.daf.butler import Butler, DatasetType

from uraniborg.alerts import Cutouts, Plane, VisitContext, build_packets, encode_cutout, write_alerts
from uraniborg.model.skymap import RingsSkyMap
from uraniborg.model.tables import conform, declared_columns
from uraniborg.testing.images import make_cell_coadd, make_difference_image
from uraniborg.testing.scene_repository import make_scene_repository
from uraniborg.testing.scenes import SceneExposure
from uraniborg.verify.products import Products, Truth

VISITS = {1: "g", 2: "g", 3: "g", 4: "r", 5: "r", 6: "r", 7: "z", 8: "z"}
SIZE = 200
SCALE = 0.26
ZERO_POINT = 31.2
N_STARS = 60
TRANSIENT = 1001
POSITION_RMS = 5.0  # [mas]
FLUX_SCATTER = 0.8  # true error over the error that is told
FLUX_FACTOR = 1.002
VISIT = ("instrument", "visit", "detector")
TYPES = {
    "source": (VISIT, "SourceTable"),
    "astrometry_match": (VISIT, "SourceTable"),
    "visit_detector_summary": (VISIT, "SourceTable"),
    "template_detector": (VISIT, "DifferenceImage"),
    "difference_image": (VISIT, "DifferenceImage"),
    "dia_source_detector": (VISIT, "SourceTable"),
    "dia_source": (("skymap", "tract"), "SourceTable"),
    "dia_forced_source": ((*VISIT, "skymap"), "SourceTable"),
    "deep_coadd": (("skymap", "tract", "patch", "band"), "CellCoadd"),
    "alert_packets": (VISIT, "AlertPackets"),
}


@dataclass(frozen=True)
class MadeUp:
    """The products, the truth that they were made from, and another pipeline's numbers."""

    products: Products
    truth: Truth
    survey_ccds: Table


def fill(name: str, n: int, **values: Any) -> Table:
    """Return a declared table with neutral values and the given ones."""
    columns = {}
    for key, column in declared_columns(name).items():
        neutral = {"f": np.nan, "U": ""}.get(column.dtype.kind, 0)
        columns[key] = np.broadcast_to(np.asarray(values.get(key, neutral)), (n,)).copy()
    return conform(Table(columns), name)


def _time(visit: int) -> float:
    return 60000.0 + 4.0 * ((visit - 1) % 3)


def _sky() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions and fluxes of stars on a jittered grid, so that all of them are alone."""
    rng = np.random.default_rng(12)
    side = 8
    y, x = np.meshgrid(*(2 * [np.linspace(16, SIZE - 17, side)]), indexing="ij")
    x, y = (a.ravel()[:N_STARS] + rng.uniform(-3, 3, N_STARS) for a in (x, y))
    flux = 10.0 ** rng.uniform(3.3, 4.5, N_STARS)
    return x, y, flux


def _truth(ra: np.ndarray, dec: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray) -> Truth:
    n = N_STARS + 1
    number = np.append(np.arange(1, n), TRANSIENT)
    kind, curve = np.array(["star"] * (n - 1) + ["transient"]), np.array(["constant"] * (n - 1) + ["bazin"])
    sources = fill("TruthSource", n, truthId=number, kind=kind, ra=ra, dec=dec, lightCurve=curve)
    parts = []
    for visit, band in VISITS.items():
        here = np.append(flux, [0.0, 5000.0, 2500.0][(visit - 1) % 3])
        part = fill(
            "TruthVisit",
            n,
            truthId=number,
            kind=kind,
            visit=visit,
            detector=1,
            band=band,
            midpointMjdTai=_time(visit),
            ra=ra,
            dec=dec,
            x=x,
            y=y,
            flux=here,
            fluxErr=100.0,
            variable=kind == "transient",
        )
        parts.append(part)
    exposures = fill(
        "TruthExposure",
        len(VISITS),
        visit=list(VISITS),
        detector=1,
        band=list(VISITS.values()),
        skyLevel=500.0,
        zeroPoint=31.0,
    )
    return Truth(sources, vstack(parts, metadata_conflicts="silent"), exposures)


def _tables(truth: Truth, visit: int) -> dict[str, Table]:
    """Return the catalogues of one visit with noise of known size."""
    rng = np.random.default_rng(visit)
    here = truth.visits[(truth.visits["visit"] == visit) & (truth.visits["kind"] == "star")]
    n, band = len(here), VISITS[visit]
    shift = rng.normal(0.0, POSITION_RMS, (2, n)) / 3.6e6
    ra, dec = here["ra"] + shift[0] / np.cos(np.deg2rad(here["dec"])), here["dec"] + shift[1]
    flux = FLUX_FACTOR * here["flux"] + FLUX_SCATTER * rng.normal(0.0, 100.0, n)
    common = {"sourceId": visit * 1000 + np.arange(n), "visit": visit, "detector": 1, "band": band}
    place = {"x": here["x"], "y": here["y"], "ra": ra, "dec": dec}
    fluxes = {"psfFlux": flux, "psfFluxErr": 100.0, "snr": here["flux"] / 100.0, "calib_psf_used": True}
    source = fill("Source", n, **common, **place, **fluxes, coord_ra=ra, coord_dec=dec)
    header = {"headerDeltaRa": 300.0 + shift[0] * 3.6e6, "headerDeltaDec": -100.0 + shift[1] * 3.6e6}
    ours = {"deltaRa": shift[0] * 3.6e6, "deltaDec": shift[1] * 3.6e6}
    magnitude = 31.4 - 2.5 * np.log10(here["flux"])
    varying = np.where(np.arange(n) == n - 1, 0.3 * np.sin(visit), 0.0)
    match = fill(
        "AstrometryMatch",
        n,
        **common,
        **place,
        **header,
        **ours,
        snr=here["flux"] / 100.0,
        refId=here["truthId"],
        astrometryUsed=True,
        refMag=magnitude,
        mag=magnitude + rng.normal(0.0, 0.012, n) + varying,
        magErr=0.01,
    )
    summary = fill(
        "VisitDetectorSummary",
        1,
        visitId=visit,
        detector=1,
        band=band,
        zeroPoint=ZERO_POINT,
        zeroPointAduSecond=25.0 + 0.01 * visit,
        nZeroPointStars=n,
        psfFwhm=4.1,
        psfGaussianFwhm=4.2,
        seeing=1.1,
        magLim=23.9,
        rmsRa=5.0,
        rmsDec=5.0,
        headerRmsRa=300.0,
        headerRmsDec=100.0,
        nAstrometryUsed=n,
    )
    return {"source": source, "astrometry_match": match, "visit_detector_summary": summary}


def _dia_sources(truth: Truth, visit: int) -> Table:
    """Return the transient where it differs from the mean of the others, and one spurious source in each visit."""
    here = truth.visits[(truth.visits["visit"] == visit) & (truth.visits["kind"] == "transient")][0]
    changed = here["flux"] != 2500.0
    n = 1 + int(changed)
    sign = -1.0 if here["flux"] == 0.0 else 1.0
    return fill(
        "DiaSource",
        n,
        diaSourceId=[visit * 100, visit * 100 + 1][-n:],
        diaObjectId=[9000 + visit, 42][-n:] if n == 2 else [9000 + visit],
        visit=visit,
        detector=1,
        band=VISITS[visit],
        midpointMjdTai=_time(visit) + 1e-3 * visit,
        ra=[here["ra"] + 0.003, here["ra"]][:n],
        dec=[here["dec"], here["dec"]][:n],
        x=[30.0, here["x"]][:n],
        y=[30.0, here["y"]][:n],
        snr=[5.5, sign * 30.0][:n],
        psfFlux=[550.0, sign * 3000.0][:n],
        psfFluxErr=100.0,
        isNegative=[False, sign < 0.0][:n],
        timeProcessedMjdTai=60100.0,
    )


def _packets(sources: Table, everything: Table) -> bytes:
    now = float(sources["midpointMjdTai"][0])
    plane = Plane(np.zeros((80, 80), np.float32), np.ones((80, 80), np.float32), (0, 0))
    stamp = encode_cutout(plane, (40.0, 40.0), sky=(187.0, 25.5), matrix=np.eye(2) * 7e-5, psf=np.ones((25, 25)) / 625)
    cutouts = {int(number): Cutouts(stamp, stamp, stamp) for number in sources["diaSourceId"]}
    numbers = np.unique(np.asarray(sources["diaObjectId"]))
    objects = fill("DiaObject", len(numbers), diaObjectId=numbers, validityStartMjdTai=now, ra=187.0, dec=25.5)
    earlier = everything[np.asarray(everything["midpointMjdTai"]) < now]
    context = VisitContext(cutouts=cutouts)
    return write_alerts(
        build_packets(sources, objects, history=earlier, forced=fill("DiaForcedSource", 0), context=context)
    )


def _forced(truth: Truth, visit: int) -> Table:
    here = truth.visits[truth.visits["visit"] == visit]
    row = here[here["kind"] == "transient"][0]
    change = {0.0: -3750.0, 5000.0: 3750.0, 2500.0: 0.0}[float(row["flux"])]
    return fill(
        "DiaForcedSource", 1, diaObjectId=42, visit=visit, detector=1, band=VISITS[visit], psfFlux=change + 40.0,
        psfFluxErr=100.0, midpointMjdTai=_time(visit), ra=row["ra"], dec=row["dec"],
    )  # fmt: skip


def _put_images(butler: Butler, visit: int, x: float, y: float) -> None:
    rows, columns = np.indices((SIZE, SIZE))
    spot = np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / 3.2)
    for name, height in (("template_detector", 50.0), ("difference_image", 300.0)):
        image = make_difference_image(shape=(SIZE, SIZE), visit=visit, seed=visit)
        image.image.array[:] += (height * spot - 100.0).astype(np.float32)
        butler.put(image, name, visit=visit, detector=1)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeUp]:
    """Products of eight visits in three bands: 60 stars, a transient, one spurious source a visit."""
    x, y, flux = _sky()
    exposures = [SceneExposure(visit=v, shape=(SIZE, SIZE), band=b, mjd=_time(v)) for v, b in VISITS.items()]
    folder = tmp_path_factory.mktemp("made_up")
    sky_map = RingsSkyMap(pixel_scale=SCALE, patch_size=1350, patch_border=50, cell_size=50)
    from uraniborg.testing.scenes import tangent_wcs

    middle = 0.5 * (SIZE - 1)
    wcs = tangent_wcs(187.03, 25.56, scale=SCALE, centre=(middle, middle))
    ra, dec = wcs.wcs_pix2world(np.append(x, 100.0), np.append(y, 90.0), 0)
    truth = _truth(ra, dec, np.append(x, 100.0), np.append(y, 90.0), flux)
    stars = SkyCoord(ra[:-1], dec[:-1], unit="deg")
    with make_scene_repository(folder, exposures, stars, flux, sky_map=sky_map) as butler:
        for name, (dimensions, storage_class) in TYPES.items():
            butler.registry.registerDatasetType(
                DatasetType(name, dimensions, storage_class, universe=butler.dimensions)
            )
        patch = butler.query_dimension_records("patch", skymap="scene")[0]
        place = {"skymap": "scene", "tract": patch.tract}
        found = [_dia_sources(truth, visit) for visit in VISITS]
        everything = vstack(found, metadata_conflicts="silent")
        butler.put(everything, "dia_source", place)
        for visit, sources in zip(VISITS, found, strict=True):
            for name, table in _tables(truth, visit).items():
                butler.put(table, name, visit=visit, detector=1)
            butler.put(sources, "dia_source_detector", visit=visit, detector=1)
            butler.put(_packets(sources, everything), "alert_packets", visit=visit, detector=1)
            butler.put(_forced(truth, visit), "dia_forced_source", visit=visit, detector=1, skymap="scene")
            _put_images(butler, visit, 100.0, 90.0)
        for seed, band in enumerate("grz"):
            butler.put(make_cell_coadd(seed=seed), "deep_coadd", {**place, "patch": patch.id, "band": band})
        ccds = Table(
            {
                "expnum": list(VISITS),
                "ccdzpt": [24.97 + 0.01 * v for v in VISITS],
                "fwhm": [4.0] * len(VISITS),
            }
        )
        yield MadeUp(Products(butler, str(folder / "repo"), "scene"), truth, ccds)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from lsst.pipe.base import Struct

from uraniborg.archive.refcat_columns import column_sources, convert_rows
from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.instruments.decam import DECam
from uraniborg.model.frames import ReducedFrame
from uraniborg.tasks.assemble_reduced import AssembleReducedConfig, AssembleReducedTask
from uraniborg.tasks.calibrate_image import CalibrateImageConfig, CalibrateImageConnections, CalibrateImageTask
from uraniborg.tasks.characterize_image import CharacterizeImageConfig, CharacterizeImageTask
from uraniborg.testing.star_fields import StarField, StarFieldConfig, make_star_field

FIELD = "images/decam_field_187p03_25p56"


def _task(**changes: object) -> CalibrateImageTask:
    config = CalibrateImageConfig()
    config.color_terms["Scene"] = "simcam_gaia"
    for name, value in changes.items():
        setattr(config, name, value)
    config.validate()
    return CalibrateImageTask(config=config)


def _run(task: CalibrateImageTask, field: StarField) -> Struct:
    return task.run(image=field.image, sources=field.sources, references=field.references)


def test_one_detector_is_calibrated() -> None:
    outputs = _run(_task(), make_star_field(seed=1))
    row = outputs.visit_detector_summary[0]
    assert row["zeroPoint"] == pytest.approx(31.2, abs=0.01)
    assert max(row["rmsRa"], row["rmsDec"]) < 15.0
    assert outputs.visit_image.unit == "nJy"
    assert len(outputs.source) == 97
    assert len(outputs.astrometry_match) >= 30
    assert outputs.failure == ""


def test_settings_reach_the_algorithms() -> None:
    field = make_star_field(seed=2)
    assert "too few matched stars" in _run(_task(min_astrometry_stars=90), field).failure
    with pytest.raises(AlgorithmError, match="min_stars=90"):
        _run(_task(min_photometry_stars=90), field)
    turned = make_star_field(StarFieldConfig(rotation=0.2), seed=2)
    models = [_run(_task(max_model=name), turned).visit_detector_summary["astrometryModel"][0] for name in
              ("shift", "similarity")]  # fmt: skip
    assert models == ["shift", "similarity"]


def test_an_instrument_without_colour_terms_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="'Scene'"):
        _run(CalibrateImageTask(config=CalibrateImageConfig()), make_star_field())


def test_connections_have_the_agreed_names() -> None:
    connections = CalibrateImageConnections(config=CalibrateImageConfig())
    names = {name: getattr(connections, name).name for name in connections.allConnections}
    assert names == {
        "image": "preliminary_visit_image", "sources": "preliminary_source", "references": "gaia_dr2",
        "visit_image": "visit_image", "source": "source", "astrometry_match": "astrometry_match",
        "visit_detector_summary": "visit_detector_summary",
    }  # fmt: skip


@dataclass(frozen=True)
class RealField:
    outputs: dict[int, Struct]
    theirs: dict[int, Table.Row]


def _frame(path: Path) -> ReducedFrame:
    with fits.open(path) as hdus:
        array = hdus[1].data
        return ReducedFrame(hdus[0].header, hdus[1].header, array.astype(array.dtype.newbyteorder("=")))


@pytest.fixture(scope="module")
def real_field(testdata: Path) -> RealField:
    """The nine exposures of the DECam field, from files to calibrated images."""
    folder = testdata / FIELD
    gaia = vstack([Table.read(path) for path in sorted(folder.glob("chunk-*.fits"))], metadata_conflicts="silent")
    references = convert_rows(gaia, column_sources("gaia_dr2", None), first_row=0, epoch=None)
    assemble, calibrate = AssembleReducedTask(config=AssembleReducedConfig()), _task()
    characterize = CharacterizeImageTask(config=CharacterizeImageConfig())
    theirs = {int(row["expnum"]): row for row in Table.read(folder / "survey-ccds-1.fits.gz")}
    outputs = {}
    for number, row in theirs.items():
        name = Path(str(row["image_filename"])).name
        frames = [_frame(folder / name.replace("_ooi_", f"_oo{member}_")) for member in "iwd"]
        image = assemble.run(image=frames[0], weight=frames[1], dq=frames[2], instrument=DECam()).output
        found = characterize.run(image=image)
        outputs[number] = calibrate.run(image=found.output, sources=found.sources, references=references)
    return RealField(outputs, theirs)


@pytest.mark.realdata
@pytest.mark.slow
def test_real_stars_lie_within_40_mas_of_gaia(real_field: RealField) -> None:
    for outputs in real_field.outputs.values():
        match = outputs.astrometry_match
        bright = np.asarray(match["snr"] > 50)
        assert np.count_nonzero(bright) >= 2
        for axis in ("deltaRa", "deltaDec"):
            assert np.sqrt(np.mean(np.asarray(match[axis])[bright] ** 2)) <= 40.0
    every = vstack([outputs.astrometry_match for outputs in real_field.outputs.values()], metadata_conflicts="silent")
    ours, header = (
        np.sqrt(np.mean([np.asarray(every[f"{name}{axis}"]) ** 2 for axis in ("Ra", "Dec")]))
        for name in ("delta", "headerDelta")
    )
    assert ours < 0.7 * header


@pytest.mark.realdata
@pytest.mark.slow
def test_real_zero_points_agree_with_the_surveys(real_field: RealField) -> None:
    # Their ccdzpt: m = -2.5 log10(adu / s) + ccdzpt, point-source fluxes, no term in airmass, from Pan-STARRS stars.
    differences: dict[str, list[float]] = {}
    for number, outputs in real_field.outputs.items():
        row = outputs.visit_detector_summary[0]
        difference = float(row["zeroPointAduSecond"] - real_field.theirs[number]["ccdzpt"])
        assert abs(difference) <= 0.10
        differences.setdefault(str(row["band"]), []).append(difference)
    assert sorted(differences) == ["g", "r", "z"]
    assert max(np.std(values, ddof=1) for values in differences.values()) <= 0.05


@pytest.mark.realdata
@pytest.mark.slow
def test_real_stars_have_the_same_magnitude_at_all_epochs_but_for_the_variable_one(real_field: RealField) -> None:
    every = vstack([outputs.astrometry_match for outputs in real_field.outputs.values()], metadata_conflicts="silent")
    rms = {}
    for number in np.unique(every["refId"]):
        for band in "grz":
            magnitudes = np.asarray(every["mag"])[(every["refId"] == number) & (every["band"] == band)]
            rms[int(number), band] = float(np.std(magnitudes, ddof=1))
    variable = 3960312480907107968  # no parallax, no motion, BP-RP = 0.56: a quasar
    assert {number for (number, _), value in rms.items() if value > 0.03} == {variable}


@pytest.mark.realdata
@pytest.mark.slow
def test_a_handful_of_real_stars_gives_a_shift_only(real_field: RealField) -> None:
    for outputs in real_field.outputs.values():
        row = outputs.visit_detector_summary[0]
        assert row["astrometryModel"] == "shift"
        assert np.hypot(row["leftOutRmsRa"], row["leftOutRmsDec"]) < 60.0

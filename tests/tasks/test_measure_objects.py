from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from lsst.daf.butler import Butler

from uraniborg.core.errors import UserError
from uraniborg.tasks.measure_objects import MeasureObjectsConfig, MeasureObjectsTask


@pytest.fixture(scope="module")
def objects(scene_products: Butler) -> Table:
    """Return all rows of all patches."""
    tables = [scene_products.get(ref) for ref in scene_products.query_datasets("object")]
    assert len(tables) == 2
    return vstack(tables, metadata_conflicts="silent")


@pytest.fixture(scope="module")
def primary(objects: Table) -> Table:
    return objects[objects["detect_isPrimary"]]


def match(table: Table, stars: SkyCoord) -> np.ndarray:
    """Return the star that each row is."""
    index, separation, _ = SkyCoord(table["coord_ra"], table["coord_dec"], unit="deg").match_to_catalog_sky(stars)
    assert (separation.arcsec < 0.3).all()
    return index


def test_every_star_is_found_once(primary: Table, scene_stars: tuple[SkyCoord, np.ndarray]) -> None:
    stars, fluxes = scene_stars
    assert sorted(match(primary, stars)) == list(range(len(fluxes)))
    assert (primary["refExtendedness"] == 0).mean() > 0.9


def test_positions_and_fluxes_are_as_good_as_their_errors(
    primary: Table, scene_stars: tuple[SkyCoord, np.ndarray]
) -> None:
    stars, fluxes = scene_stars
    index = match(primary, stars)
    offsets = np.concatenate(
        [
            (primary["coord_ra"] - stars.ra.deg[index]) * np.cos(stars.dec.rad[index]) / primary["coord_raErr"],
            (primary["coord_dec"] - stars.dec.deg[index]) / primary["coord_decErr"],
        ]
    )
    # 84 numbers: the width is known to 8 %.
    assert np.std(offsets) == pytest.approx(1.0, abs=0.25)
    for band in "grz":
        pull = (primary[f"{band}_psfFlux"] - fluxes[index]) / primary[f"{band}_psfFluxErr"]
        good = ~primary[f"{band}_psfFlux_flag"] & ~primary[f"{band}_pixelFlags_edge"]
        assert good.sum() > 30
        # Where a visit ends within a cell the PSF is a mixture, so the wings of this distribution are not Gaussian.
        centre = np.median(pull[good])
        width = 1.4826 * np.median(np.abs(pull[good] - centre))
        assert width == pytest.approx(1.0, abs=0.35)
        assert abs(centre) < 0.5
        aperture = primary[f"{band}_ap12Flux"][good] / fluxes[index][good]
        assert np.median(aperture) == pytest.approx(1.0, abs=0.02)


def test_bands_without_coadd_have_no_values(primary: Table) -> None:
    assert (primary["r_inputCount"] == 3).all()
    assert (primary["i_inputCount"] == 0).all()
    assert np.isnan(primary["i_psfFlux"]).all()
    assert primary["i_psfFlux_flag"].all()
    assert set(primary["refBand"]) <= {"g", "r", "z"}


def test_each_sky_position_is_primary_in_one_patch(objects: Table) -> None:
    assert len(np.unique(objects["objectId"])) == len(objects)
    positions = SkyCoord(objects["coord_ra"], objects["coord_dec"], unit="deg")
    seen = objects[~objects["detect_isPrimary"]]
    index, separation, _ = SkyCoord(seen["coord_ra"], seen["coord_dec"], unit="deg").match_to_catalog_sky(
        positions[np.asarray(objects["detect_isPrimary"])]
    )
    assert (separation.arcsec < 0.3).all()
    assert len(set(index)) == len(index)


def test_empty_sky_gives_an_empty_table(scene_products: Butler) -> None:
    sky_map = scene_products.get("skyMap", skymap="scene")
    coadds = []
    for ref in scene_products.query_datasets("deep_coadd", where="band IN ('g', 'r')"):
        coadd = scene_products.get(ref)
        if coadds and coadd.patch != coadds[0].patch:
            continue
        valid = np.isfinite(coadd.image.array)
        coadd.image.array[valid] = np.random.default_rng(1).normal(0, 0.1, valid.sum())
        coadds.append(coadd)
    task = MeasureObjectsTask(config=MeasureObjectsConfig())
    table = task.run(coadds, sky_map=sky_map, tract_id=coadds[0].tract, patch_id=coadds[0].patch.id).objects
    assert len(table) == 0
    assert "g_psfFlux" in table.colnames


def test_band_without_columns_is_refused(scene_products: Butler) -> None:
    ref = scene_products.query_datasets("deep_coadd", where="band = 'g'", limit=1)[0]
    coadd = scene_products.get(ref)
    coadd._band = "w"
    with pytest.raises(UserError, match="not for \\['w'\\]"):
        MeasureObjectsTask(config=MeasureObjectsConfig()).run(
            [coadd], sky_map=scene_products.get("skyMap", skymap="scene"), tract_id=0, patch_id=0
        )

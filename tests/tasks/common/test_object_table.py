from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from uraniborg.core.ids import object_ids
from uraniborg.model.skymap import RingsSkyMap
from uraniborg.model.tables import declared_columns
from uraniborg.tasks.common.object_table import BANDS, object_table
from uraniborg.tasks.common.objects import detect_objects, load_bands, measure_objects
from uraniborg.testing.scenes import SceneExposure

STARS = SkyCoord([187.03, 187.033], [25.56, 25.563], unit="deg")


def test_table_is_as_declared_and_tells_the_truth(scene_coadd: Any, sky_map: RingsSkyMap) -> None:
    exposure = SceneExposure(band="z", noise=2.0, aperture_correction=1.1)
    coadd = scene_coadd([exposure], STARS, np.array([1e4, 3e4]), seed=3)
    box, bands = load_bands([coadd])
    found = detect_objects(bands, threshold=5.0, prominence=2.0)
    table = object_table(
        bands,
        found,
        measure_objects(bands, found),
        box=box,
        sky_map=sky_map,
        tract_id=coadd.tract,
        patch_id=coadd.patch.id,
    )
    assert table.colnames == list(declared_columns("Object"))
    assert len(table) == 2
    np.testing.assert_array_equal(table["objectId"], object_ids(coadd.tract, coadd.patch.id, 2))
    positions = SkyCoord(table["coord_ra"], table["coord_dec"], unit="deg")
    index, separation, _ = positions.match_to_catalog_sky(STARS)
    assert (separation.arcsec < 0.02).all()
    assert table["z_psfFlux"] == pytest.approx(np.array([1e4, 3e4])[index], rel=0.02)
    # Apertures see the image alone, which lacks what the correction stands for.
    assert table["z_ap12Flux"] == pytest.approx(np.array([1e4, 3e4])[index] / 1.1, rel=0.02)
    assert (table["refBand"] == "z").all()
    assert table["detect_isPrimary"].all()
    assert table["detect_isIsolated"].all()
    assert table["z_ixx"] == pytest.approx(1.8**2, rel=0.03)
    for band in set(BANDS) - {"z"}:
        assert np.isnan(table[f"{band}_psfFlux"]).all()
        assert table[f"{band}_pixelFlags_nodata"].all()
        assert (table[f"{band}_inputCount"] == 0).all()


def test_object_of_another_patch_is_not_primary(scene_coadd: Any, sky_map: RingsSkyMap) -> None:
    coadd = scene_coadd([SceneExposure(noise=2.0)], STARS, np.array([1e4, 3e4]), seed=3)
    box, bands = load_bands([coadd])
    found = detect_objects(bands, threshold=5.0, prominence=2.0)
    results = measure_objects(bands, found)
    here = {"box": box, "sky_map": sky_map, "tract_id": coadd.tract}
    neighbour = object_table(bands, found, results, patch_id=coadd.patch.id + 1, **here)
    assert neighbour["detect_isTractInner"].all()
    assert not neighbour["detect_isPatchInner"].any()
    assert not neighbour["detect_isPrimary"].any()

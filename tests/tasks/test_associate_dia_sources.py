import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.pipe.base import NoWorkFound

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.model.tables import empty_table
from uraniborg.tasks.associate_dia_sources import AssociateDiaSourcesTask


def read(scene, name: str):
    refs = scene.butler.query_datasets(name)
    return max((scene.butler.get(ref) for ref in refs), key=len)


def test_one_object_for_each_transient(difference_scene) -> None:
    objects, sources = read(difference_scene, "dia_object"), read(difference_scene, "dia_source")
    places = SkyCoord(objects["ra"], objects["dec"], unit="deg")
    index, separation, _ = difference_scene.transients.match_to_catalog_sky(places)
    assert (separation.arcsec < 0.1).all()
    assert len(np.unique(index)) == len(difference_scene.transients)
    assert (objects["nDiaSources"][index] == 4).all()
    assert set(sources["diaObjectId"]) == set(objects["diaObjectId"])
    assert set(objects["diaObjectId"]) <= set(sources["diaSourceId"])


def test_features_follow_from_the_sources(difference_scene) -> None:
    objects, sources = read(difference_scene, "dia_object"), read(difference_scene, "dia_source")
    for row in objects:
        mine = sources[sources["diaObjectId"] == row["diaObjectId"]]
        assert row["r_psfFluxNdata"] == len(mine) == row["nDiaSources"]
        assert row["r_psfFluxMax"] == mine["psfFlux"].max()
        assert row["firstDiaSourceMjdTai"] == mine["midpointMjdTai"].min()
        assert row["lastDiaSourceMjdTai"] == mine["midpointMjdTai"].max()
        assert np.isnan(row["g_psfFluxMean"])
        assert row["g_psfFluxNdata"] == 0


def test_every_source_is_in_one_tract(difference_scene) -> None:
    tables = [
        difference_scene.butler.get("dia_source_detector", instrument="Scene", visit=visit, detector=1)
        for visit in (1, 2, 3, 4)
    ]
    # Half of the sources are moved to where the next tract is theirs.
    sky_map = RingsSkyMap(pixel_scale=0.26, patch_size=1350, patch_border=50, cell_size=50)
    total = 0
    moved = [table.copy() for table in tables]
    for table in moved:
        far = np.asarray(table["ra"]) > 187.03
        table["dec"][far] += 3.0
    tracts = {int(t) for table in moved for t in sky_map.find_tract(np.asarray(table["ra"]), np.asarray(table["dec"]))}
    assert len(tracts) > 1
    for tract in tracts:
        result = AssociateDiaSourcesTask().run(moved, sky_map=sky_map, tract=tract, processed=1.0)
        founders = np.isin(result.dia_source["diaSourceId"], result.dia_object["diaObjectId"])
        assert (
            sky_map.find_tract(result.dia_source["ra"][founders], result.dia_source["dec"][founders]) == tract
        ).all()
        total += len(result.dia_source)
    assert total == sum(map(len, tables))


def test_nothing_to_associate() -> None:
    sky_map = RingsSkyMap(pixel_scale=0.26, patch_size=1350, patch_border=50, cell_size=50)
    with pytest.raises(NoWorkFound):
        AssociateDiaSourcesTask().run([empty_table("DiaSource")], sky_map=sky_map, tract=0, processed=1.0)

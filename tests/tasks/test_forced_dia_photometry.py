import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.pipe.base import NoWorkFound

from uraniborg.model.tables import declared_columns, empty_table
from uraniborg.tasks.forced_dia_photometry import ForcedDiaPhotometryTask


def forced(scene, visit: int):
    return scene.butler.get("dia_forced_source", instrument="Scene", visit=visit, detector=1, skymap="scene")


def test_light_curves_follow_the_truth(difference_scene) -> None:
    pulls = []
    for visit in (1, 2, 3, 4):
        table = forced(difference_scene, visit)
        assert table.colnames == list(declared_columns("DiaForcedSource"))
        places = SkyCoord(table["ra"], table["dec"], unit="deg")
        index, separation, _ = difference_scene.transients.match_to_catalog_sky(places)
        assert (separation.arcsec < 0.1).all()
        expected = difference_scene.expected_flux(visit)
        np.testing.assert_allclose(table["psfFlux"][index], expected, atol=500.0)
        pulls.extend(
            (table["scienceFlux"][index] - difference_scene.fluxes[visit - 1]) / table["scienceFluxErr"][index]
        )
    assert np.std(pulls) == pytest.approx(1.0, abs=0.45)


def test_identifiers(difference_scene) -> None:
    tables = [forced(difference_scene, visit) for visit in (1, 2)]
    ids = np.concatenate([table["diaForcedSourceId"] for table in tables])
    assert len(np.unique(ids)) == len(ids)


def test_no_object_on_the_detector(difference_scene) -> None:
    images = [
        difference_scene.butler.get(name, instrument="Scene", visit=1, detector=1)
        for name in ("difference_image", "visit_image")
    ]
    with pytest.raises(NoWorkFound, match="no difference object"):
        ForcedDiaPhotometryTask().run(*images, [empty_table("DiaObject")], processed=1.0)

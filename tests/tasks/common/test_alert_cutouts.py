import numpy as np

from uraniborg.alerts import read_cutout
from uraniborg.tasks.common.alert_cutouts import make_cutouts
from uraniborg.tasks.common.dia_sources import difference_bits


def test_three_stamps_for_each_source(difference_scene) -> None:
    get = difference_scene.butler.get
    where = {"instrument": "Scene", "visit": 1, "detector": 1}
    images = tuple(get(name, **where) for name in ("difference_image", "visit_image", "template_detector"))
    sources = get("dia_source_detector", **where)
    stamps = make_cutouts(sources, images, size=32, psf_size=21)
    assert set(stamps) == set(sources["diaSourceId"].tolist())
    for cutouts in stamps.values():
        parts = [read_cutout(data) for data in (cutouts.difference, cutouts.science, cutouts.template)]
        assert {part.image.shape for part in parts} == {(32, 32)}
        assert len({part.corner for part in parts}) == 1
        assert [part.mask is not None for part in parts] == [True, False, False]
        x, y = parts[0].corner
        bits = difference_bits(images[0])[max(y, 0) : y + 32, max(x, 0) : x + 32]
        assert (parts[0].mask != 0).sum() == (bits != 0).sum()


def test_no_sources_no_stamps(difference_scene) -> None:
    get = difference_scene.butler.get
    where = {"instrument": "Scene", "visit": 1, "detector": 1}
    images = tuple(get(name, **where) for name in ("difference_image", "visit_image", "template_detector"))
    assert make_cutouts(get("dia_source_detector", **where)[:0], images, size=30, psf_size=21) == {}
    assert np.isfinite(images[0].image.array).all()

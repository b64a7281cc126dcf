import numpy as np
import pytest

from uraniborg.alerts import read_alerts, read_cutout, validate_alerts
from uraniborg.model.masks import select_pixels


def packets(scene, visit: int) -> bytes:
    return scene.butler.get("alert_packets", instrument="Scene", visit=visit, detector=1)


@pytest.mark.parametrize("visit", [1, 4])
def test_all_packets_are_valid_and_have_their_history(difference_scene, visit: int) -> None:
    data = packets(difference_scene, visit)
    report = validate_alerts(data)
    assert report.faults == ()
    assert report.n_valid == report.n_packets >= 6
    for packet in read_alerts(data):
        if packet["diaObject"]["nDiaSources"] == visit:
            assert [item["visit"] for item in packet["prvDiaSources"] or []] == list(range(1, visit))
        assert [item["visit"] for item in packet["prvDiaForcedSources"]] == list(range(1, visit + 1))
        assert packet["diaObject"]["lastDiaSourceMjdTai"] == packet["diaSource"]["midpointMjdTai"]
        assert packet["diaObject"]["r_fpFluxMean"] is not None


def test_stamps_show_the_source(difference_scene) -> None:
    difference = difference_scene.butler.get("difference_image", instrument="Scene", visit=2, detector=1)
    for packet in read_alerts(packets(difference_scene, 2)):
        source = packet["diaSource"]
        stamps = {name: read_cutout(packet[name]) for name in ("cutoutDifference", "cutoutScience", "cutoutTemplate")}
        stamp = stamps["cutoutDifference"]
        x, y = stamp.corner
        shown = difference.image.array[max(y, 0) : y + 30, max(x, 0) : x + 30]
        inside = stamp.image[np.isfinite(stamp.image)]
        assert np.isin(inside, shown).all()
        assert select_pixels(difference.mask).any() == (difference.mask.get("NO_DATA").any())
        position = stamp.wcs.all_world2pix([[source["ra"], source["dec"]]], 0)[0]
        assert position == pytest.approx((source["x"] - x, source["y"] - y), abs=1e-3)
        excess = stamps["cutoutScience"].image - stamps["cutoutTemplate"].image
        peak = np.s_[14:17, 14:17]
        assert np.sign(np.nansum(excess[peak])) == np.sign(source["psfFlux"])
        for cutout in stamps.values():
            assert cutout.psf.shape == (25, 25)
            assert cutout.psf.sum() == pytest.approx(1.0, abs=0.02)

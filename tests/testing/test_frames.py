from __future__ import annotations

import numpy as np
from astropy.io import fits

from uraniborg.instruments.simcam.headers import DQ_BITS
from uraniborg.testing.frames import tiny_exposure, write_raw, write_triplet


def test_triplet_has_the_noise_its_weights_say(tmp_path) -> None:
    paths = write_triplet(tmp_path, tiny_exposure(3), 1)
    image, weight, dq = (fits.getdata(paths[member]).astype(float) for member in ("image", "weight", "dq"))
    assert {int(value) for value in np.unique(dq)} == {0, *DQ_BITS.values()}
    assert ((weight == 0) == (dq > 0)).all()
    good = weight > 0
    pull = (image[good] - 200.0) * np.sqrt(weight[good])
    assert abs(pull.mean()) < 4 / np.sqrt(good.sum())
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * good.sum())


def test_raw_holds_all_detectors(tmp_path) -> None:
    with fits.open(write_raw(tmp_path, tiny_exposure(3), (0, 1))) as hdus:
        assert [hdu.header["CCDNUM"] for hdu in hdus[1:]] == [0, 1]
        assert abs(hdus[2].data.mean() - 1100) < 2

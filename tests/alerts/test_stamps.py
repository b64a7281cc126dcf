import numpy as np
import pytest

from uraniborg.alerts.cutouts import Plane, encode_cutout
from uraniborg.alerts.stamps import encode_cutouts
from uraniborg.core.errors import UserError

N = 600  # more than are made at once


def scene(*, masked: bool) -> tuple[Plane, dict]:
    rng = np.random.default_rng(5)
    image = rng.normal(size=(90, 100)).astype(np.float32)
    plane = Plane(
        image, image**2 + 1, (1000, 500), (np.arange(9000).reshape(90, 100) % 7).astype(np.uint8) if masked else None
    )
    sky = {"ra": rng.uniform(0, 360, N), "dec": rng.uniform(-90, 90, N)}
    sky["ra"][:3], sky["dec"][:3] = (0.0, 1e-7, 359.99999999999994), (0.0, -1e-12, 90.0)
    matrices = rng.normal(size=(N, 2, 2)) * 10.0 ** rng.integers(-9, 2, (N, 1, 1))
    return plane, sky | {"matrices": matrices}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [30, 41])
def test_stamps_are_the_bytes_of_astropy(masked: bool, size: int) -> None:
    plane, options = scene(masked=masked)
    rng = np.random.default_rng(6)
    x, y = rng.uniform(960, 1140, N), rng.uniform(460, 630, N)  # some of them wholly outside
    psfs = rng.random((N, 25, 25)) if masked else None
    found = encode_cutouts(plane, x, y, **options, psfs=psfs, size=size)
    assert len(found) == N
    for i in (*range(20), 511, 512, N - 1):
        single = encode_cutout(
            plane,
            (float(x[i]), float(y[i])),
            sky=(float(options["ra"][i]), float(options["dec"][i])),
            matrix=options["matrices"][i],
            psf=None if psfs is None else psfs[i],
            size=size,
        )
        assert found[i] == single, i


def test_bad_positions_and_sizes_are_refused() -> None:
    plane, options = scene(masked=False)
    x = np.full(N, 1040.0)
    x[7] = np.nan
    with pytest.raises(UserError, match="stamp 7 of 600"):
        encode_cutouts(plane, x, np.full(N, 540.0), **options)
    with pytest.raises(UserError, match="at least 30"):
        encode_cutouts(plane, np.full(N, 1040.0), np.full(N, 540.0), **options, size=20)
    nothing = {name: values[:0] for name, values in options.items()}
    assert encode_cutouts(plane, [], [], **nothing) == []

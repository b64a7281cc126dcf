from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import Butler, DatasetType
from lsst.images.tests import assert_masked_images_equal

from uraniborg.archive.formatters.images import ImageFormatter
from uraniborg.archive.repository import seed_config
from uraniborg.testing.images import make_cell_coadd, make_visit_image
from uraniborg.testing.repos import make_repository

WITHOUT_US = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "uraniborg":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
"""


def _put(butler: Butler, name: str, storage_class: str, value: object) -> tuple[object, Path]:
    butler.registry.registerDatasetType(DatasetType(name, (), storage_class, universe=butler.dimensions))
    ref = butler.put(value, name)
    return butler.get(ref), Path(butler.getURI(ref).ospath)


def _run_without_us(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", WITHOUT_US + textwrap.dedent(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_intermediates_are_uncompressed_and_exact(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        for name in ("post_isr_image", "preliminary_visit_image"):
            image = make_visit_image()
            found, path = _put(butler, name, "VisitImage", image)
            assert_masked_images_equal(image, found)
            with fits.open(path, disable_image_compression=True) as hdus:
                assert isinstance(hdus["IMAGE"], fits.ImageHDU)
                assert isinstance(hdus["MASK"], fits.ImageHDU)


def test_final_images_are_quantised_far_below_the_noise(tmp_path: Path) -> None:
    image = make_visit_image(shape=(256, 256))
    with make_repository(tmp_path) as butler:
        found, path = _put(butler, "visit_image", "VisitImage", image)
        again, _ = _put(butler, "any_other", "VisitImage", image)
        _, plain_path = _put(butler, "post_isr_image", "VisitImage", image)
    noise = 10.0
    difference = found.image.array - image.image.array
    np.testing.assert_array_equal(np.isnan(difference), np.isnan(image.image.array))
    assert np.nanmax(np.abs(difference)) <= noise / 16
    assert abs(np.nanmean(difference)) < 5 * noise / 16 / np.sqrt(12 * difference.size)
    np.testing.assert_array_equal(found.mask.array, image.mask.array)
    assert_masked_images_equal(image, again)
    assert path.stat().st_size < 0.5 * plain_path.stat().st_size


def test_quantised_images_are_the_same_on_every_run(tmp_path: Path) -> None:
    stored = []
    for name in ("one", "two"):
        with make_repository(tmp_path / name) as butler:
            stored.append(_put(butler, "visit_image", "VisitImage", make_visit_image())[0])
    assert_masked_images_equal(*stored)


def test_tiles_of_a_coadd_are_its_cells(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        _, path = _put(butler, "deep_coadd", "CellCoadd", make_cell_coadd(cell_size=20))
    with fits.open(path, disable_image_compression=True) as hdus:
        assert (hdus["IMAGE"].header["ZTILE1"], hdus["IMAGE"].header["ZTILE2"]) == (20, 20)


def test_registry_records_the_reader_of_lsst_images(tmp_path: Path) -> None:
    assert ImageFormatter.name() == "lsst.images.formatters.GenericFormatter"


def test_unknown_recipe_is_named(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        config = butler._config.configDir.ospath + "butler.yaml"
    text = Path(config).read_text()
    assert text.count("recipe: quantised\n") == 2
    Path(config).write_text(text.replace("recipe: quantised\n", "recipe: nonsense\n"))
    with Butler.from_config(config, run="r") as butler, pytest.raises(RuntimeError, match="serialize") as caught:
        _put(butler, "visit_image", "VisitImage", make_visit_image())
    assert "'nonsense'" in str(caught.value.__cause__)


def test_bad_recipe_is_refused() -> None:
    recipes = seed_config()["datastore", "formatters", "write_recipes"].toDict()
    assert ImageFormatter.validate_write_recipes(recipes[f"{ImageFormatter.__module__}.ImageFormatter"])
    with pytest.raises(ValueError, match="algorithm"):
        ImageFormatter.validate_write_recipes({"bad": {"image": {"algorithm": "LZW"}}})


@pytest.mark.slow
def test_files_need_no_uraniborg(tmp_path: Path) -> None:
    image, coadd = make_visit_image(), make_cell_coadd()
    with make_repository(tmp_path) as butler:
        _, visit_path = _put(butler, "visit_image", "VisitImage", image)
        _, warp_path = _put(butler, "direct_warp", "CellCoadd", coadd)
    script = """
    from astropy.io import fits
    from lsst.daf.butler import Butler
    from lsst.images import VisitImage
    from lsst.images.cells import CellCoadd
    visit, warp, repo = sys.argv[1:]
    image = VisitImage.read(visit)
    coadd = CellCoadd.read(warp)
    with fits.open(visit) as hdus:
        assert hdus["IMAGE"].data.shape == (48, 64)
        assert hdus["IMAGE"].header["BUNIT"] == "nJy"
        assert hdus["IMAGE"].header["CTYPE1"] == "RA---TAN"
    butler = Butler.from_config(repo, collections="tests")
    assert butler.get("visit_image").bbox == image.bbox
    assert butler.get("direct_warp.psf").bounds == coadd.psf.bounds
    print(image.band, image.psf.kernel_bbox.shape, int((image.mask.get("DETECTED")).sum()), coadd.image.array[0, 0])
    """
    words = _run_without_us(script, str(visit_path), str(warp_path), str(tmp_path / "repo")).split()
    assert words[0] == "r"
    assert int(words[-2]) == int(image.mask.get("DETECTED").sum())
    assert float(words[-1]) == pytest.approx(float(coadd.image.array[0, 0]))


@pytest.mark.slow
def test_tables_and_packets_need_no_uraniborg(tmp_path: Path) -> None:
    from uraniborg.testing.datasets import EXAMPLES, make_table

    packets = next(example for example in EXAMPLES if example.storage_class == "AlertPackets").make()
    with make_repository(tmp_path) as butler:
        _, table_path = _put(butler, "source", "SourceTable", make_table())
        _, packet_path = _put(butler, "alert_packets", "AlertPackets", packets)
    script = """
    import fastavro
    import pyarrow.parquet as pq
    from lsst.daf.butler.formatters.parquet import arrow_to_astropy
    table = arrow_to_astropy(pq.read_table(sys.argv[1]))
    assert str(table["psfFlux"].unit) == "nJy" and table.meta["zero_point"] == 31.4
    with open(sys.argv[2], "rb") as stream:
        print(len(list(fastavro.reader(stream))), len(table))
    """
    assert _run_without_us(script, str(table_path), str(packet_path)).split() == ["3", "7"]

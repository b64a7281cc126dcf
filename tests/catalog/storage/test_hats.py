from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.storage.hats import HatsCatalog, partition_file, write_properties
from uraniborg.core.errors import UserError


def test_layout(loaded: Any) -> None:
    catalog = HatsCatalog(loaded.folder / "object")
    assert catalog.rows == 20_000
    assert catalog.properties["hats_col_healpix"] == "_healpix_29"
    assert all(file.is_file() for file in catalog.files())
    assert pq.read_metadata(catalog.root / "dataset" / "_metadata").num_rows == 20_000
    assert partition_file(Path("r"), 6, 12_345) == Path("r/dataset/Norder=6/Dir=10000/Npix=12345.parquet")
    assert not (catalog.root / "_loading").exists()


def test_the_hats_package_opens_it(loaded: Any) -> None:
    hats = pytest.importorskip("hats")
    validation = pytest.importorskip("hats.io.validation")
    for name in ("object", "source", "object_margin"):
        theirs = hats.read_hats(loaded.folder / name)
        ours = HatsCatalog(loaded.folder / name)
        assert theirs.catalog_info.total_rows == ours.rows
        pixels = {(pixel.order, pixel.pixel) for pixel in theirs.get_healpix_pixels()}
        assert pixels == set(zip(ours.partitions.order.tolist(), ours.partitions.pixel.tolist(), strict=True))
    assert validation.is_valid_catalog(loaded.folder / "object", strict=True)


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file 'properties'"):
        _ = HatsCatalog(tmp_path).properties
    write_properties(tmp_path, {"a": 1})
    assert HatsCatalog(tmp_path).properties == {"a": "1"}
    with pytest.raises(UserError, match="partition_info"):
        _ = HatsCatalog(tmp_path).partitions

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uraniborg.catalog.engine.ranges import healpix_index
from uraniborg.catalog.storage.hats import HatsCatalog
from uraniborg.catalog.storage.index import KeyIndex, build_index
from uraniborg.core.errors import UserError


def test_every_key_is_found_where_it_lies(loaded: Any) -> None:
    keys = loaded.objects["objectId"].to_numpy()
    want = healpix_index(loaded.objects["ra"].to_numpy(), loaded.objects["dec"].to_numpy())
    root = loaded.folder / "object_index"
    assert (KeyIndex(root).look_up(keys) == want).all()
    assert KeyIndex(root).look_up(np.array([-1, keys[5], 2, keys[5]])).tolist() == [-1, want[5], -1, want[5]]
    assert KeyIndex(root).look_up(np.zeros(0, dtype=np.int64)).size == 0


def test_faults(loaded: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no index"):
        KeyIndex(tmp_path)
    with pytest.raises(UserError, match="no key column"):
        build_index(HatsCatalog(loaded.folder / "object"), tmp_path / "i", "nothing", name="x")

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import Butler, DatasetType

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.testing.repos import make_repository


def _put(butler: Butler, storage_class: str, value: object) -> Path:
    name = f"a_{storage_class}"
    butler.registry.registerDatasetType(DatasetType(name, (), storage_class, universe=butler.dimensions))
    return Path(butler.getURI(butler.put(value, name)).ospath)


@pytest.mark.parametrize("storage_class", ["NumpyArray", "NumpyArrays"])
def test_python_objects_are_never_stored(tmp_path: Path, storage_class: str) -> None:
    array = np.array([{"a": 1}], dtype=object)
    with make_repository(tmp_path) as butler, pytest.raises(RuntimeError) as caught:
        _put(butler, storage_class, array if storage_class == "NumpyArray" else {"it": array})
    assert "never stored" in str(caught.value.__cause__)


def test_arrays_are_read_by_numpy_alone(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        path = _put(butler, "NumpyArrays", {"flat": np.ones((2, 3)), "file": np.arange(3)})
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["file", "flat"]


def test_pickled_file_in_place_of_an_array_is_not_loaded(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        path = _put(butler, "NumpyArray", np.ones(20))
        size = path.stat().st_size
        with path.open("wb") as stream:
            np.save(stream, np.array([None] * 3, dtype=object), allow_pickle=True)
            stream.write(b" " * (size - stream.tell()))
        assert path.stat().st_size == size
        with pytest.raises(ValueError, match="allow_pickle"):
            butler.get("a_NumpyArray")


def test_missing_array_is_named(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        _put(butler, "NumpyArrays", {"a": np.ones(1)})
        with pytest.raises(ValueError, match=r"no array named \['z'\]"):
            butler.get("a_NumpyArrays", parameters={"names": ["z"]})


def test_only_avro_containers_are_alert_packets(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler, pytest.raises(RuntimeError) as caught:
        _put(butler, "AlertPackets", b"{}")
    assert "not an Avro object container" in str(caught.value.__cause__)


def test_sky_map_is_json_of_its_parameters(tmp_path: Path) -> None:
    sky_map = RingsSkyMap()
    with make_repository(tmp_path) as butler:
        path = _put(butler, "TractSkyMap", sky_map)
        assert butler.get("a_TractSkyMap") == sky_map
    assert json.loads(path.read_text()) == sky_map.to_dict()


def test_nan_is_not_written_as_invalid_json(tmp_path: Path) -> None:
    class Bad(RingsSkyMap):
        def to_dict(self) -> dict[str, float]:
            return {"x": float("nan")}

    with make_repository(tmp_path) as butler, pytest.raises(RuntimeError) as caught:
        _put(butler, "TractSkyMap", Bad())
    assert "JSON" in str(caught.value.__cause__)

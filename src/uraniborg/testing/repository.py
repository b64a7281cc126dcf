"""The contract of a repository: every kind of registry inherits these tests and gives a fixture ``repository``."""

# ruff: noqa: D102 - the name of a test says what it shows

from __future__ import annotations

import copy
import itertools
import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Column, Table
from astropy.time import Time
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DatasetNotFoundError,
    DatasetRef,
    DatasetType,
    MissingCollectionError,
    Timespan,
)
from lsst.daf.butler.registry import ConflictingDefinitionError

from uraniborg.archive.repository import describe_repository, open_repository
from uraniborg.testing.datasets import EXAMPLES, assert_tables_identical, make_table
from uraniborg.testing.processes import die_while_writing, put_numbers

__all__ = ("RepositoryContract",)

_BY_DETECTOR = ("instrument", "exposure", "detector")


def _register(butler: Butler, name: str, storage_class: str, dimensions: tuple[str, ...] = _BY_DETECTOR) -> DatasetType:
    dataset_type = DatasetType(name, dimensions, storage_class, universe=butler.dimensions)
    butler.registry.registerDatasetType(dataset_type)
    return dataset_type


def _root(butler: Butler) -> str:
    return str(butler._config.configDir.ospath)


def _in_other_process(function: Callable[..., None], *arguments: Any) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    return process


class RepositoryContract:
    """What every repository does; a subclass gives the fixture ``repository``.

    The fixture returns what `uraniborg.testing.repos.make_repository` returns: a butler that is open for writing to
    the run ``tests``, with two exposures (1, 2) and two detectors (0, 1) of the camera ``Tiny``.
    """

    def test_what_is_put_comes_back(self, repository: Butler, subtests: pytest.Subtests) -> None:
        for example in EXAMPLES:
            with subtests.test(example.storage_class):
                name = f"thing_{example.storage_class}"
                _register(repository, name, example.storage_class)
                given = example.make()
                ref = repository.put(given, name, exposure=1, detector=0)
                example.assert_same(example.make(), given)
                example.assert_same(given, repository.get(ref))
                with pytest.raises(DatasetNotFoundError):
                    repository.get(name, exposure=2, detector=0)

    def test_another_client_sees_what_was_put(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        given = make_table()
        repository.put(given, "table", exposure=1, detector=0)
        with open_repository(_root(repository), collections="tests") as other:
            assert_tables_identical(given, other.get("table", instrument="Tiny", exposure=1, detector=0))

    def test_no_file_is_a_pickle(self, repository: Butler) -> None:
        for number, example in enumerate(EXAMPLES):
            _register(repository, f"thing_{number}", example.storage_class)
            ref = repository.put(example.make(), f"thing_{number}", exposure=1, detector=0)
            content = Path(repository.getURI(ref).ospath).read_bytes()
            assert not content.startswith(b"\x80"), example.storage_class
            assert b"cnumpy\n" not in content, example.storage_class
            assert b"numpy.core.multiarray" not in content, example.storage_class
            assert b"numpy._core.multiarray" not in content, example.storage_class

    def test_callers_table_is_not_changed(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        given = make_table()
        before = copy.deepcopy(given)
        repository.put(given, "table", exposure=1, detector=0)
        assert_tables_identical(before, given)

    def test_tables_of_any_length(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        for exposure, n in ((1, 0), (2, 3000)):
            given = make_table(n)
            repository.put(given, "table", exposure=exposure, detector=0)
            assert_tables_identical(given, repository.get("table", exposure=exposure, detector=0))

    def test_columns_and_components_of_a_table(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        given = make_table()
        ref = repository.put(given, "table", exposure=1, detector=0)
        assert repository.get(ref.makeComponentRef("rowcount")) == len(given)
        assert repository.get(ref.makeComponentRef("columns")) == given.colnames
        schema = repository.get(ref.makeComponentRef("schema")).schema
        assert len(schema) == 0
        assert schema.dtype == given.dtype
        wanted = ["psfFlux*", "moments"]
        found = repository.get(ref, parameters={"columns": wanted})
        assert found.colnames == ["psfFlux", "psfFluxErr", "moments"]
        assert_tables_identical(given[found.colnames], found)
        with pytest.raises(ValueError, match="no column matches 'nothing'"):
            repository.get(ref, parameters={"columns": ["nothing"]})

    def test_table_is_read_as_arrow(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        given = make_table()
        ref = repository.put(given, "table", exposure=1, detector=0)
        arrow = repository.get(ref, storageClass="ArrowTable")
        assert arrow.column_names == given.colnames
        np.testing.assert_array_equal(arrow["coord_ra"].to_numpy(), given["coord_ra"])

    def test_some_arrays_of_many(self, repository: Butler) -> None:
        _register(repository, "arrays", "NumpyArrays")
        ref = repository.put({"a": np.arange(3), "b": np.ones(2)}, "arrays", exposure=1, detector=0)
        assert list(repository.get(ref, parameters={"names": ["b"]})) == ["b"]

    def test_components_and_cutouts_of_an_image(self, repository: Butler) -> None:
        example = EXAMPLES[0]
        _register(repository, "picture", example.storage_class)
        given = example.make()
        ref = repository.put(given, "picture", exposure=1, detector=0)
        box = given.bbox.factory[5:9, 6:12]
        cutout = repository.get(ref, parameters={"bbox": box})
        np.testing.assert_array_equal(cutout.image.array, given.image.array[5:9, 6:12])
        assert repository.get(ref.makeComponentRef("bbox")) == given.bbox
        assert repository.get(ref.makeComponentRef("obs_info")).visit_id == given.obs_info.visit_id

    def test_nothing_is_overwritten(self, repository: Butler) -> None:
        _register(repository, "number", "StructuredDataDict")
        repository.put({"n": 1}, "number", exposure=1, detector=0)
        with pytest.raises(ConflictingDefinitionError):
            repository.put({"n": 2}, "number", exposure=1, detector=0)
        assert repository.get("number", exposure=1, detector=0) == {"n": 1}

    def test_failed_put_leaves_nothing(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        bad = Table([Column([{"a": 1}], name="object", dtype=object)])
        with pytest.raises(RuntimeError, match="Failed to serialize") as caught:
            repository.put(bad, "table", exposure=1, detector=0)
        assert "'object'" in str(caught.value.__cause__)
        assert not self._datasets(repository, "table")
        assert not list(Path(_root(repository)).rglob("*.parquet"))

    def test_killed_put_leaves_nothing(self, repository: Butler) -> None:
        _register(repository, "table", "SourceTable")
        process = _in_other_process(die_while_writing, _root(repository))
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        assert not self._datasets(repository, "table")
        given = make_table()
        repository.put(given, "table", exposure=1, detector=0)
        assert_tables_identical(given, repository.get("table", exposure=1, detector=0))

    def test_two_processes_put_at_once(self, repository: Butler) -> None:
        _register(repository, "number", "StructuredDataDict")
        repository.collections.register("race", CollectionType.RUN)
        outcome = multiprocessing.get_context("spawn").Queue()
        exposures = sorted({record.id for record in repository.query_dimension_records("exposure")})
        racers = [_in_other_process(put_numbers, _root(repository), order, outcome) for order in (exposures, exposures)]
        accepted = [outcome.get(timeout=120) for _ in racers]
        for racer in racers:
            racer.join(60)
        assert sum(accepted) == len(exposures)
        found = repository.query_datasets("number", collections="race")
        assert len(found) == len(exposures)
        assert all("pid" in repository.get(ref) for ref in found)

    def test_query(self, repository: Butler) -> None:
        _register(repository, "number", "StructuredDataDict")
        for exposure in (1, 2):
            for detector in (0, 1):
                repository.put({"n": exposure + detector}, "number", exposure=exposure, detector=detector)
        assert len(self._datasets(repository, "number")) == 4
        found = repository.query_datasets("number", where="exposure = 2 AND detector.full_name = 'T001'")
        assert [repository.get(ref) for ref in found] == [{"n": 3}]
        assert not repository.query_datasets("number", where="band = 'z'", explain=False)

    def test_validity_ranges(self, repository: Butler) -> None:
        dataset_type = DatasetType(
            "bias", ("instrument", "detector"), "NumpyArrays", universe=repository.dimensions, isCalibration=True
        )
        repository.registry.registerDatasetType(dataset_type)
        repository.collections.register("calib", CollectionType.CALIBRATION)
        edges = [Time(f"2026-0{month}-01T00:00:00", scale="tai") for month in (1, 2, 3)]
        for number, (begin, end) in enumerate(itertools.pairwise(edges)):
            repository.collections.register(f"bias_{number}")
            ref = repository.put({"level": np.full(2, number)}, "bias", detector=0, run=f"bias_{number}")
            repository.registry.certify("calib", [ref], Timespan(begin, end))
        for number, day in enumerate(("2026-01-15", "2026-02-01")):
            moment = Timespan.fromInstant(Time(f"{day}T00:00:00", scale="tai"))
            ref = repository.find_dataset("bias", detector=0, collections="calib", timespan=moment)
            assert ref is not None
            assert repository.get(ref)["level"][0] == number
        late = Timespan.fromInstant(Time("2026-03-01T00:00:00", scale="tai"))
        assert repository.find_dataset("bias", detector=0, collections="calib", timespan=late) is None
        overlapping = repository.put({"level": np.zeros(2)}, "bias", detector=0)
        with pytest.raises(ConflictingDefinitionError):
            repository.registry.certify("calib", [overlapping], Timespan(edges[0], edges[1]))

    def test_chained_collections(self, repository: Butler) -> None:
        _register(repository, "number", "StructuredDataDict")
        for run in ("old", "new"):
            repository.collections.register(run)
            repository.put({"run": run}, "number", exposure=1, detector=0, run=run)
        repository.put({"run": "old only"}, "number", exposure=2, detector=0, run="old")
        repository.collections.register("chain", CollectionType.CHAINED)
        repository.collections.redefine_chain("chain", ["new", "old"])
        assert repository.get("number", exposure=1, detector=0, collections="chain") == {"run": "new"}
        assert repository.get("number", exposure=2, detector=0, collections="chain") == {"run": "old only"}
        repository.collections.redefine_chain("chain", ["old", "new"])
        assert repository.get("number", exposure=1, detector=0, collections="chain") == {"run": "old"}

    def test_removal(self, repository: Butler) -> None:
        _register(repository, "number", "StructuredDataDict")
        ref = repository.put({"n": 1}, "number", exposure=1, detector=0)
        path = Path(repository.getURI(ref).ospath)
        assert path.exists()
        repository.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
        assert not path.exists()
        assert not self._datasets(repository, "number")
        repository.put({"n": 2}, "number", exposure=1, detector=0)
        repository.removeRuns(["tests"])
        with pytest.raises(MissingCollectionError):
            repository.query_datasets("number", collections="tests")

    def test_description(self, repository: Butler) -> None:
        _register(repository, "number", "StructuredDataDict")
        ref = repository.put({"n": 1}, "number", exposure=1, detector=0)
        found = describe_repository(_root(repository))
        assert found.instruments == ("Tiny",)
        assert found.skymaps == ()
        assert found.collections == {"tests": "RUN"}
        assert found.datasets == {"number": (1, Path(repository.getURI(ref).ospath).stat().st_size)}

    @staticmethod
    def _datasets(butler: Butler, name: str) -> list[DatasetRef]:
        return butler.query_datasets(name, collections="tests", explain=False)

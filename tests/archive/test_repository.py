"""The contract of repositories on SQLite and on PostgreSQL, and how repositories are made and opened."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lsst.daf.butler import Butler, DatasetType

from uraniborg.archive.repository import (
    create_repository,
    describe_repository,
    open_repository,
    register_storage_classes,
    seed_config,
)
from uraniborg.core.errors import StoreError, UserError
from uraniborg.testing.datasets import EXAMPLES
from uraniborg.testing.object_store import object_store
from uraniborg.testing.postgres import PostgresServer, postgres_server
from uraniborg.testing.registries import leave_half_written
from uraniborg.testing.repos import make_repository
from uraniborg.testing.repository import RepositoryContract

__all__ = ("object_store", "postgres_server")


class TestSqlite(RepositoryContract):
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Iterator[Butler]:
        with make_repository(tmp_path) as butler:
            yield butler


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> str:
    return postgres_server.create_database("contract")


@pytest.mark.service
class TestPostgres(RepositoryContract):
    @pytest.fixture
    def repository(self, tmp_path: Path, database: str) -> Iterator[Butler]:
        namespace = "t" + str(abs(hash(tmp_path)))
        with make_repository(tmp_path, registry=database, namespace=namespace) as butler:
            yield butler

    def test_description_names_the_registry(self, repository: Butler) -> None:
        assert describe_repository(repository._config.configDir).registry == "postgresql"


@pytest.mark.service
def test_database_without_the_extension_is_refused_with_the_cure(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.create_bare_database("bare")
    with pytest.raises(UserError, match="CREATE EXTENSION btree_gist"):
        create_repository(tmp_path / "repo", registry=url)
    assert not (tmp_path / "repo" / "butler.yaml").exists()


def test_unreachable_database_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot connect"):
        create_repository(tmp_path, registry="postgresql://nobody@127.0.0.1:1/none")
    assert not (tmp_path / "butler.yaml").exists()


def test_unknown_registry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither postgresql:// nor sqlite://"):
        create_repository(tmp_path, registry="mysql://host/db")


def test_failed_creation_leaves_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "gen3.sqlite3").write_bytes(b"this is not a database" * 100)
    with pytest.raises(Exception, match="not a database"):
        create_repository(tmp_path)
    assert not (tmp_path / "butler.yaml").exists()


def test_repository_is_not_made_twice(tmp_path: Path) -> None:
    create_repository(tmp_path).close()
    before = (tmp_path / "butler.yaml").read_bytes()
    with pytest.raises(UserError, match="already"):
        create_repository(tmp_path)
    assert (tmp_path / "butler.yaml").read_bytes() == before


def test_missing_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no repository at {tmp_path}"):
        open_repository(tmp_path)


def test_datastore_may_be_elsewhere(tmp_path: Path) -> None:
    with create_repository(tmp_path / "repo", datastore=str(tmp_path / "files")) as butler:
        butler.registry.registerDatasetType(DatasetType("x", (), "MetricTable", universe=butler.dimensions))
        butler.collections.register("r")
        ref = butler.put({"n": 1}, "x", run="r")
        assert Path(butler.getURI(ref).ospath).is_relative_to(tmp_path / "files")
    assert describe_repository(tmp_path / "repo").datastore == (f"file://{tmp_path}/files/",)


def test_registry_may_be_another_sqlite_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    create_repository(tmp_path / "repo", registry=url).close()
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    assert describe_repository(tmp_path / "repo").registry == "sqlite"


def test_object_store_is_a_matter_of_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with create_repository(tmp_path, datastore="s3://bucket/survey") as butler:
        assert {str(uri) for uri in butler.get_datastore_roots().values()} == {"s3://bucket/survey/"}


@pytest.mark.service
def test_object_store_gives_everything_back(tmp_path: Path, object_store: str, subtests: pytest.Subtests) -> None:
    root = tmp_path / "repo"
    create_repository(root, datastore="s3://survey/first").close()
    for example in EXAMPLES:
        with subtests.test(example.storage_class), open_repository(root, run="tests") as butler:
            dataset_type = DatasetType(
                f"a_{example.storage_class}", (), example.storage_class, universe=butler.dimensions
            )
            butler.registry.registerDatasetType(dataset_type)
            given = example.make()
            ref = butler.put(given, dataset_type)
            assert str(butler.getURI(ref)).startswith("s3://survey/first/tests/")
            with open_repository(root) as other:
                example.assert_same(given, other.get(ref))
    with open_repository(root, collections="tests") as butler:
        assert butler.get("a_SourceTable", parameters={"columns": "psfFlux"}).colnames == ["psfFlux"]
        assert butler.get("a_SourceTable.rowcount") == 7
        assert butler.get("a_ReducedFrame.header")["CCDNUM"] == 3
        if importlib.util.find_spec("s3fs") is not None:  # lsst.images reads parts of remote files through it
            assert butler.get("a_VisitImage.bbox").shape == (48, 64)


def test_storage_classes_are_known_without_a_repository() -> None:
    register_storage_classes()
    register_storage_classes()
    assert DatasetType("x", ["htm7"], "SourceTable", universe=_universe()).storageClass.pytype.__name__ == "Table"


def test_every_formatter_and_type_of_the_seed_configuration_exists() -> None:
    from lsst.utils import doImport

    config = seed_config()
    formatters = config["datastore", "formatters"].toDict()
    recipes = formatters.pop("write_recipes")
    for entry in (value for key, value in formatters.items() if key != "default"):
        name = entry if isinstance(entry, str) else entry["formatter"]
        formatter = doImport(name)
        recipe = {} if isinstance(entry, str) else entry["parameters"]
        assert "recipe" not in recipe or recipe["recipe"] in recipes[name]
        assert "pickle" not in formatter.__module__


def _universe():
    from lsst.daf.butler import DimensionUniverse

    return DimensionUniverse()


def test_a_reader_can_open_what_a_killed_writer_left(tmp_path: Path) -> None:
    create_repository(tmp_path / "repo").close()
    database = tmp_path / "repo" / "gen3.sqlite3"
    leave_half_written(database)
    with open_repository(tmp_path / "repo") as butler:
        assert not list(butler.collections.query("*"))
    with sqlite3.connect(database) as connection:
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'half_written'").fetchall()
    connection.close()

"""Make, open and describe Butler repositories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import sqlalchemy
from lsst.daf.butler import Butler, CollectionType, Config, StorageClassConfig, StorageClassFactory
from lsst.resources import ResourcePath, ResourcePathExpression

from uraniborg.core.errors import StoreError, UserError

__all__ = (
    "RepositoryDescription",
    "create_repository",
    "describe_repository",
    "open_repository",
    "register_storage_classes",
    "seed_config",
)


def seed_config() -> Config:
    """Return the configuration with which every repository starts: storage classes, formatters, compression."""
    return Config.fromYaml((files("uraniborg.archive") / "configs" / "repository.yaml").read_text("utf8"))


def register_storage_classes() -> None:
    """Make our storage classes known to this process without opening a repository (opening one does it too)."""
    StorageClassFactory().addFromConfig(StorageClassConfig(seed_config()))


def _check_postgres(url: str) -> None:
    """Connect to a PostgreSQL server and make sure that the extension a registry needs is there."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'"))
            present = found.first() is not None
    except sqlalchemy.exc.OperationalError as error:
        raise StoreError(f"cannot connect to the registry {engine.url!r}: {error.orig}") from error
    finally:
        engine.dispose()
    if not present:
        raise UserError(
            f"the database {engine.url!r} lacks an extension that a registry needs; as its owner or a superuser run: "
            "CREATE EXTENSION btree_gist;"
        )


def create_repository(
    root: ResourcePathExpression,
    *,
    registry: str | None = None,
    datastore: str | None = None,
    namespace: str | None = None,
) -> Butler:
    """Make an empty repository and open it for writing.

    Parameters
    ----------
    root : path-like or URL
        Folder of the repository; made if it does not exist. It will hold ``butler.yaml``.
    registry : str, optional
        URL of the registry's database, ``postgresql://user@host/database``; an SQLite file in ``root`` if not given.
        Passwords belong in ``~/.lsst/db-auth.yaml`` or ``~/.pgpass``, not in the URL, which is stored.
    datastore : str, optional
        Where datasets are kept, e.g. ``s3://bucket/prefix``; ``root`` if not given.
    namespace : str, optional
        Schema of a PostgreSQL database, so that one database can hold several repositories.

    Returns
    -------
    lsst.daf.butler.Butler

    Raises
    ------
    UserError
        If there is a repository already, or a URL is of an unknown kind, or the database lacks ``btree_gist``.
    StoreError
        If the database cannot be reached.
    """
    folder = ResourcePath(root, forceDirectory=True)
    target = folder.join("butler.yaml")
    if target.exists():
        raise UserError(f"there is a repository at {folder} already; choose another folder or open it")
    config = seed_config()
    if registry is not None:
        scheme = sqlalchemy.make_url(registry).get_backend_name() if "://" in registry else registry
        if scheme not in ("postgresql", "sqlite"):
            raise UserError(f"registry {registry!r} is neither postgresql:// nor sqlite://")
        if scheme == "postgresql":
            _check_postgres(registry)
        config["registry", "db"] = registry
    if namespace is not None:
        config["registry", "namespace"] = namespace
    if datastore is not None:
        config["datastore", "root"] = ResourcePath(datastore, forceDirectory=True).geturl()
    try:
        Butler.makeRepo(folder, config=config, forceConfigRoot=False)
    except Exception:
        if target.exists():
            target.remove()
        raise
    return open_repository(folder, writeable=True)


def open_repository(
    root: ResourcePathExpression,
    *,
    writeable: bool = False,
    run: str | None = None,
    collections: str | Iterable[str] | None = None,
    **defaults: str,
) -> Butler:
    """Open a repository.

    Parameters
    ----------
    root : path-like or URL
        Folder of the repository, or a label of the repository index.
    writeable : bool, optional
        Whether datasets and collections may be added; true if ``run`` is given.
    run : str, optional
        Collection that outputs go to; made if it does not exist.
    collections : str or iterable of str, optional
        Collections searched by default.
    **defaults : str
        Default data id values, e.g. ``instrument="DECam"``.

    Returns
    -------
    lsst.daf.butler.Butler

    Raises
    ------
    UserError
        If there is no repository.
    StoreError
        If the database cannot be opened.
    """
    write = writeable or run is not None
    options: dict[str, Any] = {"run": run, "collections": collections, **defaults}
    try:
        return Butler.from_config(root, writeable=write, **options)
    except FileNotFoundError as error:
        raise UserError(f"there is no repository at {root}; make one with `uraniborg repo create`") from error
    except sqlalchemy.exc.OperationalError as error:
        if write or "readonly database" not in str(error):
            raise StoreError(f"cannot open the registry of {root}: {error.orig}") from error
        _finish_rollback(root)
        return Butler.from_config(root, writeable=False, **options)


def _finish_rollback(root: ResourcePathExpression) -> None:
    """Undo what a killed process had half written; SQLite does so for whoever may write, and refuses a reader."""
    try:
        Butler.from_config(root, writeable=True).close()
    except (sqlalchemy.exc.OperationalError, PermissionError) as error:
        raise StoreError(
            f"a process was killed while it wrote to the registry of {root}; open it once as somebody who may write, "
            "which undoes what was half written"
        ) from error


@dataclass(frozen=True, slots=True)
class RepositoryDescription:
    """What a repository holds.

    Attributes
    ----------
    root : str
        Where its configuration is.
    registry : str
        ``sqlite`` or ``postgresql``.
    datastore : tuple of str
        Where its datasets are.
    instruments : tuple of str
    skymaps : tuple of str
    collections : dict of str to str
        Name and type (``RUN``, ``CHAINED``, ``TAGGED``, ``CALIBRATION``).
    datasets : dict of str to (int, int)
        Dataset type to the number of datasets and their size [byte].
    """

    root: str
    registry: str
    datastore: tuple[str, ...]
    instruments: tuple[str, ...]
    skymaps: tuple[str, ...]
    collections: dict[str, str]
    datasets: dict[str, tuple[int, int]]


def describe_repository(root: ResourcePathExpression) -> RepositoryDescription:
    """Count what a repository holds.

    Parameters
    ----------
    root : path-like or URL
        Folder of the repository.

    Raises
    ------
    UserError
        If there is no repository.
    """
    with open_repository(root) as butler:
        collections = butler.collections.query_info("*")
        return RepositoryDescription(
            root=str(root),
            registry=sqlalchemy.make_url(str(butler._config["registry", "db"])).get_backend_name(),
            datastore=tuple(str(uri) for uri in butler.get_datastore_roots().values() if uri is not None),
            instruments=_names(butler, "instrument"),
            skymaps=_names(butler, "skymap"),
            collections={info.name: info.type.name for info in sorted(collections, key=lambda info: info.name)},
            datasets=_count_datasets(butler, [info.name for info in collections if info.type is CollectionType.RUN]),
        )


def _names(butler: Butler, element: str) -> tuple[str, ...]:
    return tuple(sorted(record.name for record in butler.query_dimension_records(element, explain=False)))


def _count_datasets(butler: Butler, runs: list[str]) -> dict[str, tuple[int, int]]:
    counted = {}
    for dataset_type in sorted(butler.registry.queryDatasetTypes(), key=lambda item: item.name):
        refs = butler.query_datasets(dataset_type, collections=runs, find_first=False, explain=False, limit=None)
        stored = [
            info
            for data in butler._datastore.export_records(refs).values()
            for tables in data.records.values()
            for infos in tables.values()
            for info in infos
        ]
        counted[dataset_type.name] = (len(refs), sum(info.file_size for info in stored))
    return counted

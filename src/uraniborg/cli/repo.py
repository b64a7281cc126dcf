"""`uraniborg repo`: create and describe data repositories."""

from __future__ import annotations

import click

__all__ = ("repo",)


@click.group()
def repo() -> None:
    """Create and describe data repositories."""


@repo.command()
@click.argument("root", metavar="DIR")
@click.option("--registry", metavar="URL", help="Database of the registry; an SQLite file in DIR if not given.")
@click.option("--namespace", metavar="NAME", help="Schema of a PostgreSQL database, if several repositories share it.")
@click.option("--datastore", metavar="URL", help="Where datasets are kept; DIR if not given.")
def create(root: str, registry: str | None, namespace: str | None, datastore: str | None) -> None:
    """Make an empty repository in DIR.

    \b
    Examples:
      uraniborg repo create REPO
      uraniborg repo create REPO --registry postgresql://me@host/survey --namespace first_light
      uraniborg repo create REPO --datastore s3://bucket/survey

    A PostgreSQL database needs its extension btree_gist. Passwords are read from ~/.lsst/db-auth.yaml or ~/.pgpass;
    keys of an object store from the usual AWS_ variables, its address from S3_ENDPOINT_URL.
    """
    from uraniborg.archive.repository import create_repository

    create_repository(root, registry=registry, datastore=datastore, namespace=namespace).close()
    click.echo(f"made a repository in {root}")


@repo.command()
@click.argument("root", metavar="DIR")
def info(root: str) -> None:
    """Describe the repository in DIR: cameras, sky maps, collections, and datasets with their number and size.

    \b
    Example:
      uraniborg repo info REPO
    """
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from uraniborg.archive.repository import describe_repository

    found = describe_repository(root)
    console = Console()
    facts = Table(title=f"Repository {root}", show_header=False)
    facts.add_row("registry", found.registry)
    facts.add_row("datastore", "\n".join(found.datastore))
    facts.add_row("instruments", ", ".join(found.instruments) or "none")
    facts.add_row("sky maps", ", ".join(found.skymaps) or "none")
    console.print(facts)
    collections = Table("collection", "type", title=f"{len(found.collections)} collections")
    for name, kind in found.collections.items():
        collections.add_row(name, kind)
    console.print(collections)
    datasets = Table("dataset type", title=f"{sum(n for n, _ in found.datasets.values())} datasets")
    datasets.add_column("number", justify="right")
    datasets.add_column("size", justify="right")
    for name, (number, size) in found.datasets.items():
        datasets.add_row(name, str(number), decimal(size))
    console.print(datasets)

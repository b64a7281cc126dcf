"""`uraniborg catalog`: load tables into the catalogue and ask them in ADQL."""

from __future__ import annotations

import time
from pathlib import Path

import click

__all__ = ("catalog",)


@click.group()
def catalog() -> None:
    """Load tables into the catalogue and ask them in ADQL."""


@catalog.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--name", required=True, help="Name of the table in queries.")
@click.option("--position", nargs=2, required=True, metavar="RA DEC", help="Columns of the position [deg].")
@click.option("--key", help="Column of unique whole numbers; gets an index.")
@click.option("--declared", help="Declared table that columns and units must agree with.")
@click.option("--parent", type=(click.Path(path_type=Path), str), metavar="FOLDER KEY", help="Lie where its rows lie.")
@click.option("--threshold", type=click.IntRange(1), default=1_000_000, show_default=True, help="Rows in a partition.")
@click.option("--margin", type=click.FloatRange(0), default=0.0, show_default=True, help="Width of margins [arcsec].")
@click.option("-j", "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Partitions at a time.")
def load(
    root: Path,
    inputs: tuple[Path, ...],
    name: str,
    position: tuple[str, str],
    key: str | None,
    declared: str | None,
    parent: tuple[Path, str] | None,
    threshold: int,
    margin: float,
    jobs: int,
) -> None:
    """Load INPUTS (Parquet, Arrow, CSV, FITS, VOTable) into the new catalogue ROOT.

    An interrupted load goes on when it is started again.

    \b
    Examples:
      uraniborg catalog load hats/gaia chunk-*.fits --name gaia --position ra dec --key source_id
    """
    from uraniborg.catalog.storage import LoadPlan
    from uraniborg.catalog.storage import load as load_files

    start = time.perf_counter()
    folder, parent_key = parent or (None, None)
    plan = LoadPlan(name, position, key, declared, folder, parent_key, threshold, margin)
    report = load_files(inputs, root, plan, threads=jobs)
    seconds = time.perf_counter() - start
    click.echo(
        f"{report.rows} rows in {report.partitions} partitions, {report.margin_rows} in margins, {seconds:.1f} s"
    )


@catalog.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.argument("inputs", type=click.Path(path_type=Path), nargs=-1)
@click.option("--forget", is_flag=True, help="Delete old snapshots; queries that still read them fail.")
def append(root: Path, inputs: tuple[Path, ...], forget: bool) -> None:
    """Add the rows of INPUTS to the catalogue ROOT; readers see all of them or none.

    \b
    Examples:
      uraniborg catalog append hats/gaia tonight.parquet
      uraniborg catalog append hats/gaia --forget
    """
    from uraniborg.catalog.storage.append import append as append_files
    from uraniborg.catalog.storage.append import forget_snapshots
    from uraniborg.core.errors import UserError

    if not inputs and not forget:
        raise UserError("no files to add; name some, or write --forget to delete old snapshots")
    if inputs:
        report = append_files(inputs, root)
        click.echo(f"{report.rows} rows in {report.partitions} partitions, {report.skipped} of them unchanged")
    if forget:
        click.echo(f"{len(forget_snapshots(root))} old snapshots deleted")


@catalog.command()
@click.argument("adql")
@click.option("-t", "--table", "folders", type=click.Path(path_type=Path), multiple=True, required=True,
              help="Folder of a table; repeatable.")  # fmt: skip
@click.option("--schema", default="", help="Schema that the tables are in.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write a file: .parquet or .csv.")
@click.option("--max-rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Longest time [s].")
@click.option("--sql", is_flag=True, help="Show the SQL of the engine and do not run it.")
def query(
    adql: str,
    folders: tuple[Path, ...],
    schema: str,
    out: Path | None,
    max_rows: int,
    timeout: float | None,
    sql: bool,
) -> None:
    """Answer the query ADQL about tables.

    \b
    Examples:
      uraniborg catalog query -t hats/gaia "SELECT TOP 5 ra, dec FROM gaia ORDER BY phot_g_mean_mag"
      uraniborg catalog query -t hats/gaia -o near.parquet \\
        "SELECT * FROM gaia WHERE CONTAINS(POINT(ra, dec), CIRCLE(186.74, 25.46, 0.02)) = 1"
    """
    import sys

    import pyarrow.csv as pcsv
    import pyarrow.parquet as pq

    from uraniborg.catalog.engine import DuckDBEngine
    from uraniborg.catalog.storage import HatsSource
    from uraniborg.core.errors import UserError

    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise UserError(f"cannot write {out.name}: endings are .parquet and .csv")
    engine = DuckDBEngine([HatsSource(folder, schema=schema) for folder in folders])
    if sql:
        click.echo(engine.sql(adql))
        return
    answer = engine.query(adql, max_rows=max_rows, timeout=timeout)
    if out is None:
        pcsv.write_csv(answer.table, sys.stdout.buffer)
    elif out.suffix == ".csv":
        pcsv.write_csv(answer.table, out)
    else:
        pq.write_table(answer.table, out)
    if answer.overflow:
        click.echo(f"only the first {max_rows} rows are given", err=True)

"""Numbers about a repository: do Rubin's own tools list every product, and does each lead back to its raws."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from uraniborg.archive.provenance import check_provenance
from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.verify.metrics import Value
from uraniborg.verify.products import PRODUCTS, Products

__all__ = ("listed_products", "provenance_reached")

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def _butler_command() -> str:
    command = Path(sys.executable).parent / "butler"
    if not command.is_file():
        raise AlgorithmError(f"Rubin's command is not installed: there is no {command}")
    return str(command)


def listed_products(products: Products) -> Value:
    """Return how much of what should be there is listed by ``butler query-datasets`` [%].

    Each exposure that was ingested should have one of each product of an exposure; of products of patches and tracts
    there should be at least one.

    Parameters
    ----------
    products : Products
        Repository and collection.

    Returns
    -------
    Value

    Raises
    ------
    AlgorithmError
        If the command is missing or fails.
    """
    # No dataset types are named: the command lists nothing at all if it does not know one of them.
    arguments = [
        _butler_command(),
        "query-datasets",
        products.root,
        "--collections",
        products.collection,
        "--limit",
        "0",
    ]
    environment = {**os.environ, "COLUMNS": "400"}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment, timeout=600)
    if done.returncode != 0:
        raise AlgorithmError(f"'butler query-datasets' failed: {done.stderr.strip()[-500:]}", status=done.returncode)
    listed = set(_UUID.findall(done.stdout))
    n_exposures = products.n_exposures
    counts, missing, expected, found = {}, [], 0, 0
    for name, scope in PRODUCTS.items():
        refs = products.refs(name)
        wanted = max(len(refs), n_exposures if scope == "exposure" else 1)
        there = sum(str(ref.id) in listed for ref in refs)
        counts[name] = f"{there} of {wanted}"
        expected, found = expected + wanted, found + there
        if there < wanted:
            missing.append(f"{name} ({counts[name]})")
    note = f"{found} of {expected} products of {n_exposures} exposures listed"
    note += f"; missing: {', '.join(missing)}" if missing else ""
    return Value(100.0 * found / expected, note, counts)


def provenance_reached(products: Products) -> Value:
    """Return the share of datasets whose provenance reaches their raws [%].

    Parameters
    ----------
    products : Products
        Repository and collection.

    Returns
    -------
    Value

    Raises
    ------
    AlgorithmError
        If there is no run to check, or no dataset in it.
    """
    try:
        report = check_provenance(products.butler, products.collection)
    except UserError as error:
        raise AlgorithmError(str(error)) from error
    if not report.checked:
        raise AlgorithmError(f"no dataset in {products.collection}")
    note = f"{report.reaching} of {report.checked} datasets reach {report.raws} raw datasets"
    if report.orphans:
        first = report.orphans[0]
        note += f"; the first that does not: {first.dataset.dataset_type}, {first.reason}"
    details = {name: f"{good} of {n}" for name, (n, good) in report.by_type.items()}
    return Value(100.0 * report.reaching / report.checked, note, details)

"""The products of one run of first light, read from a repository; this room reads products and never makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack
from lsst.daf.butler import Butler, DatasetRef, MissingDatasetTypeError

from uraniborg.archive.repository import open_repository
from uraniborg.core.errors import AlgorithmError

__all__ = ("PRODUCTS", "Products", "Truth", "open_products")

PRODUCTS: dict[str, str] = {
    "post_isr_image": "exposure",
    "preliminary_visit_image": "exposure",
    "preliminary_source": "exposure",
    "visit_image": "exposure",
    "source": "exposure",
    "astrometry_match": "exposure",
    "visit_detector_summary": "exposure",
    "direct_warp": "patch",
    "deep_coadd": "patch",
    "object": "patch",
    "forced_source": "exposure",
    "template_coadd": "patch",
    "template_detector": "exposure",
    "difference_image": "exposure",
    "dia_source_detector": "exposure",
    "dia_object": "tract",
    "dia_source": "tract",
    "dia_forced_source": "exposure",
    "alert_packets": "exposure",
}
"""What the pipeline of first light makes, and what each dataset is for: a detector of an exposure, a patch, a tract."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What was put into a simulated field.

    Attributes
    ----------
    sources : astropy.table.Table
        Declared as ``TruthSource``.
    visits : astropy.table.Table
        Declared as ``TruthVisit``.
    exposures : astropy.table.Table
        Declared as ``TruthExposure``.
    """

    sources: Table
    visits: Table
    exposures: Table


@dataclass(frozen=True, slots=True)
class Products:
    """Access to the products of one collection.

    Attributes
    ----------
    butler : lsst.daf.butler.Butler
        Open for reading.
    root : str
        Repository.
    collection : str
        Collection of the results.
    """

    butler: Butler
    root: str
    collection: str

    def refs(self, dataset_type: str) -> list[DatasetRef]:
        """Return all datasets of a type, ordered by data id; none if the type is unknown."""
        try:
            found = self.butler.query_datasets(
                dataset_type, collections=self.collection, limit=None, explain=False, with_dimension_records=True
            )
        except MissingDatasetTypeError:
            return []
        return sorted(found, key=lambda ref: tuple(str(value) for value in ref.dataId.required_values))

    @property
    def n_exposures(self) -> int:
        """Number of frames of the sky that were ingested, raw or reduced; a frame is one detector of an exposure."""
        raws = [ref for ref in self.refs("raw") if ref.dataId.records["exposure"].observation_type == "science"]
        return len(raws) or len(self.refs("reduced_image"))

    def tables(self, dataset_type: str) -> dict[tuple[int, int], Table]:
        """Return the tables of a type that has one for each (visit, detector)."""
        return {
            (int(ref.dataId["visit"]), int(ref.dataId["detector"])): self.butler.get(ref)
            for ref in self.refs(dataset_type)
        }

    def table(self, dataset_type: str) -> Table:
        """Return all tables of a type as one.

        Raises
        ------
        AlgorithmError
            If there is none.
        """
        parts = [self.butler.get(ref) for ref in self.refs(dataset_type)]
        if not parts:
            raise AlgorithmError(f"there is no dataset {dataset_type!r} in {self.collection}")
        filled = [part for part in parts if len(part)] or parts[:1]
        return vstack(filled, metadata_conflicts="silent") if len(filled) > 1 else filled[0]

    def visits(self, dataset_type: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the visits that have a dataset of a type."""
        return np.unique(np.array([int(ref.dataId["visit"]) for ref in self.refs(dataset_type)], dtype=np.int64))

    def bands(self) -> Mapping[int, str]:
        """Return the band of every calibrated visit."""
        return {int(ref.dataId["visit"]): str(ref.dataId["band"]) for ref in self.refs("visit_image")}


def open_products(root: str | Path, collection: str, *, opener: Callable[..., Butler] = open_repository) -> Products:
    """Open a repository to read the products of a collection.

    Parameters
    ----------
    root : str or pathlib.Path
        Repository.
    collection : str
        Collection of the results.
    opener : callable, optional
        Opens a repository, given its root and ``collections``.

    Returns
    -------
    Products
        Its ``butler`` is to be closed by the caller.
    """
    return Products(butler=opener(str(root), collections=collection), root=str(root), collection=collection)

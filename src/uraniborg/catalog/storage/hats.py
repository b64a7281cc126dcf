"""The HATS layout on disk: folders, properties, partition list, Parquet metadata.

Layout: ``properties``, ``hats.properties``, ``partition_info.csv``, ``dataset/_metadata``,
``dataset/_common_metadata``, ``dataset/Norder=K/Dir=D/Npix=P.parquet`` (https://www.ivoa.net/documents/Notes/HATS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from uraniborg.catalog.storage.partitions import Partitions
from uraniborg.core.errors import UserError

__all__ = ("HatsCatalog", "partition_file", "write_metadata", "write_partition_info", "write_properties")


def partition_file(root: Path, order: int, pixel: int) -> Path:
    """Return the file of a partition."""
    return root / "dataset" / f"Norder={order}" / f"Dir={pixel // 10_000 * 10_000}" / f"Npix={pixel}.parquet"


def write_properties(root: Path, values: Mapping[str, str | int | float]) -> None:
    """Write the properties of a catalogue."""
    lines = ["#HATS catalog", *(f"{key}={value}" for key, value in values.items())]
    for name in ("hats.properties", "properties"):
        (root / name).write_text("\n".join(lines) + "\n", "utf8")


def write_metadata(root: Path, files: list[Path], schema: pa.Schema) -> int:
    """Write ``_metadata`` and ``_common_metadata`` from the footers of the partitions; return the number of rows."""
    footers, rows = [], 0
    for file in files:
        footer = pq.read_metadata(file)
        footer.set_file_path(file.relative_to(root / "dataset").as_posix())
        footers.append(footer)
        rows += footer.num_rows
    pq.write_metadata(schema, root / "dataset" / "_common_metadata")
    if footers:
        first = footers[0]
        for footer in footers[1:]:
            first.append_row_groups(footer)
        first.write_metadata_file(root / "dataset" / "_metadata")
    return rows


def write_partition_info(root: Path, partitions: Partitions) -> None:
    """Write the list of partitions."""
    lines = ["Norder,Npix", *(f"{o},{p}" for o, p in zip(partitions.order, partitions.pixel, strict=True))]
    (root / "partition_info.csv").write_text("\n".join(lines) + "\n", "utf8")


@dataclass(frozen=True)
class HatsCatalog:
    """A catalogue on disk.

    Parameters
    ----------
    root : Path
        Its folder.
    """

    root: Path

    @cached_property
    def properties(self) -> dict[str, str]:
        """What the catalogue says about itself."""
        path = next((self.root / n for n in ("hats.properties", "properties") if (self.root / n).is_file()), None)
        if path is None:
            raise UserError(f"{self.root} is not a HATS catalogue: it has no file 'properties'")
        pairs = (line.partition("=") for line in path.read_text("utf8").splitlines() if line and line[0] not in "#!")
        return {key.strip(): value.strip() for key, _, value in pairs}

    @cached_property
    def partitions(self) -> Partitions:
        """Its partitions."""
        path = self.root / "partition_info.csv"
        if not path.is_file():
            raise UserError(f"{self.root} has no partition_info.csv")
        lines = path.read_text("utf8").splitlines()
        names = lines[0].split(",")
        table = np.array([line.split(",") for line in lines[1:] if line]).reshape(-1, len(names))
        order = table[:, names.index("Norder")].astype(np.int64)
        pixel = table[:, names.index("Npix")].astype(np.int64)
        by_range = np.argsort(pixel << (2 * (29 - order)), kind="stable")
        return Partitions(order[by_range], pixel[by_range])

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns with units and descriptions."""
        return pq.read_schema(self.root / "dataset" / "_common_metadata")

    def files(self, places: NDArray[np.int64] | None = None) -> list[Path]:
        """Return the files of all partitions, or of those at some places."""
        parts = self.partitions
        chosen = range(len(parts.order)) if places is None else places.tolist()
        return [partition_file(self.root, int(parts.order[i]), int(parts.pixel[i])) for i in chosen]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.properties["hats_nrows"])

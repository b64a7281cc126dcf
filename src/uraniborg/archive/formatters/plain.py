"""Small plain files: arrays without pickle, Avro containers, and objects that are a mapping of parameters."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from lsst.daf.butler import FormatterV2
from lsst.resources import ResourcePath
from numpy.lib.format import write_array
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("AvroFormatter", "NumpyArrayFormatter", "NumpyArraysFormatter", "ParametersFormatter")

_AVRO_MAGIC = b"Obj\x01"


def _plain(name: str, value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise UserError(f"array {name!r} holds Python objects, which are never stored; give numbers or text")
    return array


class _BytesFormatter(FormatterV2, ABC):
    """Formatters of this module read all bytes of a file and write all bytes at once."""

    can_read_from_uri = True

    def read_from_uri(self, uri: ResourcePath, component: str | None = None, expected_size: int = -1) -> Any:
        return self._decode(uri.read())

    @abstractmethod
    def _decode(self, content: bytes) -> Any:
        """Return the object that the bytes of a file stand for."""


class NumpyArrayFormatter(_BytesFormatter):
    """One array in a .npy file."""

    default_extension = ".npy"

    def to_bytes(self, in_memory_dataset: NDArray[Any]) -> bytes:
        """Return the content of the file."""
        stream = io.BytesIO()
        np.save(stream, _plain(self.dataset_ref.datasetType.name, in_memory_dataset), allow_pickle=False)
        return stream.getvalue()

    def _decode(self, content: bytes) -> NDArray[Any]:
        return np.load(io.BytesIO(content), allow_pickle=False)


class NumpyArraysFormatter(_BytesFormatter):
    """Named arrays in a .npz file; the parameter ``names`` reads some of them."""

    default_extension = ".npz"

    def to_bytes(self, in_memory_dataset: dict[str, NDArray[Any]]) -> bytes:
        """Return the content of the file."""
        stream = io.BytesIO()
        with ZipFile(stream, "w") as archive:
            for name, value in in_memory_dataset.items():
                with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                    write_array(entry, _plain(name, value), allow_pickle=False)
        return stream.getvalue()

    def _decode(self, content: bytes) -> dict[str, NDArray[Any]]:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            wanted = (self.file_descriptor.parameters or {}).get("names") or arrays.files
            if missing := sorted(set(wanted) - set(arrays.files)):
                raise UserError(f"no array named {missing}; the dataset has {sorted(arrays.files)}")
            return {name: arrays[name] for name in wanted}


class AvroFormatter(_BytesFormatter):
    """The bytes of an Avro object container file, kept as they are."""

    default_extension = ".avro"

    def to_bytes(self, in_memory_dataset: bytes) -> bytes:
        """Return the bytes given, which must be an Avro object container."""
        if not in_memory_dataset.startswith(_AVRO_MAGIC):
            raise UserError(f"not an Avro object container: the first bytes are {in_memory_dataset[:4]!r}")
        return in_memory_dataset

    def _decode(self, content: bytes) -> bytes:
        return content


class ParametersFormatter(_BytesFormatter):
    """An object as JSON of its parameters: ``to_dict()`` writes it, the class's ``from_dict(mapping)`` reads it."""

    default_extension = ".json"

    def to_bytes(self, in_memory_dataset: Any) -> bytes:
        """Return the parameters as JSON."""
        return json.dumps(in_memory_dataset.to_dict(), indent=1, allow_nan=False).encode()

    def _decode(self, content: bytes) -> Any:
        return self.file_descriptor.storageClass.pytype.from_dict(json.loads(content))

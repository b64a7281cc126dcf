"""Images of `lsst.images`, with a compression chosen for each dataset type.

The files are plain `lsst.images` files and the registry records `lsst.images.formatters.GenericFormatter` as their
reader: a repository of ours gives its images to a Butler that knows nothing of Uraniborg.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsst.images.fits import FitsCompressionOptions
from lsst.images.formatters import GenericFormatter

from uraniborg.core.errors import UserError

__all__ = ("ImageFormatter",)


class ImageFormatter(GenericFormatter):
    """Write any `lsst.images` type; reads are those of `lsst.images.formatters.GenericFormatter`.

    The write parameter ``recipe`` names one of the write recipes of the repository's configuration: a mapping from
    the name of a plane (``image``, ``mask``, ``variance``) to the options of
    `lsst.images.fits.FitsCompressionOptions`, or to null for a plane that is not compressed. A plane that the recipe
    does not name is compressed without loss.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the formatter that the registry records as reader."""
        return GenericFormatter.name()

    @classmethod
    def validate_write_recipes(cls, recipes: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return the recipes if each of their planes is described by valid options."""
        for planes in (recipes or {}).values():
            _compression_options(planes)
        return recipes

    def _get_compression_options(self) -> dict[str, FitsCompressionOptions | None]:
        recipe = self.write_parameters.get("recipe")
        if recipe is None:
            return {}
        if recipe not in self.write_recipes:
            raise UserError(
                f"dataset type {self.dataset_ref.datasetType.name!r} asks for the write recipe {recipe!r}; "
                f"the repository's configuration has {sorted(self.write_recipes)}"
            )
        return _compression_options(self.write_recipes[recipe])


def _compression_options(planes: Mapping[str, Any]) -> dict[str, FitsCompressionOptions | None]:
    return {
        plane: None if options is None else FitsCompressionOptions.model_validate(options)
        for plane, options in planes.items()
    }

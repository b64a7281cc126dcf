"""Collections that pipelines read by default: one chain for each instrument, with reference catalogues and sky maps."""

from __future__ import annotations

from lsst.daf.butler import Butler, CollectionType
from lsst.pipe.base import Instrument

from uraniborg.core.errors import UserError

__all__ = ("REFERENCE_CATALOGUES", "SKYMAPS", "add_to_chain", "add_to_defaults", "register_collection")

REFERENCE_CATALOGUES = "refcats"
"""Chain of all reference catalogues."""

SKYMAPS = "skymaps"
"""Run of all sky maps."""


def register_collection(butler: Butler, name: str, kind: CollectionType = CollectionType.RUN) -> None:
    """Make a collection, or make sure that it is of the wanted kind.

    Raises
    ------
    UserError
        If there is a collection of this name and another kind.
    """
    butler.collections.register(name, kind)
    found = butler.collections.get_info(name).type
    if found is not kind:
        raise UserError(f"collection {name!r} is a {found.name}, not a {kind.name}; choose another name")


def add_to_chain(butler: Butler, chain: str, *children: str) -> None:
    """Put collections at the front of a chain, which is made if needed; those it has stay where they are."""
    register_collection(butler, chain, CollectionType.CHAINED)
    present = butler.collections.get_info(chain).children
    missing = [name for name in children if name not in present]
    if missing:
        butler.collections.prepend_chain(chain, missing)


def add_to_defaults(butler: Butler, instrument: Instrument, *collections: str) -> str:
    """Put collections in an instrument's chain of default inputs.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    instrument : lsst.pipe.base.Instrument
        The camera.
    *collections : str
        What to add; reference catalogues and sky maps are always there.

    Returns
    -------
    str
        Name of the chain, e.g. ``DECam/defaults``.
    """
    register_collection(butler, REFERENCE_CATALOGUES, CollectionType.CHAINED)
    register_collection(butler, SKYMAPS, CollectionType.RUN)
    chain = instrument.makeUmbrellaCollectionName()
    register_collection(butler, chain, CollectionType.CHAINED)
    present = butler.collections.get_info(chain).children
    shared = [name for name in (REFERENCE_CATALOGUES, SKYMAPS) if name not in present]
    if shared:
        butler.collections.extend_chain(chain, shared)
    add_to_chain(butler, chain, *collections)
    return chain

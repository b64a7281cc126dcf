"""Association of difference sources with objects, and what is known of an object from them."""

from uraniborg.algorithms.association.features import (
    FluxSummary,
    PositionSummary,
    summarise_fluxes,
    summarise_positions,
)
from uraniborg.algorithms.association.match import Association, associate_sources, match_to_objects, unit_vectors

__all__ = (
    "Association",
    "FluxSummary",
    "PositionSummary",
    "associate_sources",
    "match_to_objects",
    "summarise_fluxes",
    "summarise_positions",
    "unit_vectors",
)

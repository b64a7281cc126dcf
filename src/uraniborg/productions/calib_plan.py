"""Which exposures of which nights make which calibration, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsst.daf.butler import Butler

from uraniborg.core.errors import UserError

__all__ = ("PRODUCTS", "Exposure", "Product", "Selection", "find_exposures", "select_exposures")

PIPELINES = "resource://uraniborg/productions/pipelines/calib"


@dataclass(frozen=True, slots=True)
class Product:
    """One kind of calibration.

    Attributes
    ----------
    name : str
        Name of the pipeline.
    kinds : tuple of str
        Observation types of the exposures it is made from; none if it is made from other products.
    datasets : tuple of str
        Dataset types that are certified.
    needs : tuple of str
        Dataset types that must have been certified before.
    ramp : bool
        Whether it needs a ramp of flats in one filter.
    by_filter : bool
        Whether each filter has its own.
    hold_back : int
        Exposures (of each filter) kept for verification where there are more than ``fewest`` others.
    fewest : int
        Exposures (of each filter) without which it is not tried.
    """

    name: str
    kinds: tuple[str, ...]
    datasets: tuple[str, ...]
    needs: tuple[str, ...] = ()
    ramp: bool = False
    by_filter: bool = False
    hold_back: int = 0
    fewest: int = 1


PRODUCTS: tuple[Product, ...] = (
    Product("bias", ("bias",), ("bias", "bias_numbers"), hold_back=1, fewest=3),
    Product("crosstalk", ("crosstalk",), ("crosstalk",), ("bias",)),
    Product("cti", ("flat",), ("cti",), ramp=True),
    Product("linearity", ("flat",), ("linearizer",), ("bias",), ramp=True, fewest=10),
    Product("ptc", ("flat",), ("ptc", "gain"), ("bias",), ramp=True, fewest=8),
    Product("kernel", (), ("bfKernel",), ("ptc",)),
    Product("dark", ("dark",), ("dark",), ("bias", "gain"), hold_back=1, fewest=3),
    Product("flat", ("flat",), ("flat",), ("bias", "gain"), by_filter=True, hold_back=1, fewest=3),
    Product("defects", (), ("defects",), ("dark", "flat")),
    Product("transmission", ("monoflat",), ("transmission",), ("bias", "gain"), by_filter=True, fewest=3),
    Product("fringe", ("sky",), ("fringe",), ("bias", "gain", "flat"), by_filter=True, hold_back=1, fewest=3),
    Product(
        "illumination", ("sky",), ("illumination",), ("bias", "gain", "flat"), by_filter=True, hold_back=1, fewest=3
    ),
)
"""All products, in the order in which they are made."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What is known of an exposure before it is read.

    Attributes
    ----------
    number : int
    kind : str
        Observation type.
    physical_filter : str
    exposure_time : float [s]
    day : int
        Observing day, YYYYMMDD.
    """

    number: int
    kind: str
    physical_filter: str
    exposure_time: float
    day: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Exposures of one product.

    Attributes
    ----------
    used : tuple of int
        Those that it is made from.
    held : tuple of Exposure
        Those that it is verified with; some of the used ones where there are too few to hold any back.
    independent : bool
        Whether the latter were held back.
    """

    used: tuple[int, ...]
    held: tuple[Exposure, ...]
    independent: bool


def find_exposures(butler: Butler, instrument: str, nights: Sequence[int]) -> tuple[Exposure, ...]:
    """Return all exposures of some nights in order of their numbers.

    Raises
    ------
    UserError
        If there are none; the message lists the nights that have any.
    """
    records = butler.query_dimension_records("exposure", instrument=instrument, limit=None, explain=False)
    found = [
        Exposure(
            int(record.id),
            str(record.observation_type),
            str(record.physical_filter),
            float(record.exposure_time),
            int(record.day_obs),
        )
        for record in records
        if int(record.day_obs) in nights
    ]
    if not found:
        days = sorted({int(record.day_obs) for record in records})
        raise UserError(f"no exposures of {instrument} in the night(s) {list(nights)}; there are some in {days}")
    return tuple(sorted(found, key=lambda item: item.number))


def select_exposures(product: Product, exposures: Sequence[Exposure]) -> Selection | None:
    """Return the exposures of a product, None if there are too few.

    A ramp is made of the flats of the filter with most different exposure times. Of each filter, the exposure in the
    middle of those sorted by exposure time is held back: neither the faintest nor one with full pixels.
    """
    mine = [item for item in exposures if item.kind in product.kinds]
    if product.ramp:
        filters = sorted({item.physical_filter for item in mine})
        times = {name: len({e.exposure_time for e in mine if e.physical_filter == name}) for name in filters}
        best = max(filters, key=lambda name: times[name], default="")
        mine = [item for item in mine if item.physical_filter == best]
    groups = {
        name: [e for e in mine if e.physical_filter == name] for name in sorted({e.physical_filter for e in mine})
    }
    if not product.by_filter:
        groups = {"": mine}
    used: list[int] = []
    held: list[Exposure] = []
    independent = True
    for group in groups.values():
        if len(group) < product.fewest:
            continue
        ordered = sorted(group, key=lambda item: (item.exposure_time, item.number))
        count = product.hold_back if len(group) >= product.fewest + product.hold_back else 0
        middle = len(ordered) // 2
        kept = ordered[middle : middle + count]
        independent &= count == product.hold_back
        held += kept or (ordered[middle : middle + product.hold_back])
        used += [item.number for item in ordered if item not in kept]
    return Selection(tuple(sorted(used)), tuple(held), independent) if used else None

"""Give each quantum of a graph what its predecessors in time on the same sky are given."""

from __future__ import annotations

from collections import defaultdict

from astropy.time import Time
from lsst.daf.butler import DataCoordinate
from lsst.pipe.base import QuantaAdjuster

__all__ = ("add_earlier_visits",)


def add_earlier_visits(adjuster: QuantaAdjuster, connection: str, *, shared: str) -> None:
    """Add to each quantum the datasets that quanta of no later visits read, where the two share another input.

    Parameters
    ----------
    adjuster : lsst.pipe.base.QuantaAdjuster
        Of a task whose dimensions hold instrument and visit.
    connection : str
        Name of the input connection to be extended.
    shared : str
        Name of the input connection that tells which quanta belong together, e.g. tables of a tract.
    """
    groups: dict[tuple[object, ...], list[tuple[Time, DataCoordinate, list[DataCoordinate]]]] = defaultdict(list)
    for data_id in list(adjuster.iter_data_ids()):
        inputs = adjuster.get_inputs(data_id)
        begin = adjuster.expand_quantum_data_id(data_id).records["visit"].timespan.begin
        for common in inputs[shared]:
            key = (data_id["instrument"], *common.required_values)
            groups[key].append((begin, data_id, list(inputs[connection])))
    for members in groups.values():
        for begin, data_id, _ in members:
            for earlier, _, found in members:
                for dataset in found if earlier <= begin else ():
                    adjuster.add_input(data_id, connection, dataset)

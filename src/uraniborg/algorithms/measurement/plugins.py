"""What a measurement plugin is, and where plugins come from: the entry points ``uraniborg.measurement``.

A plugin gets blocks of sources, each in a box of pixels from which all its neighbours were subtracted, and returns
columns. Blocks are small enough for the processor's cache; a plugin answers for all sources of a block in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("BUILT_IN", "ENTRY_POINTS", "Column", "MeasurementPlugin", "SourceBlock", "load_plugins")

ENTRY_POINTS = "uraniborg.measurement"

BUILT_IN: Mapping[str, str] = {
    "shape": "uraniborg.algorithms.measurement.shape:ShapePlugin",
    "peak_centroid": "uraniborg.algorithms.measurement.peakcentroid:PeakCentroidPlugin",
    "apertures": "uraniborg.algorithms.measurement.circles:AperturePlugin",
    "kron": "uraniborg.algorithms.measurement.kron:KronPlugin",
}
"""The plugins that are always there, as they are registered."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a plugin makes.

    Attributes
    ----------
    name : str
        Unique among all plugins.
    unit : str
        In the notation of FITS; "" for a pure number.
    description : str
    """

    name: str
    unit: str
    description: str


@dataclass(frozen=True, slots=True)
class SourceBlock:
    """Some sources, each in its box.

    Attributes
    ----------
    data : (b, m, m) float32
        Pixels with all neighbours subtracted (as point sources) and the source's own light left in; negative sources
        are turned positive. Unusable pixels hold the fitted point source.
    variance : (b, m, m) float32
        Variance of these pixels; 0 on unusable ones and outside the image.
    parent : (b, s, s) float32
        The central pixels with the neighbours in, of the size of the stamps.
    stamps : (b, s, s) float64
        Point-spread function at the fitted centre; sums to 1.
    center : (b, 2) float [pixel]
        x and y of the fitted centre in the box, near ``m // 2``.
    sign : (b,) float
        +1 or -1; fluxes have to be multiplied by it.
    psf_flux, psf_flux_err : (b,) float
        Fitted point source, positive for a source that is (or was turned) positive.
    radii : (k,) float [pixel]
        Radii of the circular apertures that are asked for; the largest fits into the box.
    done : mapping of str to array
        Columns of the plugins that ran before on this block.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    parent: NDArray[np.float32]
    stamps: Floats
    center: Floats
    sign: Floats
    psf_flux: Floats
    psf_flux_err: Floats
    radii: Floats
    done: Mapping[str, NDArray[np.generic]]


@runtime_checkable
class MeasurementPlugin(Protocol):
    """What measures one thing on all sources of a block."""

    @property
    def name(self) -> str:
        """Name under which it is registered."""

    @property
    def requires(self) -> Sequence[str]:
        """Plugins that have to run before."""

    @property
    def columns(self) -> Sequence[Column]:
        """Columns that it makes."""

    def measure(self, block: SourceBlock) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns, (b,) or (b, k) each, NaN where there is no value.

        A column ``flags`` (int32, bits of `uraniborg.core.flags.MeasurementFlag`) says why. The block must not be
        changed.
        """


def load_plugins(names: Sequence[str] | None = None) -> tuple[MeasurementPlugin, ...]:
    """Return plugins in the order in which they have to run.

    Parameters
    ----------
    names : sequence of str, optional
        Which; what they require comes with them. All that are built in by default: a plugin of another package has to
        be asked for.

    Raises
    ------
    UserError
        If a plugin is not registered, is not one, or if requirements go in a circle.
    """
    return _load(tuple(BUILT_IN if names is None else names))


def _load(names: tuple[str, ...]) -> tuple[MeasurementPlugin, ...]:
    found: dict[str, MeasurementPlugin] = {}
    waiting: list[str] = []

    def add(name: str) -> None:
        if name in found:
            return
        if name in waiting:
            raise UserError(f"measurement plugins require each other in a circle: {' -> '.join([*waiting, name])}")
        waiting.append(name)
        plugin = _make(name)
        for other in plugin.requires:
            add(other)
        waiting.pop()
        found[name] = plugin

    for name in names:
        add(name)
    columns = [column.name for plugin in found.values() for column in plugin.columns]
    doubles = sorted({name for name in columns if columns.count(name) > 1})
    if doubles:
        raise UserError(f"columns {doubles} are made by more than one measurement plugin of {sorted(found)}")
    return tuple(found.values())


@cache
def _make(name: str) -> MeasurementPlugin:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        made = getattr(import_module(module), attribute)()
    else:
        others = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        if name not in others:
            raise UserError(
                f"no measurement plugin {name!r}; there are {sorted({*BUILT_IN, *others})}; a package adds its own by "
                f"an entry point of the group {ENTRY_POINTS}"
            )
        made = others[name].load()()
    if not isinstance(made, MeasurementPlugin):
        raise UserError(f"the measurement plugin {name!r} is a {type(made).__name__} without name, requires or columns")
    return made

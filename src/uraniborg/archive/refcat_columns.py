"""How the columns of published star catalogues become those of ``ReferenceObject``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import astropy.units as u
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.errors import UserError, report_faults
from uraniborg.model.tables import conform, declared_columns

__all__ = ("PRESETS", "ColumnSource", "column_sources", "convert_rows", "needed_columns")

TABLE: Final = "ReferenceObject"
_REQUIRED: Final = ("ra", "dec", "epochMjdTai")
_POGSON: Final = 2.5 / np.log(10.0)

type Conversion = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """Where the values of one declared column come from.

    Attributes
    ----------
    names : tuple of str
        Columns of the catalogue; the first that exists is taken.
    unit : str, optional
        Unit of the values where the file does not tell, and unit that ``convert`` wants.
    convert : callable, optional
        Function of the values.
    overrule : bool
        Whether ``unit`` holds even where the file tells another (Rubin's files say rad for rad/yr).
    """

    names: tuple[str, ...]
    unit: str | None = None
    convert: Conversion | None = None
    overrule: bool = False


def _julian_year_to_mjd(year: NDArray[np.float64]) -> NDArray[np.float64]:
    return 51544.5 + (year - 2000.0) * 365.25


def _snr_to_magnitude_error(snr: NDArray[np.float64]) -> NDArray[np.float64]:
    return _POGSON / snr


def _ab_flux_to_vega(offset: float) -> Conversion:
    """Return the conversion of an AB flux in nJy to a Vega magnitude; the offset is AB minus Vega."""

    def convert(flux: NDArray[np.float64]) -> NDArray[np.float64]:
        positive = np.where(flux > 0, flux, np.nan)
        return np.asarray(31.4 - 2.5 * np.log10(positive) - offset)

    return convert


def _gaia() -> dict[str, ColumnSource]:
    found = {
        "refObjectId": ColumnSource(("source_id",)),
        "ra": ColumnSource(("ra",), "deg"),
        "dec": ColumnSource(("dec",), "deg"),
        "raErr": ColumnSource(("ra_error",), "mas"),
        "decErr": ColumnSource(("dec_error",), "mas"),
        "epochMjdTai": ColumnSource(("ref_epoch",), None, _julian_year_to_mjd),
        "pmRa": ColumnSource(("pmra",), "mas/yr"),
        "pmDec": ColumnSource(("pmdec",), "mas/yr"),
        "pmRaErr": ColumnSource(("pmra_error",), "mas/yr"),
        "pmDecErr": ColumnSource(("pmdec_error",), "mas/yr"),
        "parallax": ColumnSource(("parallax",), "mas"),
        "parallaxErr": ColumnSource(("parallax_error",), "mas"),
    }
    for band in ("g", "bp", "rp"):
        stem = f"phot_{band}_mean"
        found[f"{stem}_mag"] = ColumnSource((f"{stem}_mag",), "mag")
        found[f"{stem}_magErr"] = ColumnSource((f"{stem}_flux_over_error",), None, _snr_to_magnitude_error)
    return found


def _simulated() -> dict[str, ColumnSource]:
    found = _gaia()
    for name in [*(f"phot_{band}_mean_mag" for band in ("g", "bp", "rp")), *(f"mag_{band}" for band in "ugrizy")]:
        found[name] = ColumnSource((name,), "mag")
        found[f"{name}Err"] = ColumnSource((f"{name}_error",), "mag")
    return found


def _rubin_gaia() -> dict[str, ColumnSource]:
    found = {
        "refObjectId": ColumnSource(("id",)),
        "ra": ColumnSource(("coord_ra",), "rad"),
        "dec": ColumnSource(("coord_dec",), "rad"),
        "raErr": ColumnSource(("coord_raErr",), "rad"),
        "decErr": ColumnSource(("coord_decErr",), "rad"),
        "epochMjdTai": ColumnSource(("epoch",), "d"),
        "pmRa": ColumnSource(("pm_ra",), "rad/yr", overrule=True),
        "pmDec": ColumnSource(("pm_dec",), "rad/yr", overrule=True),
        "pmRaErr": ColumnSource(("pm_raErr",), "rad/yr", overrule=True),
        "pmDecErr": ColumnSource(("pm_decErr",), "rad/yr", overrule=True),
        "parallax": ColumnSource(("parallax",), "rad"),
        "parallaxErr": ColumnSource(("parallaxErr",), "rad"),
    }
    # Differences of the AB and the Vega zero points of Gaia DR2, Evans et al. 2018, A&A 616, A4, table 2 (revised).
    for band, offset in (("g", 0.1050), ("bp", 0.0292), ("rp", 0.3542)):
        found[f"phot_{band}_mean_mag"] = ColumnSource((f"phot_{band}_mean_flux",), "nJy", _ab_flux_to_vega(offset))
    return found


PRESETS: Final[dict[str, dict[str, ColumnSource]]] = {
    "gaia_dr2": _gaia(),
    "gaia_dr3": _gaia(),
    "rubin_gaia": _rubin_gaia(),
    "simulated": _simulated(),
}
"""Gaia's own column names (both releases have the same), Rubin's reference catalogues of Gaia, our simulator's."""


def column_sources(preset: str | None, columns: Mapping[str, str] | None) -> dict[str, ColumnSource]:
    """Return where each declared column comes from.

    Parameters
    ----------
    preset : str, optional
        One of `PRESETS`; without it, columns that have the declared names are taken.
    columns : mapping of str to str, optional
        Declared column to column of the catalogue; these win over the preset.

    Raises
    ------
    UserError
        If the preset or a declared column is unknown.
    """
    if preset is not None and preset not in PRESETS:
        raise UserError(f"no preset {preset!r} for reference catalogues; there are {sorted(PRESETS)}")
    declared = declared_columns(TABLE)
    plain = {name: ColumnSource((name,), None if c.unit is None else str(c.unit)) for name, c in declared.items()}
    sources = plain if preset is None else dict(PRESETS[preset])
    chosen = dict(columns or {})
    report_faults(
        "columns of a reference catalogue",
        [
            f"{name!r} is not a column of {TABLE}; there are {sorted(declared)}"
            for name in chosen
            if name not in declared
        ],
    )
    return sources | {name: ColumnSource((column,), plain[name].unit) for name, column in chosen.items()}


def needed_columns(
    available: list[str], sources: Mapping[str, ColumnSource], *, where: str, epoch: float | None
) -> list[str]:
    """Return the columns of a catalogue that are used.

    Parameters
    ----------
    available : list of str
        Columns that the catalogue has.
    sources : mapping
        Result of `column_sources`.
    where : str
        Name of the file, for messages.
    epoch : float, optional
        Epoch given by the caller; a column is not required then.

    Raises
    ------
    UserError
        If a required column is not there.
    """
    required = [name for name in _REQUIRED if not (name == "epochMjdTai" and epoch is not None)]
    faults = []
    for name in required:
        wanted = sources[name].names if name in sources else ()
        if not set(wanted) & set(available):
            faults.append(f"no column {' or '.join(wanted) or name!r} for {name}")
    if faults:
        raise UserError(f"{where}: {', '.join(faults)}; it has {available}")
    return sorted({name for source in sources.values() for name in source.names if name in available})


def convert_rows(rows: Table, sources: Mapping[str, ColumnSource], *, first_row: int, epoch: float | None) -> Table:
    """Return rows of a catalogue as ``ReferenceObject``; rows without position or epoch are left out.

    Parameters
    ----------
    rows : astropy.table.Table
        Rows with the columns that `needed_columns` named.
    sources : mapping
        Result of `column_sources`.
    first_row : int
        Number of the first row in the catalogue; the identifier where it has none.
    epoch : float, optional
        Epoch of rows for which no column tells it (Julian year).

    Raises
    ------
    UserError
        If a unit cannot be converted.
    """
    result = Table()
    for name, declared in declared_columns(TABLE).items():
        column = next((c for c in (sources[name].names if name in sources else ()) if c in rows.colnames), None)
        if name == "refObjectId":
            numbers = first_row + np.arange(len(rows)) if column is None else np.asarray(rows[column])
            result[name] = numbers.astype(np.int64)
        elif column is None:
            result[name] = np.full(len(rows), np.nan)
        else:
            result[name] = _values(rows, column, sources[name], declared.unit)
    if epoch is not None:
        unknown = ~np.isfinite(result["epochMjdTai"])
        result["epochMjdTai"][unknown] = _julian_year_to_mjd(np.array(epoch, dtype=float))
    position = np.isfinite(result["ra"]) & np.isfinite(result["dec"]) & np.isfinite(result["epochMjdTai"])
    return conform(result[position], TABLE)


def _values(rows: Table, column: str, source: ColumnSource, declared: u.UnitBase | None) -> NDArray[np.float64]:
    given = rows[column]
    values = np.ma.filled(np.ma.asarray(given, dtype=float), np.nan)
    unit = None if source.unit is None else u.Unit(source.unit)
    target = unit if source.convert is not None else declared
    have = unit if given.unit is None or source.overrule else u.Unit(given.unit)
    if have is not None and target is not None and have != target:
        try:
            values = values * have.to(target)
        except u.UnitConversionError as error:
            raise UserError(f"column {column!r} has unit {have}, expected {target}") from error
    return values if source.convert is None else source.convert(values)

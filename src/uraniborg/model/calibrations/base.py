"""What every calibration of numbers carries: its version, its detector, where it came from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ("Calibration", "Record")


class Record(BaseModel):
    """A frozen record; unknown fields and numbers that are not finite are refused unless a field allows them."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Calibration(Record):
    """A calibration of one detector.

    Attributes
    ----------
    version : int
        Version of the layout of the file; readers refuse versions they do not know.
    instrument : str
        Name of the instrument.
    detector : int
        Number of the detector.
    exposures : tuple of int
        Exposures that it was made from.
    metadata : dict
        Numbers of the making (fits, clipping, verification) for people to read.
    """

    version: Annotated[int, Field(ge=1, le=1)] = 1
    instrument: str = ""
    detector: int = -1
    exposures: tuple[int, ...] = ()
    metadata: dict[str, Any] = {}

"""How Rubin's exposures are named and numbered.

A name is camera, controller, night and number in the night, as in ``MC_O_20250415_000060``. The number of the exposure
is the night times 10^5 plus the number in the night; 1000 years are added to the night for each place of the controller
in ``OCHPQS``, so that what the camera's own controller (C) took and what is simulated (H, P, Q, S) have numbers of
their own. Such numbers have 43 bits. `packed_exposure` gives one of 34 bits, for row identifiers that have room for no
more.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

from uraniborg.core.errors import UserError

__all__ = (
    "CONTROLLERS",
    "exposure_number",
    "packed_exposure",
    "parse_observation_id",
    "split_exposure_number",
    "unpacked_exposure",
)

CONTROLLERS: Final = "OCHPQS"
"""Observatory control system, camera control, and simulators, in the order of their numbers."""

_NAME: Final = re.compile(r"(?P<camera>[A-Z]{2})_(?P<controller>[A-Z])_(?P<day>\d{8})_(?P<number>\d{6})")
_MILLENNIUM: Final = 10_000_000  # 1000 years, as a night is written
_PER_NIGHT: Final = 100_000
_SEQUENCE_BITS: Final = 17
_DAY_BITS: Final = 14
_FIRST_DAY: Final = datetime.date(2010, 1, 1).toordinal()


def parse_observation_id(name: str) -> tuple[str, str, int, int]:
    """Return camera, controller, night and number in the night.

    Raises
    ------
    UserError
        If the name is not that of an exposure.
    """
    found = _NAME.match(name)
    if found is None:
        raise UserError(f"{name!r} is not the name of an exposure; it should look like MC_O_20250415_000060")
    return found["camera"], found["controller"], int(found["day"]), int(found["number"])


def exposure_number(day: int, sequence: int, controller: str = "O") -> int:
    """Return the number of an exposure.

    Parameters
    ----------
    day : int
        Night as YYYYMMDD.
    sequence : int
        Number in the night, below 100,000.
    controller : str, optional
        One of `CONTROLLERS`.
    """
    if controller not in CONTROLLERS or len(controller) != 1:
        raise UserError(f"controller is {controller!r}, must be one of {list(CONTROLLERS)}")
    if not (0 <= sequence < _PER_NIGHT and 10_000_000 <= day <= 99_991_231):
        raise UserError(f"night {day} with number {sequence} is not an exposure")
    return (day + CONTROLLERS.index(controller) * _MILLENNIUM) * _PER_NIGHT + sequence


def split_exposure_number(number: int) -> tuple[int, int, str]:
    """Return night, number in the night and controller; the inverse of `exposure_number`."""
    day, sequence = divmod(number, _PER_NIGHT)
    place = day // _MILLENNIUM - 2
    if not 0 <= place < len(CONTROLLERS):
        raise UserError(f"{number} is not the number of an exposure")
    return day - place * _MILLENNIUM, sequence, CONTROLLERS[place]


def packed_exposure(number: int) -> int:
    """Return a number below 2**34 for an exposure of 2010 to 2054: controller, day and number in the night.

    Raises
    ------
    UserError
        If the exposure is out of that time.
    """
    day, sequence, controller = split_exposure_number(number)
    try:
        days = datetime.datetime.strptime(str(day), "%Y%m%d").toordinal() - _FIRST_DAY
    except ValueError as error:
        raise UserError(f"{number}: {day} is not a day") from error
    if not 0 <= days < 1 << _DAY_BITS:
        raise UserError(f"{number}: the night {day} is not of 2010 to 2054")
    return ((CONTROLLERS.index(controller) << _DAY_BITS) + days << _SEQUENCE_BITS) + sequence


def unpacked_exposure(packed: int) -> int:
    """Return the exposure that `packed_exposure` was given."""
    head, sequence = divmod(packed, 1 << _SEQUENCE_BITS)
    place, days = divmod(head, 1 << _DAY_BITS)
    day = int(datetime.date.fromordinal(days + _FIRST_DAY).strftime("%Y%m%d"))
    return exposure_number(day, sequence, CONTROLLERS[place])

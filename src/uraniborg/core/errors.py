"""The one tree of exceptions raised by Uraniborg.

Which to raise, and what a front end makes of it::

    UraniborgError
    +-- UserError           bad input or usage; the caller must change something (exit 2, HTTP 4xx)
    +-- DataError           the data cannot give the answer; running again gives the same
    |   +-- NoWorkFound     nothing to do here, and that is fine
    |   +-- Unprocessable   these data can never be processed (e.g. all pixels masked)
    |   +-- AlgorithmError  an algorithm did not reach an answer; carries numbers
    +-- StoreError          a store or service failed; trying again may help

A message says what is wrong, the value seen, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = (
    "AlgorithmError",
    "DataError",
    "NoWorkFound",
    "StoreError",
    "Unprocessable",
    "UraniborgError",
    "UserError",
    "report_faults",
)


class UraniborgError(Exception):
    """Root of all exceptions that Uraniborg raises on purpose."""


class UserError(UraniborgError):
    """Bad input or usage: the caller has to change something."""


class DataError(UraniborgError):
    """The data cannot give the answer; a repeat gives the same outcome."""


class NoWorkFound(DataError):
    """There is nothing to do for these inputs; not a failure."""


class Unprocessable(DataError):
    """These data can never be processed."""


class AlgorithmError(DataError):
    """An algorithm could not reach an answer.

    Parameters
    ----------
    message : str
        What went wrong and what to do.
    **metadata : float or int or str
        The numbers that explain the failure; kept on ``metadata``.
    """

    def __init__(self, message: str, **metadata: float | int | str) -> None:
        numbers = ", ".join(f"{name}={value}" for name, value in metadata.items())
        super().__init__(f"{message} ({numbers})" if numbers else message)
        self.metadata: Mapping[str, float | int | str] = dict(metadata)


class StoreError(UraniborgError):
    """A store or a service failed; a retry may succeed."""


def report_faults(what: str, faults: Sequence[str]) -> None:
    """Raise one `UserError` that lists every fault found, if there are any.

    Parameters
    ----------
    what : str
        What was being checked; opens the message.
    faults : sequence of str
        One line for each fault.

    Raises
    ------
    UserError
        If ``faults`` is not empty.
    """
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        raise UserError(f"{what}: {len(faults)} fault(s) found\n{lines}")

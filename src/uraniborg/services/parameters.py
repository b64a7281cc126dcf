"""Parameters of a request: names without regard to case, from the address, a form, or parts with files (DALI 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from uraniborg.core.errors import UserError
from uraniborg.services.errors import TooLargeError

__all__ = ("Parameters", "read_parameters")

_MOST_FIELDS = 1000
_MOST_TEXT = 4_000_000


@dataclass(slots=True)
class Parameters:
    """What a request says; names are in capitals."""

    values: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, UploadFile] = field(default_factory=dict)

    def one(self, name: str, default: str = "") -> str:
        """Return a parameter that may be given once.

        Raises
        ------
        UserError
            If it is given several times with different values.
        """
        found = list(dict.fromkeys(self.values.get(name, [])))
        if len(found) > 1:
            raise UserError(f"{name} is given {len(found)} times with different values; give it once")
        return found[0] if found else default

    def number(self, name: str) -> float | None:
        """Return a parameter that is a number, or None if it is not given.

        Raises
        ------
        UserError
            If it is not a finite number.
        """
        text = self.one(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if value != value or value in (float("inf"), float("-inf")):
            raise UserError(f"{name} is {text[:60]!r}; write a number")
        return value

    def whole(self, name: str) -> int | None:
        """Return a parameter that is a whole number of 0 or more, or None if it is not given."""
        text = self.one(name)
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise UserError(f"{name} is {text[:60]!r}; write a whole number of 0 or more")
        return int(text)

    def add(self, name: str, value: str) -> None:
        """Add a value."""
        self.values.setdefault(name.upper(), []).append(value)


async def read_parameters(request: Request) -> Parameters:
    """Return the parameters of a request.

    Raises
    ------
    UserError
        If the body is not a form.
    """
    found = Parameters()
    for name, value in request.query_params.multi_items():
        found.add(name, value)
    if request.method == "POST":
        try:
            form = await request.form(max_files=20, max_fields=_MOST_FIELDS, max_part_size=_MOST_TEXT)
        except HTTPException as error:
            if error.status_code == 413:
                raise TooLargeError(str(error.detail)) from None
            raise UserError(f"the body of the request is not a form: {error.detail}") from None
        for name, item in form.multi_items():
            if isinstance(item, UploadFile):
                found.files[name.upper()] = item
            else:
                found.add(name, item)
    return found

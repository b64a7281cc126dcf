"""The error of a query: what is wrong, where, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from uraniborg.core.errors import UserError

__all__ = ("AdqlError", "suggest")

_WIDTH = 100


class AdqlError(UserError):
    """A query that cannot be answered as written.

    Parameters
    ----------
    message : str
        What is wrong, with the value seen.
    query : str
        The whole query.
    at : tuple of (int, int)
        First character of the fault and the one after its last, 0-based.
    hint : str
        What to write instead.
    """

    def __init__(self, message: str, query: str, at: tuple[int, int], *, hint: str = "") -> None:
        self.reason, self.query, self.at, self.hint = message, query, at, hint
        start = min(max(at[0], 0), len(query))
        self.line = query.count("\n", 0, start) + 1
        begin = query.rfind("\n", 0, start) + 1
        end = query.find("\n", start)
        text = query[begin : end if end >= 0 else len(query)]
        self.column = start - begin + 1
        shown, offset = _window(text, start - begin)
        width = max(1, min(at[1] - start, len(shown) - offset))
        caret = "".join("\t" if c == "\t" else " " for c in shown[:offset]) + "^" * width
        lines = [f"{message} (line {self.line}, column {self.column})", f"  {shown}", f"  {caret}"]
        super().__init__("\n".join([*lines, f"  {hint}"] if hint else lines))


def _window(text: str, offset: int) -> tuple[str, int]:
    """Return the part of a long line around a character, and the place of the character in it."""
    begin = max(0, min(offset - _WIDTH // 2, len(text) - _WIDTH))
    return text[begin : begin + _WIDTH], offset - begin


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" for the known names nearest to a name, or an empty string."""
    lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(name.lower(), list(lower), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(lower[item] for item in near)}?" if near else ""

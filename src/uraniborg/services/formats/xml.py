"""XML written by hand: every value goes through one of these functions, so no text of a user becomes markup."""

from __future__ import annotations

import re

__all__ = ("ILLEGAL", "attribute", "element", "escape")

ILLEGAL = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
"""Characters that XML 1.0 cannot hold."""

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def escape(text: object) -> str:
    """Return a value as text that may stand in content or in a quoted attribute."""
    return _ILLEGAL.sub("\ufffd", str(text)).translate(_ESCAPES)


def attribute(**values: object) -> str:
    """Return attributes, each with a space before it; empty ones are left out, ``_`` in a name stands for ``:``."""
    given = ((name.replace("_", ":"), value) for name, value in values.items())
    return "".join(f' {name}="{escape(value)}"' for name, value in given if value not in ("", None))


def element(name: str, content: object = None, /, **attributes: object) -> str:
    """Return an element with escaped text, or an empty one."""
    start = f"<{name}{attribute(**attributes)}"
    return f"{start}/>" if content is None else f"{start}>{escape(content)}</{name}>"

"""Who asks: users by bearer token, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from pathlib import Path

from uraniborg.core.errors import UserError
from uraniborg.services.errors import NotSignedInError

__all__ = ("ANONYMOUS", "Users")

ANONYMOUS = "anonymous"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


class Users:
    """The users of a service.

    Parameters
    ----------
    path : Path
        File with the hashes of their tokens; it may change while the service runs.
    anonymous : bool
        Whether callers without a token may ask.
    """

    def __init__(self, path: Path, *, anonymous: bool) -> None:
        self._path = path
        self._anonymous = anonymous
        self._seen: tuple[int, int] | None = None
        self._names: dict[str, str] = {}

    def _load(self) -> dict[str, str]:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return {}
        if self._seen != (stat.st_mtime_ns, stat.st_size):
            self._names = json.loads(self._path.read_text("utf8"))
            self._seen = (stat.st_mtime_ns, stat.st_size)
        return self._names

    def add(self, name: str) -> str:
        """Make a user, or a new token of one; return the token, which is shown only once.

        Raises
        ------
        UserError
            If the name cannot be used.
        """
        if not _NAME.fullmatch(name) or name == ANONYMOUS:
            raise UserError(f"{name!r} cannot name a user; write small letters, digits and _, at most 31")
        token = secrets.token_urlsafe(32)
        names = {key: value for key, value in self._load().items() if value != name} | {_hash(token): name}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(names, file)
        new.replace(self._path)
        return token

    def who(self, authorization: str | None) -> str:
        """Return the user that an Authorization header names.

        Raises
        ------
        NotSignedInError
            If the token is not known, or there is none and callers have to have one.
        """
        if authorization is None:
            if not self._anonymous:
                raise NotSignedInError("this service wants a token: send the header 'Authorization: Bearer TOKEN'")
            return ANONYMOUS
        kind, _, token = authorization.partition(" ")
        name = self._load().get(_hash(token.strip())) if kind.lower() == "bearer" else None
        if name is None:
            raise NotSignedInError("this token is not known; ask the operator of the service for a new one")
        return name


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

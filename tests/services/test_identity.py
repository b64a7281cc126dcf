from __future__ import annotations

import stat
from pathlib import Path

import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.errors import NotSignedInError
from uraniborg.services.identity import ANONYMOUS, Users


def test_a_token_names_its_user_and_is_not_kept(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json", anonymous=False)
    token, other = users.add("alice"), users.add("bob")
    assert users.who(f"Bearer {token}") == "alice"
    assert Users(tmp_path / "users.json", anonymous=False).who(f"bearer {other}") == "bob"
    assert token not in (tmp_path / "users.json").read_text()
    assert stat.S_IMODE((tmp_path / "users.json").stat().st_mode) == 0o600
    new = users.add("alice")
    assert users.who(f"Bearer {new}") == "alice"
    with pytest.raises(NotSignedInError):
        users.who(f"Bearer {token}")


def test_strangers(tmp_path: Path) -> None:
    assert Users(tmp_path / "none", anonymous=True).who(None) == ANONYMOUS
    for header in ("Bearer x", "Basic YTpi", "", "Bearer"):
        with pytest.raises(NotSignedInError):
            Users(tmp_path / "none", anonymous=True).who(header)
    with pytest.raises(NotSignedInError, match="Authorization: Bearer"):
        Users(tmp_path / "none", anonymous=False).who(None)


@pytest.mark.parametrize("name", ["", "Bob", "a/b", "../x", "anonymous", "a" * 40, "a;b"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot name a user"):
        Users(tmp_path / "users.json", anonymous=True).add(name)

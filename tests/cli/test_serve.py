from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from uraniborg.cli.main import cli


def test_help_has_examples() -> None:
    result = CliRunner().invoke(cli, ["serve", "--help"])
    assert "Examples:" in result.output
    assert "uraniborg serve -b hats" in result.output


def test_a_new_user_gets_a_token(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["serve", "-b", str(tmp_path), "--new-user", "tycho"])
    assert result.exit_code == 0, result.output
    assert len(result.output.strip()) > 30
    assert list(json.loads((tmp_path / ".service" / "users.json").read_text()).values()) == ["tycho"]


def test_a_folder_without_catalogues_is_told(tmp_path: Path) -> None:
    from uraniborg.core.errors import UserError

    result = CliRunner().invoke(cli, ["serve", "-b", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    assert "uraniborg catalog load" in str(result.exception)

from __future__ import annotations

import pytest
from click.testing import CliRunner

from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.archive.skymaps import load_skymap, registered_tracts
from uraniborg.cli.main import cli
from uraniborg.core.errors import UserError
from uraniborg.model.skymap import DiscreteSkyMap, RingsSkyMap


@pytest.fixture
def repo(tmp_path) -> str:
    create_repository(tmp_path / "repo").close()
    return str(tmp_path / "repo")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_part_of_the_rings_and_a_position(repo) -> None:
    out = run("skymap", "register", repo, "rings_v1", "--around", 187.03, 25.56, 0.05)
    assert "sky map rings_v1: 18938 tracts, 1 of them newly registered" in out
    with open_repository(repo) as butler:
        assert load_skymap(butler, "rings_v1") == RingsSkyMap()
        assert 13585 in registered_tracts(butler, "rings_v1")
    out = run("skymap", "find", repo, "rings_v1", "--position", 187.03, 25.56)
    tract = RingsSkyMap().tract(13585)
    x, y = tract.sky_to_pixel(187.03, 25.56)
    patch = int(tract.find_patch(187.03, 25.56))
    assert out.startswith(f"tract 13585 patch {patch} (")
    assert f"x={float(x):.2f} y={float(y):.2f}" in out


def test_field(repo) -> None:
    run("skymap", "register", repo, "field", "--center", 10, -20, "--radius", 0.1, "--patch-size", 1000)
    with open_repository(repo) as butler:
        assert load_skymap(butler, "field") == DiscreteSkyMap.around(10.0, -20.0, 0.1, patch_size=1000)
    lines = run("skymap", "find", repo, "field", "--position", 10, -20, "--radius", 1.0).splitlines()
    assert len(lines) == 16
    with pytest.raises(UserError, match="lies outside of the sky map 'field'"):
        run("skymap", "find", repo, "field", "--position", 50, -20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--center", 1, 2, "--rings", 9], "leave out --rings"),
        (["--radius", 1], "need --center"),
        (["--center", 1, 2, "--center", 3, 4, "--radius", 1], "goes with one --center"),
    ],
)
def test_options_that_contradict(repo, options, message) -> None:
    with pytest.raises(UserError, match=message):
        run("skymap", "register", repo, "x", *options)

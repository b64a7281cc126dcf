from __future__ import annotations

import subprocess
import sys

import pytest

from uraniborg.archive.repository import create_repository
from uraniborg.archive.staging import staging_folder


@pytest.fixture
def butler(tmp_path):
    with create_repository(tmp_path / "repo") as butler:
        yield butler


def test_folder_is_in_the_repository_and_goes_away(butler, tmp_path) -> None:
    with staging_folder(butler) as folder:
        assert folder.is_relative_to(tmp_path / "repo")
        (folder / "file").touch()
    assert not (tmp_path / "repo/.staging").exists()
    with pytest.raises(RuntimeError), staging_folder(butler):
        raise RuntimeError
    assert not (tmp_path / "repo/.staging").exists()


def test_folder_in_use_is_left_alone(butler) -> None:
    with staging_folder(butler) as first:
        with staging_folder(butler) as second:
            assert second != first
        assert first.is_dir()


def test_folder_of_a_killed_process_is_removed(butler, tmp_path) -> None:
    code = """
import os, sys
from uraniborg.archive.repository import open_repository
from uraniborg.archive.staging import staging_folder
with open_repository(sys.argv[1], writeable=True) as butler, staging_folder(butler) as folder:
    (folder / "half").touch()
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "repo"], check=False)
    (left,) = (tmp_path / "repo/.staging").iterdir()
    assert (left / "half").exists()
    with staging_folder(butler) as folder:
        assert not left.exists()
        assert folder.is_dir()

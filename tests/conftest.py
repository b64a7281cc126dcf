"""Fixtures that every test may use."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from uraniborg.productions.first_light import FirstLight


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder of real data from telescopes; the test is skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("URANIBORG_TESTDATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set URANIBORG_TESTDATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def mini_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all test processes of one run share, laid out as ``uraniborg demo --out`` does."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mini-first-light"


@pytest.fixture(scope="session")
def mini_run(mini_folder: Path) -> FirstLight:
    """First light of the survey ``mini``, made once for all tests; they must only read it."""
    from uraniborg.productions.first_light import process_field, simulated_field

    mini_folder.mkdir(exist_ok=True)
    with (mini_folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second to come finds a complete run and only looks at it
        field = simulated_field("mini", mini_folder / "mini" / "survey")
        return process_field(field, mini_folder / "mini" / "repo", jobs=2)

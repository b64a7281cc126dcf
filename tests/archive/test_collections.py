from __future__ import annotations

import pytest
from lsst.daf.butler import CollectionType

from uraniborg.archive.collections import add_to_chain, add_to_defaults, register_collection
from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam import SimCam


@pytest.fixture
def butler(tmp_path):
    with create_repository(tmp_path / "repo") as butler:
        yield butler


def test_defaults_hold_everything_once(butler) -> None:
    for run in ("SimCam/a", "SimCam/b", "SimCam/a"):
        register_collection(butler, run)
        assert add_to_defaults(butler, SimCam(), run) == "SimCam/defaults"
    info = butler.collections.get_info("SimCam/defaults")
    assert info.type is CollectionType.CHAINED
    assert info.children == ("SimCam/b", "SimCam/a", "refcats", "skymaps")


def test_order_of_a_chain_is_kept(butler) -> None:
    for run in ("x", "y"):
        register_collection(butler, run)
    add_to_chain(butler, "all", "x", "y")
    add_to_chain(butler, "all", "y", "x")
    assert butler.collections.get_info("all").children == ("x", "y")


def test_kind_is_checked(butler) -> None:
    register_collection(butler, "x")
    with pytest.raises(UserError, match="'x' is a RUN, not a CALIBRATION"):
        register_collection(butler, "x", CollectionType.CALIBRATION)

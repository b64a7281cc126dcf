from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from uraniborg.algorithms.measurement import measure_sources
from uraniborg.algorithms.measurement import plugins as module
from uraniborg.algorithms.measurement.plugins import BUILT_IN, ENTRY_POINTS, Column, SourceBlock, load_plugins
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.errors import UserError


class _Brightest:
    name = "brightest"
    requires = ("shape",)
    columns = (Column("brightest_pixel", "electron", "Highest pixel of the source."),)

    def measure(self, block: SourceBlock) -> Mapping[str, np.ndarray]:
        assert "xx" in block.done
        return {"brightest_pixel": block.data.max(axis=(1, 2))}


class _Loop(_Brightest):
    name = "loop"
    requires = ("loop",)


class _Point:
    def __init__(self, name: str, what: type) -> None:
        self.name, self.what = name, what

    def load(self) -> type:
        return self.what


@pytest.fixture
def _others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package, installed: what `importlib.metadata` would return for it."""
    points = [
        _Point("brightest", _Brightest),
        _Point("loop", _Loop),
        _Point("wrong", dict),
        _Point("again", _Brightest),
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: points if group == ENTRY_POINTS else [])


def test_built_in_plugins_are_registered_like_any_other() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf8"))
    assert project["project"]["entry-points"][ENTRY_POINTS] == dict(BUILT_IN)
    assert [plugin.name for plugin in load_plugins()] == list(BUILT_IN)


@pytest.mark.usefixtures("_others")
def test_a_plugin_of_another_package_measures_all_sources() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = np.random.default_rng(1).normal(0.0, 1.0, (100, 300)).astype(np.float32)
    x, y, flux = np.array([40.0, 150.0, 250.0]), np.full(3, 50.0), np.array([1e4, 3e4, 2e4])
    for stamp, column, value in zip(psf.evaluate(x, y), x.astype(int), flux, strict=True):
        image[38:63, column - 12 : column + 13] += (value * stamp).astype(np.float32)
    found = measure_sources(image, np.ones_like(image), psf, x=x, y=y, plugins=("brightest",))
    np.testing.assert_allclose(found.extra["brightest_pixel"], image[50, x.astype(int)], rtol=1e-4)


@pytest.mark.usefixtures("_others")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("nothing",), "no measurement plugin 'nothing'"),
        (("loop",), "circle: loop -> loop"),
        (("wrong",), "is a dict"),
        (("brightest", "again"), "more than one"),
    ],
)
def test_what_is_wrong_with_a_plugin_is_said(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_plugins(names)

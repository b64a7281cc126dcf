from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from uraniborg.verify.plots import (
    BAND_COLOURS,
    LightCurve,
    VectorField,
    light_curve_figure,
    pull_figure,
    residual_figure,
    vector_figure,
)

RNG = np.random.default_rng(1)


def _curve(title: str, truth: bool) -> LightCurve:
    time = np.array([60000.1, 60005.2, 60009.3, 60000.2])
    flux = np.array([100.0, 5000.0, 300.0, 4000.0])
    return LightCurve(title, time, np.array(["g", "g", "g", "r"]), flux, np.full(4, 80.0), flux if truth else None)


def _figures() -> dict[str, str]:
    positions = RNG.uniform(0, 1000, (2, 20))
    field = VectorField(
        "visit 7", "r", *positions, RNG.normal(200, 20, (20, 2)), RNG.normal(0, 8, (20, 2)), (0.0, 1000.0, 0.0, 1000.0)
    )
    magnitude = RNG.uniform(16, 22, 40)
    return {
        "light curves": light_curve_figure([_curve(f"object {k}", k != 1) for k in range(4)]),
        "vectors": vector_figure([field] * 2, key_before=200.0, key_after=10.0),
        "residuals": residual_figure(
            {"g": (magnitude, RNG.normal(0, 0.05, 40), np.full(40, 0.02))}, x_label="x & y", y_label="y", limit=0.1
        ),
        "pulls": pull_figure({"g": RNG.normal(size=200), "r": np.array([np.nan, 1.0])}, x_label="pull"),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, str]:
    return _figures()


@pytest.mark.parametrize("name", ["light curves", "vectors", "residuals", "pulls"])
def test_figures_are_svg_that_follows_the_page(figures: dict[str, str], name: str) -> None:
    svg = figures[name]
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert "currentColor" in svg
    assert "#010203" not in svg


def test_identifiers_of_figures_do_not_meet_on_one_page(figures: dict[str, str]) -> None:
    found = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in figures.values()]
    assert all(found)
    assert sum(map(len, found)) == len(set.union(*found))
    for svg, names in zip(figures.values(), found, strict=True):
        assert set(re.findall(r'href="#([^"]+)"', svg)) <= names
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= names


def test_what_is_drawn(figures: dict[str, str]) -> None:
    assert "object 3" in figures["light curves"]
    assert BAND_COLOURS["g"].lower() in figures["light curves"]
    assert "200 mas" in figures["vectors"]
    assert "10 mas" in figures["vectors"]
    assert "x &amp; y" in figures["residuals"]
    assert "g (200)" in figures["pulls"]
    assert "r (1)" in figures["pulls"]

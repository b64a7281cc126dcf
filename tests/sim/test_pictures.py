from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest

from uraniborg.sim.pictures import demonstration, draw_pictures


@pytest.mark.slow
def test_pictures_are_small_and_not_empty(tmp_path: Path) -> None:
    paths = draw_pictures(tmp_path / "new")
    assert len(paths) == 4
    for path in paths:
        assert path.stat().st_size < 60_000
        assert matplotlib.image.imread(path)[..., :3].std() > 0.05


def test_the_demonstration_has_everything_switched_on() -> None:
    config = demonstration()
    assert config.atmosphere.refraction
    assert config.moving.number
    assert config.satellites.rate

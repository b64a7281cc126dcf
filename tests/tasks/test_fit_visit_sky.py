from __future__ import annotations

import pytest
from lsst.pipe.base import NoWorkFound

from uraniborg.tasks.fit_visit_sky import FitVisitSkyConfig, FitVisitSkyConnections, FitVisitSkyTask


def test_connections_have_the_agreed_names() -> None:
    connections = FitVisitSkyConnections(config=FitVisitSkyConfig())
    assert connections.images.name == "preliminary_visit_image"
    assert connections.images.deferLoad
    assert connections.sky_correction.name == "sky_correction"
    assert set(connections.sky_correction.dimensions) == {"instrument", "visit"}


def test_a_visit_without_cells_is_no_work() -> None:
    with pytest.raises(NoWorkFound, match="usable cells"):
        FitVisitSkyTask(config=FitVisitSkyConfig()).run(images=[])

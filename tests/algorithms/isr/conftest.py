from __future__ import annotations

from collections.abc import Callable

import pytest

from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section


@pytest.fixture
def layout() -> Callable[..., DetectorGeometry]:
    """Two rows of amplifiers, the upper one read upside down, every other one from the right."""

    def make(
        columns: int = 4, rows: int = 32, width: int = 24, prescan: int = 3, overscan: int = 16
    ) -> DetectorGeometry:
        data = Section(0, rows, prescan, prescan + width)
        serial = Section(0, rows, prescan + width, prescan + width + overscan)
        parallel = Section(rows, rows + 12, prescan, prescan + width)
        amplifiers = []
        for k in range(2 * columns):
            row, column = divmod(k, columns)
            box = Section(row * rows, (row + 1) * rows, column * width, (column + 1) * width)
            amplifiers.append(
                AmplifierGeometry(f"C{row}{column}", data, box, serial, parallel, column % 2 == 1, row == 1)
            )
        return DetectorGeometry((2 * rows, columns * width), tuple(amplifiers))

    return make

from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.linearity import (
    LinearityTables,
    correct_linearity,
    tabulate_quadratic,
    tabulate_spline,
    tabulate_values,
)
from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_electronics import bend

FULL, LOSS = 80000.0, 0.02
TRUE = np.linspace(-20.0, 0.95 * FULL, 20001)
MEASURED = bend(TRUE, loss=LOSS, full_scale=FULL)[None, :].astype(np.float32)


def correction(measured: np.ndarray) -> np.ndarray:
    """The exact inverse of `bend`, minus the signal."""
    b = LOSS / FULL
    return (1.0 - np.sqrt(1.0 - 4.0 * b * measured)) / (2.0 * b) - measured


@pytest.mark.parametrize(
    ("kind", "bar"),
    [("quadratic", 2e-3), ("spline", 2e-6), ("table", 2e-6)],
)
def test_each_kind_undoes_the_simulated_bend(kind: str, bar: float) -> None:
    nodes = np.linspace(0.0, MEASURED.max(), 30)
    table = {
        "quadratic": lambda: tabulate_quadratic(LOSS / FULL),
        "spline": lambda: tabulate_spline(nodes, correction(nodes)),
        "table": lambda: tabulate_values(correction(np.arange(0.0, MEASURED.max() + 2.0))),
    }[kind]()
    residual = correct_linearity(MEASURED, table)[0] - TRUE
    assert np.abs(MEASURED[0] - TRUE).max() / FULL > 0.015
    assert np.abs(residual).max() / FULL < bar
    np.testing.assert_array_equal(correct_linearity(MEASURED, table)[0][TRUE < 0], MEASURED[0][TRUE < 0])


def test_stacked_tables_are_those_of_each_amplifier() -> None:
    parts = [tabulate_quadratic(1e-7), tabulate_spline(np.array([0.0, 1e4, 5e4]), np.array([0.0, 3.0, 90.0]))]
    both = LinearityTables.stack(parts)
    for k, part in enumerate(parts):
        inside = MEASURED[:, MEASURED[0] < 5e4]
        alone, together = correct_linearity(inside, part), correct_linearity(inside, both, amplifier=k)
        np.testing.assert_allclose(together, alone, atol=0.02)


def test_above_the_table_the_last_correction_holds() -> None:
    table = tabulate_values(np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(correct_linearity(np.array([[1.5, 2.0, 50.0]], np.float32), table), [[3.0, 4.0, 52.0]])


def test_nodes_must_rise() -> None:
    with pytest.raises(UserError, match="rising"):
        tabulate_spline(np.array([0.0, 2.0, 1.0]), np.zeros(3))
    with pytest.raises(UserError, match="two corrections"):
        tabulate_values(np.zeros(1))

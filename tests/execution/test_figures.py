from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.core.errors import StoreError, UserError
from uraniborg.execution import figures
from uraniborg.execution.figures import ExecutorFigures, measure_ours, quantum_cost


def test_cost_of_further_quanta_leaves_out_the_fixed_cost() -> None:
    small, large = ExecutorFigures(10, 2, 3.0 + 10 * 0.02, 5.0), ExecutorFigures(1000, 2, 3.0 + 1000 * 0.02, 25.0)
    assert quantum_cost(small, large) == pytest.approx(20.0)
    assert large.cpu_ms_per_quantum == pytest.approx(23.0)


def test_number_of_quanta_must_fit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="multiple of 5"):
        measure_ours(tmp_path, n_quanta=7)
    with pytest.raises(UserError, match="multiple of 5"):
        measure_ours(tmp_path, n_quanta=0)


def test_measured_time_is_that_of_all_descendants(tmp_path: Path) -> None:
    done = measure_ours(tmp_path, n_quanta=5, jobs=1)
    assert done.n_quanta == 5
    # The nursery alone imports for about a second, and the command as long again.
    assert 1.0 < done.cpu_seconds < 60.0


def test_a_command_that_fails_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "write_tiny_pipeline", lambda path: str(tmp_path / "absent.yaml"))
    with pytest.raises(StoreError, match=r"absent\.yaml"):
        measure_ours(tmp_path / "x", n_quanta=5)

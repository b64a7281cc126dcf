"""CPU time per quantum of `uraniborg run` (promised: at most 50 ms for 1000 quanta), and of stock `pipetask run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from uraniborg.execution.figures import measure_ours, measure_stock, quantum_cost

PROMISED = 50.0
"""CPU time per quantum that does nothing, registry ingest included. [ms]"""


def test_each_further_quantum(benchmark: Any, tmp_path: Path) -> None:
    small = measure_ours(tmp_path / "small", n_quanta=5)
    large = benchmark.pedantic(measure_ours, args=(tmp_path / "large",), kwargs={"n_quanta": 300}, rounds=1)
    cost = quantum_cost(small, large)
    benchmark.extra_info |= {"cpu_ms_per_further_quantum": cost, "cpu_ms_per_quantum": large.cpu_ms_per_quantum}
    print(f"ours, 300 quanta, 2 workers: {large.cpu_ms_per_quantum:.1f} ms each, {cost:.1f} ms each further")
    assert cost <= PROMISED


@pytest.mark.slow
def test_a_thousand_quanta_and_the_ratio_to_stock(benchmark: Any, tmp_path: Path) -> None:
    stock = measure_stock(tmp_path / "stock", n_quanta=10)
    ours = benchmark.pedantic(measure_ours, args=(tmp_path / "ours",), kwargs={"n_quanta": 1000}, rounds=1)
    ratio = stock.cpu_ms_per_quantum / ours.cpu_ms_per_quantum
    benchmark.extra_info |= {"cpu_ms_per_quantum": ours.cpu_ms_per_quantum, "stock_over_ours": ratio}
    print(
        f"ours, 1000 quanta, 2 workers: {ours.cpu_ms_per_quantum:.1f} ms each; "
        f"stock, 10 quanta, -j 2: {stock.cpu_ms_per_quantum:.0f} ms each; ratio {ratio:.0f}"
    )
    assert ours.cpu_ms_per_quantum <= PROMISED
    assert ratio > 10.0

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

BANDS = {1: "r", 2: "r", 3: "g", 4: "g", 5: "r", 6: "z"}

PIPELINE = """
description: Warps and templates.
tasks:
  makeDirectWarp:
    class: uraniborg.tasks.make_direct_warp.MakeDirectWarpTask
  assembleTemplate:
    class: uraniborg.tasks.assemble_template.AssembleTemplateTask
"""


def template_inputs(repository: Butler, where: str, run: str) -> dict[tuple[int, int], set[int]]:
    """Return the visits of the warps that each template quantum (patch, visit) would get."""
    with repository.clone(collections=["scene"], run=run) as butler:
        executor = SeparablePipelineExecutor(butler)
        graph = executor.build_quantum_graph(Pipeline.fromString(PIPELINE), where=where)
    found: dict[tuple[int, int], set[int]] = defaultdict(set)
    for quantum in graph.build_execution_quanta(task_label="assembleTemplate").values():
        for ref in quantum.inputs["direct_warp"]:
            assert ref.dataId["patch"] == quantum.dataId["patch"]
            found[quantum.dataId["patch"], quantum.dataId["visit"]].add(ref.dataId["visit"])
    return found


@pytest.mark.parametrize(
    ("where", "bands"),
    [
        ("skymap = 'scene' AND instrument = 'Scene'", {"r", "g"}),
        ("skymap = 'scene' AND instrument = 'Scene' AND band = 'g'", {"g"}),
        ("skymap = 'scene' AND instrument = 'Scene' AND band IN ('r', 'z')", {"r"}),
    ],
)
def test_every_visit_gets_all_visits_of_its_band(scene_repository: Butler, where: str, bands: set[str]) -> None:
    found = template_inputs(scene_repository, where, "templates")
    assert {BANDS[visit] for _, visit in found} == bands
    patches = {patch for patch, _ in found}
    for patch in patches:
        on_patch = {visit for p, visit in found if p == patch}
        for visit in on_patch:
            same = {other for other in on_patch if BANDS[other] == BANDS[visit]}
            assert found[patch, visit] == same
            assert len(same) >= 2  # the single z visit has no template


def test_single_visit_gives_no_template(scene_repository: Butler) -> None:
    assert not template_inputs(scene_repository, "skymap = 'scene' AND instrument = 'Scene' AND visit = 5", "single")


@pytest.mark.slow
def test_stock_pipetask_builds_the_graph(scene_repository: Butler, tmp_path: Path) -> None:
    pipeline = tmp_path / "templates.yaml"
    pipeline.write_text(PIPELINE)
    command = [
        str(Path(sys.executable).parent / "pipetask"),
        "qgraph",
        "--butler-config",
        str(scene_repository._config.configDir.ospath),
        "--input",
        "scene",
        "--output-run",
        "stock",
        "--pipeline",
        str(pipeline),
        "--data-query",
        "skymap = 'scene' AND instrument = 'Scene' AND band IN ('r', 'g')",
        "--save-qgraph",
        str(tmp_path / "graph.qg"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "graph.qg").exists()
    n_templates = len(template_inputs(scene_repository, "band IN ('r', 'g') AND skymap = 'scene'", "twin"))
    line = next(line for line in done.stderr.splitlines() if "assembleTemplate" in line)
    assert str(n_templates) in line.split()

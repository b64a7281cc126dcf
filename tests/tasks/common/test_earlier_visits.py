from lsst.pipe.base import Pipeline
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

PIPELINE = """
description: Alerts only.
tasks:
  makeAlerts: {class: uraniborg.tasks.make_alerts.MakeAlertsTask}
"""


def test_quanta_read_their_own_and_all_earlier_visits(difference_scene) -> None:
    butler = difference_scene.butler.clone(collections=["products", "sky", "scene"], run="again")
    graph = SeparablePipelineExecutor(butler).build_quantum_graph(
        Pipeline.fromString(PIPELINE), where="skymap = 'scene'"
    )
    read = {}
    edges = graph.bipartite_xgraph
    visit_of = {key: ref["visit"] for ref, key in graph.datasets_by_type["dia_forced_source"].items()}
    for data_id, quantum in graph.quanta_by_task["makeAlerts"].items():
        read[data_id["visit"]] = sorted(visit_of[key] for key in edges.predecessors(quantum) if key in visit_of)
    assert read == {1: [1], 2: [1, 2], 3: [1, 2, 3], 4: [1, 2, 3, 4]}

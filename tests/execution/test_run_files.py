from __future__ import annotations

from typing import Any

from uraniborg.execution.registrar import Registrar, registry_quanta
from uraniborg.execution.run_files import RunFiles
from uraniborg.execution.worker import Order

RUN = "u/tiny/by-hand"


def test_recovery_registers_what_is_finished_and_removes_what_is_half_done(tiny: Any) -> None:
    with tiny.prepared("detectors: [2]") as (butler, graph), tiny.worker(graph) as worker:
        done, half, failed = (tiny.quantum(graph, "one", detector) for detector in range(3))
        for quantum_id in (done, half, failed):
            worker.execute(Order(quantum_id))
        trouble = tiny.quantum(graph, "two", 2)
        worker.execute(Order(trouble))
        quanta = registry_quanta(graph.pipeline_graph, graph.build_execution_quanta())
        files = RunFiles(tiny.repo, graph, quanta)
        (output,) = quanta[half].outputs["tiny_a"]
        (metadata,) = quanta[half].outputs["one_metadata"]
        files._remove([metadata])
        half_path = worker._base.getURI(output, predict=True)
        temporary = half_path.dirname().join(f"x1y2{half_path.basename().removesuffix('.yaml')}.tmp.yaml")
        temporary.write(b"half")
        recovery = files.recover(butler)
        files.close()
        assert recovery.done == {done, failed}
        assert recovery.n_registered == 2
        assert recovery.again == {half, trouble}
        assert not half_path.exists()
        assert not temporary.exists()
        registered = butler.query_datasets("tiny_a", collections=RUN)
        assert {ref.id for ref in registered} == {quanta[i].outputs["tiny_a"][0].id for i in (done, failed)}
        sizes = butler._datastore.export_records(registered)
        for data in sizes.values():
            for tables in data.records.values():
                ((info,),) = tables.values()
                assert info.file_size > 0


def test_discard_and_obituary(tiny: Any) -> None:
    with tiny.prepared() as (butler, graph), tiny.worker(graph) as worker:
        one = tiny.quantum(graph, "one")
        worker.execute(Order(one))
        quanta = registry_quanta(graph.pipeline_graph, graph.build_execution_quanta())
        files = RunFiles(tiny.repo, graph, quanta)
        files.discard([one])
        assert not [name for name in tiny.files(RUN) if name.startswith(("tiny_a", "one_log", "one_metadata"))]
        provenance = files.write_obituary(one, "struck by lightning")
        files.close()
        assert provenance is not None
        registrar = Registrar(butler, quanta)
        registrar.add(one, provenance)
        registrar.close()
        (ref,) = butler.query_datasets("one_log", collections=RUN)
        log = butler.get(ref)
        assert log[0].levelname == "CRITICAL"
        assert "struck by lightning" in log[0].message
        assert log.extra["exception"]["message"] == "struck by lightning"

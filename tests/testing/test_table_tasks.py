from __future__ import annotations

from pathlib import Path

from uraniborg.testing.table_tasks import TinyCatalogueTask, TinyTableTask, make_table_repository


def test_tasks_make_what_they_are_told() -> None:
    config = TinyTableTask.ConfigClass(start=5)
    table = TinyTableTask(config=config).run({"n": 3}).table
    assert list(table["x"]) == [5, 6, 7]
    both = TinyCatalogueTask(config=TinyCatalogueTask.ConfigClass()).run([table, table])
    assert both.count == {"n": 6}
    assert list(both.catalogue["x"]) == [5, 6, 7, 5, 6, 7]


def test_repository_holds_raws_and_a_pipeline(tmp_path: Path) -> None:
    with make_table_repository(tmp_path) as butler:
        assert butler.get("raw", exposure=2, detector=1) == {"n": 5}
        assert len(butler.query_datasets("raw")) == 4
    assert "TinyTableTask" in (tmp_path / "tables.yaml").read_text()

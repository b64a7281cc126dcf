from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from uraniborg.services.errors import UnknownThingError
from uraniborg.services.tap.jobs import JobStore


def test_jobs_outlive_the_store_and_belong_to_one_owner(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    job = store.create("alice", {"QUERY": "SELECT 'é'"}, duration=60, days=1, run_id="r")
    assert store.update(job, only_in=("PENDING",), phase="QUEUED")
    assert not store.update(job, only_in=("PENDING",), phase="ABORTED")
    store.close()
    again = JobStore(tmp_path)
    assert again.get(job.id, "alice") == replace(job, phase="QUEUED")
    with pytest.raises(UnknownThingError):
        again.get(job.id, "bob")
    with pytest.raises(UnknownThingError):
        again.get("' OR 1=1 --", "alice")
    again.close()


def test_the_next_job_is_of_the_owner_with_fewest_running(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    for owner in ["greedy"] * 50 + ["modest"]:
        store.update(store.create(owner, {}, duration=1, days=1), phase="QUEUED")
    first = store.next_queued(running={}, most=2)
    assert first is not None
    assert first.owner == "greedy"
    second = store.next_queued(running={"greedy": 1}, most=2)
    assert second is not None
    assert second.owner == "modest"
    assert store.next_queued(running={"greedy": 2, "modest": 2}, most=2) is None
    store.close()


def test_running_jobs_are_queued_again_and_old_ones_expire(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    job = store.create("a", {}, duration=1, days=1)
    old = store.create("a", {}, duration=1, days=-1)
    store.update(job, phase="EXECUTING", started=1.0)
    assert store.recover() == 1
    assert (store.get(job.id).phase, store.get(job.id).started) == ("QUEUED", None)
    store.files(old.id).mkdir(parents=True)
    assert store.expired() == [old.id]
    store.delete(old.id)
    assert not store.files(old.id).exists()
    assert [j.id for j in store.owned_by("a")] == [job.id]
    assert store.count("a", ("QUEUED",)) == 1
    store.close()


def test_lists_are_cut_and_threads_may_share_a_store(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    threads = [
        threading.Thread(target=lambda: [store.create("a", {}, duration=1, days=1) for _ in range(5)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = store.owned_by("a")
    assert len({job.id for job in jobs}) == 20
    assert store.owned_by("a", last=3) == jobs[:3]
    assert store.owned_by("a", after=jobs[4].created) == jobs[:4]
    assert store.owned_by("a", phases=["ERROR"]) == []
    store.close()

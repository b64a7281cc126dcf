"""A Butler repository with a made-up camera and one small number per detector, for tests of executors."""

from __future__ import annotations

from pathlib import Path

from lsst.daf.butler import Butler, CollectionType, DatasetRef, DatasetType, DimensionRecord

__all__ = ("TINY_PIPELINE", "make_tiny_repo", "write_tiny_pipeline")

TINY_PIPELINE = """\
description: Two steps per detector and a fan-in per exposure, which do nothing.
tasks:
  one:
    class: uraniborg.testing.tasks.TinyStepTask
  two:
    class: uraniborg.testing.tasks.TroubleTask
    config:
      connections.before: a
      connections.after: b
      increment: 10
  gather:
    class: uraniborg.testing.tasks.TinyGatherTask
"""
"""Pipeline over `make_tiny_repo`: per exposure, two quanta for each detector and one more."""


def make_tiny_repo(root: Path, *, n_exposures: int, n_detectors: int) -> str:
    """Create a repository with ``tiny_raw`` datasets for every exposure and detector.

    Parameters
    ----------
    root : pathlib.Path
        Folder to create the repository in; must not hold one already.
    n_exposures, n_detectors : int
        Size of the night and of the camera.

    Returns
    -------
    str
        Path of the repository. The data are in collection ``tiny/raw``.
    """
    Butler.makeRepo(str(root))
    with Butler.from_config(str(root), writeable=True) as butler:
        _insert_dimensions(butler, n_exposures, n_detectors)
        dimensions = butler.dimensions.conform(["instrument", "exposure", "detector"])
        dataset_type = DatasetType("tiny_raw", dimensions, "StructuredDataDict")
        butler.registry.registerDatasetType(dataset_type)
        butler.collections.register("tiny/raw", CollectionType.RUN)
        for exposure in range(1, n_exposures + 1):
            for detector in range(n_detectors):
                data_id = butler.registry.expandDataId(instrument="Tiny", exposure=exposure, detector=detector)
                butler.put({"n": 100 * exposure + detector}, DatasetRef(dataset_type, data_id, run="tiny/raw"))
    return str(root)


def _insert_dimensions(butler: Butler, n_exposures: int, n_detectors: int) -> None:
    def record(element: str, **values: object) -> DimensionRecord:
        return butler.dimensions[element].RecordClass(instrument="Tiny", **values)

    instrument = butler.dimensions["instrument"].RecordClass(
        name="Tiny", detector_max=max(n_detectors, 1), exposure_max=n_exposures + 1, class_name=""
    )
    exposures = range(1, n_exposures + 1)
    butler.registry.insertDimensionData("instrument", instrument)
    butler.registry.insertDimensionData("day_obs", record("day_obs", id=20260101))
    butler.registry.insertDimensionData("physical_filter", record("physical_filter", name="clear", band="r"))
    butler.registry.insertDimensionData("group", *(record("group", name=str(exposure)) for exposure in exposures))
    butler.registry.insertDimensionData(
        "detector", *(record("detector", id=i, full_name=f"T{i:03d}") for i in range(n_detectors))
    )
    butler.registry.insertDimensionData(
        "exposure",
        *(
            record("exposure", id=e, obs_id=f"tiny_{e:06d}", physical_filter="clear", group=str(e), day_obs=20260101)
            for e in exposures
        ),
    )


def write_tiny_pipeline(path: Path, *, extra: str = "") -> str:
    """Write `TINY_PIPELINE` to a file and return its path; ``extra`` lines end the config of task ``two``."""
    indented = "".join(f"      {line}\n" for line in extra.splitlines())
    path.write_text(TINY_PIPELINE.replace("      increment: 10\n", f"      increment: 10\n{indented}"))
    return str(path)

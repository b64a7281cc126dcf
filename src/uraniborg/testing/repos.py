"""Tiny repositories with a made-up camera, for tests of whatever reads or writes datasets."""

from __future__ import annotations

from pathlib import Path

from lsst.daf.butler import Butler

from uraniborg.archive.repository import create_repository, open_repository

__all__ = ("insert_tiny_camera", "make_repository")


def make_repository(
    folder: Path,
    *,
    run: str = "tests",
    registry: str | None = None,
    namespace: str | None = None,
    n_exposures: int = 2,
    n_detectors: int = 2,
) -> Butler:
    """Create a repository with the camera ``Tiny`` and open it for writing.

    Parameters
    ----------
    folder : pathlib.Path
        The repository is made in its sub-folder ``repo``.
    run : str, optional
        Collection to write to.
    registry, namespace : str, optional
        As for `uraniborg.archive.repository.create_repository`.
    n_exposures, n_detectors : int, optional
        Exposures are numbered from 1, detectors from 0.

    Returns
    -------
    lsst.daf.butler.Butler
        Default data id values: instrument ``Tiny``. The folder is ``butler._config.configDir``.
    """
    root = folder / "repo"
    with create_repository(root, registry=registry, namespace=namespace) as butler:
        insert_tiny_camera(butler, n_exposures=n_exposures, n_detectors=n_detectors)
    return open_repository(root, run=run, instrument="Tiny")


def insert_tiny_camera(butler: Butler, *, n_exposures: int = 2, n_detectors: int = 2) -> None:
    """Insert the dimension records of the camera ``Tiny``: one filter, one night, exposures and detectors.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Open for writing.
    n_exposures, n_detectors : int, optional
        Exposures are numbered from 1, detectors from 0.
    """
    night = 20260101
    exposures = range(1, n_exposures + 1)
    records: dict[str, list[dict[str, object]]] = {
        "instrument": [{"name": "Tiny", "detector_max": 8, "exposure_max": 1000, "visit_max": 1000}],
        "day_obs": [{"instrument": "Tiny", "id": night}],
        "physical_filter": [{"instrument": "Tiny", "name": "r.tiny", "band": "r"}],
        "group": [{"instrument": "Tiny", "name": str(exposure)} for exposure in exposures],
        "detector": [{"instrument": "Tiny", "id": i, "full_name": f"T{i:03d}"} for i in range(n_detectors)],
        "exposure": [
            {
                "instrument": "Tiny",
                "id": exposure,
                "obs_id": f"tiny_{exposure:06d}",
                "physical_filter": "r.tiny",
                "group": str(exposure),
                "day_obs": night,
            }
            for exposure in exposures
        ],
    }
    with butler.transaction():
        for element, rows in records.items():
            butler.registry.insertDimensionData(element, *rows)

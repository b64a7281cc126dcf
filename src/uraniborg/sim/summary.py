"""What a survey will hold, and what a folder with a simulated survey holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from uraniborg.core.errors import UserError
from uraniborg.sim.camera.sequence import plan_calibrations
from uraniborg.sim.config import SimConfig, load_config
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.work import SURVEY, UNFINISHED

__all__ = ("SurveySummary", "summarise_config", "summarise_folder")


@dataclass(frozen=True, slots=True)
class SurveySummary:
    """Size of a survey.

    Attributes
    ----------
    detectors : int
        Detectors of the camera.
    shape : tuple of int [pixel]
        Width and height of each.
    visits : int
        Visits on the sky.
    bands : str
        Their bands.
    reduced_files, raw_files : int
        Files of reduced and of raw exposures.
    """

    detectors: int
    shape: tuple[int, int]
    visits: int
    bands: str
    reduced_files: int
    raw_files: int

    @property
    def one_line(self) -> str:
        """All of it in words."""
        width, height = self.shape
        files = [f"{self.reduced_files} reduced"] if self.reduced_files else []
        files += [f"{self.raw_files} raw"] if self.raw_files else []
        return (
            f"{self.detectors} x ({width} x {height} pixels), {self.visits} visits in {self.bands}; "
            f"{' and '.join(files)} files"
        )


def summarise_config(config: SimConfig) -> SurveySummary:
    """Return how large a survey is.

    Parameters
    ----------
    config : SimConfig
        The survey.
    """
    camera, n = config.camera, config.camera.geometry.n_detectors
    visits = plan_visits(config)
    raws = len(plan_calibrations(config)) + len(visits) if config.raw else 0
    bands = {visit.band for visit in visits}
    return SurveySummary(
        detectors=n,
        shape=(camera.width, camera.height),
        visits=len(visits),
        bands="".join(band for band in "ugrizy" if band in bands),
        reduced_files=3 * n * len(visits) if config.reduced else 0,
        raw_files=raws * n,
    )


def summarise_folder(root: Path) -> list[str]:
    """Return lines that say what a folder holds.

    Parameters
    ----------
    root : pathlib.Path
        Folder of a simulated survey, complete or in the making.

    Raises
    ------
    UserError
        If it is no such folder.
    """
    if (root / UNFINISHED).is_file():
        config, done = load_config(root / UNFINISHED), len(list((root / "truth" / "parts").glob("*[0-9]")))
        return [f"{config.name}, in the making: {done} units done; give the same command again to go on"]
    if not (root / SURVEY).is_file():
        raise UserError(f"{root} holds no simulated survey: there is neither {SURVEY} nor {UNFINISHED}")
    config = load_config(root / SURVEY)
    what = (root / SURVEY).read_text("utf8").partition("\n")[0].removeprefix("#").strip()
    lines = [f"{config.name} ({what}), seed {config.seed}: {summarise_config(config).one_line}"]
    lines += [f"  {folder}: {count} files" for folder, count in sorted(_count(root).items())]
    lines += [
        f"  truth/{path.stem}: {pq.read_metadata(path).num_rows} rows" for path in sorted((root / "truth").glob("*.parquet"))
    ]
    return lines


def _count(root: Path) -> Counter[str]:
    return Counter(
        str(path.parent.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".yaml"
    )

"""Calibration products of some nights: made in their order, verified, and certified if they pass.

Every step can be repeated: a run that was killed is resumed, what is certified for the asked time is left alone.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType, MissingCollectionError, MissingDatasetTypeError
from lsst.pipe.base import Instrument

from uraniborg.archive.certify import certify_calibration, decertify_calibration, find_certified
from uraniborg.archive.collections import add_to_chain
from uraniborg.archive.repository import open_repository
from uraniborg.core.errors import UserError
from uraniborg.core.progress import progress
from uraniborg.execution.runner import RunChanged, run_pipeline
from uraniborg.model.calibrations import AmplifierGains
from uraniborg.productions.calib_plan import (
    PIPELINES,
    PRODUCTS,
    Exposure,
    Product,
    Selection,
    find_exposures,
    select_exposures,
)
from uraniborg.productions.calib_verify import measure_product
from uraniborg.verify.calib import Outcome, check_numbers, read_criteria

__all__ = ("BuildOptions", "CalibrationBuild", "Outcome", "build_calibrations")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How calibrations are built.

    Attributes
    ----------
    detectors : tuple of int
        Only these; all that have data if empty.
    products : tuple of str
        Only these; all if empty.
    begin, end : str
        Validity, ISO TAI; from the first night on, without end, if empty.
    replace : bool
        Take back the validity of other calibrations for the same time first.
    jobs : int
        Worker processes.
    overrides : tuple of str
        ``label:field=value``, configuration of tasks.
    criteria : pathlib.Path, optional
        Bars that replace those of `uraniborg.verify.calib`.
    """

    detectors: tuple[int, ...] = ()
    products: tuple[str, ...] = ()
    begin: str = ""
    end: str = ""
    replace: bool = False
    jobs: int = 1
    overrides: tuple[str, ...] = ()
    criteria: Path | None = None


@dataclass(slots=True)
class CalibrationBuild:
    """Everything that happened.

    Attributes
    ----------
    instrument : str
        Name of the instrument.
    collection : str
        Calibration collection.
    outcomes : list of Outcome
        In order.
    seconds : dict of str to float [s]
        Wall time of each product.
    runs : list of str
        Runs that hold what was certified or made, newest first.
    """

    instrument: str
    collection: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """What was made and not certified, or could not be made."""
        return tuple(item for item in self.outcomes if item.state in ("refused", "failed"))


def build_calibrations(
    repo: str | Path, nights: Sequence[int], *, instrument: Instrument, options: BuildOptions | None = None
) -> CalibrationBuild:
    """Make, verify and certify the calibrations of some nights.

    Parameters
    ----------
    repo : str or pathlib.Path
        Butler repository with the raws.
    nights : sequence of int
        Observing days, YYYYMMDD.
    instrument : lsst.pipe.base.Instrument
        The camera.
    options : BuildOptions, optional
        What and how.

    Returns
    -------
    CalibrationBuild

    Raises
    ------
    UserError
        If there are no such nights or products, or if the time is taken by other calibrations.
    """
    options = options or BuildOptions()
    unknown = sorted(set(options.products) - {item.name for item in PRODUCTS})
    if unknown:
        raise UserError(f"no products {unknown}; there are {[item.name for item in PRODUCTS]}")
    wanted = [item for item in PRODUCTS if not options.products or item.name in options.products]
    name = instrument.getName()
    with open_repository(repo, writeable=True) as butler:
        exposures = find_exposures(butler, name, nights)
        build = CalibrationBuild(name, f"{name}/calib")
        worker = _Builder(butler, str(repo), build, exposures, nights, options, instrument)
        with progress(f"calibrations of {name}", len(wanted)) as bar:
            for product in wanted:
                start = time.monotonic()
                worker.make(product)
                build.seconds[product.name] = time.monotonic() - start
                bar.advance(note=product.name)
        if any(item.state == "certified" for item in build.outcomes):
            add_to_chain(butler, instrument.makeUmbrellaCollectionName(), build.collection)
    return build


class _Builder:
    """One build; its state is the runs that later products may lean on."""

    def __init__(
        self,
        butler: Butler,
        repo: str,
        build: CalibrationBuild,
        exposures: tuple[Exposure, ...],
        nights: Sequence[int],
        options: BuildOptions,
        instrument: Instrument,
    ) -> None:
        self.butler, self.repo, self.build, self.options = butler, repo, build, options
        self.exposures, self.nights = exposures, nights
        self.raws = instrument.makeDefaultRawIngestRunName()
        day = str(min(nights))
        self.begin = options.begin or f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00"
        self.end = options.end or None
        self.criteria = read_criteria(options.criteria)
        self.tag = "_".join(str(night) for night in sorted(nights))
        self.passed: set[str] = set()

    def make(self, product: Product) -> None:
        """Make, verify and certify one product."""
        selection = select_exposures(product, self.exposures) if product.kinds else None
        if product.kinds and selection is None:
            kinds = ", ".join(product.kinds)
            self._note(product, "skipped", f"fewer than {product.fewest} exposures of type {kinds}")
            return
        kept = self._kept(product)
        if kept:
            self.build.outcomes += kept
            return
        missing = [need for need in product.needs if need not in self.passed]
        if missing:
            self._note(product, "skipped", f"needs {', '.join(missing)}, which is not certified")
            return
        run = self._run(product, selection)
        if run is None:
            return
        self._judge(product, selection, run)

    def _note(self, product: Product, state: str, reason: str) -> None:
        self.build.outcomes.append(Outcome(product.name, {}, state, reason=reason))
        _LOG.warning("%s %s: %s", product.name, state, reason)

    def _kept(self, product: Product) -> list[Outcome]:
        """Return what is certified already from a run of this build's nights."""
        kept = []
        for dataset in product.datasets:
            for found in find_certified(
                self.butler, dataset, self.build.collection, time=Time(self.begin, scale="tai")
            ):
                if not found.run.startswith(self._output(product) + "/"):
                    continue
                self.passed.add(dataset)
                if found.run not in self.build.runs:
                    self.build.runs.insert(0, found.run)
                if dataset == product.datasets[0]:
                    kept.append(Outcome(product.name, dict(found.dataId.required), "kept"))
        return kept

    def _output(self, product: Product) -> str:
        return f"{self.build.instrument}/calib/{self.tag}/{product.name}"

    def _query(self, selection: Selection | None) -> str:
        query = f"instrument='{self.build.instrument}'"
        if selection is not None:
            query += f" AND exposure IN ({', '.join(str(number) for number in selection.used)})"
        if self.options.detectors:
            query += f" AND detector IN ({', '.join(str(number) for number in self.options.detectors)})"
        return query

    def _run(self, product: Product, selection: Selection | None) -> str | None:
        """Run the pipeline of a product; return its run."""
        inputs = [*self.build.runs, self.raws]
        # Other inputs are another output: a run can be continued only with what it was begun with.
        digest = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:8]
        label = f"cp{product.name.capitalize()}"
        arguments: dict[str, Any] = {
            "repo": self.repo,
            "inputs": inputs,
            "output": f"{self._output(product)}/{digest}",
            "query": self._query(selection),
            "jobs": self.options.jobs,
            "config_overrides": [text for text in self.options.overrides if text.startswith(f"{label}:")],
        }
        pipeline = f"{PIPELINES}/{product.name}.yaml"
        try:
            report = run_pipeline(pipeline, resume=True, **arguments)
        except RunChanged as change:
            _LOG.warning("starting a new run: %s", change)
            report = run_pipeline(pipeline, resume=False, **arguments)
        for failure in report.failures:
            self._note(product, "failed", f"its task failed: {failure}")
        self.butler.registry.refresh()
        return str(report.run)

    def _judge(self, product: Product, selection: Selection | None, run: str) -> None:
        """Verify what a run made, and certify what passes."""
        refs = self._made(product.datasets[0], run)
        if not refs:
            self._note(product, "failed", "nothing was made; see the log of its task")
            return
        detectors = sorted({int(ref.dataId["detector"]) for ref in refs})
        collections = [run, *self.build.runs, self.raws]
        certified = False
        for detector in detectors:
            measured = measure_product(
                self.butler,
                product,
                selection,
                instrument=self.build.instrument,
                detector=detector,
                collections=collections,
                earlier=self._earlier_gains(detector) if product.name == "ptc" else None,
            )
            for data_id, numbers in measured:
                checks = check_numbers(numbers, self.criteria)
                bad = [check for check in checks if not check.passed]
                reason = "; ".join(f"{check.name} is {check.value:.4g}, asked {check.bar}" for check in bad)
                if not bad:
                    self._certify(product, run, data_id)
                    certified = True
                state = "refused" if bad else "certified"
                self.build.outcomes.append(Outcome(product.name, data_id, state, checks, reason))
        if certified:
            self.passed.update(product.datasets)
            self.build.runs.insert(0, run)

    def _made(self, dataset: str, run: str) -> list[Any]:
        try:
            return list(self.butler.query_datasets(dataset, collections=run, limit=None, explain=False))
        except (MissingDatasetTypeError, MissingCollectionError):
            return []

    def _earlier_gains(self, detector: int) -> AmplifierGains | None:
        found = find_certified(self.butler, "gain", self.build.collection, data_id={"detector": detector})
        return self.butler.get(found[-1]) if found else None

    def _certify(self, product: Product, run: str, data_id: dict[str, Any]) -> None:
        for dataset in product.datasets:
            if self.options.replace and self._has_collection():
                decertify_calibration(
                    self.butler, dataset, self.build.collection, begin=self.begin, end=self.end, data_id=data_id
                )
            certify_calibration(
                self.butler, dataset, run, self.build.collection, begin=self.begin, end=self.end, data_id=data_id
            )

    def _has_collection(self) -> bool:
        try:
            return self.butler.collections.get_info(self.build.collection).type is CollectionType.CALIBRATION
        except MissingCollectionError:
            return False

"""Raw files of a survey and the truth about its camera: multi-extension FITS, Parquet tables, maps.

Every file depends on the configuration alone; the number of workers, the machine and the time leave no trace in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack

from uraniborg.core.progress import progress
from uraniborg.instruments.simcam.raw_layout import raw_file_name
from uraniborg.model.tables import conform
from uraniborg.sim.camera.effects_charge import kernel_covariances
from uraniborg.sim.camera.properties import DetectorProperties
from uraniborg.sim.camera.sequence import CalibrationExposure, plan_calibrations
from uraniborg.sim.config import SimConfig
from uraniborg.sim.files import run_all, write_table
from uraniborg.sim.observing import Visit
from uraniborg.sim.raw_exposure import RawExposure, detector_properties, expose_calibration, expose_visit

__all__ = ("camera_truth", "write_raw_file", "write_raws")


def write_raws(root: Path, config: SimConfig, *, sky: Table | None, visits: Sequence[Visit], jobs: int = 1) -> None:
    """Write the calibration sequence and the raw files of visits, with the truth about the camera.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the survey; files go to its folders ``raw`` and ``truth``.
    config : SimConfig
        The survey.
    sky : astropy.table.Table or None
        Declared as ``TruthSource``; needed for visits.
    visits : sequence of Visit
        Visits to expose; may be empty.
    jobs : int, optional
        Number of processes; the files do not depend on it.
    """
    raw, truth = root / "raw", root / "truth"
    raw.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    detectors = range(config.camera.geometry.n_detectors)
    work: list[tuple[Path, SimConfig, Table | None, CalibrationExposure | Visit, int]]
    work = [(raw, config, None, calibration, k) for calibration in plan_calibrations(config) for k in detectors]
    work += [(raw, config, sky, visit, k) for visit in visits for k in detectors]
    rows = []
    with progress(f"raws of {config.name}", total=len(work)) as bar:
        for row in run_all(_write_one, work, jobs=jobs):
            rows.append(row)
            bar.advance()
    if rows:
        write_table(truth / "raws.parquet", vstack(rows))
    tables = [_write_camera_truth(truth, detector_properties(config, k), config) for k in detectors]
    for name in tables[0]:
        write_table(truth / f"{name}.parquet", vstack([several[name] for several in tables]))


def write_raw_file(path: Path, exposure: RawExposure) -> None:
    """Write one raw file: a primary HDU without pixels and one image extension for each amplifier."""
    hdus = fits.HDUList([fits.PrimaryHDU(header=exposure.primary)])
    for header, pixels in zip(exposure.headers, exposure.segments, strict=True):
        hdus.append(fits.ImageHDU(pixels, header=header))
    hdus.writeto(path)


def _write_one(
    folder: Path, config: SimConfig, sky: Table | None, what: CalibrationExposure | Visit, detector: int
) -> Table:
    if isinstance(what, Visit):
        assert sky is not None
        exposure, number = expose_visit(sky, what, detector, config=config), what.visit
    else:
        exposure, number = expose_calibration(what, detector, config=config), what.header.exposure
    write_raw_file(folder / raw_file_name(number, detector), exposure)
    return exposure.truth


def _write_camera_truth(folder: Path, properties: DetectorProperties, config: SimConfig) -> dict[str, Table]:
    maps = {"RESPONSE": properties.response, "FRINGES": properties.fringes, "DARK": properties.dark_current}
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus.extend(fits.ImageHDU(pixels.astype(np.float32), name=name) for name, pixels in maps.items())
    hdus["DARK"].header["BUNIT"] = "electron/s"
    hdus.writeto(folder / f"maps_{properties.detector:02d}.fits")
    return camera_truth(properties, config)


def camera_truth(properties: DetectorProperties, config: SimConfig) -> dict[str, Table]:
    """Return the truth about one detector.

    Parameters
    ----------
    properties : DetectorProperties
        The detector.
    config : SimConfig
        The survey.

    Returns
    -------
    dict of str to astropy.table.Table
        ``amplifiers`` (TruthAmplifier), ``crosstalk`` (TruthCrosstalk), ``brighter_fatter`` (TruthBrighterFatter) and
        ``defects`` (TruthDefect).
    """
    return {
        "amplifiers": _amplifiers(properties, config),
        "crosstalk": _crosstalk(properties),
        "brighter_fatter": _brighter_fatter(properties),
        "defects": _defects(properties),
    }


def _amplifiers(properties: DetectorProperties, config: SimConfig) -> Table:
    layout, values, n = properties.layout, properties.amplifiers, properties.layout.n_amplifiers
    return conform(
        Table(
            {
                "detector": np.full(n, properties.detector),
                "amplifier": np.arange(n),
                "name": [layout.name(k) for k in range(n)],
                "gain": values.gain,
                "readNoise": values.read_noise,
                "biasLevel": values.bias_level,
                "nonlinearity": values.nonlinearity,
                "fullWell": np.full(n, config.camera.full_well),
                "serialCti": np.full(n, config.sensor.serial_cti),
                "parallelCti": np.full(n, config.sensor.parallel_cti),
                "trapTime": np.full(n, config.sensor.trap_time),
            }
        ),
        "TruthAmplifier",
    )


def _crosstalk(properties: DetectorProperties) -> Table:
    n = properties.layout.n_amplifiers
    victim, source = (values.ravel() for values in np.indices((n, n)))
    return conform(
        Table(
            {
                "detector": np.full(n * n, properties.detector),
                "victim": victim,
                "source": source,
                "coefficient": properties.amplifiers.crosstalk.ravel(),
            }
        ),
        "TruthCrosstalk",
    )


def _brighter_fatter(properties: DetectorProperties) -> Table:
    kernel, covariances = np.pad(properties.kernel, 1), kernel_covariances(properties.kernel)
    middle = kernel.shape[0] // 2
    dy, dx = (values.ravel() - middle for values in np.indices(kernel.shape))
    return conform(
        Table(
            {
                "detector": np.full(kernel.size, properties.detector),
                "dx": dx,
                "dy": dy,
                "kernel": kernel.ravel(),
                "covariance": covariances.ravel(),
            }
        ),
        "TruthBrighterFatter",
    )


def _defects(properties: DetectorProperties) -> Table:
    y, x = np.nonzero(properties.hot | properties.dead)
    dead = properties.dead[y, x]
    return conform(
        Table(
            {
                "detector": np.full(len(x), properties.detector),
                "x": x,
                "y": y,
                "kind": np.where(dead, "dead", "hot"),
                "darkCurrent": np.where(dead, 0.0, properties.dark_current[y, x]),
            }
        ),
        "TruthDefect",
    )

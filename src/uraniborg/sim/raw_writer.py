"""Raw files of a survey and the truth about its camera: multi-extension FITS, Parquet tables, maps.

Every file depends on the configuration alone; the number of workers, the machine and the time leave no trace in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack

from uraniborg.instruments.simcam.raw_layout import raw_file_name
from uraniborg.model.tables import conform
from uraniborg.sim.camera.effects_charge import kernel_covariances
from uraniborg.sim.camera.properties import DetectorProperties
from uraniborg.sim.camera.sequence import CalibrationExposure, plan_calibrations, sky_calibration_config
from uraniborg.sim.config import SimConfig
from uraniborg.sim.files import remembered_table, write_table
from uraniborg.sim.observing import Visit
from uraniborg.sim.raw_exposure import RawExposure, board_of, detector_properties, expose_board
from uraniborg.sim.sky import make_sky
from uraniborg.sim.work import Unit, whole_file

__all__ = ("camera_truth", "raw_units", "write_raw_file")


def raw_units(root: Path, config: SimConfig, *, sky: Path | None, visits: Sequence[Visit]) -> list[Unit]:
    """Return the work that makes the calibration sequence, the raw files of visits, and the truth about the camera.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the survey; files go to its folders ``raw`` and ``truth``.
    config : SimConfig
        The survey.
    sky : pathlib.Path or None
        Table declared as ``TruthSource``; needed for visits.
    visits : sequence of Visit
        Visits to expose; may be empty.

    Returns
    -------
    list of Unit
        All exposures of one board follow each other, so that its detectors are made once in each process.
    """
    raw, truth = root / "raw", root / "truth"
    raw.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    calibrations = plan_calibrations(config)
    elsewhere = truth / "sky_sources.parquet"
    if any(calibration.visit is not None for calibration in calibrations):
        with whole_file(elsewhere) as path:
            write_table(path, make_sky(sky_calibration_config(config)))
    boards = sorted({board_of(config, detector) for detector in config.detectors})
    units = []
    for board in boards:
        for what in calibrations:
            number = what.header.exposure
            seen = None if what.visit is None else elsewhere
            units.append(_unit(raw, config, what, board, number, seen))
        units += [_unit(raw, config, visit, board, visit.visit, sky) for visit in visits]
    units += [
        Unit(f"camera-{detector:03d}", _write_camera, (truth, config, detector), (3, detector))
        for board in boards
        for detector in board
    ]
    return units


def _unit(
    folder: Path,
    config: SimConfig,
    what: CalibrationExposure | Visit,
    board: tuple[int, ...],
    number: int,
    sky: Path | None,
) -> Unit:
    name = f"raw-{number:011d}-{board[0]:03d}"
    return Unit(name, _write_board, (folder, config, what, board, number, sky), (2, number, board[0]))


def write_raw_file(path: Path, exposure: RawExposure) -> None:
    """Write one raw file: a primary HDU without pixels and one image extension for each amplifier."""
    hdus = fits.HDUList([fits.PrimaryHDU(header=exposure.primary)])
    for header, pixels in zip(exposure.headers, exposure.segments, strict=True):
        hdus.append(fits.ImageHDU(pixels, header=header))
    with whole_file(path) as partial:
        hdus.writeto(partial)


def _write_board(
    folder: Path,
    config: SimConfig,
    what: CalibrationExposure | Visit,
    board: tuple[int, ...],
    number: int,
    sky: Path | None,
) -> dict[str, Table]:
    sources = None if sky is None else remembered_table(sky)
    exposures = expose_board(what, board, config=config, sky=sources)
    for exposure in exposures:
        write_raw_file(folder / raw_file_name(number, exposure.detector), exposure)
    tables = {"raws": vstack([exposure.truth for exposure in exposures])}
    if sky is not None:
        tables["ghosts"] = vstack([exposure.ghosts for exposure in exposures])
    return tables


def _write_camera(folder: Path, config: SimConfig, detector: int) -> dict[str, Table]:
    properties = detector_properties(config, detector)
    maps = {"RESPONSE": properties.response, "FRINGES": properties.fringes, "DARK": properties.dark_current}
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus.extend(fits.ImageHDU(pixels, name=name) for name, pixels in maps.items())
    hdus["DARK"].header["BUNIT"] = "electron/s"
    with whole_file(folder / f"maps_{detector:02d}.fits") as path:
        hdus.writeto(path)
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
    tables = []
    for source_detector, matrix in {properties.detector: properties.amplifiers.crosstalk, **properties.board}.items():
        victim, source = (values.ravel() for values in np.indices(matrix.shape))
        tables.append(
            conform(
                Table(
                    {
                        "detector": np.full(matrix.size, properties.detector),
                        "victim": victim,
                        "sourceDetector": np.full(matrix.size, source_detector),
                        "source": source,
                        "coefficient": matrix.ravel(),
                    }
                ),
                "TruthCrosstalk",
            )
        )
    return vstack(tables)


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

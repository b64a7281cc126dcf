"""A simulated survey on disk: image triplets, reference catalogue, truth tables, and the configuration they came from.

Every file depends on the configuration alone; the number of workers, the machine and the time leave no trace in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.headers import Member, file_name, make_headers
from uraniborg.sim.config import SimConfig, load_config
from uraniborg.sim.exposure import RenderedExposure, render_exposure
from uraniborg.sim.files import read_table, remembered_table, write_table
from uraniborg.sim.motion.movers import make_movers
from uraniborg.sim.motion.trails import all_trails
from uraniborg.sim.observing import Visit, plan_visits
from uraniborg.sim.raw_writer import raw_units
from uraniborg.sim.reference import make_reference_catalogue
from uraniborg.sim.sky import make_sky
from uraniborg.sim.work import SURVEY, Unit, begin, do_units, finish, whole_file

__all__ = ("SimulatedField", "load_field", "simulate_calibrations", "simulate_field")

_MEMBERS: tuple[Member, ...] = ("image", "weight", "dq")


@dataclass(frozen=True, slots=True)
class SimulatedField:
    """A simulated survey in a folder.

    Attributes
    ----------
    root : pathlib.Path
        Folder that holds all of it.
    config : SimConfig
        What it was made from.
    """

    root: Path
    config: SimConfig

    @property
    def image_folder(self) -> Path:
        """Folder of the FITS files."""
        return self.root / "images"

    @property
    def images(self) -> tuple[Path, ...]:
        """The image member of every triplet, in order of exposure and detector."""
        return tuple(sorted(self.image_folder.glob("*_image.fits"), key=_file_order))

    @property
    def raw_folder(self) -> Path:
        """Folder of the raw files, if the survey has any."""
        return self.root / "raw"

    @property
    def raws(self) -> tuple[Path, ...]:
        """The raw files, in order of exposure and detector."""
        return tuple(sorted(self.raw_folder.glob("*_raw.fits"), key=_file_order))

    @property
    def reference(self) -> Path:
        """The reference catalogue (Parquet)."""
        return self.root / "reference" / "gaia.parquet"

    def truth_path(self, name: str) -> Path:
        """Return the path of a truth table, e.g. ``sources`` or ``amplifiers``."""
        return self.root / "truth" / f"{name}.parquet"

    def truth(self, name: str) -> Table:
        """Return a truth table: ``sources`` (TruthSource), ``visits`` (TruthVisit) or ``exposures`` (TruthExposure).

        With raw files also ``raws`` (TruthRaw), ``ghosts`` (TruthGhost) and the tables of `camera_truth`; with
        calibration exposures of the night sky, ``sky_sources`` (TruthSource) has what is seen in these.
        """
        return read_table(self.truth_path(name))


def simulate_field(config: SimConfig, out_dir: Path, *, jobs: int = 1) -> SimulatedField:
    """Make a survey: render all exposures and write them with their truth.

    Parameters
    ----------
    config : SimConfig
        The survey.
    out_dir : pathlib.Path
        Folder to write to; made if absent. What a run that was stopped has left there is kept, what is missing is made.
    jobs : int
        Number of processes; the files do not depend on it.

    Returns
    -------
    SimulatedField

    Raises
    ------
    UserError
        If the folder holds something else.
    """
    field = SimulatedField(root=Path(out_dir), config=config)
    if not begin(field.root, config, what="night"):
        return field
    for folder in (field.image_folder, field.reference.parent, field.truth_path("sources").parent):
        folder.mkdir(parents=True, exist_ok=True)
    sky, visits = make_sky(config), plan_visits(config)
    for path, table in (
        (field.truth_path("sources"), sky),
        (field.reference, make_reference_catalogue(sky, config)),
        (field.truth_path("orbits"), make_movers(config)),
        (field.truth_path("trails"), all_trails(config, visits)),
    ):
        with whole_file(path) as partial:
            write_table(partial, table)
    units = [
        Unit(f"visit-{visit.visit:011d}-{k:03d}", _render_one, (field, visit, k), (1, index, k))
        for index, visit in enumerate(visits)
        for k in config.detectors
    ]
    if config.raw:
        units += raw_units(field.root, config, sky=field.truth_path("sources"), visits=visits)
    do_units(field.root, units, jobs=jobs, description=f"simulating {config.name}")
    finish(field.root, units, config, what="night")
    return field


def simulate_calibrations(config: SimConfig, out_dir: Path, *, jobs: int = 1) -> SimulatedField:
    """Write the raw calibration sequence of a survey and the truth about its camera, and nothing else.

    Parameters
    ----------
    config : SimConfig
        The survey.
    out_dir : pathlib.Path
        Folder to write to; made if absent. What a run that was stopped has left there is kept, what is missing is made.
    jobs : int
        Number of processes; the files do not depend on it.

    Returns
    -------
    SimulatedField
        With `SimulatedField.raws` and the truth tables of the camera.

    Raises
    ------
    UserError
        If the folder holds something else, or if the detectors cannot be cut into the amplifiers asked for.
    """
    field = SimulatedField(root=Path(out_dir), config=config)
    config.electronics.layout(config.camera.width, config.camera.height)
    if begin(field.root, config, what="calibrations"):
        units = raw_units(field.root, config, sky=None, visits=())
        do_units(field.root, units, jobs=jobs, description=f"calibrations of {config.name}")
        finish(field.root, units, config, what="calibrations")
    return field


def load_field(folder: Path) -> SimulatedField:
    """Return the survey that `simulate_field` wrote to a folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.

    Raises
    ------
    UserError
        If the folder does not hold a complete survey.
    """
    path = Path(folder) / SURVEY
    if not path.is_file():
        raise UserError(f"{folder} holds no complete simulated survey: there is no {SURVEY}, which is written last")
    return SimulatedField(root=Path(folder), config=load_config(path))


def _file_order(path: Path) -> tuple[int, int]:
    _, exposure, detector, _ = path.name.split("_")
    return int(exposure), int(detector)


def _render_one(field: SimulatedField, visit: Visit, detector: int) -> dict[str, Table]:
    sky = remembered_table(field.truth_path("sources"))
    rendered = render_exposure(sky, visit, detector, config=field.config)
    if field.config.reduced:
        _write_triplet(field, visit, detector, rendered)
    return {"visits": rendered.truth, "exposures": rendered.exposure}


def _write_triplet(field: SimulatedField, visit: Visit, detector: int, rendered: RenderedExposure) -> None:
    camera = field.config.camera
    pixels = {"image": rendered.image, "weight": rendered.weight, "dq": rendered.dq}
    for member in _MEMBERS:
        primary, extension = make_headers(
            visit.header_exposure(field.config),
            detector,
            member,
            geometry=camera.header_geometry,
            gain=camera.gain,
            read_noise=camera.read_noise,
            saturation=camera.full_well / camera.gain,
            fwhm=round(float(rendered.exposure["psfFwhm"][0]), 2),
            sky_level=float(np.float32(visit.sky_level / camera.gain)),
        )
        hdus = fits.HDUList([fits.PrimaryHDU(header=primary), fits.ImageHDU(pixels[member], header=extension)])
        with whole_file(field.image_folder / file_name(visit.visit, detector, member)) as path:
            hdus.writeto(path)

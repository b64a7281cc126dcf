"""What a simulated survey is made of: one frozen, validated configuration, written as YAML.

Ready-made surveys are the files of the folder `surveys`; anything else is read from a path.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.headers import SimCamGeometry
from uraniborg.sim.atmosphere.config import AtmosphereConfig
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, GhostConfig, SensorConfig
from uraniborg.sim.motion.config import MovingConfig, SatelliteConfig

__all__ = (
    "Band",
    "CameraConfig",
    "ObservingConfig",
    "PartConfig",
    "PsfConfig",
    "SimConfig",
    "SkyConfig",
    "list_surveys",
    "load_config",
    "part_of",
)

Band = Literal["u", "g", "r", "i", "z", "y"]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
VariableClass = Literal["sinusoid", "sawtooth", "rrlyrae", "eclipsing", "mira", "agn"]
TransientClass = Literal["bazin", "supernova", "fast"]
Range = tuple[float, float]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SkyConfig(_Section):
    """What is in the sky.

    Attributes
    ----------
    ra, dec : float [deg]
        Centre of the field, ICRS.
    star_density, galaxy_density : float [arcmin^-2]
        Stars and galaxies in their magnitude range.
    star_magnitudes, galaxy_magnitudes : tuple of float [mag]
        Bright and faint limit in r, AB.
    n_variables, n_transients : int
        Variable stars and transients, inside the part of the field that all visits cover.
    variable_magnitudes, transient_magnitudes : tuple of float [mag]
        Range of the mean r magnitude and of the r magnitude at peak.
    hosted_fraction : float []
        Share of the transients that lie on a galaxy.
    star_model : {"simple", "galactic"}
        Broken-line counts of black bodies without parallax, or a model of the Milky Way with distances, motions and
        colours of the main sequence (`uraniborg.sim.milky_way`), whose counts replace ``star_density``.
    star_factor : float []
        Multiplies the counts of the galactic model; for crowded fields.
    galaxy_model : {"simple", "bulge_disc"}
        One Sersic profile and a power-law spectrum, or bulge and disc at a redshift, with counts in i that replace
        ``galaxy_density`` (`uraniborg.sim.galaxy_population`).
    shear : tuple of float [], [deg]
        Lensing shear of all galaxies of the model with bulge and disc, and the position angle that it stretches along.
    variable_classes : tuple of str
        Light curves of the variables in turn; an ``agn`` lies on a galaxy.
    transient_classes : tuple of str
        Light curves of the transients in turn.
    """

    ra: Annotated[float, Field(ge=0.0, lt=360.0)] = 150.0
    dec: Annotated[float, Field(ge=-89.0, le=89.0)] = 2.2
    star_density: NotNegative = 20.0
    star_magnitudes: Range = (14.5, 25.0)
    galaxy_density: NotNegative = 30.0
    galaxy_magnitudes: Range = (18.0, 24.5)
    n_variables: Annotated[int, Field(ge=0)] = 5
    variable_magnitudes: Range = (17.5, 20.5)
    n_transients: Annotated[int, Field(ge=0)] = 10
    transient_magnitudes: Range = (20.0, 23.3)
    hosted_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.6
    star_model: Literal["simple", "galactic"] = "simple"
    star_factor: Positive = 1.0
    galaxy_model: Literal["simple", "bulge_disc"] = "simple"
    shear: tuple[Annotated[float, Field(ge=0.0, lt=0.2)], float] = (0.0, 0.0)
    variable_classes: tuple[VariableClass, ...] = ("sinusoid", "sawtooth")
    transient_classes: tuple[TransientClass, ...] = ("bazin",)

    @field_validator("star_magnitudes", "galaxy_magnitudes", "variable_magnitudes", "transient_magnitudes")
    @classmethod
    def _bright_then_faint(cls, value: Range) -> Range:
        if not value[0] < value[1]:
            raise ValueError(f"{value} must be the bright limit, then the faint one")
        return value


class CameraConfig(_Section):
    """The camera; every detector is like the others.

    Attributes
    ----------
    columns, rows, width, height, gap, pixel_scale, raft, raft_gap, corner_rafts
        See `SimCamGeometry`.
    gain : float [electron/adu]
        Electrons for each unit of the files.
    read_noise : float [electron]
        Noise of a pixel without light.
    full_well : float [electron]
        A pixel holds no more than this.
    bad_columns : int
        Dead columns of each detector, the same in all exposures.
    cosmic_rays : float
        Mean number of tracks in one exposure of one detector.
    noisy_weights : bool
        Take the photon noise in the weight from the pixel's own counts (as DECam's community pipeline does) and not
        from the noiseless expectation.
    distortion : tuple of float []
        Radial distortion of the optics: coefficients d1, d2, ... of 1 + d1 q^2 + d2 q^4 + ..., the factor from a
        distance in the focal plane to one on the tangent plane; q is 1 at the corner of the focal plane.
    header_distortion : bool
        Whether the headers' projection (TAN-SIP) tells the distortion.
    """

    columns: Annotated[int, Field(ge=1)] = 1
    rows: Annotated[int, Field(ge=1)] = 1
    width: Annotated[int, Field(ge=64)] = 1024
    height: Annotated[int, Field(ge=64)] = 1024
    gap: Annotated[int, Field(ge=0)] = 40
    pixel_scale: Positive = 0.26
    raft: Annotated[int, Field(ge=1)] = 1
    raft_gap: Annotated[int, Field(ge=0)] = 0
    corner_rafts: bool = True
    gain: Positive = 1.6
    read_noise: NotNegative = 7.0
    full_well: Positive = 130000.0
    bad_columns: Annotated[int, Field(ge=0)] = 3
    cosmic_rays: NotNegative = 20.0
    noisy_weights: bool = True
    distortion: tuple[Annotated[float, Field(gt=-0.05, lt=0.05)], ...] = ()
    header_distortion: bool = True

    @property
    def geometry(self) -> SimCamGeometry:
        """The camera as it is."""
        return SimCamGeometry(
            *(self.columns, self.rows, self.width, self.height, self.gap),
            pixel_scale=self.pixel_scale,
            raft=self.raft,
            raft_gap=self.raft_gap,
            corner_rafts=self.corner_rafts,
            distortion=self.distortion,
        )

    @property
    def header_geometry(self) -> SimCamGeometry:
        """The camera as the headers tell it."""
        return self.geometry if self.header_distortion else replace(self.geometry, distortion=())

    @model_validator(mode="after")
    def _detectors_fit(self) -> CameraConfig:
        try:
            _ = self.geometry
        except UserError as error:
            raise ValueError(str(error)) from error
        return self


class PsfConfig(_Section):
    """Shape of the point-spread function and how it varies over the focal plane.

    Attributes
    ----------
    profile : {"moffat", "kolmogorov"}
        Profile of the seeing.
    beta : float []
        Exponent of the Moffat profile.
    ellipticity : float []
        Typical shear (g1, g2) of a visit.
    gradient : float []
        Typical change of g1, g2 and of the relative width from the centre to the edge of a detector.
    nodes : int
        The PSF of a detector is interpolated between this many nodes along each side, an odd number.
    """

    profile: Literal["moffat", "kolmogorov"] = "moffat"
    beta: Annotated[float, Field(gt=1.1)] = 3.5
    ellipticity: Annotated[float, Field(ge=0.0, lt=0.3)] = 0.03
    gradient: Annotated[float, Field(ge=0.0, lt=0.2)] = 0.02
    nodes: Literal[3, 5, 7, 9] = 3


class ObservingConfig(_Section):
    """When and how the field is observed; each night has one visit in each band.

    Attributes
    ----------
    bands : tuple of str
        Bands, in the order of the night.
    first_mjd : float [day]
        TAI of the first exposure of night 0.
    nights : tuple of float [day]
        Nights, counted from ``first_mjd``.
    exposure_time : float [s]
        Open shutter, all snaps of a visit together.
    snaps : int
        Exposures of each visit, one after the other at one pointing.
    dither : float [arcsec]
        Pointings are uniform within this distance of the field's centre in each direction.
    rotation : float [deg]
        Position angles are uniform within this distance of 0.
    seeing : float [arcsec]
        Median full width at half maximum in r at the zenith, without pixels.
    seeing_scatter : float []
        Scatter of the logarithm of the seeing (natural logarithm).
    airmass : tuple of float []
        Range.
    zero_points : dict of str to float [mag]
        AB magnitude of one electron a second above the atmosphere.
    extinction : dict of str to float [mag]
        Atmospheric extinction for each airmass.
    cloud : float [mag]
        Largest extra, gray extinction of a visit.
    sky : dict of str to float [mag arcsec^-2]
        Brightness of the sky as seen from the ground, AB.
    pointing_error, rotation_error, scale_error : float [arcsec], [arcsec], []
        Typical error of what the headers say: position, position angle, pixel scale.
    """

    bands: tuple[Band, ...] = ("g", "r")
    first_mjd: float = 60676.08
    nights: tuple[float, ...] = (0.0, 5.0, 12.0)
    exposure_time: Positive = 90.0
    snaps: Annotated[int, Field(ge=1, le=4)] = 1
    dither: NotNegative = 12.0
    rotation: NotNegative = 0.5
    seeing: Positive = 0.85
    seeing_scatter: NotNegative = 0.1
    airmass: Range = (1.02, 1.4)
    zero_points: dict[Band, float] = {"u": 25.0, "g": 26.6, "r": 26.6, "i": 26.4, "z": 26.1, "y": 25.0}
    extinction: dict[Band, float] = {"u": 0.45, "g": 0.20, "r": 0.11, "i": 0.07, "z": 0.05, "y": 0.08}
    cloud: NotNegative = 0.08
    sky: dict[Band, float] = {"u": 22.7, "g": 22.1, "r": 21.1, "i": 20.4, "z": 19.6, "y": 18.6}
    pointing_error: NotNegative = 0.3
    rotation_error: NotNegative = 30.0
    scale_error: NotNegative = 5e-5

    @field_validator("bands", "nights")
    @classmethod
    def _some_and_once(cls, value: tuple[float | str, ...]) -> tuple[float | str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError(f"{value} must hold at least one value and none twice")
        return value

    @model_validator(mode="after")
    def _bands_are_known(self) -> ObservingConfig:
        for name in ("zero_points", "extinction", "sky"):
            missing = set(self.bands) - set(getattr(self, name))
            if missing:
                raise ValueError(f"{name} has no value for band(s) {sorted(missing)}")
        return self


class PartConfig(_Section):
    """The part of a survey that is made; what is made does not depend on the rest.

    Attributes
    ----------
    visits : int or None
        Only so many visits, the first ones.
    detectors : tuple of int
        Only these detectors; all of them if empty. Raw files are made for whole read-out boards.
    """

    visits: Annotated[int, Field(ge=1)] | None = None
    detectors: tuple[Annotated[int, Field(ge=0)], ...] = ()


class SimConfig(_Section):
    """A simulated survey: sky, camera, observing, and the seed that all of it follows from.

    With ``raw``, raw files are written beside the reduced ones (without ``reduced``, instead of them); ``ghosts``,
    ``sensor``, ``electronics`` and ``calibration`` say how.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = "tiny"
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1572
    sky: SkyConfig = SkyConfig()
    camera: CameraConfig = CameraConfig()
    psf: PsfConfig = PsfConfig()
    observing: ObservingConfig = ObservingConfig()
    atmosphere: AtmosphereConfig = AtmosphereConfig()
    moving: MovingConfig = MovingConfig()
    satellites: SatelliteConfig = SatelliteConfig()
    part: PartConfig = PartConfig()
    raw: bool = False
    reduced: bool = True
    ghosts: tuple[GhostConfig, ...] = ()
    sensor: SensorConfig = SensorConfig()
    electronics: ElectronicsConfig = ElectronicsConfig()
    calibration: CalibrationConfig = CalibrationConfig()

    @model_validator(mode="after")
    def _amplifiers_fit(self) -> SimConfig:
        if self.raw:
            try:
                self.electronics.layout(self.camera.width, self.camera.height)
            except UserError as error:
                raise ValueError(str(error)) from error
        return self

    @model_validator(mode="after")
    def _part_exists(self) -> SimConfig:
        beyond = [detector for detector in self.part.detectors if detector >= self.camera.geometry.n_detectors]
        if beyond:
            raise ValueError(f"part.detectors: there is no detector {beyond} among {self.camera.geometry.n_detectors}")
        return self

    @property
    def detectors(self) -> tuple[int, ...]:
        """The detectors that are made, in order."""
        return tuple(sorted(set(self.part.detectors))) or tuple(range(self.camera.geometry.n_detectors))

    @classmethod
    def from_yaml(cls, text: str) -> SimConfig:
        """Return the configuration that a YAML text holds.

        Raises
        ------
        pydantic.ValidationError, yaml.YAMLError
            If the text is not a valid one.
        """
        return cls.model_validate(yaml.safe_load(text))

    def to_yaml(self) -> str:
        """Return the YAML text that `load_config` reads back."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
        return text


def part_of(config: SimConfig, *, visits: int | None = None, detectors: str | None = None) -> SimConfig:
    """Return the configuration of a part of a survey.

    Parameters
    ----------
    config : SimConfig
        The survey.
    visits : int or None
        Only the first so many visits.
    detectors : str or None
        Only these detectors, numbers with commas between them.

    Raises
    ------
    UserError
        If that is no list of numbers, or if there is no such detector.
    """
    values = config.model_dump()
    if visits is not None:
        values["part"]["visits"] = visits
    try:
        if detectors is not None:
            values["part"]["detectors"] = tuple(int(number) for number in detectors.split(","))
        return SimConfig.model_validate(values)
    except ValueError as error:
        raise UserError(f"no part of survey {config.name!r} with detectors {detectors!r}: {error}") from error


def list_surveys() -> dict[str, str]:
    """Return name and description of every ready-made survey."""
    found = {}
    for entry in sorted((files("uraniborg.sim") / "surveys").iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            found[entry.name.removesuffix(".yaml")] = str(yaml.safe_load(entry.read_text("utf8"))["description"])
    return found


def load_config(name: str | Path) -> SimConfig:
    """Return the configuration of a ready-made survey, or of a YAML file.

    Parameters
    ----------
    name : str or pathlib.Path
        Name of a survey of `list_surveys`, or path of a file that ends in ``.yaml``.

    Raises
    ------
    UserError
        If there is no such survey or file, or if a value is not allowed; all faults in one message.
    """
    text_name = str(name)
    path = Path(text_name)
    entry = files("uraniborg.sim") / "surveys" / f"{text_name}.yaml"
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        text = path.read_text("utf8")
    elif "/" not in text_name and entry.is_file():
        text = entry.read_text("utf8")
    else:
        raise UserError(f"no survey {text_name!r}; ready-made are {sorted(list_surveys())}, or give a .yaml file")
    try:
        return SimConfig.from_yaml(text)
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(f"survey {text_name!r} is not valid: {error}") from error

"""What the sensors, the read-out electronics and the calibration sequence of a raw simulation are like.

Nominal gain, read noise and full well are those of `uraniborg.sim.config.CameraConfig`; here is how amplifiers scatter
around them and what else is done to the light.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from uraniborg.instruments.simcam.raw_layout import AmplifierLayout

__all__ = ("CalibrationConfig", "ElectronicsConfig", "GhostConfig", "SensorConfig")

NotNegative = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=0)]
BandName = Literal["u", "g", "r", "i", "z", "y"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GhostConfig(_Section):
    """One pair of surfaces that light of bright stars is reflected between, and the out-of-focus pupil it leaves.

    Attributes
    ----------
    intensity : float []
        Share of a star's light that goes into the ghost.
    radius : float [pixel]
        Outer radius of the ghost.
    obscuration : float []
        Inner over outer radius: the shadow of the secondary mirror.
    magnification : float []
        The ghost's centre lies at this multiple of the star's position from the optical axis; negative on the other side.
    offset : tuple of float [pixel]
        Shift (x, y) of the centres of all ghosts of this pair: a surface that is tilted.
    decentre : float []
        Shift of the inner circle against the outer one, as a fraction of the ghost's distance from the optical axis.
    faintest : float [electron]
        Ghosts with less light in a pixel are not drawn.
    """

    intensity: Annotated[float, Field(gt=0.0, lt=0.1)] = 2e-4
    radius: Annotated[float, Field(gt=1.0)] = 150.0
    obscuration: Annotated[float, Field(ge=0.0, lt=0.95)] = 0.61
    magnification: float = -0.6
    offset: tuple[float, float] = (0.0, 0.0)
    decentre: Annotated[float, Field(ge=-0.2, le=0.2)] = 0.0
    faintest: Annotated[float, Field(gt=0.0)] = 0.5


class SensorConfig(_Section):
    """The silicon.

    Attributes
    ----------
    thickness : float [micrometre]
        Of the silicon; which light it turns into charge and which makes fringes follows from it.
    dark_current : float [electron/s]
        Of an ordinary pixel.
    hot_pixels : float
        Mean number of hot pixels in 10^6 pixels.
    hot_pixel_current : float [electron/s]
        Median dark current of hot pixels.
    vignetting : float []
        Loss of light at the corner of the focal plane.
    pixel_response : float []
        Scatter of the response of pixels.
    dust_grains : float
        Mean number of dust shadows on a detector.
    fringing : dict of str to float []
        Amplitude of the fringes of the night sky, by band; none where not given.
    brighter_fatter : float [electron^-1]
        Relative loss of a pixel's variance in a flat for each electron, -a00; 0 switches the effect off.
    serial_cti, parallel_cti : float []
        Share of the charge that each transfer leaves behind.
    trap_time : float [pixel]
        Time constant of the release of that charge, in transfers.
    """

    thickness: Annotated[float, Field(ge=5.0, le=500.0)] = 100.0
    dark_current: NotNegative = 0.02
    hot_pixels: NotNegative = 100.0
    hot_pixel_current: NotNegative = 5.0
    vignetting: Share = 0.06
    pixel_response: Share = 0.005
    dust_grains: NotNegative = 8.0
    fringing: dict[BandName, NotNegative] = {"i": 0.002, "z": 0.01, "y": 0.03}
    brighter_fatter: NotNegative = 2.5e-6
    serial_cti: Share = 1e-6
    parallel_cti: Share = 3e-7
    trap_time: Annotated[float, Field(gt=0.0)] = 0.7


class ElectronicsConfig(_Section):
    """The amplifiers of each detector and what they do to the signal.

    Attributes
    ----------
    columns, rows, prescan, overscan, parallel_overscan
        See `AmplifierLayout`.
    bits : int
        Depth of the converter; up to 16 the pixels are unsigned 16-bit integers, above 32-bit ones.
    gain_scatter, read_noise_scatter : float []
        Relative scatter of amplifiers around the nominal values.
    bias_level, bias_scatter : float [adu]
        Mean level and its scatter between amplifiers.
    bias_pattern : float [adu]
        Scatter of the fixed pattern of pixels; the serial turn-on at the start of a row is ten times as large.
    bias_drift : float [adu]
        Scatter of the level of whole rows, different in each exposure, seen in the overscan too.
    nonlinearity : float []
        Typical relative loss of signal at the full well.
    crosstalk : float []
        Coefficient between neighbouring amplifiers; it falls with the square of their distance.
    board : int
        Detectors of a raft's row, or of a row where there are no rafts, that share a read-out board.
    board_crosstalk : float []
        Typical coefficient between amplifiers of two detectors of a board.
    """

    columns: Annotated[int, Field(ge=1)] = 8
    rows: Literal[1, 2] = 2
    prescan: Count = 10
    overscan: Count = 32
    parallel_overscan: Count = 32
    bits: Annotated[int, Field(ge=8, le=31)] = 18
    gain_scatter: Share = 0.03
    read_noise_scatter: Share = 0.05
    bias_level: NotNegative = 20000.0
    bias_scatter: NotNegative = 1000.0
    bias_pattern: NotNegative = 0.5
    bias_drift: NotNegative = 0.5
    nonlinearity: Share = 0.01
    crosstalk: Annotated[float, Field(gt=-0.1, lt=0.1)] = 2e-4
    board: Annotated[int, Field(ge=1, le=16)] = 3
    board_crosstalk: Annotated[float, Field(gt=-0.1, lt=0.1)] = 0.0

    def layout(self, width: int, height: int) -> AmplifierLayout:
        """Return the layout of the amplifiers of a detector of this size [pixel]."""
        return AmplifierLayout(
            width, height, self.columns, self.rows, self.prescan, self.overscan, self.parallel_overscan
        )


class CalibrationConfig(_Section):
    """The calibration sequence, taken in the night before the first one of the survey.

    Attributes
    ----------
    biases, darks : int
        Number of exposures.
    dark_time : float [s]
        Length of a dark.
    flat_band : str
        Band of the ramp of flats, of monochromatic flats and of spots.
    flat_levels : tuple of float [electron]
        Mean light in a pixel; each level is taken twice, at the same lamp with the exposure time in proportion.
    flat_flux : float [electron/s]
        Light of the lamp in a pixel.
    flats : int
        Further flats in each band of the survey.
    flat_level : float [electron]
        Mean light in a pixel of these.
    sky_bands : tuple of str
        Bands of exposures of the night sky, with stars and fringes.
    skies : int
        Such exposures in each of these bands, shifted against each other.
    sky_shift : float [arcsec]
        They are uniform within this distance of the field's centre in each direction.
    wavelengths : tuple of float [nm]
        One monochromatic flat for each.
    monochromatic_level : float [electron]
        Light in a pixel that a perfect sensor would turn into charge.
    spot_levels : tuple of float [electron]
        Light in the spots of crosstalk exposures; at each level one exposure for each amplifier.
    spot_radius : float [pixel]
        Radius of these spots.
    """

    biases: Count = 5
    darks: Count = 3
    dark_time: Annotated[float, Field(gt=0.0)] = 120.0
    flat_band: BandName = "r"
    flat_levels: tuple[Annotated[float, Field(gt=0.0)], ...] = (2e3, 5e3, 1e4, 2e4, 4e4, 6e4, 8e4)
    flat_flux: Annotated[float, Field(gt=0.0)] = 2000.0
    flats: Count = 0
    flat_level: Annotated[float, Field(gt=0.0)] = 3e4
    sky_bands: tuple[BandName, ...] = ()
    skies: Count = 5
    sky_shift: NotNegative = 60.0
    wavelengths: tuple[Annotated[float, Field(ge=300.0, le=1150.0)], ...] = ()
    monochromatic_level: Annotated[float, Field(gt=0.0)] = 3e4
    spot_levels: tuple[Annotated[float, Field(gt=0.0)], ...] = ()
    spot_radius: Annotated[float, Field(ge=1.0)] = 12.0

"""Reading what a calibration is verified with, and the numbers of each product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lsst.daf.butler import Butler, DatasetNotFoundError
from lsst.images import MaskedImage

from uraniborg.algorithms.calib.fringe import find_light
from uraniborg.algorithms.calib.noise import clipped_moments
from uraniborg.algorithms.isr.geometry import amplifier_view
from uraniborg.core.errors import UserError
from uraniborg.model.calibrations import AmplifierGains
from uraniborg.productions.calib_plan import Exposure, Product, Selection
from uraniborg.tasks.common.calib_frames import LazyFrame, Signal, read_signal
from uraniborg.tasks.common.calib_images import LightPath
from uraniborg.verify import calib as numbers_of

__all__ = ("measure_product",)

_VISIT = 30.0  # exposure for which the noise of a dark is counted [s]
_SKIP = 5  # pixels of the overscan that do not enter a level


class _Reader:
    """Products and raws of one detector."""

    def __init__(self, butler: Butler, instrument: str, detector: int, collections: Sequence[str]) -> None:
        self.butler, self.collections = butler, list(collections)
        self.data_id: dict[str, Any] = {"instrument": instrument, "detector": detector}

    def get(self, dataset: str, **more: Any) -> Any:
        return self.butler.get(dataset, {**self.data_id, **more}, collections=self.collections)

    def find(self, dataset: str, **more: Any) -> Any:
        try:
            return self.get(dataset, **more)
        except (DatasetNotFoundError, LookupError):
            return None

    def frame(self, item: Exposure) -> LazyFrame:
        record = self.butler.query_dimension_records(
            "exposure", instrument=self.data_id["instrument"], exposure=item.number
        )[0]
        dark_time = float(record.dark_time if record.dark_time is not None else record.exposure_time)
        return LazyFrame(
            item.number, item.kind, item.exposure_time, dark_time, lambda: self.get("raw", exposure=item.number)
        )

    def path(self, **images: MaskedImage | None) -> LightPath:
        return LightPath(
            bias=self.get("bias"),
            gains=self.get("gain"),
            linearizer=self.find("linearizer"),
            crosstalk=self.find("crosstalk"),
            **images,
        )


def measure_product(
    butler: Butler,
    product: Product,
    selection: Selection | None,
    *,
    instrument: str,
    detector: int,
    collections: Sequence[str],
    earlier: AmplifierGains | None = None,
) -> list[tuple[dict[str, Any], dict[str, float]]]:
    """Return the numbers of a product of one detector.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    product : Product
        What to verify.
    selection : Selection or None
        Exposures to verify it with.
    instrument : str
        Name of the instrument.
    detector : int
        Number of the detector.
    collections : sequence of str
        Where the product, the calibrations it leans on, and the raws are.
    earlier : AmplifierGains, optional
        Gains that were certified before.

    Returns
    -------
    list of (dict, dict)
        For each data id (one for each filter where filters matter) the numbers.
    """
    reader = _Reader(butler, instrument, detector, collections)
    held = selection.held if selection is not None else ()
    name = product.name
    plain = {"instrument": instrument, "detector": detector}
    if name == "bias":
        return [(plain, _bias(reader, held))]
    if name == "dark":
        return [(plain, _dark(reader, held))]
    if name in ("flat", "fringe", "illumination", "transmission"):
        return _by_filter(reader, name, held, plain)
    if name == "defects":
        shape = reader.get("dark").image.array.shape
        return [(plain, numbers_of.defect_numbers(reader.get("defects"), shape))]
    if name == "ptc":
        gains = reader.get("gain")
        return [(plain, numbers_of.ptc_numbers(reader.get("ptc"), gains) | numbers_of.gain_numbers(gains, earlier))]
    simple = {
        "crosstalk": numbers_of.crosstalk_numbers,
        "cti": numbers_of.cti_numbers,
        "linearity": numbers_of.linearity_numbers,
        "kernel": numbers_of.kernel_numbers,
    }
    if name not in simple:
        raise UserError(f"no verification for {name!r}; there is one for {sorted(simple)} and the images")
    measure: Any = simple[name]
    return [(plain, measure(reader.get(product.datasets[0])))]


def _views(image: np.ndarray[Any, Any], signal: Signal) -> list[np.ndarray[Any, Any]]:
    return [amplifier_view(image, amplifier) for amplifier in signal.geometry.amplifiers]


def _level_pixels(signal: Signal) -> int:
    box = signal.geometry.amplifiers[0].serial_overscan
    return 1 if box is None else max(box.x1 - box.x0 - _SKIP, 1)


def _bias(reader: _Reader, held: Sequence[Exposure]) -> dict[str, float]:
    bias, noise = reader.get("bias"), reader.get("bias_numbers")
    results = []
    for item in held:
        signal = read_signal(reader.frame(item), reader.find("crosstalk"))
        residual = signal.readout.image - bias.image.array
        added = [float(np.median(view)) for view in _views(bias.variance.array, signal)]
        expected = np.sqrt(np.array(noise["read_noise"]) ** 2 + 1.0 / 12.0)
        views = _views(residual, signal)
        numbers = {"expected": expected.tolist(), "added": added, "level_pixels": _level_pixels(signal)}
        results.append(numbers_of.frame_numbers("bias", views, **numbers))
    return _worst(results)


def _dark(reader: _Reader, held: Sequence[Exposure]) -> dict[str, float]:
    dark = reader.get("dark")
    path = reader.path(dark=dark)
    results = []
    for item in held:
        frame = reader.frame(item)
        signal, residual = path.read(frame)
        read = np.array(path.gains.read_noise) ** 2 + np.array(path.gains.gain) ** 2 / 12.0
        light = [float(np.median(view)) * frame.dark_time for view in _views(dark.image.array, signal)]
        expected = np.sqrt(read + np.maximum(light, 0.0))
        # The bias adds its variance to the exposure, and with the other sign to the dark: it cancels for equal times.
        own = np.array([float(np.median(view)) for view in _views(dark.variance.array, signal)])
        views = _views(residual, signal)
        pixels = _level_pixels(signal)
        numbers = numbers_of.frame_numbers(
            "dark", views, expected=expected.tolist(), added=(own * frame.dark_time**2).tolist(), level_pixels=pixels
        )
        growth = np.sqrt(1.0 + own * _VISIT**2 / expected**2) - 1.0
        results.append(numbers | {"dark.growth": float(growth.max())})
    return _worst(results)


def _by_filter(
    reader: _Reader, name: str, held: Sequence[Exposure], plain: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, float]]]:
    measured = []
    filters = sorted({item.physical_filter for item in held})
    if name == "transmission":
        refs = reader.butler.query_datasets(name, collections=reader.collections, data_id=plain, explain=False)
        return [(dict(ref.dataId.required), numbers_of.transmission_numbers(reader.butler.get(ref))) for ref in refs]
    for physical_filter in filters:
        product = reader.find(name, physical_filter=physical_filter)
        if product is None:
            continue
        items = [item for item in held if item.physical_filter == physical_filter]
        images = {"dark": reader.find("dark"), "defects": reader.find("defects")}
        numbers = []
        for item in items:
            if name == "flat":
                numbers.append(_flat(reader, item, product, images))
            else:
                numbers.append(_sky(reader, name, item, product, images))
        measured.append((plain | {"physical_filter": physical_filter}, _worst(numbers)))
    return measured


def _flat(reader: _Reader, item: Exposure, flat: MaskedImage, images: dict[str, Any]) -> dict[str, float]:
    path = reader.path(dark=images["dark"])
    frame = reader.frame(item)
    signal, image = path.read(frame)
    light = flat.image.array
    usable = (light > 0.5) & (light < 1.5)
    # Not the ratio of medians: noise moves the median of light that falls towards the corners.
    level = float(np.median(image[usable] / light[usable]))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(usable, image / (level * light), np.nan)
    ptc = reader.find("ptc")
    charge = np.maximum(level * light, 0.0)
    # Pixels share their charge in bright flats: less variance than Poisson's, as the curve tells.
    shrink = 1.0 if ptc is None else _shrink(ptc, charge)
    variance = charge * shrink + path.read_variance(signal.geometry)
    sigma = np.sqrt(variance / np.maximum(charge, 1.0) ** 2 + flat.variance.array / np.maximum(light, 0.1) ** 2)
    # The level is a median over the detector, which has an error too; and amplifiers are linear as well as is known.
    whole = 1.2533 * float(np.median(sigma[usable])) / np.sqrt(usable.sum())
    straight = [0.0] * signal.geometry.n_amplifiers if path.linearizer is None else path.linearizer.metadata["scatter"]
    common = [float(np.hypot(whole, value)) for value in straight]
    ratios, sigmas = _views(ratio, signal), _views(sigma, signal)
    return numbers_of.flat_numbers(ratios, sigmas, gain_error=common)


def _shrink(ptc: Any, charge: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    a = np.array(ptc.metadata["a"])
    b = np.array(ptc.metadata["b"])
    times = np.outer(*[np.where(np.arange(len(a)) > 0, 2.0, 1.0)] * 2)
    second = float(np.sum(times * a**2)) + a[0, 0] * b[0, 0]
    return np.asarray(1.0 + a[0, 0] * charge + (2.0 / 3.0) * second * charge**2)


def _sky(reader: _Reader, name: str, item: Exposure, product: MaskedImage, images: dict[str, Any]) -> dict[str, float]:
    flat = reader.find("flat", physical_filter=item.physical_filter)
    path = reader.path(dark=images["dark"], flat=flat, defects=images["defects"])
    _, image = path.read(reader.frame(item))
    bad = path.bad(image.shape) | ~np.isfinite(image)
    sky, _, _ = clipped_moments(image[~bad][::7], clip=3.0)
    bad |= find_light(image, sky=sky)
    if name == "fringe":
        return numbers_of.fringe_numbers(image, product.image.array, bad)
    return numbers_of.illumination_numbers(image, product.image.array, bad)


def _worst(results: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return of each number the value that is hardest to pass; significances are the only ones that should be large."""
    names = {name for numbers in results for name in numbers}
    if not names:
        return {}
    return {
        name: (min if name.endswith("significance") else max)(numbers[name] for numbers in results)
        for name in sorted(names)
    }

"""Camera geometry as `lsst.images` objects: detectors on a plane, a linear plate scale.

Coordinates of the focal plane are in mm from the boresight, in the direction in which pixel numbers grow.
"""

from __future__ import annotations

import starlink.Ast
from lsst.images import Box
from lsst.images.cameras import (
    CameraFrameSet,
    CameraFrameSetSerializationModel,
    Detector,
    DetectorAttributes,
    DetectorType,
    Orientation,
)

__all__ = ("camera_frames", "detector_attributes", "make_detector")

_ARCSEC = 4.84813681109536e-06


class _Lines:
    """Collects the lines that an AST channel writes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def astsink(self, line: str) -> None:
        self.lines.append(line)


def detector_attributes(
    detector: int,
    name: str,
    *,
    shape: tuple[int, int],
    boresight: tuple[float, float],
    pixel_size: float,
    serial: str,
    physical_type: str,
) -> DetectorAttributes:
    """Return the description of a detector whose axes are those of the focal plane.

    Parameters
    ----------
    detector : int
        Number of the detector.
    name : str
        Unique name of the detector.
    shape : (int, int) [pixel]
        Height and width.
    boresight : (float, float) [pixel]
        Position (x, y) of the boresight on the detector, 0-based; usually far outside of it.
    pixel_size : float [mm]
        Size of a pixel.
    serial : str
        Serial number.
    physical_type : str
        Technology or maker of the detector.

    Returns
    -------
    lsst.images.cameras.DetectorAttributes
        The orientation's reference point is the centre of the detector.
    """
    height, width = shape
    x, y = (width - 1) / 2, (height - 1) / 2
    return DetectorAttributes(
        name=name,
        id=detector,
        type=DetectorType.SCIENCE,
        serial=serial,
        bbox=Box.factory[0:height, 0:width],
        orientation=Orientation(
            focal_plane_x=(x - boresight[0]) * pixel_size,
            focal_plane_y=(y - boresight[1]) * pixel_size,
            focal_plane_z=0.0,
            pixel_reference_x=x,
            pixel_reference_y=y,
        ),
        pixel_size=pixel_size,
        physical_type=physical_type,
    )


def camera_frames(instrument: str, detectors: tuple[DetectorAttributes, ...], *, plate_scale: float) -> CameraFrameSet:
    """Return the transforms between the pixels of detectors, the focal plane and angles on the sky.

    Parameters
    ----------
    instrument : str
        Name of the instrument.
    detectors : tuple of DetectorAttributes
        Detectors to include.
    plate_scale : float [arcsec/mm]
        Angle for each mm in the focal plane.

    Returns
    -------
    lsst.images.cameras.CameraFrameSet
    """
    frames = starlink.Ast.FrameSet(starlink.Ast.Frame(2, "Ident=FOCAL_PLANE,Unit(1)=mm,Unit(2)=mm"))
    frames.addframe(
        1,
        starlink.Ast.ZoomMap(2, plate_scale * _ARCSEC),
        starlink.Ast.Frame(2, "Ident=FIELD_ANGLE,Unit(1)=rad,Unit(2)=rad"),
    )
    for item in detectors:
        place, box = item.orientation, item.bbox
        shift = starlink.Ast.ShiftMap([-place.focal_plane_x, -place.focal_plane_y])
        zoom = starlink.Ast.ZoomMap(2, 1.0 / item.pixel_size)
        centre = starlink.Ast.ShiftMap([place.pixel_reference_x, place.pixel_reference_y])
        to_pixels = starlink.Ast.CmpMap(shift, starlink.Ast.CmpMap(zoom, centre, True), True)
        limits = f"Bottom(1)={box.x.start},Top(1)={box.x.stop},Bottom(2)={box.y.start},Top(2)={box.y.stop}"
        frames.addframe(1, to_pixels, starlink.Ast.Frame(2, f"Ident=DETECTOR_{item.id},{limits}"))
    sink = _Lines()
    starlink.Ast.Channel(None, sink).write(frames)
    model = CameraFrameSetSerializationModel(instrument=instrument, ast="\n".join(sink.lines) + "\n")
    return model.deserialize(None)


def make_detector(
    instrument: str, attributes: DetectorAttributes, *, plate_scale: float, visit: int | None = None
) -> Detector:
    """Return one detector with its own transforms only, so that it is cheap to store with an image.

    Parameters
    ----------
    instrument : str
        Name of the instrument.
    attributes : DetectorAttributes
        Description of the detector.
    plate_scale : float [arcsec/mm]
        Angle for each mm in the focal plane.
    visit : int, optional
        Visit that the detector belongs to.

    Returns
    -------
    lsst.images.cameras.Detector
    """
    frames = camera_frames(instrument, (attributes,), plate_scale=plate_scale)
    return Detector(attributes, amplifiers=(), frames=frames, visit=visit)

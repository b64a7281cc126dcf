"""One frame from pixels to measured sources: background, detection, point-spread function, measurement in turn."""

from uraniborg.algorithms.singleframe.characterize import FrameCharacterization, characterize_frame, find_stars

__all__ = ("FrameCharacterization", "characterize_frame", "find_stars")

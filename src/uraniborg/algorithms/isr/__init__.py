"""Instrument signature removal: from the numbers of a raw file to electrons, with errors and reasons for doubt."""

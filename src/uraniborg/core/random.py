"""Random streams that depend on what is computed, never on who computes it or in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

__all__ = ("random_stream",)


def random_stream(seed: int, name: str, key: Mapping[str, int | str] | None = None) -> np.random.Generator:
    """Return the generator that belongs to one task name and one data id.

    Parameters
    ----------
    seed : int
        Seed of the whole run.
    name : str
        Name of the task or of the effect.
    key : mapping of str to int or str, optional
        Data id; the order of its items does not matter.

    Returns
    -------
    numpy.random.Generator
        Philox stream from ``SeedSequence([seed, digest])``; equal arguments give equal streams on
        every machine and for every number of workers.
    """
    text = name + "|" + "|".join(f"{k}={v}" for k, v in sorted((key or {}).items()))
    digest = hashlib.sha256(text.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))

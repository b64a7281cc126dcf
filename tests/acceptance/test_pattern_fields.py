from __future__ import annotations

import numpy as np

from uraniborg.acceptance.pattern_fields import PatternFieldConfig, make_pattern_field

ARCSEC = np.degrees(1.0) * 3600.0


def test_partners_lie_on_each_other_but_for_shift_turn_distortion_and_noise() -> None:
    quiet = PatternFieldConfig(n_references=400, shift=0.0, turn=0.0)
    field = make_pattern_field(quiet, seed=1)
    known = field.partner >= 0
    away = np.linalg.norm(field.sources[known] - field.references[field.partner[known]], axis=1) * ARCSEC
    assert np.median(away) < 0.1
    assert away.max() < 0.5
    assert 0.6 < known.mean() < 0.8
    far = make_pattern_field(PatternFieldConfig(n_references=400), seed=1)
    known = far.partner >= 0
    away = np.linalg.norm(far.sources[known] - far.references[far.partner[known]], axis=1) * ARCSEC
    assert 1.0 < away.max() < 60.0 + np.radians(2.0) * 500.0


def test_wrong_fields_have_no_partners_and_seeds_tell_fields_apart() -> None:
    wrong = make_pattern_field(PatternFieldConfig(wrong=True), seed=2)
    assert (wrong.partner == -1).all()
    one, two, other = (make_pattern_field(PatternFieldConfig(), seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.sources, two.sources)
    assert one.sources.shape != other.sources.shape or not np.array_equal(one.sources, other.sources)

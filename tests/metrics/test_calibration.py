"""Expected calibration error: known values, and scikit-learn's reliability curve as an independent way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iqa_cli.metrics.calibration import BINS, expected_calibration_error


def test_probabilities_that_come_true_as_often_as_they_say_have_no_error() -> None:
    probability = np.array([0.0] * 10 + [0.5] * 10 + [1.0] * 10)
    happened = np.array([False] * 10 + [True, False] * 5 + [True] * 10)
    assert expected_calibration_error(probability, happened) == 0.0


def test_the_error_is_the_distance_weighted_by_photos() -> None:
    # 8 photos at 0.9 of which half come true, 2 at 0.1 of which none does.
    probability = np.array([0.9] * 8 + [0.1] * 2)
    happened = np.array([True] * 4 + [False] * 6)
    assert expected_calibration_error(probability, happened) == pytest.approx(0.8 * 0.4 + 0.2 * 0.1)


def test_certain_and_wrong_is_the_worst_there_is() -> None:
    assert expected_calibration_error(np.ones(3), np.zeros(3, np.bool_)) == 1.0
    assert math.isnan(expected_calibration_error(np.array([]), np.array([], np.bool_)))


def test_it_equals_the_reliability_curve_of_scikit_learn() -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    random = np.random.default_rng(1)
    probability = random.beta(0.5, 2, 500)
    happened = random.random(500) < probability**1.5
    share, mean = calibration.calibration_curve(happened, probability, n_bins=BINS, strategy="uniform")
    counts = np.histogram(probability, np.linspace(0, 1, BINS + 1))[0]
    expected = np.sum(np.abs(share - mean) * counts[counts > 0]) / 500
    assert expected_calibration_error(probability, happened) == pytest.approx(expected)

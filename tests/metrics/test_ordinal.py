"""Metrics: known values by hand, and the constant answer beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="metrics need the train extra")

from iqa_cli.metrics.ordinal import label_metrics, mean_of


def one_hot_cumulative(levels: np.ndarray) -> np.ndarray:
    return (levels[:, None] >= np.arange(1, 4)).astype(np.float64)


def test_perfect_predictions_reach_the_top() -> None:
    truth = np.array([0, 0, 1, 2, 3, 0])
    figures = label_metrics(truth, truth, one_hot_cumulative(truth))
    assert (figures.accuracy, figures.qwk, figures.tauc, figures.tauc_thresholds) == (1.0, 1.0, 1.0, 3)
    assert figures.accuracy_constant == pytest.approx(0.5)
    assert figures.positives == (3, 1, 1, 1)


def test_the_constant_answer_has_no_kappa_and_no_auc() -> None:
    truth = np.array([0, 0, 0, 1, 2])
    figures = label_metrics(truth, np.zeros(5, np.int64), np.full((5, 3), 0.1))
    assert figures.qwk == 0.0
    assert figures.accuracy == figures.accuracy_constant == pytest.approx(0.6)
    assert figures.tauc == pytest.approx(0.5)
    assert figures.tauc_thresholds == 2  # level 3 never occurs


def test_kappa_weighs_by_the_square_of_the_distance() -> None:
    truth, predicted = np.array([0, 1, 2, 3]), np.array([1, 1, 2, 3])
    # observed = 1 / 4; expected over the marginals (1,1,1,1) x (0,2,1,1) = (1+0... ) computed by enumeration
    expected = np.mean([(a - b) ** 2 for a in truth for b in predicted])
    figures = label_metrics(truth, predicted, one_hot_cumulative(predicted))
    assert figures.qwk == pytest.approx(1 - 0.25 / expected)


def test_no_positive_at_all_is_undefined_and_left_out_of_the_mean() -> None:
    nothing = np.zeros(4, np.int64)
    undefined = label_metrics(nothing, nothing, np.zeros((4, 3)))
    truth = np.array([0, 1, 2, 3])
    perfect = label_metrics(truth, truth, one_hot_cumulative(truth))
    assert math.isnan(undefined.tauc)
    assert math.isnan(undefined.qwk)
    assert mean_of({"a": undefined, "b": perfect}, "qwk") == 1.0
    assert math.isnan(mean_of({"a": undefined}, "qwk"))

"""Metrics: known values by hand, scikit-learn's other functions, and the constant answer beside them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

pytest.importorskip("sklearn", reason="metrics need the eval extra")

from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from iqa_cli.metrics.ordinal import label_metrics, mean_of

if TYPE_CHECKING:
    from iqa_cli.metrics.records import LabelMetrics

LEVELS = npst.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 3))


def one_hot_cumulative(levels: np.ndarray) -> np.ndarray:
    return (levels[:, None] >= np.arange(1, 4)).astype(np.float64)


def as_dict(figures: LabelMetrics) -> dict[str, object]:
    """Figures that compare equal where both are nan, or differ by the order of a sum."""
    return {
        name: (None if math.isnan(value) else round(value, 9)) if isinstance(value, float) else value
        for name, value in dataclasses.asdict(figures).items()
    }


def test_perfect_predictions_reach_the_top() -> None:
    truth = np.array([0, 0, 1, 2, 3, 0])
    figures = label_metrics(truth, truth, one_hot_cumulative(truth))
    assert (figures.accuracy, figures.qwk, figures.tauc, figures.tauc_thresholds) == (1.0, 1.0, 1.0, 3)
    assert (figures.recall_macro, figures.f1_macro, figures.ece) == (1.0, 1.0, 0.0)
    assert (figures.miss_rate, figures.false_alarm_rate, figures.false_alarm_rate_severe) == (0.0, 0.0, 0.0)
    assert figures.accuracy_constant == pytest.approx(0.5)
    assert figures.accuracy_gain == pytest.approx(0.5)
    assert figures.positives == (3, 1, 1, 1)


def test_the_constant_answer_has_no_kappa_and_no_auc() -> None:
    truth = np.array([0, 0, 0, 1, 2])
    figures = label_metrics(truth, np.zeros(5, np.int64), np.full((5, 3), 0.1))
    assert figures.qwk == 0.0
    assert figures.accuracy == figures.accuracy_constant == pytest.approx(0.6)
    assert figures.accuracy_gain == 0.0
    assert figures.recall_macro == figures.recall_macro_constant == pytest.approx(1 / 3)
    assert figures.f1_macro == figures.f1_macro_constant == pytest.approx(2 * 3 / (3 + 5) / 3)
    assert (figures.miss_rate, figures.false_alarm_rate) == (1.0, 0.0)
    assert figures.tauc == pytest.approx(0.5)
    assert figures.tauc_thresholds == 2  # level 3 never occurs


def test_kappa_weighs_by_the_square_of_the_distance() -> None:
    truth, predicted = np.array([0, 1, 2, 3]), np.array([1, 1, 2, 3])
    # Observed: one of four is off by one. Expected: the mean squared distance of every true with every predicted one.
    expected = np.mean([(a - b) ** 2 for a in truth for b in predicted])
    figures = label_metrics(truth, predicted, one_hot_cumulative(predicted))
    assert figures.qwk == pytest.approx(1 - 0.25 / expected)


def test_every_kind_of_mistake_is_counted_among_the_photos_it_can_happen_to() -> None:
    truth = np.array([0, 0, 0, 0, 1, 2, 2, 3, 3, 3])
    predicted = np.array([0, 1, 2, 0, 3, 1, 2, 0, 3, 2])
    figures = label_metrics(truth, predicted, None, levels=4)
    assert figures.miss_rate == pytest.approx(2 / 5)  # a severe called ordinary, a blocking called none
    assert figures.false_alarm_rate == pytest.approx(2 / 4)
    assert figures.false_alarm_rate_severe == pytest.approx(1 / 4)
    assert figures.confusion == ((2, 1, 1, 0), (0, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 1))
    assert figures.recall_macro == pytest.approx(np.mean([2 / 4, 0, 1 / 2, 1 / 3]))
    assert figures.f1_macro == pytest.approx(np.mean([4 / 7, 0, 2 / 5, 2 / 5]))


def test_a_level_that_was_only_predicted_has_no_recall_and_an_f1_of_nothing() -> None:
    figures = label_metrics(np.array([0, 0, 1, 1]), np.array([0, 3, 1, 1]), None, levels=4)
    assert figures.recall_macro == pytest.approx((0.5 + 1) / 2)
    assert figures.f1_macro == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_without_probabilities_there_is_no_auc_and_no_calibration_error() -> None:
    figures = label_metrics(np.array([0, 1, 2]), np.array([0, 1, 2]), None, levels=4)
    assert math.isnan(figures.tauc)
    assert math.isnan(figures.ece)
    assert figures.tauc_thresholds == 0
    with pytest.raises(TypeError, match="levels is needed"):
        label_metrics(np.array([0]), np.array([0]), None)


def test_no_positive_at_all_is_undefined_and_left_out_of_the_mean() -> None:
    nothing = np.zeros(4, np.int64)
    undefined = label_metrics(nothing, nothing, np.zeros((4, 3)))
    truth = np.array([0, 1, 2, 3])
    perfect = label_metrics(truth, truth, one_hot_cumulative(truth))
    assert math.isnan(undefined.tauc)
    assert math.isnan(undefined.qwk)
    assert math.isnan(undefined.miss_rate)
    assert mean_of({"a": undefined, "b": perfect}, "qwk") == 1.0
    assert math.isnan(mean_of({"a": undefined}, "qwk"))


def test_a_label_nobody_observed_has_no_figure_at_all() -> None:
    figures = label_metrics(np.full(3, -1), np.array([0, 1, 2]), np.full((3, 3), 0.5))
    assert (figures.n, figures.positives) == (0, (0, 0, 0, 0))
    undefined = {name for name, value in as_dict(figures).items() if value is None}
    assert undefined == set(as_dict(figures)) - {"n", "positives", "confusion", "tauc_thresholds"}


def test_two_levels_have_no_severe_mistakes() -> None:
    figures = label_metrics(np.array([0, 1, 1]), np.array([1, 1, 0]), np.array([[0.9], [0.8], [0.1]]))
    assert math.isnan(figures.miss_rate)
    assert math.isnan(figures.false_alarm_rate_severe)
    assert figures.false_alarm_rate == 1.0


@settings(max_examples=40, deadline=None)
@given(LEVELS, st.integers(0, 2**32))
def test_figures_equal_independent_ones(truth: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted = random.integers(0, 4, len(truth))
    above = -np.sort(-random.random((len(truth), 3)), axis=1)
    figures = label_metrics(truth, predicted, above)
    table = np.array(figures.confusion)
    assert table.sum(1).tolist() == list(figures.positives)
    assert figures.accuracy == pytest.approx(np.trace(table) / len(truth))
    assert 0 <= figures.f1_macro <= 1
    if len(set(truth.tolist())) > 1:
        present = [level for level in range(4) if (truth == level).any()]
        assert figures.recall_macro == pytest.approx(
            np.mean([(predicted[truth == level] == level).mean() for level in present])
        )
        one_against_rest = [roc_auc_score(truth >= k, above[:, k - 1]) for k in range(1, 4) if len(set(truth >= k)) > 1]
        assert figures.tauc == pytest.approx(np.mean(one_against_rest))
        if set(predicted.tolist()) <= set(truth.tolist()):
            assert figures.recall_macro == pytest.approx(balanced_accuracy_score(truth, predicted))


@settings(max_examples=40, deadline=None)
@given(LEVELS, st.integers(0, 2**32))
def test_neither_the_order_of_photos_nor_unobserved_ones_change_anything(truth: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted = random.integers(0, 4, len(truth))
    above = -np.sort(-random.random((len(truth), 3)), axis=1)
    figures = as_dict(label_metrics(truth, predicted, above))
    order = random.permutation(len(truth))
    shuffled = as_dict(label_metrics(truth[order], predicted[order], above[order]))
    assert shuffled == figures
    more = label_metrics(
        np.append(truth, [-1, -1]), np.append(predicted, [3, 0]), np.vstack([above, np.ones((1, 3)), np.zeros((1, 3))])
    )
    assert as_dict(more) == figures

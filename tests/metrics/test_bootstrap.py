"""Intervals: every resample equals scikit-learn's figures of the photos drawn, and intervals behave as they should."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="metrics need the eval extra")

from drawn_predictions import LABELS, drawn

from iqa_cli.metrics import bootstrap as module
from iqa_cli.metrics.bootstrap import bootstrap, resampled_figures, weights
from iqa_cli.metrics.ordinal import label_metrics
from iqa_cli.metrics.records import INTERVALS, Interval, LabelMetrics, Predictions


def figures_of(predictions: Predictions, label: int, rows: np.ndarray) -> LabelMetrics:
    """What scikit-learn says of some photos, each as often as it is named."""
    above = None
    if predictions.marginals is not None:
        above = predictions.marginals[label][rows][:, ::-1].cumsum(1)[:, ::-1][:, 1:]
    truth, predicted = predictions.truth[rows, label], predictions.predicted[rows, label]
    return label_metrics(truth, predicted, above, levels=predictions.n_levels[label])


def intervals_of(predictions: Predictions, resamples: int = 300) -> dict[str, dict[str, Interval | None]]:
    return bootstrap(predictions, resamples=resamples, confidence=0.95, seed=0)[0]


@pytest.mark.parametrize("with_marginals", [True, False])
def test_every_resample_has_the_figures_of_the_photos_drawn(with_marginals: bool) -> None:
    predictions = drawn(60, observed=0.8, with_marginals=with_marginals)
    draws = np.concatenate(list(weights(60, 20, seed=3)), axis=1)
    found = resampled_figures(predictions, iter([draws]))
    checked = 0
    for index, label in enumerate(LABELS):
        whole = figures_of(predictions, index, np.arange(60))
        for resample, drawn_counts in enumerate(draws.T.astype(int)):
            expected = figures_of(predictions, index, np.repeat(np.arange(60), drawn_counts))
            if [count > 0 for count in expected.positives] != [count > 0 for count in whole.positives]:
                continue  # a level is missing: means over levels are left undefined there
            checked += 1
            for name in INTERVALS:
                assert found[label][name][resample] == pytest.approx(getattr(expected, name), nan_ok=True), name
    assert checked > 30


def test_tied_probabilities_count_half() -> None:
    predictions = drawn(80)
    assert predictions.marginals is not None
    coarse = tuple(np.round(table * 4) / 4 for table in predictions.marginals)
    predictions = dataclasses.replace(predictions, marginals=coarse)
    found = resampled_figures(predictions, iter([np.ones((80, 1), np.float32)]))
    for index, label in enumerate(LABELS):
        assert found[label]["tauc"][0] == pytest.approx(figures_of(predictions, index, np.arange(80)).tauc)


def test_a_resample_draws_as_many_photos_as_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 100)  # three resamples of 30 photos at once
    pieces = list(weights(30, 10, seed=0))
    assert [piece.shape for piece in pieces] == [(30, 3)] * 3 + [(30, 1)]
    assert all((piece.sum(0) == 30).all() for piece in pieces)


def test_working_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = intervals_of(drawn(50))
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 50 * 7)
    assert intervals_of(drawn(50)) == whole


@pytest.mark.parametrize("seed", range(5))
def test_an_interval_holds_its_figure_on_ordinary_data(seed: int) -> None:
    predictions = drawn(400, seed)
    for index, label in enumerate(LABELS):
        figures = figures_of(predictions, index, np.arange(400))
        for name, interval in intervals_of(predictions)[label].items():
            if interval is not None:
                assert interval.low <= getattr(figures, name) <= interval.high, (label, name)


def test_more_photos_make_it_narrower() -> None:
    few, many = (intervals_of(drawn(n))["bright"]["qwk"] for n in (100, 1600))
    assert few
    assert many
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_the_interval_of_an_accuracy_is_as_wide_as_the_binomial_says() -> None:
    predictions = drawn(400)
    accuracy = figures_of(predictions, 0, np.arange(400)).accuracy
    interval = intervals_of(predictions, 2000)["bright"]["accuracy"]
    assert interval
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * math.sqrt(accuracy * (1 - accuracy) / 400), rel=0.1)


def test_the_order_of_photos_changes_no_interval() -> None:
    predictions = drawn(70)
    order = np.random.default_rng(1).permutation(70)
    assert predictions.marginals is not None
    shuffled = dataclasses.replace(
        predictions,
        names=tuple(predictions.names[row] for row in order),
        truth=predictions.truth[order],
        predicted=predictions.predicted[order],
        marginals=tuple(table[order] for table in predictions.marginals),
    )
    assert bootstrap(shuffled, resamples=50, confidence=0.9, seed=0) == bootstrap(
        predictions, resamples=50, confidence=0.9, seed=0
    )


def test_what_does_not_vary_gets_no_interval() -> None:
    predictions = drawn(40)
    perfect = dataclasses.replace(predictions, predicted=predictions.truth.copy())
    intervals = intervals_of(perfect)["bright"]
    assert (intervals["accuracy"], intervals["miss_rate"]) == (None, None)
    assert intervals["accuracy_constant"] is not None


def test_a_level_with_one_photo_gives_no_mean_over_levels_without_it() -> None:
    predictions = drawn(40)
    truth = np.zeros_like(predictions.truth)
    truth[0] = 1
    found = resampled_figures(dataclasses.replace(predictions, truth=truth), weights(40, 500, seed=0))
    undefined = np.isnan(found["bright"]["recall_macro"]).mean()
    assert undefined == pytest.approx((1 - 1 / 40) ** 40, abs=0.07)  # the share of draws that miss one photo of 40


def test_a_label_nobody_observed_has_no_interval_and_does_not_touch_the_means() -> None:
    predictions = drawn(40)
    truth = predictions.truth.copy()
    truth[:, 0] = -1
    by_label, means = bootstrap(dataclasses.replace(predictions, truth=truth), resamples=50, confidence=0.95, seed=0)
    assert set(by_label["bright"].values()) == {None}
    assert means["accuracy"] is not None

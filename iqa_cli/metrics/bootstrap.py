"""Percentile bootstrap intervals of the figures, over photos drawn with replacement.

A resample is a weight per photo: how often it was drawn. All figures but the AUC are functions of the table of
true against predicted levels, which for all resamples at once is one product of matrices; the AUC is a sum over the
positives of the negatives below each, read off cumulated weights. So a thousand resamples of six thousand photos take
seconds, and a resample is the same photos for every label, which is what makes intervals of means right.

Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.metrics.records import INTERVALS, SEVERE, Interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from iqa_cli.metrics.records import Predictions

    Floats = NDArray[np.float64]

CELLS_AT_ONCE = 2_000_000
"""Photos times resamples that are worked on together: eight megabytes of weights."""
DEFINED_SHARE = 0.5
"""A figure that is undefined in more than this share of the resamples gets no interval: too few photos to say."""


def bootstrap(
    predictions: Predictions, *, resamples: int, confidence: float, seed: int
) -> tuple[dict[str, dict[str, Interval | None]], dict[str, Interval | None]]:
    """Intervals of `INTERVALS` by label, and of their means over labels; None where the resamples cannot tell.

    resamples   how many times n photos are drawn out of n
    confidence  nominal coverage, 0..1
    seed        of the draws; photos are numbered by name, so that their order does not matter
    """
    by_label = resampled_figures(predictions, weights(len(predictions.names), resamples, seed))
    return _intervals(by_label, INTERVALS, confidence)


def paired_bootstrap(
    first: Predictions, second: Predictions, figures: Sequence[str], *, resamples: int, confidence: float, seed: int
) -> tuple[dict[str, dict[str, Interval | None]], dict[str, Interval | None]]:
    """Intervals of the first's figures less the second's, by label, and of the means of these over labels.

    A resample is the same photos for both, so what makes a photo easy or hard for both of them cancels out.

    first, second  of the same photos by name, and of the same labels
    figures        which of `INTERVALS`
    otherwise as `bootstrap`
    """
    n = len(first.names)
    one, other = (resampled_figures(of, weights(n, resamples, seed)) for of in (first, second))
    by_label = {label: {name: one[label][name] - other[label][name] for name in figures} for label in first.labels}
    return _intervals(by_label, figures, confidence)


def _intervals(
    by_label: dict[str, dict[str, Floats]], names: Sequence[str], confidence: float
) -> tuple[dict[str, dict[str, Interval | None]], dict[str, Interval | None]]:
    """Intervals by label, and of the means over labels."""
    with np.errstate(invalid="ignore"):
        means = {name: _nanmean(np.stack([of[name] for of in by_label.values()])) for name in names}
    intervals = {
        label: {name: _interval(values, confidence) for name, values in figures.items()}
        for label, figures in by_label.items()
    }
    return intervals, {name: _interval(values, confidence) for name, values in means.items()}


def weights(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each of n photos was drawn: (n, R) float32 pieces with R adding up to `resamples`.

    Float32 holds these counts and all sums of them exactly for up to sixteen million photos.
    """
    generator = np.random.default_rng(seed)
    at_once = max(1, CELLS_AT_ONCE // max(1, n))
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = generator.integers(0, n, (count, n))
        drawn += np.arange(count)[:, None] * n
        piece = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n)
        yield np.ascontiguousarray(piece.T, dtype=np.float32)


def resampled_figures(predictions: Predictions, pieces: Iterator[NDArray[np.float32]]) -> dict[str, dict[str, Floats]]:
    """Every figure in every resample: by label, by figure, (R,); nan where it is undefined.

    pieces  (n, R) weights of the photos in order of their names
    """
    order = np.array(sorted(range(len(predictions.names)), key=predictions.names.__getitem__), dtype=np.intp)
    labels = [_Label(predictions, index, order) for index in range(len(predictions.labels))]
    found: list[list[dict[str, Floats]]] = [[] for _ in labels]
    for piece in pieces:
        for label, parts in zip(labels, found, strict=True):
            parts.append(label.figures(piece))
    return {
        name: {figure: np.concatenate([part[figure] for part in parts]) for figure in INTERVALS}
        for name, parts in zip(predictions.labels, found, strict=True)
    }


class _Label:
    """What the figures of one label need of its photos, put in order once for all resamples."""

    def __init__(self, predictions: Predictions, index: int, order: NDArray[np.intp]) -> None:
        truth = predictions.truth[order, index]
        self.levels = predictions.n_levels[index]
        observed = truth >= 0
        cell = truth * self.levels + predictions.predicted[order, index]
        # (K * K, n): one where a photo belongs to the cell (true level, predicted level); unobserved ones to none.
        self.cells = ((cell == np.arange(self.levels**2)[:, None]) & observed).astype(np.float32)
        self.whole = self.cells.sum(1).astype(np.int64).reshape(self.levels, self.levels)
        self.thresholds: list[_Threshold] = []
        if predictions.marginals is not None:
            cumulative = predictions.marginals[index][order][:, ::-1].cumsum(1)[:, ::-1]
            for level in range(1, self.levels):
                positive = observed & (truth >= level)
                negative = observed & (truth < level)
                if positive.any() and negative.any():
                    self.thresholds.append(_Threshold(cumulative[:, level], positive, negative))

    def figures(self, piece: NDArray[np.float32]) -> dict[str, Floats]:
        """By figure (R,), for (n, R) weights."""
        if not self.whole.any():
            return {name: np.full(piece.shape[1], np.nan) for name in INTERVALS}
        table = (self.cells @ piece).astype(np.float64).reshape(self.levels, self.levels, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = figures_of_tables(table, self.whole)
            areas = [threshold.areas(piece) for threshold in self.thresholds]
            figures["tauc"] = np.mean(areas, axis=0) if areas else np.full(piece.shape[1], np.nan)
        return figures


class _Threshold:
    """One "this level or worse" question: the photos on both sides, sorted by its probability."""

    def __init__(self, score: Floats, positive: NDArray[np.bool_], negative: NDArray[np.bool_]) -> None:
        self.positives = np.flatnonzero(positive)
        negatives = np.flatnonzero(negative)
        self.negatives = negatives[np.argsort(score[negatives], kind="stable")]
        rising = score[self.negatives]
        self.below = np.searchsorted(rising, score[self.positives], "left")
        self.below_or_tied = np.searchsorted(rising, score[self.positives], "right")

    def areas(self, piece: NDArray[np.float32]) -> Floats:
        """Area under the ROC curve (R,): the share of pairs in the right order, ties half; nan without a pair."""
        cumulated = np.zeros((len(self.negatives) + 1, piece.shape[1]), np.float32)
        np.cumsum(piece[self.negatives], axis=0, out=cumulated[1:])
        drawn = piece[self.positives]
        under = cumulated[self.below].astype(np.float64) + cumulated[self.below_or_tied]
        pairs = drawn.sum(0, dtype=np.float64) * cumulated[-1]
        areas: Floats = 0.5 * np.einsum("pr,pr->r", drawn.astype(np.float64), under) / pairs
        return areas


def figures_of_tables(table: Floats, whole: NDArray[np.int64]) -> dict[str, Floats]:
    """The figures that tables of true (rows) against predicted levels determine.

    table    (K, K, R) counts of R resamples
    whole    (K, K) counts of the data they were drawn from
    returns  by figure (R,); nan where it is undefined, as in `LabelMetrics`, and for a mean over levels also where
             one of the data's levels was not drawn: with fewer levels it would be another figure
    """
    levels = len(table)
    true, predicted = table.sum(1), table.sum(0)  # (K, R)
    n = true.sum(0)
    right = np.stack([table[level, level] for level in range(levels)])
    distance = np.subtract.outer(np.arange(levels), np.arange(levels)).astype(np.float64) ** 2
    expected = np.einsum("ij,ir,jr->r", distance, true, predicted) / n
    occurs = whole.sum(1) > 0
    told = occurs | (whole.sum(0) > 0)
    told_by_constant = occurs | (np.arange(levels) == 0)
    accuracy, constant = right.sum(0) / n, true[0] / n
    right_by_constant = np.concatenate([true[:1], np.zeros_like(true[1:])])
    given_by_constant = np.concatenate([n[None], np.zeros_like(true[1:])])
    return {
        "accuracy": accuracy,
        "accuracy_constant": constant,
        "accuracy_gain": accuracy - constant,
        "qwk": 1 - np.einsum("ij,ijr->r", distance, table) / expected,
        "recall_macro": (right / true)[occurs].mean(0),
        "recall_macro_constant": (right_by_constant / true)[occurs].mean(0),
        "f1_macro": (2 * right / (true + predicted))[told].mean(0),
        "f1_macro_constant": (2 * right_by_constant / (true + given_by_constant))[told_by_constant].mean(0),
        "miss_rate": table[SEVERE:, :SEVERE].sum((0, 1)) / true[SEVERE:].sum(0),
        "false_alarm_rate": table[0, 1:].sum(0) / true[0],
        "false_alarm_rate_severe": table[0, SEVERE:].sum(0) / true[0] * (1.0 if levels > SEVERE else np.nan),
    }


def _nanmean(values: Floats) -> Floats:
    """Mean over the first axis of what is defined; nan where nothing is. `np.nanmean` warns of that."""
    defined = ~np.isnan(values)
    mean: Floats = np.where(defined, values, 0.0).sum(0) / defined.sum(0)
    return mean


def _interval(values: Floats, confidence: float) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < DEFINED_SHARE * len(values) or not len(defined):
        return None
    if defined.min() == defined.max():
        # Three of three photos missed: so are they in every resample, which is no proof that all of them always are.
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))

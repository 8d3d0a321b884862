"""Predictions to figures, with intervals."""

from __future__ import annotations

import importlib.util

import numpy as np

from iqa_cli.errors import MissingExtra, UsageError
from iqa_cli.metrics.records import FIGURES, Evaluation, Predictions

RESAMPLES = 1000
CONFIDENCE = 0.95


def refuse_without_scikit_learn() -> None:
    """So that nobody waits for a thousand photos to be judged before hearing of it.

    raises  MissingExtra  if scikit-learn, which computes the figures, is not installed
    """
    if importlib.util.find_spec("sklearn") is None:
        raise MissingExtra("iqa eval", "scikit-learn", "eval")


def evaluate(
    predictions: Predictions, *, resamples: int = RESAMPLES, confidence: float = CONFIDENCE, seed: int = 0
) -> Evaluation:
    """How good predictions are, per label and in the mean over labels.

    predictions  what was predicted, beside the truth
    resamples    bootstrap resamples behind the intervals; 0 leaves the intervals out
    confidence   nominal coverage of the intervals, between 0 and 1
    seed         of the resampling: the same predictions give the same intervals
    raises       MissingExtra  if scikit-learn is not installed
                 UsageError    if there is no photo, or a number is out of range
    """
    if resamples < 0 or not 0 < confidence < 1:
        raise UsageError(f"expected resamples >= 0 and confidence between 0 and 1, got {resamples} and {confidence}")
    if not predictions.names:
        raise UsageError(f"{predictions.source}: no photo to evaluate")
    refuse_without_scikit_learn()
    from iqa_cli.metrics.bootstrap import bootstrap
    from iqa_cli.metrics.ordinal import label_metrics, mean_of

    figures = {
        label: label_metrics(
            predictions.truth[:, index],
            predictions.predicted[:, index],
            None if predictions.marginals is None else _cumulative(predictions.marginals[index]),
            levels=predictions.n_levels[index],
        )
        for index, label in enumerate(predictions.labels)
    }
    intervals, mean_intervals = (
        bootstrap(predictions, resamples=resamples, confidence=confidence, seed=seed) if resamples else ({}, {})
    )
    return Evaluation(
        source=predictions.source,
        n=len(predictions.names),
        labels=figures,
        mean={name: mean_of(figures, name) for name in FIGURES},
        mean_over={name: sum(not np.isnan(getattr(entry, name)) for entry in figures.values()) for name in FIGURES},
        intervals=intervals,
        mean_intervals=mean_intervals,
        resamples=resamples,
        confidence=confidence,
        has_probabilities=predictions.marginals is not None,
        unreadable=predictions.unreadable,
        caveats=predictions.caveats,
    )


def _cumulative(
    marginals: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(n, K) probability of every level to (n, K-1) probability of reaching each above the lowest."""
    return marginals[:, ::-1].cumsum(1)[:, ::-1][:, 1:]

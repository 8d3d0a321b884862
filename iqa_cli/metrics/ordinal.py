"""How good predictions of ordered levels are, always beside the constant answer "none".

Accuracy is nearly a constant answer where problems are rare, so quadratic weighted kappa, threshold AUC, macro
recall and the miss rate lead.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    recall_score,
    roc_auc_score,
)

from iqa_cli.metrics.calibration import expected_calibration_error
from iqa_cli.metrics.records import SEVERE, LabelMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_NAN = float("nan")


def label_metrics(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    cumulative: NDArray[np.float64] | None,
    *,
    levels: int | None = None,
) -> LabelMetrics:
    """Figures of one label.

    truth       (n,)      zero-based true levels; photos with -1, unobserved, are left out
    predicted   (n,)      zero-based predicted levels
    cumulative  (n, K-1)  probability of reaching each level above the lowest, 0..1; None leaves threshold AUC and
                          calibration error undefined
    levels      K; needed where `cumulative` is None
    """
    if levels is None:
        if cumulative is None:
            raise TypeError("levels is needed where there are no probabilities")
        levels = cumulative.shape[1] + 1
    observed = truth >= 0
    truth, predicted = truth[observed], predicted[observed]
    n = len(truth)
    areas: list[float] = []
    ece = _NAN
    if cumulative is not None and n:
        cumulative = cumulative[observed]
        areas = [
            roc_auc_score(truth >= level, cumulative[:, level - 1])
            for level in range(1, levels)
            if 0 < int((truth >= level).sum()) < n
        ]
        ece = expected_calibration_error(cumulative[:, 0], truth >= 1)
    none, severe = truth == 0, truth >= SEVERE
    constant = np.zeros_like(truth)
    return LabelMetrics(
        n=n,
        positives=tuple(int((truth == level).sum()) for level in range(levels)),
        confusion=_confusion(truth, predicted, levels),
        accuracy=float(accuracy_score(truth, predicted)) if n else _NAN,
        accuracy_constant=_share(none, none | True),
        qwk=_kappa(truth, predicted, levels),
        tauc=float(np.mean(areas)) if areas else _NAN,
        tauc_thresholds=len(areas),
        recall_macro=_recall(truth, predicted),
        recall_macro_constant=_recall(truth, constant),
        f1_macro=_f1(truth, predicted),
        f1_macro_constant=_f1(truth, constant),
        miss_rate=_share(predicted < SEVERE, severe),
        false_alarm_rate=_share(predicted >= 1, none),
        false_alarm_rate_severe=_share(predicted >= SEVERE, none) if levels > SEVERE else _NAN,
        ece=ece,
    )


def mean_of(metrics: Mapping[str, LabelMetrics], name: str) -> float:
    """Mean of one figure over the labels where it is defined; nan where it is defined for none."""
    values = np.array([getattr(entry, name) for entry in metrics.values()], np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else _NAN


def _share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """Share of `hits` among some photos; nan if there is none of these."""
    return float(hits[among].mean()) if among.any() else _NAN


def _confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], levels: int) -> tuple[tuple[int, ...], ...]:
    if not len(truth):
        return ((0,) * levels,) * levels
    table = confusion_matrix(truth, predicted, labels=list(range(levels)))
    return tuple(tuple(int(count) for count in row) for row in table)


def _kappa(truth: NDArray[np.int64], predicted: NDArray[np.int64], levels: int) -> float:
    if not len(truth):
        return _NAN
    with warnings.catch_warnings():
        # One constant in truth and prediction: kappa is undefined, which the nan says.
        warnings.simplefilter("ignore")
        return float(cohen_kappa_score(truth, predicted, weights="quadratic", labels=list(range(levels))))


def _recall(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Over the levels that occur: a level without a photo has no recall."""
    if not len(truth):
        return _NAN
    return float(recall_score(truth, predicted, labels=np.unique(truth), average="macro"))


def _f1(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Over the levels that occur or were predicted: a level that was only predicted has an F1 of 0."""
    if not len(truth):
        return _NAN
    return float(f1_score(truth, predicted, average="macro", zero_division=0.0))

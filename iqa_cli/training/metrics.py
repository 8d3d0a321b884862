"""How good predictions of ordered levels are, always beside the constant answer "none".

Accuracy is nearly a constant answer where problems are rare, so quadratic weighted kappa and threshold AUC lead.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import accuracy_score, cohen_kappa_score, roc_auc_score

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class LabelMetrics:
    """Figures of one label over n pictures."""

    n: int
    """Pictures judged."""
    positives: tuple[int, ...]
    """True pictures per level, K of them."""
    accuracy: float
    """Share with exactly the right level."""
    accuracy_constant: float
    """Share that answering "none" every time gets right."""
    qwk: float
    """Quadratic weighted kappa: 1 is perfect, 0 is chance; nan if truth and prediction are the same constant.
    Cohen, Psychological Bulletin 1968."""
    tauc: float
    """Mean area under the ROC curve of P(level >= k) over the thresholds that occur; nan if none does."""
    tauc_thresholds: int
    """How many thresholds occur, of K - 1."""


def label_metrics(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], cumulative: NDArray[np.float64]
) -> LabelMetrics:
    """Figures of one label.

    truth       (n,)      zero-based true levels
    predicted   (n,)      zero-based predicted levels
    cumulative  (n, K-1)  probability of reaching each level above the lowest, 0..1
    """
    levels = cumulative.shape[1] + 1
    areas = [
        roc_auc_score(truth >= level, cumulative[:, level - 1])
        for level in range(1, levels)
        if 0 < int((truth >= level).sum()) < len(truth)
    ]
    with warnings.catch_warnings():
        # One constant in truth and prediction: kappa is undefined, which the nan says.
        warnings.simplefilter("ignore")
        qwk = float(cohen_kappa_score(truth, predicted, weights="quadratic", labels=list(range(levels))))
    return LabelMetrics(
        n=len(truth),
        positives=tuple(int((truth == level).sum()) for level in range(levels)),
        accuracy=float(accuracy_score(truth, predicted)),
        accuracy_constant=float((truth == 0).mean()),
        qwk=qwk,
        tauc=float(np.mean(areas)) if areas else float("nan"),
        tauc_thresholds=len(areas),
    )


def mean_of(metrics: dict[str, LabelMetrics], name: str) -> float:
    """Mean of one figure over the labels where it is defined; nan where it is defined for none."""
    values = np.array([getattr(entry, name) for entry in metrics.values()], np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")

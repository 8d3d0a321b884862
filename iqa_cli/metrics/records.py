"""Records of an evaluation: what was predicted, and how good it is. Frozen, checked where they are made.

Levels are zero-based in these arrays and tables, as in the files of labels and predictions (0 none, 1 ordinary,
2 severe, 3 blocking); -1 is a label that nobody observed.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

SEVERE = 2
"""Zero-based level from which a problem is severe."""


@dataclasses.dataclass(frozen=True, slots=True)
class Predictions:
    """Truth and prediction of n photos for L labels."""

    source: str
    """Where they come from, for people: a file's name."""
    names: tuple[str, ...]
    """The photos, n of them, no name twice."""
    labels: tuple[str, ...]
    """The labels, L of them, in the order of the columns below."""
    truth: NDArray[np.int64]
    """(n, L) true zero-based levels; -1 where nobody looked."""
    predicted: NDArray[np.int64]
    """(n, L) predicted zero-based levels."""
    n_levels: tuple[int, ...]
    """K of every label."""
    marginals: tuple[NDArray[np.float64], ...] | None = None
    """Per label (n, K): the probability of every level, 0..1. None where only levels were predicted."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """(name, reason) of labelled photos that could not be judged; they are not among `names`."""
    notes: tuple[str, ...] = ()
    """What to know about how they were read, such as what the labels were taken to be."""
    caveats: tuple[str, ...] = ()
    """What the checkpoint that made them says of every figure of its own: photographs on two sides, hidden labels."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit each other, and levels that a label does not have."""
        shape = (len(self.names), len(self.labels))
        for what, levels, lowest in (("truth", self.truth, -1), ("predicted", self.predicted, 0)):
            if levels.shape != shape:
                raise ValueError(f"{what}: expected {shape}, got {levels.shape}")
            if len(self.n_levels) != len(self.labels) or (levels < lowest).any() or (levels >= self.n_levels).any():
                raise ValueError(f"{what}: levels outside {lowest}..K-1 for K = {self.n_levels}")
        if self.marginals is not None:
            expected = [(len(self.names), count) for count in self.n_levels]
            if [table.shape for table in self.marginals] != expected:
                raise ValueError(f"marginals: expected {expected}, got {[table.shape for table in self.marginals]}")


@dataclasses.dataclass(frozen=True, slots=True)
class LabelMetrics:
    """Figures of one label over n photos; nan where a figure is undefined."""

    n: int
    """Photos judged whose level is known."""
    positives: tuple[int, ...]
    """True photos per level, K of them, "none" first."""
    confusion: tuple[tuple[int, ...], ...]
    """K rows of K counts: row by true level, column by predicted level."""
    accuracy: float
    """Share with exactly the right level."""
    accuracy_constant: float
    """Share that answering "none" every time gets right."""
    qwk: float
    """Quadratic weighted kappa: 1 is perfect, 0 is chance and the constant answer; nan if truth and prediction are
    the same constant. Cohen, Psychological Bulletin 1968."""
    tauc: float
    """Threshold AUC: mean area under the ROC curve of P(level >= k) over the thresholds k that occur; 0.5 is chance
    and the constant answer. nan if none occurs, or if there are no probabilities."""
    tauc_thresholds: int
    """How many thresholds counted, of K - 1; 0 without probabilities."""
    recall_macro: float
    """Recall per level, mean over the levels that occur (balanced accuracy). The constant answer gets 1 over their
    number."""
    recall_macro_constant: float
    """What the constant answer gets."""
    f1_macro: float
    """F1 per level, mean over the levels that occur or were predicted."""
    f1_macro_constant: float
    """What the constant answer gets."""
    miss_rate: float
    """Of the photos that are severe or worse, the share called ordinary or none. The constant answer misses all. nan
    if there is none."""
    false_alarm_rate: float
    """Of the photos that are none, the share called ordinary or worse; nan if there is none."""
    false_alarm_rate_severe: float
    """Of the photos that are none, the share called severe or worse; nan if there is none."""
    ece: float
    """Expected calibration error of P(level is ordinary or worse), 15 bins of equal width, 0..1; nan without
    probabilities. Guo et al., ICML 2017."""

    @property
    def accuracy_gain(self) -> float:
        """What the model gets right more often than the constant answer does."""
        return self.accuracy - self.accuracy_constant


FIGURES = (
    "accuracy",
    "accuracy_constant",
    "accuracy_gain",
    "qwk",
    "tauc",
    "recall_macro",
    "recall_macro_constant",
    "f1_macro",
    "f1_macro_constant",
    "miss_rate",
    "false_alarm_rate",
    "false_alarm_rate_severe",
    "ece",
)
"""The figures of a label that a mean over labels is taken of, in the order of reports."""
INTERVALS = tuple(name for name in FIGURES if name != "ece")
"""The figures that get an interval. Resampling adds noise to a calibration error, which cannot be negative, so its
percentiles lie above the error itself and would mislead."""


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Evaluation:
    """How good predictions are, per label and in the mean."""

    source: str
    """What was evaluated, for people."""
    n: int
    """Photos judged."""
    labels: Mapping[str, LabelMetrics]
    """Figures per label, in column order."""
    mean: Mapping[str, float]
    """Each of `FIGURES`, its mean over the labels where it is defined; nan where it is defined for none."""
    mean_over: Mapping[str, int]
    """Each of `FIGURES`: over how many labels the mean was taken."""
    intervals: Mapping[str, Mapping[str, Interval | None]]
    """By label, then by figure (`INTERVALS`); None where resamples cannot tell: a figure that is undefined in too many
    of them, or the same in all. Empty if no intervals were asked for."""
    mean_intervals: Mapping[str, Interval | None]
    """By figure, of the mean, likewise."""
    resamples: int
    """Bootstrap resamples behind the intervals."""
    confidence: float
    """Nominal coverage of the intervals, 0..1."""
    has_probabilities: bool
    """Whether there were probabilities, without which threshold AUC and calibration error do not exist."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """(name, reason) of labelled photos that could not be judged."""
    caveats: tuple[str, ...] = ()
    """See `Predictions`."""

    @property
    def beats_constant(self) -> bool:
        """Whether its mean accuracy is above that of answering "none" every time."""
        return self.mean["accuracy_gain"] > 0


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """One figure over several evaluations."""

    mean: float
    """Over those in which it is defined; nan if in none."""
    sd: float
    """Sample standard deviation (n - 1); nan of fewer than two."""
    n: int
    """Evaluations in which it is defined."""


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """Several evaluations of the same labels together, such as those of repeated splits."""

    files: tuple[str, ...]
    """What was summed up, for people."""
    labels: Mapping[str, Mapping[str, Spread]]
    """By label, then each of `FIGURES`."""
    mean: Mapping[str, Spread]
    """Each of `FIGURES`: of the means over the labels that the evaluations have."""
    caveats: tuple[str, ...] = ()
    """What any of them says of its figures, each once."""

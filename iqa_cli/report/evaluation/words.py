"""An evaluation in one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqa_cli.metrics.records import Evaluation, Interval

SLIGHT = 0.2
"""Kappa up to which agreement is slight. Landis and Koch, Biometrics 1977."""


def verdict(evaluation: Evaluation) -> str:
    """Whether the model beats the constant answer "none", by how much in accuracy, and in what matters.

    "The model is worse than the constant answer "none": accuracy 0.9434 against 0.9532 (-0.0098, 95% interval
    -0.0166 to -0.0038); but in what matters it is only slightly better: quadratic weighted kappa 0.08 (constant 0),
    macro recall 0.46 (constant 0.44), 94% of the severe or worse problems missed (constant 100%)."
    """
    mean = evaluation.mean
    if math.isnan(mean["accuracy"]):
        return "Nothing can be said: not one level of these photos is known."
    gain, interval = mean["accuracy_gain"], evaluation.mean_intervals.get("accuracy_gain")
    by = f"{gain:+.4f}{_within(interval, evaluation.confidence)}"
    first = (
        f'The model is {_compared(gain, interval)} the constant answer "none": '
        f"accuracy {mean['accuracy']:.4f} against {mean['accuracy_constant']:.4f} ({by})"
    )
    if math.isnan(mean["qwk"]):
        return f"{first}; no problem occurs here and none was predicted, so nothing else can be said."
    kappa, spread = mean["qwk"], evaluation.mean_intervals.get("qwk")
    parts = [f"quadratic weighted kappa {kappa:.2f} (constant 0)"]
    if not math.isnan(mean["tauc"]):
        parts.append(f"threshold AUC {mean['tauc']:.2f} (constant 0.5)")
    parts.append(f"macro recall {mean['recall_macro']:.2f} (constant {mean['recall_macro_constant']:.2f})")
    if not math.isnan(mean["miss_rate"]):
        parts.append(f"{_percent(mean['miss_rate'])} of the severe or worse problems missed (constant 100%)")
    is_better = kappa > 0 and mean["recall_macro"] > mean["recall_macro_constant"]
    join = "and" if is_better == (gain > 0) else "but"
    return f"{first}; {join} in what matters it is {_in_what_matters(is_better, kappa, spread)}: {', '.join(parts)}."


def _compared(gain: float, interval: Interval | None) -> str:
    if gain < 0:
        return "worse than"
    if gain == 0:
        return "exactly as good as"
    if interval is not None and interval.low <= 0:
        return "better, by no more than chance may explain, than"
    return "better than"


def _in_what_matters(is_better: bool, kappa: float, spread: Interval | None) -> str:
    if not is_better:
        return "no better"
    if spread is not None and spread.low <= 0:
        return "better by no more than chance may explain"
    return "only slightly better" if kappa <= SLIGHT else "better"


def _within(interval: Interval | None, confidence: float) -> str:
    if interval is None:
        return ""
    return f", {100 * confidence:g}% interval {interval.low:+.4f} to {interval.high:+.4f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"

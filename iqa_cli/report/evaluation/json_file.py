"""An evaluation as one JSON document: the same numbers as the table, and all of them.

    format_version      1; changes when a key changes its meaning or goes, new keys may join without
    source, n           what was evaluated; photos judged
    labels              by label, the fields of `metrics.records.LabelMetrics`, then `accuracy_gain`, then
                        `<figure>_ci`: [low, high] for each figure with an interval
    mean                the figures' means over the labels where they are defined, `<figure>_ci` likewise; `n` is the
                        mean number of photos, `labels` over how many labels each mean was taken
    beats_constant      whether the mean accuracy is above that of answering "none" every time
    verdict             the table's closing sentence
    intervals           how the intervals were made: {"method", "confidence", "resamples"} or null
    has_probabilities   false where only levels were predicted: threshold AUC and calibration error are null then
    caveats             what the model's checkpoint says of every figure of its own: photographs on two sides of its
                        split, labels that training hid; mostly []
    unreadable          [{"filename", "error"}] of labelled photos that could not be judged
    against, difference only with --against, see `difference_files`

What is undefined is null. Figures are rounded to six decimals.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

from iqa_cli.metrics.records import FIGURES
from iqa_cli.report.evaluation.words import verdict
from iqa_cli.report.text import utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.metrics.records import Evaluation, Interval

FORMAT_VERSION = 1


def evaluation_as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The document, ready for `json.dumps`."""
    labels = {
        utf8(label): {
            **{name: plain(value) for name, value in dataclasses.asdict(figures).items()},
            "accuracy_gain": plain(figures.accuracy_gain),
            **intervals_as_json(evaluation.intervals.get(label, {})),
        }
        for label, figures in evaluation.labels.items()
    }
    photos = [figures.n for figures in evaluation.labels.values()]
    mean = sum(photos) / len(photos)
    return {
        "format_version": FORMAT_VERSION,
        "source": utf8(evaluation.source),
        "n": evaluation.n,
        "labels": labels,
        "mean": {
            "n": int(mean) if mean.is_integer() else plain(mean),
            **{name: plain(evaluation.mean[name]) for name in FIGURES},
            **intervals_as_json(evaluation.mean_intervals),
            "labels": dict(evaluation.mean_over),
        },
        "beats_constant": evaluation.beats_constant,
        "verdict": verdict(evaluation),
        "intervals": intervals_made(evaluation, "percentile bootstrap over photos"),
        "has_probabilities": evaluation.has_probabilities,
        "caveats": [utf8(caveat) for caveat in evaluation.caveats],
        "unreadable": [{"filename": utf8(name), "error": utf8(error)} for name, error in evaluation.unreadable],
    }


def evaluation_json(evaluation: Evaluation) -> bytes:
    """The document as it is written: UTF-8, indented, a line feed at the end."""
    text = json.dumps(evaluation_as_json(evaluation), ensure_ascii=False, allow_nan=False, indent=2)
    return text.encode("utf-8") + b"\n"


def plain(value: Any) -> Any:
    """A figure as the document has it: rounded, null where it is undefined; lists of them likewise."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return [plain(entry) for entry in value] if isinstance(value, tuple) else value


def intervals_as_json(intervals: Mapping[str, Interval | None]) -> dict[str, list[float] | None]:
    """Each under its key."""
    return {
        f"{name}_ci": [plain(interval.low), plain(interval.high)] if interval else None
        for name, interval in intervals.items()
    }


def intervals_made(evaluation: Evaluation, method: str) -> dict[str, Any] | None:
    """How intervals were made; None if there are none."""
    if not evaluation.resamples:
        return None
    return {"method": method, "confidence": evaluation.confidence, "resamples": evaluation.resamples}

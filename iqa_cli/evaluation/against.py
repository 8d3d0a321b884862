"""Two models on the same photos: what differs, and whether chance would explain it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.evaluation.evaluate import CONFIDENCE, RESAMPLES, evaluate
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.table import same_file_key
from iqa_cli.metrics.differences import COMPARED, COMPARED_INTERVALS, Changed, Difference, LabelDifference, Right
from iqa_cli.significance import detectable_shift, holm, sign_test
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.metrics.records import Interval, Predictions


def evaluate_against(
    first: Predictions,
    second: Predictions,
    *,
    first_name: str | None = None,
    second_name: str | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Difference:
    """How the first model differs from the second on the photos and labels that both have.

    first, second            predictions beside the truth, in any order of photos and labels
    first_name, second_name  what people call the models; their source unless told
    resamples                paired bootstrap resamples behind the intervals; 0 leaves the intervals out
    confidence               nominal coverage of the intervals, between 0 and 1
    seed                     of the resampling
    raises                   LabelsError   if they share no photo or no label, a label has other levels in one of them,
                                           or they do not agree on the truth
                             MissingExtra, UsageError  as `evaluate`

    Whether a level is right is tested by McNemar's exact test, per label; McNemar, Psychometrika 1947.
    """
    for predictions in (first, second):
        if not predictions.names:
            raise UsageError(f"{predictions.source}: no photo to evaluate")
    one, other, apart = _aligned(first, second)
    of_first, of_second = (evaluate(of, resamples=resamples, confidence=confidence, seed=seed) for of in (one, other))
    intervals, mean_intervals = _intervals(one, other, resamples, confidence, seed)
    rights, photos = _rights(one, other)
    tests = sum(right.n > 0 for right in rights) + 1
    labels = {
        label: LabelDifference(
            figures={
                name: getattr(of_first.labels[label], name) - getattr(of_second.labels[label], name)
                for name in COMPARED
            },
            intervals=intervals.get(label, {}),
            right=right,
            detectable=detectable_shift(right.n, 2 * min(right.gained, right.lost) / max(1, right.n), tests),
        )
        for label, right in zip(one.labels, rights, strict=True)
    }
    defined = {
        name: [found.figures[name] for found in labels.values() if not np.isnan(found.figures[name])]
        for name in COMPARED
    }
    return Difference(
        first_name=first_name or first.source,
        second_name=second_name or second.source,
        first=of_first,
        second=of_second,
        labels=labels,
        mean={name: float(np.mean(values)) if values else float("nan") for name, values in defined.items()},
        mean_over={name: len(values) for name, values in defined.items()},
        mean_intervals=mean_intervals,
        photos=photos,
        changed=_changed(one, other),
        only_first=_only(first, second),
        only_second=_only(second, first),
        labels_apart=apart,
    )


def _aligned(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions, tuple[str, ...]]:
    """Both with the same photos and labels in the first's order; and the labels that only one has."""
    labels = [label for label in first.labels if label in second.labels]
    if not labels:
        raise LabelsError(
            f"{first.source} and {second.source} have no label in common",
            problems=[", ".join(shortened(list(of.labels))) for of in (first, second)],
            hint="--labels names the positions of predictions files that do not name them",
        )
    place = {same_file_key(name): row for row, name in enumerate(second.names)}
    rows = [row for row, name in enumerate(first.names) if same_file_key(name) in place]
    if not rows:
        raise LabelsError(
            f"{first.source} and {second.source} have no photo in common",
            problems=[f"{quote(of.names[0])}, ..." for of in (first, second)],
            hint="photos are told by their file names, folders included",
        )
    one = _part(first, rows, labels)
    other = _part(second, [place[same_file_key(name)] for name in one.names], labels)
    _refuse_other_levels(one, other)
    _refuse_other_truth(one, other)
    apart = [label for label in (*first.labels, *second.labels) if label not in labels]
    return one, dataclasses.replace(other, names=one.names), tuple(apart)


def _part(predictions: Predictions, rows: Sequence[int], labels: Sequence[str]) -> Predictions:
    """Some photos and labels, in this order."""
    columns = [predictions.labels.index(label) for label in labels]
    marginals = predictions.marginals
    return dataclasses.replace(
        predictions,
        names=tuple(predictions.names[row] for row in rows),
        labels=tuple(labels),
        truth=predictions.truth[np.ix_(rows, columns)],
        predicted=predictions.predicted[np.ix_(rows, columns)],
        n_levels=tuple(predictions.n_levels[column] for column in columns),
        marginals=None if marginals is None else tuple(marginals[column][rows] for column in columns),
    )


def _refuse_other_levels(one: Predictions, other: Predictions) -> None:
    differing = [
        f"{quote(label)}: {counts[0]} and {counts[1]} levels"
        for label, *counts in zip(one.labels, one.n_levels, other.n_levels, strict=True)
        if counts[0] != counts[1]
    ]
    if differing:
        raise LabelsError(f"{one.source} and {other.source} have labels of other levels", problems=shortened(differing))


def _refuse_other_truth(one: Predictions, other: Predictions) -> None:
    """What counts as right has to be the same for both."""
    rows, columns = np.nonzero(one.truth != other.truth)
    if len(rows):
        told = [
            f"{one.names[row]}, {quote(one.labels[column])}: {one.truth[row, column]} and {other.truth[row, column]}"
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        raise LabelsError(
            f"{one.source} and {other.source} do not agree on the truth: {counted(len(told), 'level')} "
            "(-1 is one that nobody looked at)",
            problems=shortened(told),
            hint="make both files from the same labels",
        )


def _intervals(
    one: Predictions, other: Predictions, resamples: int, confidence: float, seed: int
) -> tuple[dict[str, dict[str, Interval | None]], dict[str, Interval | None]]:
    if not resamples:
        return {}, {}
    from iqa_cli.metrics.bootstrap import paired_bootstrap

    return paired_bootstrap(one, other, COMPARED_INTERVALS, resamples=resamples, confidence=confidence, seed=seed)


def _right(predictions: Predictions) -> NDArray[np.bool_]:
    """(n, L) whether a level is known and right."""
    right: NDArray[np.bool_] = (predictions.truth >= 0) & (predictions.predicted == predictions.truth)
    return right


def _rights(one: Predictions, other: Predictions) -> tuple[list[Right], Right]:
    """Per label, and of the photos by how many of their levels are right; corrected together.

    A label that nobody looked at is no test, and makes the others no harder.
    """
    known = one.truth >= 0
    here, there = _right(one), _right(other)
    counts = [
        [int((known & cell)[:, column].sum()) for cell in (here & there, here & ~there, ~here & there, ~here & ~there)]
        for column in range(len(one.labels))
    ]
    more = here.sum(1) - there.sum(1)
    looked_at = known.any(1)
    counts.append([int((looked_at & (more == 0)).sum()), int((more > 0).sum()), int((more < 0).sum()), 0])
    ps = [sign_test(gained, lost) for _, gained, lost, _ in counts]
    tested = [place for place, cells in enumerate(counts) if any(cells)]
    corrected = dict(zip(tested, holm([ps[place] for place in tested]), strict=True))
    rights = [
        Right(both, gained, lost, neither, p, corrected.get(place, 1.0))
        for place, ((both, gained, lost, neither), p) in enumerate(zip(counts, ps, strict=True))
    ]
    return rights[:-1], rights[-1]


def _changed(one: Predictions, other: Predictions) -> tuple[Changed, ...]:
    rows, columns = np.nonzero(_right(one) != _right(other))
    return tuple(
        Changed(
            name=one.names[row],
            label=one.labels[column],
            truth=int(one.truth[row, column]),
            first=int(one.predicted[row, column]),
            second=int(other.predicted[row, column]),
        )
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    )


def _only(one: Predictions, other: Predictions) -> tuple[str, ...]:
    """Photos that only this one has, judged or not by the other's word."""
    there = {same_file_key(name) for name in other.names}
    return tuple(name for name in one.names if same_file_key(name) not in there)

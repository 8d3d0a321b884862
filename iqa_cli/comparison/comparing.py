"""From two sides to a `Comparison`: counts of pairs, exact tests, bootstrap intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.comparison.pairing import ByPath
from iqa_cli.comparison.records import Comparison, Group, Grouped, LabelChange, Mean, MeasuredChange, PairChange, Turn
from iqa_cli.errors import InvalidInput
from iqa_cli.metrics.bootstrap import weights
from iqa_cli.photometry.luma import linear_light_iec61966
from iqa_cli.significance import CONFIDENCE, detectable_shift, holm, sign_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.comparison.pairing import Pairing
    from iqa_cli.comparison.shots import Side
    from iqa_cli.grouping import Grouping, Value

    Floats = NDArray[np.float64]
    Levels = NDArray[np.int64]

RESAMPLES = 2_000
SEED = 0
SEVERE = 3
"""The level from which a regression is a severe one."""
EV_FLOOR = 1 / 255
"""Luma that counts as the darkest: below it steps of the encoding are whole stops."""


def compare(
    a: Side,
    b: Side,
    pairing: Pairing | None = None,
    *,
    by: Sequence[Grouping] = (),
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare two audits of the same scenes.

    a, b       the older and the newer one
    pairing    which photos belong together; by their path if None
    by         groupings, by the photo in A, to test each group by itself
    resamples  of the bootstrap
    seed       of its draws
    raises     InvalidInput  if they were judged by different labels, or no pair was judged
    """
    for side in (a, b):
        if not side.labels:
            raise InvalidInput(f"{side.name}: no photo of it was judged, so there is nothing to compare")
    if (a.labels, a.levels) != (b.labels, b.levels):
        raise InvalidInput(
            f"{a.name} and {b.name} were judged by different labels: {', '.join(a.labels)}; {', '.join(b.labels)}",
            hint="let one checkpoint judge both",
        )
    pairing = ByPath() if pairing is None else pairing
    pairs = pairing.pairs(a, b)
    judged = tuple(PairChange(*pair) for pair in pairs.pairs if all(shot.status == "ok" for shot in pair))
    if not judged:
        raise InvalidInput(
            f"no photo of {a.name} and {b.name} makes a pair of which both were judged ({len(pairs.pairs)} pairs of "
            f"{len(a.shots)} and {len(b.shots)} photos)",
            hint="other names for the same scenes: --pair 'regex:PATTERN' or --pair time:SECONDS",
        )
    before, after = (
        np.array([list(shot.levels) for shot in shots], np.int64).reshape(len(judged), len(a.labels))
        for shots in ([pair.a for pair in judged], [pair.b for pair in judged])
    )
    expected = np.array([_difference(pair.a.expected, pair.b.expected) for pair in judged]).reshape(before.shape)
    labels = _label_changes(a, before, after, expected, resamples, seed)
    return Comparison(
        a,
        b,
        pairing.text,
        pairs,
        judged,
        labels[:-1],
        labels[-1],
        _measured_changes(a, b, judged, resamples, seed),
        tuple(_grouped(grouping, judged, after - before) for grouping in by),
    )


def mean_changes(values: Floats, *, resamples: int = RESAMPLES, seed: int = SEED) -> list[Mean]:
    """Means of columns with percentile bootstrap intervals over rows.

    values   (n, C) a row for each pair, one or more
    returns  C means
    """
    # What all rows share is taken out first: it has no part in the spread, and would round it away.
    first = values[0]
    sums = np.concatenate(
        [piece.T.astype(np.float64) @ (values - first) for piece in weights(len(values), resamples, seed)]
    )
    means = first + sums / len(values)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    varies = np.ptp(values, axis=0) > 0
    return [
        Mean(float(mean), (float(one), float(other)) if vary else None)
        for mean, one, other, vary in zip(values.mean(0), low, high, varies, strict=True)
    ]


def _label_changes(
    side: Side, before: Levels, after: Levels, expected: Floats, resamples: int, seed: int
) -> tuple[LabelChange, ...]:
    """One for each label, and one for the worst level of all.

    before, after  (n, L) levels of the pairs, 1..K
    expected       (n, L) changes of the expected level
    """
    names = [*side.labels, ""]
    sizes = [*side.levels, max(side.levels)]
    worst = [levels.max(1, keepdims=True) for levels in (before, after)]
    before, after = np.hstack([before, worst[0]]), np.hstack([after, worst[1]])
    moves = after - before
    columns = np.hstack([moves.astype(np.float64), expected, expected.sum(1, keepdims=True)])
    means = mean_changes(columns, resamples=resamples, seed=seed)
    levels = turns_of((moves < 0).sum(0), (moves > 0).sum(0))
    was, now = before >= SEVERE, after >= SEVERE
    severe = turns_of((was & ~now).sum(0), (now & ~was).sum(0))
    found = []
    for index, (name, size) in enumerate(zip(names, sizes, strict=True)):
        table = np.zeros((size, size), np.int64)
        np.add.at(table, (before[:, index] - 1, after[:, index] - 1), 1)
        turn = levels[index]
        both_ways = 2 * min(turn.better, turn.worse) / len(before)
        found.append(
            LabelChange(
                name,
                tuple(map(tuple, table.tolist())),
                turn,
                severe[index],
                means[index],
                means[len(names) + index],
                detectable_shift(len(before), both_ways, len(names)),
            )
        )
    return tuple(found)


def turns_of(better: Levels, worse: Levels) -> tuple[Turn, ...]:
    """Tests of counts, corrected together.

    better, worse  (T,) pairs that changed each way
    """
    counts = list(zip(better.tolist(), worse.tolist(), strict=True))
    ps = [sign_test(*count) for count in counts]
    return tuple(Turn(*count, p, p_holm) for count, p, p_holm in zip(counts, ps, holm(ps), strict=True))


def _grouped(grouping: Grouping, judged: Sequence[PairChange], moves: Levels) -> Grouped:
    """The pairs by one grouping.

    moves  (n, L) levels by which each pair rose
    """
    members: dict[tuple[Value, ...], list[int]] = {}
    for place, pair in enumerate(judged):
        members.setdefault(grouping.values(pair.a.source_file, pair.a.capture), []).append(place)
    ordered = sorted(members.items())
    better, worse = (np.array([(moves[places] * sign > 0).sum(0) for _, places in ordered]).ravel() for sign in (-1, 1))
    # Where no pair changed there is nothing to test, and no reason to correct the others for it.
    told = np.flatnonzero(better + worse)
    turns = [Turn(0, 0, 1.0, 1.0)] * len(better)
    for place, turn in zip(told.tolist(), turns_of(better[told], worse[told]), strict=True):
        turns[place] = turn
    labels = moves.shape[1]
    groups = tuple(
        Group(tuple(value.text for value in values), len(places), tuple(turns[number * labels : (number + 1) * labels]))
        for number, (values, places) in enumerate(ordered)
    )
    return Grouped(grouping.text, grouping.names, groups)


def _measured_changes(
    a: Side, b: Side, judged: Sequence[PairChange], resamples: int, seed: int
) -> tuple[MeasuredChange, ...]:
    """Of the measurements that both sides have, and of the median luma in EV."""
    units = dict(a.measurements)
    places = [{name: place for place, (name, _) in enumerate(side.measurements)} for side in (a, b)]
    names = [name for name in units if name in places[1]]
    before, after = (
        np.array([[shot.values[place[name]] for name in names] for shot in shots]).reshape(len(judged), len(names))
        for place, shots in (
            (places[0], [pair.a for pair in judged]),
            (places[1], [pair.b for pair in judged]),
        )
    )
    if "luma_median" in names:
        median = names.index("luma_median")
        names, units = ["luma_median_ev", *names], {"luma_median_ev": "ev", **units}
        before, after = (
            np.hstack([np.log2(linear_light_iec61966(np.maximum(values[:, [median]], EV_FLOOR))), values])
            for values in (before, after)
        )
    means = mean_changes(after - before, resamples=resamples, seed=seed)
    return tuple(
        MeasuredChange(name, units[name], float(one), float(other), change)
        for name, one, other, change in zip(names, before.mean(0), after.mean(0), means, strict=True)
    )


def _difference(before: Sequence[float], after: Sequence[float]) -> list[float]:
    return [late - early for early, late in zip(before, after, strict=True)]

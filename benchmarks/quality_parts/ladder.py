"""Part: pictures whose faults are known to the pixel, made from photographs that nobody learned from."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from iqa_cli.metrics.bootstrap import CELLS_AT_ONCE, resampled_figures, weights
from iqa_cli.metrics.ordinal import label_metrics, mean_of
from iqa_cli.metrics.records import INTERVALS, Predictions
from iqa_cli.training.drawing import dice, orders
from iqa_cli.training.ladder import Ladder
from iqa_cli.training.photographs import load_photographs
from iqa_cli.training.severity import deviation
from quality_parts import baselines
from quality_parts.document import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Cell,
    Estimate,
    Failure,
    Goal,
    Part,
    Table,
    Verdict,
)
from quality_parts.judges import Answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from iqa_cli.metrics.records import LabelMetrics
    from iqa_cli.training.ladder import Drawn as LadderBatch
    from quality_parts.judges import Judge

    Floats = NDArray[np.float64]

FIGURES = {
    "qwk": "QWK",
    "tauc": "threshold AUC",
    "ece": "ECE",
    "miss_rate": "miss rate",
    "false_alarm_rate": "false alarms",
    "false_alarm_rate_severe": "false alarms, severe",
}
"""Figures of `LabelMetrics` and what the tables call them."""
QWK, MEAN_QWK, ECE = Goal(0.85), Goal(0.90), Goal(0.02, at_most=True)
CROP_ROOM = 4 / 3
"""Photographs are kept this much larger than the pictures made of them, as in training."""
BATCH = 128
"""Pictures drawn at once, where the card does not say how many the training drew."""
TEST_SEED, LEARNING_SEED = 2, 5
"""The first is that of the test pictures on a card; the second is that of no other picture."""
WEAK, GRAVE = 1, 2
"""Zero-based levels: ordinary; and how many levels off a judgement is that the list of failures names."""
QUESTIONS = {"dark": ("dark",), "bright": ("bright",), "bright or overexposed": ("bright", "overexposed")}
"""What CleanVision can be asked on the ladder, and the labels that answer it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """n ladder pictures and where they come from."""

    pictures: NDArray[np.uint8]
    """(n, S, S, 3)."""
    truth: NDArray[np.int64]
    """(n, L) zero-based levels."""
    photograph: NDArray[np.int64]
    """(n,) index of the photograph that each was made of."""
    untouched: Answers
    """What is measured against the untouched photograph instead of the good rendering that it was varied to: what a
    judge may reach who knows the photograph and not the photographer's taste."""


def ladder_part(
    photos: Path, judges: Sequence[Judge], *, samples: int, learning_samples: int, resamples: int = RESAMPLES
) -> Part:
    """All judges on the same pictures; the first one's card says which photographs and how large.

    photos            folder of the photographs that the checkpoint was trained from
    samples           pictures to judge
    learning_samples  pictures of training photographs that the histogram model learns from
    raises            ValueError  if the card names no held-out photographs, or the folder lacks some
    """
    main = judges[0]
    graph, size = main.checkpoint.graph, main.checkpoint.preprocessing.size
    names, levels = graph.label_names, graph.n_levels
    for judge in judges:
        if judge.checkpoint.graph.label_names != names or judge.checkpoint.graph.n_levels != levels:
            raise ValueError(f"{judge.name}: has other labels than {main.name}")
    photographs = load_photographs(photos, math.ceil(size * CROP_ROOM))
    tested, held_out = held_out_names(main.checkpoint.card)
    missing = sorted(held_out - set(photographs.names))
    if missing:
        raise ValueError(f"{photos}: {len(missing)} photographs that the card names are missing, such as {missing[0]}")
    index = {name: number for number, name in enumerate(photographs.names)}
    own = torch.tensor(sorted(index[name] for name in tested))
    others = torch.tensor(sorted(index[name] for name in set(photographs.names) - held_out))
    batch = main.checkpoint.card.get("training", {}).get("config", {}).get("optim", {}).get("batch_size", BATCH)
    drawn = draw(photographs.pictures[own], names, levels, size, samples, batch)
    answers, cleanvision = _answers(drawn, judges, photographs.pictures[others], names, levels, learning_samples)
    note = (
        f"{samples} pictures of {size} x {size} pixels, made by the tone ladder from {len(own)} photographs that "
        f"`{main.name}` was not trained on. Every judge sees the same pictures. Intervals: {100 * CONFIDENCE:g} %, "
        f"{resamples} resamples of the photographs, not of the pictures; ECE has none, because resampling adds to it. "
        f"*Luma histogram*: a multinomial logistic regression per label on {baselines.BINS} bins of luma and two "
        f"clipped shares, learned from {learning_samples} pictures of {len(others)} other photographs. *Without "
        "rules*: each label's most probable level by itself. *Ceiling*: a judge who has the untouched photograph and "
        "measures against it; the truth is measured against the good rendering, which the ladder varies a little "
        "before it adds faults."
    )
    leaks = _leaks(judges, tested, photographs.content_hash())
    notes = (note, *leaks, *([] if cleanvision else [baselines.NO_CLEANVISION]))
    figures = {judge: _figures(drawn, answer, names) for judge, answer in answers.items()}
    spread = {judge: _resampled(drawn, answer, names, levels, resamples) for judge, answer in answers.items()}
    tables = [
        *_tables(figures, spread, names),
        _differences(figures, spread, main.name),
        _yes_or_no(drawn, answers, cleanvision, names, resamples),
    ]
    wrong = _failures(drawn, answers[main.name], names, [photographs.names[number] for number in own.tolist()])
    verdicts = tuple(_verdicts(figures, spread, [judge.name for judge in judges], names))
    title = "Tone ladder: held-out photographs, known faults"
    return Part("ladder", title, notes, tuple(tables), wrong, verdicts=verdicts)


def held_out_names(card: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Photographs to make test pictures of, and all that training never saw.

    raises  ValueError  if the card names none, as that of a checkpoint trained on labelled photographs
    """
    data = card.get("data", {})
    # Until there was a test side, what was held out chose the epoch and was judged at the end as well.
    validation, test = data.get("validation", data.get("held_out", [])), data.get("test", [])
    if not validation and not test:
        raise ValueError("the checkpoint's card names no held-out photographs: it was not trained on the tone ladder")
    return set(test or validation), {*validation, *test}


def draw(
    photographs: torch.Tensor, names: tuple[str, ...], levels: Sequence[int], size: int, samples: int, batch_size: int
) -> Drawn:
    """The test pictures: those of `LadderData.test` for the same photographs and batch size."""
    pictures, truth, chosen, found, measured = [], [], [], [], []
    for batch, index in _batches(photographs, names, size, samples, TEST_SEED, batch_size):
        pictures.append(_channels_last(batch.pictures))
        truth.append(batch.positions.numpy())
        chosen.append(index.numpy())
        against = deviation(batch.photographs, batch.pictures)
        found.append(against.positions(names).numpy())
        measured.append(torch.stack([against.values[name] for name in names], 1).double().numpy())
    values = np.concatenate(measured)
    ranked = tuple(baselines.ranking(values[:, label], count) for label, count in enumerate(levels))
    return Drawn(
        np.concatenate(pictures),
        np.concatenate(truth),
        np.concatenate(chosen),
        Answers(np.concatenate(found), ranked, calibrated=False),
    )


def _batches(
    photographs: torch.Tensor, names: tuple[str, ...], size: int, samples: int, seed: int, batch_size: int
) -> Iterator[tuple[LadderBatch, torch.Tensor]]:
    """Batches of the ladder with the index of each picture's photograph."""
    ladder = Ladder()
    for order in orders("test", samples, batch_size, seed):
        index, generator = dice(order, len(photographs))
        yield ladder.draw(photographs[index], names, size, generator), index


def _channels_last(pictures: torch.Tensor) -> NDArray[np.uint8]:
    return pictures.permute(0, 2, 3, 1).contiguous().numpy()


def _answers(
    drawn: Drawn,
    judges: Sequence[Judge],
    learning: torch.Tensor,
    names: tuple[str, ...],
    levels: tuple[int, ...],
    learning_samples: int,
) -> tuple[dict[str, Answers], tuple[dict[str, NDArray[np.bool_]], dict[str, Floats]] | None]:
    """What every judge says, in the order of the tables; and CleanVision, which has no levels."""
    answers = {'constant "none"': baselines.constant_answers(len(drawn.truth), levels)}
    features, positions = [], []
    for batch, _ in _batches(learning, names, drawn.pictures.shape[1], learning_samples, LEARNING_SEED, BATCH):
        features.append(baselines.histogram_features(_channels_last(batch.pictures)))
        positions.append(batch.positions.numpy())
    answers["luma histogram"] = baselines.histogram_answers(
        np.concatenate(features), np.concatenate(positions), baselines.histogram_features(drawn.pictures), levels
    )
    for judge in judges:
        answers[judge.name], answers[f"{judge.name}, without rules"] = judge.of_pictures(drawn.pictures)
    answers["ceiling"] = drawn.untouched
    return answers, baselines.cleanvision_of_pictures(drawn.pictures) if baselines.has_cleanvision() else None


def _leaks(judges: Sequence[Judge], tested: set[str], content_hash: str) -> Iterator[str]:
    """What is not as it should be with the photographs."""
    for judge in judges:
        data = judge.checkpoint.card.get("data", {})
        try:
            seen = tested - held_out_names(judge.checkpoint.card)[1]
        except ValueError:
            yield f"`{judge.name}`: its card does not say which photographs it never saw."
            continue
        if seen:
            yield f"`{judge.name}` was trained on {len(seen)} of the {len(tested)} photographs judged here."
        if judge is judges[0] and data.get("photographs_sha256") not in (None, content_hash):
            yield f"The photographs are not quite those on the card of `{judge.name}`: names or pixels differ."


def _predictions(drawn: Drawn, answers: Answers, names: tuple[str, ...], levels: Sequence[int]) -> Predictions:
    # Numbered, so that the order of names is the order of the pictures.
    numbers = tuple(f"{number:09}" for number in range(len(drawn.truth)))
    return Predictions("ladder", numbers, names, drawn.truth, answers.predicted, tuple(levels), answers.marginals)


def _figures(drawn: Drawn, answers: Answers, names: tuple[str, ...]) -> dict[str, LabelMetrics]:
    found = {}
    for label, name in enumerate(names):
        table = answers.marginals[label] if answers.marginals else None
        cumulative = None if table is None else table[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
        metrics = label_metrics(drawn.truth[:, label], answers.predicted[:, label], cumulative, levels=4)
        found[name] = metrics if answers.calibrated else dataclasses.replace(metrics, ece=math.nan)
    return found


def photograph_weights(photograph: NDArray[np.int64], resamples: int) -> Iterator[NDArray[np.float32]]:
    """(n, R) pieces of weights as `resampled_figures` takes them: photographs are drawn, with all their pictures."""
    columns = max(1, CELLS_AT_ONCE // len(photograph))
    for piece in weights(int(photograph.max()) + 1, resamples, SEED):
        for start in range(0, piece.shape[1], columns):
            yield np.ascontiguousarray(piece[photograph, start : start + columns])


def _resampled(
    drawn: Drawn, answers: Answers, names: tuple[str, ...], levels: Sequence[int], resamples: int
) -> dict[str, dict[str, Floats]]:
    """By label and for the `mean` over labels, by figure (R,): the same resamples for every judge."""
    by_label = resampled_figures(
        _predictions(drawn, answers, names, levels), photograph_weights(drawn.photograph, resamples)
    )
    return {**by_label, "mean": {figure: _mean([of[figure] for of in by_label.values()]) for figure in INTERVALS}}


def _mean(values: Sequence[Floats]) -> Floats:
    """(R,) mean over the labels where a figure is defined, as `mean_of` takes it; nan where it is for none."""
    masked: Floats = np.ma.masked_invalid(np.stack(values)).mean(0).filled(np.nan)
    return masked


def _estimate(value: float, values: Floats | None) -> Estimate:
    """A figure with the percentile interval of its resamples; without one where they are undefined or all alike."""
    defined = np.empty(0) if values is None else values[~np.isnan(values)]
    if math.isnan(value) or not len(defined) or np.ptp(defined) == 0:
        return Estimate(value)
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, float(low), float(high))


def _tables(
    figures: Mapping[str, Mapping[str, LabelMetrics]],
    spread: Mapping[str, Mapping[str, Mapping[str, Floats]]],
    names: tuple[str, ...],
) -> Iterator[Table]:
    """Means over the labels, then each figure by label."""
    rows: list[tuple[Cell, ...]] = [
        (judge, *(_estimate(mean_of(found, key), spread[judge]["mean"].get(key)) for key in FIGURES))
        for judge, found in figures.items()
    ]
    yield Table("Mean over the labels", ("judge", *FIGURES.values()), tuple(rows))
    for key, title in FIGURES.items():
        rows = [
            (judge, *(_estimate(getattr(found[name], key), spread[judge][name].get(key)) for name in names))
            for judge, found in figures.items()
        ]
        yield Table(f"{title[0].upper()}{title[1:]} by label", ("judge", *names), tuple(rows))


def _verdicts(
    figures: Mapping[str, Mapping[str, LabelMetrics]],
    spread: Mapping[str, Mapping[str, Mapping[str, Floats]]],
    judges: Sequence[str],
    names: tuple[str, ...],
) -> Iterator[Verdict]:
    """Of the checkpoints under their rules."""
    for name in names:
        own = {judge: _estimate(figures[judge][name].qwk, spread[judge][name].get("qwk")) for judge in judges}
        yield Verdict(f"ladder, QWK: {name}", QWK, own, f"≥ {QWK.limit:.2f}")
    mean = {judge: _estimate(mean_of(figures[judge], "qwk"), spread[judge]["mean"].get("qwk")) for judge in judges}
    yield Verdict("ladder, QWK: mean over the labels", MEAN_QWK, mean, f"≥ {MEAN_QWK.limit:.2f}")
    for what, of in (
        ("mean over the labels", {judge: mean_of(figures[judge], "ece") for judge in judges}),
        ("worst label", {judge: max(found.ece for found in figures[judge].values()) for judge in judges}),
    ):
        values = {judge: Estimate(value) for judge, value in of.items()}
        yield Verdict(f"ladder, calibration error: {what}", ECE, values, f"≤ {ECE.limit:.2f}")


def _differences(
    figures: Mapping[str, Mapping[str, LabelMetrics]],
    spread: Mapping[str, Mapping[str, Mapping[str, Floats]]],
    main: str,
) -> Table:
    """Every judge less the checkpoint, within the same resamples."""
    keys = [key for key in FIGURES if key in INTERVALS]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            judge,
            *(
                _estimate(
                    mean_of(found, key) - mean_of(figures[main], key),
                    spread[judge]["mean"][key] - spread[main]["mean"][key],
                )
                for key in keys
            ),
        )
        for judge, found in figures.items()
        if judge != main
    )
    return Table(f"Mean over the labels, less that of {main}", ("judge", *(FIGURES[key] for key in keys)), rows)


def _yes_or_no(
    drawn: Drawn,
    answers: Mapping[str, Answers],
    cleanvision: tuple[dict[str, NDArray[np.bool_]], dict[str, Floats]] | None,
    names: tuple[str, ...],
    resamples: int,
) -> Table:
    """Ordinary or worse, yes or no: the only question that CleanVision answers."""
    columns = {question: [names.index(label) for label in asked] for question, asked in QUESTIONS.items()}
    truth = np.stack([(drawn.truth[:, own] >= WEAK).any(1) for own in columns.values()], 1).astype(np.int64)
    judged: dict[str, tuple[NDArray[np.int64], list[Floats]]] = {}
    if cleanvision is not None:
        flagged, score = cleanvision
        which = ["dark", "bright", "bright"]
        judged["CleanVision"] = (
            np.stack([flagged[label] for label in which], 1).astype(np.int64),
            [score[label] for label in which],
        )
    for judge, answer in answers.items():
        if answer.marginals is None:
            continue
        present = [1 - table[:, 0] for table in answer.marginals]
        judged[judge] = (
            np.stack([(answer.predicted[:, own] >= WEAK).any(1) for own in columns.values()], 1).astype(np.int64),
            [np.max([present[label] for label in own], axis=0) for own in columns.values()],
        )
    rows: list[tuple[Cell, ...]] = []
    numbers = tuple(f"{number:09}" for number in range(len(truth)))
    for judge, (predicted, scores) in judged.items():
        tables = tuple(baselines.ranking(score, 2) for score in scores)
        given = Predictions("ladder", numbers, tuple(columns), truth, predicted, (2,) * len(columns), tables)
        spread = resampled_figures(given, photograph_weights(drawn.photograph, resamples))
        for column, question in enumerate(columns):
            metrics = label_metrics(truth[:, column], predicted[:, column], tables[column][:, 1:])
            own = spread[question]
            # Of two levels, macro recall is the mean of what is found and of what is rightly left alone.
            recall = 2 * metrics.recall_macro - 1 + metrics.false_alarm_rate
            recalls = 2 * own["recall_macro"] - 1 + own["false_alarm_rate"]
            rows.append(
                (
                    question,
                    judge,
                    _estimate(metrics.tauc, own["tauc"]),
                    _estimate(recall, recalls),
                    _estimate(metrics.false_alarm_rate, own["false_alarm_rate"]),
                )
            )
    rows.sort(key=lambda row: list(columns).index(str(row[0])))
    return Table(
        "Ordinary or worse, yes or no, beside CleanVision",
        ("label", "judge", "AUC", "found", "false alarms"),
        tuple(rows),
    )


def _failures(
    drawn: Drawn, answers: Answers, names: tuple[str, ...], photographs: Sequence[str]
) -> tuple[Failure, ...]:
    """Judgements two levels off or more, the gravest first."""
    off = answers.predicted - drawn.truth
    found = []
    for row, label in zip(*np.nonzero(np.abs(off) >= GRAVE), strict=True):
        true, predicted = int(drawn.truth[row, label]), int(answers.predicted[row, label])
        probability = 1 - answers.marginals[label][row, 0] if answers.marginals else math.nan
        where = f"{photographs[drawn.photograph[row]]}, picture {row}"
        words = f"{names[label]} {true + 1} called {predicted + 1}, P(ordinary or worse) = {probability:.2f}"
        found.append((-abs(predicted - true), row, Failure(where, words)))
    return tuple(failure for *_, failure in sorted(found, key=lambda entry: entry[:2]))

"""Part: how over-suppressed highlights are decided, and how much of it a picture shows without its reference.

The label is a loss: what the brightest tenth had and has no longer. Nobody who sees the picture alone sees that, only
that its highlights are grey and plain, as those of many good pictures are. The part counts how near to a threshold the
errors lie, how many good pictures look as if they had the fault, and how far a model comes that is given everything we
can think of measuring in the picture.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import GroupKFold

from iqa_cli.metrics.bootstrap import resampled_figures
from iqa_cli.metrics.records import Predictions
from iqa_cli.training import severity, tone
from iqa_cli.training.ladder import Ladder
from iqa_cli.training.photographs import load_photographs
from quality_parts import ladder
from quality_parts.document import RESAMPLES, Estimate, Part, Share, Table, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from quality_parts.document import Cell
    from quality_parts.judges import Judge

    Floats = NDArray[np.floating]
    Ints = NDArray[np.int64]

LABEL = "over_suppressed"
CUTS = severity.THRESHOLDS[LABEL]
SHIFTS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""L* by which the loss would have to be another for the answer to be right."""
MARGINS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0)
"""L* between the loss and the nearest threshold."""
LEVELS = ("none", "ordinary", "severe", "blocking")
FOLDS = 3
_TRIED = np.linspace(0.05, 2.95, 117)
"""Cut points between levels that are tried on an expected level."""


@dataclasses.dataclass(frozen=True)
class _Watched(Ladder):
    """A ladder that keeps the good renderings it made, which `draw` does not give."""

    good: list[torch.Tensor] = dataclasses.field(default_factory=list)

    def _varied(self, scenes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        made = super()._varied(scenes, generator)
        self.good.append(tone.quantised(made))
        return made


@dataclasses.dataclass(frozen=True, eq=False)
class Losses:
    """n ladder pictures and what their highlights lost."""

    pictures: NDArray[np.uint8]
    """(n, S, S, 3)."""
    photograph: Ints
    """(n,) index of the photograph that each was made of."""
    level: Ints
    """(n,) true zero-based level."""
    loss: Floats
    """(n,) L*, the deviation that levels are made of; 0 where another label took precedence."""
    looks: Floats
    """(n,) L*, how large a loss the picture alone allows: what is left if the reference is not asked."""
    without_varying: Ints
    """(n,) the level measured against the untouched scene."""


def drawn_losses(
    photographs: torch.Tensor, names: tuple[str, ...], size: int, samples: int, seed: int, batch_size: int
) -> Losses:
    """Pictures as the ladder part draws them, with their deviation.

    raises  ValueError  if the levels that were drawn are not those of the deviation: the ladder measures otherwise now
    """
    label = names.index(LABEL)
    generator = torch.Generator().manual_seed(seed)
    watched = _Watched()
    pictures, photograph, level, loss, looks, untouched = [], [], [], [], [], []
    for start in range(0, samples, batch_size):
        index = torch.randint(len(photographs), (min(batch_size, samples - start),), generator=generator)
        batch = watched.draw(photographs[index], names, size, generator)
        found = severity.deviation(watched.good.pop(), batch.pictures)
        if not torch.equal(found.positions(names), batch.positions):
            raise ValueError("the ladder measures its pictures otherwise than this part expects")
        own = found.values[LABEL].double().numpy()
        given = batch.positions[:, label].numpy()
        pictures.append(batch.pictures.permute(0, 2, 3, 1).contiguous().numpy())
        photograph.append(index.numpy())
        level.append(given)
        loss.append(np.where(np.digitize(own, CUTS) == given, own, 0.0))
        looks.append(apparent_loss(batch.pictures))
        scene = severity.deviation(batch.photographs, batch.pictures)
        untouched.append(scene.positions(names)[:, label].numpy())
    joined = [np.concatenate(part) for part in (pictures, photograph, level, loss, looks, untouched)]
    return Losses(*joined)


def apparent_loss(pictures: torch.Tensor) -> Floats:
    """The two conditions of `severity` that need no reference, on the picture's own brightest tenth.

    pictures  (B, 3, S, S) uint8
    returns   (B,) L*: as far as whites are grey, and as far as they are plain
    """
    light = tone.weighted_rec709(tone.linear_from_srgb8(pictures))
    lstar = tone.lstar_from_luminance(light).flatten(1).sort(1).values
    tenth = lstar[:, -max(1, lstar.shape[1] // 10) :]
    grey = severity._WHITE_SLOPE * (severity._WHITE - tenth.mean(1))  # noqa: SLF001 - the constants are what is studied
    spread = tenth.std(1, correction=0).clamp_min(0.1)
    plain = severity._PLAIN_LOSS * (severity._PLAIN_SPREAD / spread) ** severity._PLAIN_POWER  # noqa: SLF001 - the same
    return np.asarray(torch.minimum(grey, plain).double().numpy())


def suppression_part(photos: Path, judge: Judge, *, samples: int, learning_samples: int) -> Part:
    """The held-out pictures of the ladder part, and one label.

    raises  ValueError  as `ladder_part`, and if the checkpoint does not know the label
    """
    graph, size = judge.checkpoint.graph, judge.checkpoint.preprocessing.size
    if LABEL not in graph.label_names:
        raise ValueError(f"{judge.name}: has no label {LABEL}")
    photographs = load_photographs(photos, math.ceil(size * ladder.CROP_ROOM))
    tested, held_out = ladder.held_out_names(judge.checkpoint.card)
    own = torch.tensor([row for row, name in enumerate(photographs.names) if name in tested])
    others = torch.tensor([row for row, name in enumerate(photographs.names) if name not in held_out])
    if not len(own):
        raise ValueError(f"{photos}: none of the photographs that the card names is there")
    batch = judge.checkpoint.card.get("training", {}).get("config", {}).get("optim", {}).get("batch_size", ladder.BATCH)
    names = graph.label_names
    judged = drawn_losses(photographs.pictures[own], names, size, samples, ladder.TEST_SEED, batch)
    learned = drawn_losses(
        photographs.pictures[others], names, size, learning_samples, ladder.LEARNING_SEED, ladder.BATCH
    )
    with_rules, alone = judge.of_pictures(judged.pictures)
    label = names.index(LABEL)
    looking = _cut(judged.looks)
    answers = {
        judge.name: with_rules.predicted[:, label],
        f"{judge.name}, without rules": alone.predicted[:, label],
        "by looks alone": looking,
        **_without_reference(learned, judged),
        "knows the scene": judged.without_varying,
    }
    note = (
        f"{samples} pictures of {len(own)} held-out photographs, as in the part on the ladder. *By looks alone*: the "
        "severity's own two conditions that need no reference, on the picture's brightest tenth: greyness and "
        f"plainness. *Boosted trees*: `HistGradientBoostingClassifier` on {_features(judged.pictures[:1]).shape[1]} "
        "figures of the final picture (quantiles, histograms and spreads of L*, highlights, body, saturation and local "
        f"contrast by lightness, block means), learned from that many pictures of {len(others)} other photographs, cut "
        f"into levels where weighted kappa is highest in {FOLDS}-fold cross-validation by photograph. They say what "
        "can be had at least without the reference. *Knows the scene*: measures against the untouched scene. "
        f"{int(((judged.level == 0) & (judged.looks >= CUTS[0])).sum())} pictures without the label look like it."
    )
    tables = (
        _kappas(judged, answers),
        _by_shift(judged, answers),
        _by_margin(judged, answers),
        _by_looks(judged),
    )
    return Part("suppression", "Over-suppressed highlights: what a picture shows of them", (note,), tables)


def _cut(values: Floats, cuts: Sequence[float] = CUTS) -> Ints:
    return np.digitize(values, cuts).astype(np.int64)


def _kappa(truth: Ints, predicted: Ints) -> float:
    if len(set(truth.tolist())) < 2:
        return math.nan
    return float(cohen_kappa_score(truth, predicted, weights="quadratic", labels=range(len(LEVELS))))


def _kappas(judged: Losses, answers: Mapping[str, Ints]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    numbers = tuple(f"{number:09}" for number in range(len(judged.level)))
    there = judged.level >= 1
    for name, predicted in answers.items():
        given = Predictions(
            "ladder", numbers, (LABEL,), judged.level[:, None], predicted[:, None], (len(LEVELS),), marginals=None
        )
        spread = resampled_figures(given, ladder.photograph_weights(judged.photograph, RESAMPLES))[LABEL]["qwk"]
        low, high = np.nanquantile(spread, [0.025, 0.975])
        called = predicted >= 1
        rows.append(
            (
                name,
                Estimate(_kappa(judged.level, predicted), float(low), float(high)),
                share(int((there & called).sum()), int(there.sum())),
                share(int((~there & called).sum()), int((~there).sum())),
            )
        )
    return Table("Who decides how well", ("judge", "QWK", "found", "accused"), tuple(rows))


def shift_needed(loss: Floats, predicted: Ints) -> Floats:
    """By how many L* the loss would have to be another for the answer to be right; 0 where it is. (n,) and (n,)."""
    ends = np.array([-np.inf, *CUTS, np.inf])
    return np.maximum(np.maximum(ends[predicted] - loss, loss - ends[predicted + 1]), 0.0)


def _by_shift(judged: Losses, answers: Mapping[str, Ints]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, predicted in answers.items():
        wrong, shift = predicted != judged.level, shift_needed(judged.loss, predicted)
        cells: list[Cell] = [share(int((wrong & (shift <= far)).sum()), int(wrong.sum())) for far in SHIFTS]
        forgiven = Estimate(_kappa(judged.level, np.where(shift <= 2.0, judged.level, predicted)))
        rows.append((name, int(wrong.sum()), *(_brief(cell) for cell in cells), forgiven))
    heads = (*(f"within {far:g} L*" for far in SHIFTS), "QWK if those within 2 L* were right")
    return Table("How far off the errors are", ("judge", "errors", *heads), tuple(rows))


def _brief(cell: Cell) -> Cell:
    return f"{100 * cell.value:.0f} %" if isinstance(cell, Share) and cell.of else cell


def _by_margin(judged: Losses, answers: Mapping[str, Ints]) -> Table:
    margin = np.abs(judged.loss[:, None] - np.array(CUTS)).min(1)
    rows: list[tuple[Cell, ...]] = []
    for least in MARGINS:
        kept = margin >= least
        kappas = [Estimate(_kappa(judged.level[kept], predicted[kept])) for predicted in answers.values()]
        rows.append((f"{least:g} L* or more", int(kept.sum()), int((judged.level[kept] >= 1).sum()), *kappas))
    title = "QWK of the pictures that are this far from every threshold"
    return Table(title, ("margin", "pictures", "with the label", *answers), tuple(rows))


def _by_looks(judged: Losses) -> Table:
    """Do pictures look as if they had lost so much, by what they have lost?"""
    rows: list[tuple[Cell, ...]] = []
    for level, name in enumerate(LEVELS):
        own = judged.looks[judged.level == level]
        rows.append((f"level {name}", len(own), *(share(int((own >= cut).sum()), len(own)) for cut in CUTS)))
    cells: list[Cell] = []
    for number, cut in enumerate(CUTS):
        seen = judged.looks >= cut
        cells.append(share(int((judged.level[seen] > number).sum()), int(seen.sum())))
    rows.append(("of those that look so, are so", None, *cells))
    heads = tuple(f"looks {name} ({cut:g} L*) or worse" for name, cut in zip(LEVELS[1:], CUTS, strict=True))
    return Table("Plain and grey in the brightest tenth", ("pictures", "count", *heads), tuple(rows))


def _without_reference(learned: Losses, judged: Losses) -> dict[str, Ints]:
    """Boosted trees of all learning pictures and of a quarter of them, which shows whether more would help."""
    features, asked = _features(learned.pictures), _features(judged.pictures)
    answers = {}
    for count in (len(features) // 4, len(features)):
        rows = np.arange(count)
        expected = np.zeros(count)
        for train, test in GroupKFold(FOLDS).split(rows, groups=learned.photograph[:count]):
            expected[test] = _expected(features[train], learned.level[train], features[test])
        cuts = best_cuts(expected, learned.level[:count])
        found = _expected(features[:count], learned.level[:count], asked)
        answers[f"boosted trees, {count} pictures"] = _cut(found, cuts)
    return answers


def _expected(features: Floats, level: Ints, asked: Floats) -> Floats:
    """(m,) expected level of the pictures that are asked for."""
    trees = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.08, l2_regularization=1.0, random_state=0)
    trees.fit(features, level)
    return np.asarray(trees.predict_proba(asked) @ trees.classes_)


def best_cuts(expected: Floats, level: Ints) -> list[float]:
    """Rising cut points on an expected level (n,) at which weighted kappa with the levels (n,) is highest."""
    cuts = [0.5, 1.5, 2.5]
    for _ in range(3):
        for at in range(len(cuts)):
            low, high = [0.0, *cuts, 3.0][at], [0.0, *cuts, 3.0][at + 2]
            tried = [cut for cut in _TRIED if low < cut < high]
            kappas = [_kappa(level, _cut(expected, [*cuts[:at], cut, *cuts[at + 1 :]])) for cut in tried]
            cuts[at] = tried[int(np.argmax(kappas))]
    return [float(cut) for cut in cuts]


_QUANTILES = np.array([0, 0.5, 1, 2, 5, *range(10, 90, 5), 90, 92, 94, 96, 98, 99, 99.5, 100])
_BRIGHTEST = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30)
_STEPS = 10
_GRID = 6


def _features(pictures: NDArray[np.uint8]) -> Floats:
    """What can be measured in the final picture. (n, S, S, 3) uint8 to (n, F)."""
    return np.stack([_features_of(picture) for picture in pictures])


def _features_of(picture: NDArray[np.uint8]) -> Floats:
    tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
    lstar = tone.lstar_from_luminance(tone.weighted_rec709(tone.linear_from_srgb8(tensor)))[0, 0].double().numpy()
    value = picture.astype(np.float64)
    highest, lowest, middle = value.max(2), value.min(2), np.median(value, axis=2)
    saturation = (highest - lowest) / np.maximum(highest, 1)
    down, right = np.gradient(lstar)
    slope = np.hypot(down, right)
    flat, order = np.sort(lstar, axis=None), np.argsort(lstar, axis=None)
    found = [np.percentile(lstar, _QUANTILES), np.percentile(highest, _QUANTILES), np.percentile(middle, _QUANTILES)]
    found.append(np.histogram(lstar, 40, (0, 100))[0] / lstar.size)
    for part in _BRIGHTEST:
        count = max(2, int(part * flat.size))
        top, rows = flat[-count:], order[-count:]
        own = saturation.ravel()[rows], slope.ravel()[rows], highest.ravel()[rows]
        found.append(
            np.array([top.mean(), top.std(), np.ptp(top), *(f(one) for one in own for f in (np.mean, np.std))])
        )
        # How peaked the top is: a squeeze piles it up below its end.
        found.append(np.histogram((top - top[0]) / max(np.ptp(top), 0.1), 8, (0, 1))[0] / count)
    for start, end in ((0.0, 0.5), (0.0, 0.25), (0.25, 0.75), (0.5, 0.9), (0.5, 1.0)):
        body = flat[int(start * flat.size) : int(end * flat.size)]
        found.append(np.array([body.mean(), body.std()]))
    # Local contrast and saturation by rank and by lightness are the tone curve's footprint.
    tenths = np.array_split(order, _STEPS)
    found += [np.array([one.ravel()[rows].mean() for one in (slope, saturation, lstar)]) for rows in tenths]
    steps = np.digitize(lstar, np.linspace(0, 100, 2 * _STEPS + 1)[1:-1])
    for step in range(_STEPS, 2 * _STEPS):
        rows = (steps == step).ravel()
        some = rows.any()
        found.append(np.array([one.ravel()[rows].mean() if some else np.nan for one in (slope, saturation)]))
    counts = np.bincount(picture.reshape(-1, 3).max(1), minlength=256)[128:] / lstar.size
    found.append(np.array([counts.max(), 128 + counts.argmax(), (counts > 0).sum(), (counts[112:] > 0).sum()]))
    edge = lstar.shape[0] // _GRID * _GRID
    blocks = lstar[:edge, :edge].reshape(_GRID, edge // _GRID, _GRID, edge // _GRID)
    found += [blocks.mean((1, 3)).ravel(), blocks.std((1, 3)).ravel()]
    return np.concatenate(found)

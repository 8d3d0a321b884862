"""Part: camera files labelled by eye."""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.labels import read_labels
from iqa_cli.metrics.bootstrap import bootstrap
from iqa_cli.metrics.ordinal import label_metrics
from iqa_cli.metrics.records import Predictions
from quality_parts.document import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Cell,
    Estimate,
    Failure,
    Goal,
    Part,
    Share,
    Table,
    Verdict,
    share,
)
from quality_parts.judges import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from iqa_cli.records import PhotoReport
    from quality_parts.judges import Judge

PHOTO = "photo"
"""The `kind` of files that are judged for tone; any other kind is only asked for its status."""
RIGHT_STATUS = {PHOTO: "ok", "graphic": "uncertain", "tiny": "uncertain", "unreadable": "unreadable"}
FEWEST = 5
"""Photographs with a problem below which the interval of a kappa says more about the drawing than about the judge."""
LEVELS = {"ordinary": 1, "severe": 2}
"""Zero-based levels that the tables ask for."""
GOALS = {
    "camera files with any problem: called ordinary or worse": Goal(0.75),
    "camera files without: called ordinary or worse": Goal(0.06, at_most=True),
}
"""For what `counts` gives at ordinary: found and accused."""


@dataclasses.dataclass(frozen=True, eq=False)
class Camera:
    """Camera files, what was seen in them, and the reports of every judge."""

    paths: Mapping[str, Path]
    """By the name that reports have; in the order of the label file."""
    truth: NDArray[np.int64]
    """(n, L) zero-based levels, -1 where nobody looked."""
    kinds: tuple[str, ...]
    """`PHOTO` or what else a file is."""
    confidence: tuple[str, ...]
    """How sure those were who labelled it; may be empty."""
    reports: Mapping[str, Mapping[str, PhotoReport]]
    """By judge, then by name."""

    def photographs(self, judge: str) -> list[int]:
        """Rows that are judged for tone: photographs that could be read."""
        reports = self.reports[judge]
        return [
            row
            for row, name in enumerate(self.paths)
            if self.kinds[row] == PHOTO and reports[name].status != "unreadable"
        ]


def judge_camera(folder: Path, labels: Path, judges: Sequence[Judge]) -> Camera:
    """Read the labels, have every file judged.

    labels  CSV with `filename`, a column per label (0..3), `kind` and `confidence`; more columns may follow
    raises  LabelsError  if the file is wrong
    """
    graph = judges[0].checkpoint.graph
    with labels.open(encoding="utf-8", newline="") as stream:
        columns = next(csv.reader(stream))
    table = read_labels(labels, graph, no_labels=[name for name in columns if name not in graph.label_names])
    paths = {name: folder / name for name in table.names}
    return Camera(
        paths,
        table.known_positions,
        tuple(table.others.get("kind", (PHOTO,) * len(paths))),
        tuple(table.others.get("confidence", ("",) * len(paths))),
        {judge.name: judge.reports(paths) for judge in judges},
    )


def camera_part(camera: Camera, judges: Sequence[Judge]) -> Part:
    """What is found and who is accused, by label and by confidence; whether files have the right status."""
    main = judges[0]
    names = tuple(camera.paths)
    tables = []
    figures: dict[str, list[Cell]] = {}
    for judge in judges:
        rows = camera.photographs(judge.name)
        judged = _predictions([names[row] for row in rows], camera.truth[rows], camera.reports[judge.name], judge)
        tables.append(Table(f"`{judge.name}` by label", _COLUMNS, tuple(_by_label(judged))))
        figures[judge.name] = counts(*worst(judged.truth, judged.predicted)) if rows else [share(0, 0)] * 2
        sure = [camera.confidence[row] for row in rows]
        if len(set(sure)) > 1:
            groups = tuple(_by_confidence(judged, sure))
            tables.append(Table(f"`{judge.name}` by confidence of the label", ("confidence", *_ANY), groups))
    tables.append(_by_kind(names, camera.kinds, camera.reports))
    note = (
        f"{len(names)} camera files labelled by eye, {camera.kinds.count(PHOTO)} of them photographs. `found`: of the "
        "photographs that reach the level, those called it or worse; `accused`: of those that do not, the ones called "
        "it or worse. In a photograph of status `uncertain` nothing is found, and it is not accused. Intervals: 95 %, "
        f"Wilson; of QWK, resampled photographs, from {FEWEST} with the problem on."
    )
    verdicts = tuple(
        Verdict(words, goal, {name: cell for name, cells in figures.items() if isinstance(cell := cells[at], Share)})
        for at, (words, goal) in enumerate(GOALS.items())
    )
    failures = tuple(_failures(camera, main.name, main.checkpoint.graph.label_names))
    title = "Camera files labelled by eye"
    return Part("camera", title, (note,), tuple(tables), failures, name_all=True, verdicts=verdicts)


_ANY = tuple(f"{what} ≥ {level}" for level in LEVELS for what in ("found", "accused"))
_COLUMNS = ("label", "QWK", *_ANY)


def _predictions(
    names: Sequence[str], truth: NDArray[np.int64], reports: Mapping[str, PhotoReport], judge: Judge
) -> Predictions:
    """Levels of the readable photographs, none where the status is not `ok`; labels nobody looked at stay -1."""
    graph = judge.checkpoint.graph
    levels = [
        [finding.level - 1 if reports[name].status == "ok" else 0 for finding in reports[name].findings]
        for name in names
    ]
    predicted = np.array(levels, np.int64).reshape(len(names), len(graph.labels))
    marginals = tuple(
        np.array([reports[name].marginals[label] for name in names], np.float64).reshape(len(names), count)
        for label, count in zip(graph.label_names, graph.n_levels, strict=True)
    )
    return Predictions("camera", tuple(names), graph.label_names, truth, predicted, graph.n_levels, marginals)


def counts(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> list[Cell]:
    """Found and accused at each of `LEVELS`; photographs with -1 are left out."""
    cells: list[Cell] = []
    seen = truth >= 0
    for level in LEVELS.values():
        there, called = (truth >= level) & seen, (predicted >= level) & seen
        cells += [share(int((there & called).sum()), int(there.sum()))]
        cells += [share(int((~there & called).sum()), int((seen & ~there).sum()))]
    return cells


def _by_label(judged: Predictions) -> Iterator[tuple[Cell, ...]]:
    if not judged.names:
        return
    intervals = bootstrap(judged, resamples=RESAMPLES, confidence=CONFIDENCE, seed=SEED)[0]
    for label, name in enumerate(judged.labels):
        truth, predicted = judged.truth[:, label], judged.predicted[:, label]
        metrics = label_metrics(truth, predicted, None, levels=judged.n_levels[label])
        interval = intervals[name]["qwk"] if (truth > 0).sum() >= FEWEST else None
        qwk = Estimate(metrics.qwk) if interval is None else Estimate(metrics.qwk, interval.low, interval.high)
        yield (name, qwk, *counts(truth, predicted))
    yield ("any", None, *counts(*worst(judged.truth, judged.predicted)))


def _by_confidence(judged: Predictions, confidence: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    """A photograph's worst label, by how sure those were who labelled it."""
    truth, predicted = worst(judged.truth, judged.predicted)
    for value in sorted(set(confidence)):
        own = np.array([entry == value for entry in confidence])
        yield (value or "not said", *counts(truth[own], predicted[own]))


def worst(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) each: the worst true and predicted level of a photograph among the labels that somebody looked at."""
    return truth.max(1), np.where(truth >= 0, predicted, 0).max(1)


def _by_kind(names: Sequence[str], kinds: Sequence[str], reports: Mapping[str, Mapping[str, PhotoReport]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind in sorted(set(kinds), key=lambda kind: [*RIGHT_STATUS, kind].index(kind)):
        own = [name for name, entry in zip(names, kinds, strict=True) if entry == kind]
        status = RIGHT_STATUS.get(kind, "uncertain")
        cells = [share(sum(of[name].status == status for name in own), len(own)) for of in reports.values()]
        rows.append((kind, f"status {status}", *cells))
    return Table("Status by kind of file", ("kind", "asked for", *reports), tuple(rows))


def _failures(camera: Camera, judge: str, labels: Sequence[str]) -> Iterator[Failure]:
    """Photographs with a problem missed or a sound label accused, at ordinary; files of the wrong status."""
    for row, name in enumerate(camera.paths):
        report, kind, truth = camera.reports[judge][name], camera.kinds[row], camera.truth[row]
        status = RIGHT_STATUS.get(kind, "uncertain")
        if report.status != status:
            yield Failure(f"{name} ({kind})", f"status {report.status}, expected {status}")
        if kind != PHOTO or not report.findings:
            continue
        known = truth >= 0
        called = np.array([finding.level - 1 for finding in report.findings]) * (report.status == "ok")
        if ((called >= 1) != (truth >= 1))[known].any():
            there = [f"{label} {level + 1}" for label, level in zip(labels, truth, strict=True) if level > 0]
            sure = f"; {camera.confidence[row]}" if camera.confidence[row] else ""
            yield Failure(f"{name} ({', '.join(there) or 'nothing'}{sure})", said(report.findings))

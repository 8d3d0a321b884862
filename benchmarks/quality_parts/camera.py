"""Part: camera files labelled by eye."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.labels import read_labels
from iqa_cli.metrics.bootstrap import bootstrap
from iqa_cli.metrics.ordinal import label_metrics
from iqa_cli.metrics.records import Predictions
from quality_parts.document import CONFIDENCE, RESAMPLES, SEED, Cell, Estimate, Failure, Part, Table, share
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


def camera_part(folder: Path, labels: Path, judges: Sequence[Judge]) -> Part:
    """Judge the labelled files of the folder.

    labels  CSV with `filename`, a column per label (0..3), `kind` and `confidence`; more columns may follow
    raises  LabelsError  if the file is wrong
    """
    main = judges[0]
    graph = main.checkpoint.graph
    with labels.open(encoding="utf-8", newline="") as stream:
        columns = next(csv.reader(stream))
    table = read_labels(labels, graph, no_labels=[name for name in columns if name not in graph.label_names])
    kinds = table.others.get("kind", (PHOTO,) * len(table.names))
    confidence = table.others.get("confidence", ("",) * len(table.names))
    truth = table.known_positions
    paths = {name: folder / name for name in table.names}
    reports = {judge.name: judge.reports(paths) for judge in judges}
    names = table.names
    tables = []
    for judge in judges:
        said_of = reports[judge.name]
        rows = [row for row, name in enumerate(names) if kinds[row] == PHOTO and said_of[name].status != "unreadable"]
        judged = _predictions([names[row] for row in rows], truth[rows], said_of, judge)
        tables.append(Table(f"`{judge.name}` by label", _COLUMNS, tuple(_by_label(judged))))
        sure = [confidence[row] for row in rows]
        if len(set(sure)) > 1:
            groups = tuple(_by_confidence(judged, sure))
            tables.append(Table(f"`{judge.name}` by confidence of the label", ("confidence", *_ANY), groups))
    tables.append(_by_kind(names, kinds, reports))
    failures = tuple(_failures(names, truth, kinds, confidence, reports[main.name], graph.label_names))
    note = (
        f"{len(names)} camera files labelled by eye, {kinds.count(PHOTO)} of them photographs. `found`: of the "
        "photographs that reach the level, those called it or worse; `accused`: of those that do not, the ones called "
        "it or worse. Intervals: 95 %, Wilson; of QWK, resampled photographs, from "
        f"{FEWEST} with the problem on."
    )
    return Part("camera", "Camera files labelled by eye", (note,), tuple(tables), failures)


_ANY = tuple(f"{what} ≥ {level}" for level in LEVELS for what in ("found", "accused"))
_COLUMNS = ("label", "QWK", *_ANY)


def _predictions(
    names: Sequence[str], truth: NDArray[np.int64], reports: Mapping[str, PhotoReport], judge: Judge
) -> Predictions:
    """Levels of the readable photographs; labels nobody looked at stay -1."""
    graph = judge.checkpoint.graph
    levels = [[finding.level - 1 for finding in reports[name].findings] for name in names]
    predicted = np.array(levels, np.int64).reshape(len(names), len(graph.labels))
    marginals = tuple(
        np.array([reports[name].marginals[label] for name in names], np.float64).reshape(len(names), count)
        for label, count in zip(graph.label_names, graph.n_levels, strict=True)
    )
    return Predictions("camera", tuple(names), graph.label_names, truth, predicted, graph.n_levels, marginals)


def _counts(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> list[Cell]:
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
        yield (name, qwk, *_counts(truth, predicted))
    yield ("any", None, *_counts(*_worst(judged)))


def _by_confidence(judged: Predictions, confidence: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    """A photograph's worst label, by how sure those were who labelled it."""
    truth, predicted = _worst(judged)
    for value in sorted(set(confidence)):
        own = np.array([entry == value for entry in confidence])
        yield (value or "not said", *_counts(truth[own], predicted[own]))


def _worst(judged: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) each: the worst true and predicted level of a photograph among the labels that somebody looked at."""
    return judged.truth.max(1), np.where(judged.truth >= 0, judged.predicted, 0).max(1)


def _by_kind(names: Sequence[str], kinds: Sequence[str], reports: Mapping[str, Mapping[str, PhotoReport]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind in sorted(set(kinds), key=lambda kind: [*RIGHT_STATUS, kind].index(kind)):
        own = [name for name, entry in zip(names, kinds, strict=True) if entry == kind]
        status = RIGHT_STATUS.get(kind, "uncertain")
        cells = [share(sum(of[name].status == status for name in own), len(own)) for of in reports.values()]
        rows.append((kind, f"status {status}", *cells))
    return Table("Status by kind of file", ("kind", "asked for", *reports), tuple(rows))


def _failures(
    names: Sequence[str],
    truth: NDArray[np.int64],
    kinds: Sequence[str],
    confidence: Sequence[str],
    reports: Mapping[str, PhotoReport],
    labels: Sequence[str],
) -> Iterator[Failure]:
    """Photographs with a problem missed or a sound label accused, at ordinary; files of the wrong status."""
    for row, name in enumerate(names):
        report, kind = reports[name], kinds[row]
        status = RIGHT_STATUS.get(kind, "uncertain")
        if report.status != status:
            yield Failure(f"{name} ({kind})", f"status {report.status}, expected {status}")
        if kind != PHOTO or not report.findings:
            continue
        known = truth[row] >= 0
        called = np.array([finding.level - 1 for finding in report.findings])
        if ((called >= 1) != (truth[row] >= 1))[known].any():
            there = [f"{label} {level + 1}" for label, level in zip(labels, truth[row], strict=True) if level > 0]
            sure = f"; {confidence[row]}" if confidence[row] else ""
            yield Failure(f"{name} ({', '.join(there) or 'nothing'}{sure})", said(report.findings))

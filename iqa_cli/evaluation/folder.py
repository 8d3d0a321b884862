"""A label CSV and a folder of photos to predictions."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError, NothingReadable
from iqa_cli.labels import LabelTable, read_labels
from iqa_cli.metrics.records import Predictions
from iqa_cli.photos.discover import as_utf8
from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.pipeline import Auditor

SHOWN_MISSING = 50
"""Missing photos that a message lists; the rest is counted."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class LabelledPhotos:
    """Labels and the photos they belong to, all of which exist."""

    source: str
    """Where the labels come from, for people."""
    names: tuple[str, ...]
    """The photos as the label file names them, n of them."""
    photos: tuple[PhotoRef, ...]
    """The same on disk."""
    truth: NDArray[np.int64]
    """(n, L) zero-based levels in the graph's label order; -1 where the level is not known exactly."""
    notes: tuple[str, ...] = ()
    """What to know about the labels, such as how many say "or worse"."""


def labelled_photos(
    labels: str | Path, images: str | os.PathLike[str], graph: HexGraph, *, split: str | None = None
) -> LabelledPhotos:
    """Read a label CSV and find its photos.

    labels  the file; see `labels.read_labels`
    images  the folder that its file names start from
    graph   that of the checkpoint
    split   take only the rows whose `split` column says this; None takes all
    raises  LabelsError  if the file is wrong, has no such split, or names photos that are not there, all of them
                         at once
    """
    table = read_labels(labels, graph)
    rows = _rows_of(table, split)
    paths = [Path(images) / table.names[row] for row in rows]
    missing = [row for row, path in zip(rows, paths, strict=True) if not os.path.isfile(path)]  # noqa: PTH113 - Path's own raises for a locked folder before Python 3.14
    if missing:
        raise _missing(table, missing, images)
    truth = np.where(table.at_least, -1, table.positions)[rows]
    notes = list(table.notes)
    partial = int(table.at_least[rows].sum())
    if partial:
        notes.append(f'{partial:,} labels say "or worse", not which level: left out')
    if split is None and table.split is not None:
        parts = ", ".join(sorted(set(table.split)))
        notes.append(f"all rows are taken, of every split ({parts}); --split NAME takes one")
    return LabelledPhotos(
        source=str(labels) if split is None else f"{labels}, split {split}",
        names=tuple(table.names[row] for row in rows),
        photos=tuple(PhotoRef(path, as_utf8(str(path))) for path in paths),
        truth=truth.astype(np.int64),
        notes=tuple(notes),
    )


def judge(auditor: Auditor, labelled: LabelledPhotos, *, on_photo: Callable[[], None] = lambda: None) -> Predictions:
    """Judge labelled photos as `assess` would; those that cannot be read are named apart.

    auditor   of the graph that the labels were read for
    on_photo  called after each photo, for a progress bar
    raises    NothingReadable  if not one photo could be read
    """
    graph = auditor.graph
    position_of = [{level: position for position, level in enumerate(label.levels)} for label in graph.labels]
    rows: list[int] = []
    predicted: list[list[int]] = []
    marginals: list[list[tuple[float, ...]]] = [[] for _ in graph.labels]
    unreadable: list[tuple[str, str]] = []
    # Closed at once if anything stops the loop: the decoding threads end before the message is printed.
    with contextlib.closing(auditor.run(labelled.photos)) as reports:
        for row, report in enumerate(reports):
            on_photo()
            if report.status == "unreadable":
                unreadable.append((labelled.names[row], report.error or ""))
                continue
            rows.append(row)
            predicted.append([of[found.level] for of, found in zip(position_of, report.findings, strict=True)])
            for table, name in zip(marginals, graph.label_names, strict=True):
                table.append(report.marginals[name])
    if not rows:
        raise NothingReadable(
            f"no photo could be read, of {len(labelled.names)} with labels",
            problems=[f"{name}: {reason}" for name, reason in unreadable[:SHOWN_MISSING]],
        )
    return Predictions(
        source=labelled.source,
        names=tuple(labelled.names[row] for row in rows),
        labels=graph.label_names,
        truth=labelled.truth[rows],
        predicted=np.array(predicted, np.int64),
        n_levels=graph.n_levels,
        marginals=tuple(np.array(table, np.float64) for table in marginals),
        unreadable=tuple(unreadable),
    )


def _rows_of(table: LabelTable, split: str | None) -> list[int]:
    """The rows of one split, or all."""
    if split is None:
        return list(range(len(table)))
    if table.split is None:
        raise LabelsError(f"{table.path}: no split column, so no split {split!r}")
    rows = [row for row, part in enumerate(table.split) if part == split]
    if not rows:
        parts = ", ".join(sorted(set(table.split)))
        raise LabelsError(f"{table.path}: no row of split {split!r}", hint=f"its splits: {parts}")
    return rows


def _missing(table: LabelTable, missing: list[int], images: str | os.PathLike[str]) -> LabelsError:
    folder = as_utf8(os.fspath(images))
    count = "1 photo is" if len(missing) == 1 else f"{len(missing):,} photos are"
    problems = [table.where(row) for row in missing[:SHOWN_MISSING]]
    if len(missing) > SHOWN_MISSING:
        problems.append(f"... and {len(missing) - SHOWN_MISSING:,} more")
    return LabelsError(
        f"{table.path}: {count} not in {folder}",
        problems=problems,
        hint="the file names in the label file start from the folder that --images names",
    )

"""A label CSV and a folder of photos to predictions."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError, NothingReadable
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels import ImageFolder, LabelTable, read_labels
from iqa_cli.metrics.records import Predictions
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.pipeline import Auditor
    from iqa_cli.records import PhotoRef


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
    notes = list(table.notes)
    if split is not None:
        table = _of_split(table, split)
    elif table.split is not None:
        notes.append(f"photos of every split are taken ({', '.join(table.parts())}); --split NAME takes one")
    folder = ImageFolder(Path(images))
    folder.require(table)
    partial = int(table.at_least.sum())
    if partial:
        notes.append(f'{counted(partial, "label")} left out: "or worse" does not say which level')
    return LabelledPhotos(
        source=str(labels) if split is None else f"{labels}, split {split}",
        names=table.names,
        photos=tuple(map(folder.ref, table.names)),
        truth=table.known_positions,
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
            problems=shortened([f"{name}: {reason}" for name, reason in unreadable]),
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
        caveats=auditor.caveats,
    )


def _of_split(table: LabelTable, split: str) -> LabelTable:
    """The rows of one split."""
    parts = table.parts()
    if not parts:
        raise LabelsError(f"{table.path}: no split column, so no split {quote(split)}")
    if split not in parts:
        raise LabelsError(f"{table.path}: no row of split {quote(split)}", hint=f"its splits: {', '.join(parts)}")
    return parts[split]

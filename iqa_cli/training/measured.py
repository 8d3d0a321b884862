"""What is measured at each level of each label: the ranges on a checkpoint's card that evidence is compared with.

Measured on held-out pictures, whose levels are known, in the model's input size. Axes: n pictures, M measurements.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score

from iqa_cli.findings import evidence_names
from iqa_cli.photometry import MEASUREMENT_NAMES, measure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.parts import Label
    from iqa_cli.training.data import Batch, Data

PERCENTILES = (1, 50, 99)
_PICTURES = 4_000
"""Pictures that are measured, about a millisecond each."""
_FEWEST = 30
"""Pictures of a level without which nothing is said about it: of fewer the 1st percentile is the one oddest picture."""


def measured(data: Data, graph: HexGraph) -> dict[str, Any] | None:
    """The card's `measured`: per label the measurements that may speak about it, the one that tells levels apart best
    first, each with its percentiles at every level that was seen often enough.

    data     whose validation and test pictures are measured
    returns  None where there are no pictures any more but features of a frozen tower
    """
    positions, values = _measurements(itertools.chain(data.validation(), data.test() or ()))
    if not len(values):
        return None
    labels = {}
    for column, label in enumerate(graph.labels):
        entries = [(name, _entry(label, positions[:, column], values[:, _index(name)])) for name in _names(label)]
        told = [(name, entry) for name, entry in entries if entry is not None]
        if told:
            # sorted is stable: of equals the one that leads by default stays first
            labels[label.name] = dict(sorted(told, key=lambda pair: -pair[1]["separation"]))
    return {"pictures": len(values), "percentiles": list(PERCENTILES), "labels": labels}


def _names(label: Label) -> tuple[str, ...]:
    return evidence_names(label.name)


def _index(name: str) -> int:
    return MEASUREMENT_NAMES.index(name)


def _measurements(batches: Iterable[Batch]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Zero-based levels (n, L), -1 where unknown, and measurements (n, M)."""
    positions: list[NDArray[np.int64]] = []
    values: list[list[float]] = []
    for batch in batches:
        if (pictures := batch.whole) is None or len(values) >= _PICTURES:
            break
        positions.append(batch.positions.numpy())
        values += [[entry.value for entry in measure(picture)] for picture in pictures.permute(0, 2, 3, 1).numpy()]
    if not values:
        return np.empty((0, 0), np.int64), np.empty((0, len(MEASUREMENT_NAMES)))
    return np.concatenate(positions), np.array(values)


def _entry(label: Label, positions: NDArray[np.int64], values: NDArray[np.float64]) -> dict[str, Any] | None:
    """Percentiles of one measurement at the levels of one label, and how well it tells them apart."""
    seen = [position for position in range(len(label.levels)) if np.count_nonzero(positions == position) >= _FEWEST]
    if len(seen) < 2:
        return None
    known = positions >= 0
    areas = [roc_auc_score(positions[known] >= position, values[known]) for position in seen[1:]]
    levels = {
        str(label.levels[position]): [
            round(float(value), 4) for value in np.percentile(values[positions == position], PERCENTILES)
        ]
        for position in seen
    }
    return {"separation": round(float(np.mean([abs(2 * area - 1) for area in areas])), 4), "levels": levels}

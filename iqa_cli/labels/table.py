"""The labels of a file in arrays."""

from __future__ import annotations

import dataclasses
import posixpath
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.levels import UNOBSERVED
from iqa_cli.labels.weak import weak_zeros
from iqa_cli.photos.spelling import one_spelling

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from iqa_cli.hexgraph import HexGraph

PARTS = ("train", "val", "test")
"""Names of the parts of a split, in the order in which they are told."""


@dataclasses.dataclass(frozen=True, eq=False)
class LabelTable:
    """A label CSV as read: n photos, L labels of a graph.

    raises  ValueError  if the parts do not fit each other
    """

    path: Path
    """The file, for messages."""
    names: tuple[str, ...]
    """File names of the photos as written, n of them, each once."""
    labels: tuple[str, ...]
    """The graph's labels, in its order, whatever the order of the columns is."""
    positions: NDArray[np.int64]
    """(n, L) int64 position of the level, 0..K-1 with 0 = none; -1 = unobserved."""
    at_least: NDArray[np.bool_]
    """(n, L) bool, True where the file says "this level or worse"."""
    lines: tuple[int, ...]
    """1-based line of each row in the file, for messages."""
    first_level: int = 0
    """What the file writes for none: 0, or 1 where that is certain (`counting`). Positions count from 0 either way."""
    split: tuple[str, ...] | None = None
    """The `split` column, if there is one: which part each photo belongs to."""
    scene: tuple[str, ...] | None = None
    """The `scene` column, if there is one; "" where a cell is blank."""
    others: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Columns that are no labels, by name as written, with n cells each; `split` and `scene` among them."""
    weak_zeros: bool = False
    """Whether a 0 beside a found problem of another group leaves ordinary open as well; see `weak`."""
    notes: tuple[str, ...] = ()
    """What whoever uses the table should know, such as labels without a column."""

    def __post_init__(self) -> None:
        """Refuse parts of different sizes."""
        shape = (len(self.names), len(self.labels))
        if self.positions.shape != shape or self.at_least.shape != shape or len(self.lines) != len(self.names):
            raise ValueError(
                f"expected {shape} levels for {len(self.names)} photos, got {self.positions.shape}, "
                f"{self.at_least.shape} and {len(self.lines)} lines"
            )
        columns = [self.split or self.names, self.scene or self.names, *self.others.values()]
        if any(len(column) != len(self.names) for column in columns):
            raise ValueError(f"expected {len(self.names)} cells in every column")

    def __len__(self) -> int:
        """n, the photos."""
        return len(self.names)

    @property
    def known_positions(self) -> NDArray[np.int64]:
        """(n, L) positions where the level is known exactly; -1 elsewhere, also for "this level or worse"."""
        return np.where(self.at_least, UNOBSERVED, self.positions)

    def allowed(self, graph: HexGraph) -> NDArray[np.bool_]:
        """The cells that the labels leave open, as the CRF's partial likelihood takes them.

        graph    the one that the table was read for
        returns  (n, C) bool; an unobserved label leaves all of its levels open
        raises   ValueError  for a graph of other labels
        """
        if graph.label_names != self.labels:
            raise ValueError(f"expected the graph of {self.labels}, got that of {graph.label_names}")
        is_open = open_cells(self.positions, self.at_least, graph.n_levels)
        if self.weak_zeros:
            starts = np.cumsum((0, *graph.n_levels[:-1]))
            is_open[:, starts + 1] |= weak_zeros(self.positions, graph)
        return is_open

    def hiding(self, labels: Collection[str]) -> LabelTable:
        """The same with some labels unobserved in every row, whatever the file says of them."""
        hidden = np.array([name in labels for name in self.labels])
        return dataclasses.replace(
            self, positions=np.where(hidden, UNOBSERVED, self.positions), at_least=self.at_least & ~hidden
        )

    def take(self, rows: Sequence[int]) -> LabelTable:
        """A table of some of the rows, in the order given."""

        def of(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[row] for row in rows)

        chosen = np.asarray(rows, dtype=np.intp)
        return dataclasses.replace(
            self,
            names=of(self.names),
            positions=self.positions[chosen],
            at_least=self.at_least[chosen],
            lines=tuple(self.lines[row] for row in rows),
            split=None if self.split is None else of(self.split),
            scene=None if self.scene is None else of(self.scene),
            others={name: of(column) for name, column in self.others.items()},
        )

    def parts(self) -> dict[str, LabelTable]:
        """The rows by their `split` column: train, val and test first, then the others by name; empty without one."""
        rows: dict[str, list[int]] = {}
        for row, part in enumerate(self.split or ()):
            rows.setdefault(part, []).append(row)
        usual = {part: place for place, part in enumerate(PARTS)}
        ordered = sorted(rows, key=lambda part: (usual.get(part, len(usual)), part))
        return {part: self.take(rows[part]) for part in ordered}

    def where(self, row: int) -> str:
        """A row as messages name it: `line 7, "a.jpg"`."""
        return f"line {self.lines[row]}, {quote(self.names[row])}"


def open_cells(
    positions: NDArray[np.int64], at_least: NDArray[np.bool_], n_levels: tuple[int, ...]
) -> NDArray[np.bool_]:
    """The cells left open by (n, L) positions and whether each means "or worse": (n, C) bool, label after label."""
    counts = np.array(n_levels, dtype=np.intp)
    label = np.repeat(np.arange(len(counts)), counts)
    level = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    told = positions[:, label]
    is_open: NDArray[np.bool_] = (told == level) | (told == UNOBSERVED) | (at_least[:, label] & (level > told))
    return is_open


def require_one_count(tables: Iterable[LabelTable]) -> None:
    """Refuse tables of which some are read as counted from 0 and some from 1: few rows may not show what they mean.

    raises  LabelsError  naming the files
    """
    files: dict[int, list[str]] = {}
    for table in tables:
        files.setdefault(table.first_level, []).append(str(table.path))
    if len(files) > 1:
        both = "; ".join(f"from {first}: {', '.join(files[first])}" for first in sorted(files))
        raise LabelsError(
            f"levels do not count from the same number in all files: {both}",
            hint="take 1 from every level of the files that count from 1",
        )


def same_file_key(name: str) -> str:
    r"""Equal for two names of one file in one folder: `./a.jpg`, `b/../a.jpg`, `b\..\a.jpg` and `a.jpg`."""
    return posixpath.normpath(one_spelling(name))

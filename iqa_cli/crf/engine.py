"""Runs the passes over a batch: in chunks that stay in the cache, in the arithmetic that each photo allows.

Takes (B, ...) arrays and gives (B, ...) arrays of one library; knows nothing of names, checks or gradients.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from iqa_cli.crf import passes
from iqa_cli.crf.floor import FLOOR, REACH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.crf.passes import Array, Flow, Inside
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.plan import HexPlan

    Kept = list[tuple[Any, Flow]]


WORTHWHILE = 100
"""Photos that run together even if they leave the cache: with fewer, most of the time goes into starting operations."""

STRETCH = 10
"""How many times the memory aimed at that may take."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    """Photos of a chunk that run together."""

    photos: Any
    """Which of the batch: a slice, or their numbers."""
    cells: Array
    """(C, b) unaries, moved by a constant per label where that is needed."""
    mask: Array | None
    """(C, b) cells that evidence leaves open, None if all."""
    moved: Array
    """(b,) sum of what was taken off, or 0."""
    near: bool
    """Whether the scores lie so close together that plain products do."""


class Engine:
    """Passes over one plan with one array library.

    Every method takes (B, C) unaries and `largest`, the greatest magnitude among them.
    """

    def __init__(self, plan: HexPlan, ops: Any, layout: Layout, dtype: str, chunk_bytes: int) -> None:
        """Prepare.

        ops          steps of the library: `passes.Ops`, and making arrays
        layout       the plan's layout with index arrays that the library gathers with
        dtype        "float64" or "float32"
        chunk_bytes  working memory to aim at; STRETCH times as much where that lets WORTHWHILE photos run together
        """
        self.ops = ops
        self.layout = layout
        each = plan.stats.estimated_bytes(1, dtype)
        self.chunk = max(1, chunk_bytes // each, min(WORTHWHILE, STRETCH * chunk_bytes // each))
        self.kept_bytes = (4 if dtype == "float32" else 8) * (plan.stats.n_rows + plan.stats.n_groups)
        self._n_labels = plan.n_labels
        self._shift = dtype == "float32"
        # A sum of products has at most as many terms as a component has assignments, legal or not.
        spread = np.bincount(plan.layout.component, weights=np.log(plan.level_counts))
        room = REACH[dtype] - spread
        self._room = ops.column(room)
        self._harmless = float((room / np.bincount(plan.layout.component)).min())

    def log_partition(self, unary: Array, largest: float, allowed: Array | None = None) -> Array:
        """(B,) log of the sum over the legal assignments that evidence leaves open."""
        out = self.ops.empty((len(unary),), unary, "double")
        for part in self._parts(unary, largest, allowed):
            out[part.photos] = self._inside(part).log_partition + part.moved
        return out

    def marginals(
        self, unary: Array, largest: float, allowed: Array | None = None, *, keep: Kept | None = None
    ) -> tuple[Array, Array]:
        """(B,) log-partition and (B, C) probabilities, given the evidence.

        keep  gets what `slopes` needs
        """
        total = self.ops.empty((len(unary),), unary, "double")
        out = self.ops.empty(tuple(unary.shape), unary, "float")
        for part in self._parts(unary, largest, allowed):
            inside = self._inside(part)
            total[part.photos] = inside.log_partition + part.moved
            cells, flow = passes.cell_probabilities(self.ops, self.layout, inside)
            if part.mask is not None:
                cells = self.ops.multiply(cells, part.mask)  # 0 exactly, where a share was only next to it
            out[part.photos] = cells.T
            if keep is not None:
                keep.append((part.photos, flow))
        return total, out

    def slopes(
        self, unary: Array, largest: float, direction: Array, allowed: Array | None = None, *, kept: Kept | None = None
    ) -> Array:
        """(B, C) change of the marginals along a direction (B, C), which is also the gradient of their product.

        kept  what `marginals` kept; else it is found again
        """
        out = self.ops.empty(tuple(unary.shape), unary, "float")
        for photos, flow in self._flows(unary, largest, allowed) if kept is None else kept:
            along = self.ops.cells(direction[photos])
            out[photos] = passes.cell_slopes(self.ops, self.layout, flow, along).T
        return out

    def _flows(self, unary: Array, largest: float, allowed: Array | None) -> Iterator[tuple[Any, Flow]]:
        for part in self._parts(unary, largest, allowed):
            yield part.photos, passes.cell_probabilities(self.ops, self.layout, self._inside(part))[1]

    def best(self, unary: Array, _largest: float) -> tuple[Array, Array]:
        """(B,) score and (B, L) positions of the best assignment."""
        score = self.ops.empty((len(unary),), unary, "double")
        out = self.ops.empty((len(unary), self._n_labels), unary, "position")
        for photos in self._chunks(len(unary)):
            cells = self.ops.cells(unary[photos])
            moved: Array = 0.0
            if self._shift:
                cells, moved = passes.off_centre(self.ops, self.layout, cells)
            found, mask = passes.best_cells(self.ops, self.layout, cells, shift=self._shift)
            score[photos] = found + moved
            out[photos] = self.ops.positions(mask, self.layout)
        return score, out

    def draw(self, unary: Array, largest: float, uniform: Callable[[int], Array]) -> Array:
        """(B, L) positions of one drawn assignment.

        uniform  makes (n, groups) random numbers in 0 < x <= 1 for the next n photos
        """
        out = self.ops.empty((len(unary), self._n_labels), unary, "position")
        for photos in self._chunks(len(unary)):
            numbers = uniform(len(unary[photos]))
            for part in self._parts(unary[photos], largest, None):
                chance = self.ops.cells(numbers[part.photos])
                mask = passes.drawn_cells(self.ops, self.layout, self._inside(part), chance)
                out[photos][part.photos] = self.ops.positions(mask, self.layout)
        return out

    def rounded(self, unary: Array) -> Array:
        """(B, C) unaries as the passes see them: in our precision, the highest of each label at 0."""
        return passes.off_centre(self.ops, self.layout, self.ops.cells(unary))[0].T

    def _chunks(self, batch: int) -> Iterator[slice]:
        return (slice(start, min(start + self.chunk, batch)) for start in range(0, batch, self.chunk))

    def _parts(self, unary: Array, largest: float, allowed: Array | None) -> Iterator[_Part]:
        """Photos in chunks, those that need logarithms apart."""
        for photos in self._chunks(len(unary)):
            cells = self.ops.cells(unary[photos])
            mask = None if allowed is None else self.ops.mask(allowed[photos])
            if largest <= self._harmless:
                yield _Part(photos, cells, mask, 0.0, near=True)
                continue
            cells, moved = passes.off_centre(self.ops, self.layout, cells)
            near = (passes.reach(self.ops, self.layout, cells) <= self._room).all(0)
            n_near = int(near.sum())
            if n_near in (0, len(near)):
                yield _Part(photos, cells, mask, moved, near=n_near > 0)
                continue
            for way in (True, False):
                pick = self.ops.where(near if way else ~near)
                some = None if mask is None else self.ops.photos(mask, pick)
                yield _Part(photos.start + pick, self.ops.photos(cells, pick), some, moved[pick], near=way)

    def _inside(self, part: _Part) -> Inside:
        """Uses the cells up."""
        if part.near:
            weights = self.ops.exp(part.cells)
            if part.mask is not None:
                weights = self.ops.multiply(weights, part.mask)
            return passes.inside_of_weights(self.ops, self.layout, weights)
        cells = part.cells if part.mask is None else self.ops.floored(part.cells, part.mask, FLOOR)
        return passes.inside_of_potentials(self.ops, self.layout, cells, shift=self._shift)

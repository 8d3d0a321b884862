"""The passes over a plan, written once for every array library.

Arrays are (rows, B): a gather then copies whole runs of the batch. A pass walks the depths of the plan, up
from the leaves or down from the roots; its work grows with the legal states of the cliques, not with those of
the graph. What an addition or a gather is, an `Ops` says: numpy, torch, or ONNX nodes.

The upward pass exists twice. `inside_of_weights` multiplies and adds exp(unary) as such, which costs one
exponential per cell, and is exact as long as the scores of a photo lie within `floor.REACH`.
`inside_of_potentials` adds logarithms, costs an exponential per row and a logarithm per group, and takes any score.
Everything after it is the same.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal, Protocol

from iqa_cli.crf.floor import FLOOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.segments import Blocks, Segments

Array = Any
"""(rows, B) values of one array library: numpy, torch, or the name of an ONNX tensor."""

Index = Any
"""Row numbers in the form that the library gathers with."""

Kind = Literal["sum", "product", "highest", "lowest", "log_sum_exp", "any"]
"""Ways to reduce several rows to one."""

NEUTRAL: dict[Kind, float] = {"sum": 0.0, "product": 1.0, "highest": FLOOR, "lowest": 0.0, "any": 0.0}
"""What changes nothing: the value of padding. `lowest` is asked of values up to 0 only."""


class Ops(Protocol):
    """What the passes need of an array library. The first argument may be overwritten where that is faster."""

    def take(self, values: Array, index: Index) -> Array:
        """Rows by number."""

    def rows(self, values: Array, start: int, count: int) -> Array:
        """A run of rows, as a view where the library has views."""

    def append(self, values: Array, *fills: float) -> Array:
        """The rows and after them one constant row for each fill."""

    def concat(self, parts: Sequence[Array]) -> Array:
        """All rows, part after part."""

    def reduce(self, kind: Kind, values: Array, n: int, k: int) -> Array:
        """(n * k, B) to (n, B), each over its k rows."""

    def total(self, values: Array) -> Array:
        """(rows, B) to (B,) sum over the rows, in double precision where that is at hand."""

    def add(self, left: Array, right: Array) -> Array:
        """Sum; may overwrite the left."""

    def subtract(self, left: Array, right: Array) -> Array:
        """Difference of two arrays; a new one."""

    def multiply(self, left: Array, right: Array) -> Array:
        """Product; may overwrite the left."""

    def plus_groups(self, values: Array, groups: Array, blocks: Blocks) -> Array:
        """Add to each row the value of its group; may overwrite the rows."""

    def times_groups(self, values: Array, groups: Array, blocks: Blocks, *, keep: bool = False) -> Array:
        """Multiply each row by the value of its group; may overwrite the rows unless told to keep them."""

    def first_reaching(self, values: Array, groups: Array, blocks: Blocks) -> Array:
        """One row per group as a mask: the first that is at least the group's value."""

    def running_sum(self, values: Array, blocks: Blocks) -> Array:
        """Sum of each row and those before it in its group."""

    def last_rows(self, values: Array, blocks: Blocks) -> Array:
        """(groups, B) the last row of each group."""

    def negative(self, values: Array) -> Array:
        """Values times -1; a new array."""

    def exp(self, values: Array) -> Array:
        """Exponential; a new array."""

    def log(self, values: Array) -> Array:
        """Logarithm; of 0 it is -inf."""

    def inverse(self, values: Array) -> Array:
        """1 / value, and 0 where the value is 0."""

    def constant(self, values: Array) -> Array:
        """The values, cut off from differentiation."""


@dataclasses.dataclass(frozen=True, eq=False)
class Inside:
    """What an upward pass found."""

    rows: list[Array]
    """Per depth (n_rows, B): weight of each row, with everything below it, among the rows of its group."""
    scale: list[Array] | None
    """Per depth (n_groups, B): what makes the weights of a group add up to 1; None if they do."""
    log_partition: Array
    """(B,) log Z, nats; -inf or below `floor.IMPOSSIBLE` if nothing legal is left."""


def segment(ops: Ops, kind: Kind, values: Array, segments: Segments) -> Array:
    """(n_targets, B) of (n_sources, B): each target's sources, reduced."""
    if segments.padded:
        values = ops.append(values, NEUTRAL[kind])
    return _gathered(ops, kind, values, segments)


def blockwise(ops: Ops, kind: Kind, rows: Array, blocks: Blocks) -> Array:
    """Reduce each block (n * k, B) over its k rows per group to (n, B); all groups in order."""
    parts = []
    for start, n, k in blocks:
        part = rows if len(blocks) == 1 else ops.rows(rows, start, n * k)
        parts.append(part if k == 1 else ops.reduce(kind, part, n, k))
    return parts[0] if len(parts) == 1 else ops.concat(parts)


def reach(ops: Ops, layout: Layout, cells: Array) -> Array:
    """(components, B) nats between the heaviest and the lightest product of weights in a component, at most.

    cells  (C, B) potentials whose highest of each label is 0
    """
    return ops.negative(segment(ops, "sum", segment(ops, "lowest", cells, layout.labels), layout.components))


def off_centre(ops: Ops, layout: Layout, cells: Array) -> tuple[Array, Array]:
    """(C, B) potentials with the highest of each label at 0, which changes no probability, and (L, B) those highest."""
    highest = ops.constant(segment(ops, "highest", cells, layout.labels))
    if layout.labels.in_order:
        return ops.plus_groups(cells, ops.negative(highest), layout.labels.blocks), highest
    return ops.subtract(cells, ops.take(highest, layout.cell_label)), highest


def inside_of_weights(ops: Ops, layout: Layout, weights: Array) -> Inside:
    """Upward in plain sums and products.

    weights  (C, B) exp of the potentials, 0 for what evidence rules out; see `reach`
    """
    rows = _own(ops, "product", weights, layout, 0.0)
    below: Array = None
    found, scales = [], []
    for depth in reversed(layout.depths):
        at = ops.rows(rows, depth.first_row, depth.n_rows)
        if depth.from_below is not None:
            at = ops.multiply(at, segment(ops, "product", below, depth.from_below))
        below = blockwise(ops, "sum", at, depth.blocks)
        found.append(at)
        scales.append(ops.inverse(below))
    return Inside(found[::-1], scales[::-1], ops.total(ops.log(below)))


def inside_of_potentials(ops: Ops, layout: Layout, potentials: Array, *, shift: bool) -> Inside:
    """Upward in logarithms.

    potentials  (C, B) the floor for what evidence rules out
    shift       keep messages near 0, depth by depth: single precision needs it on long chains
    """
    theta, message, log_partition = upward(ops, layout, potentials, "log_sum_exp", shift=shift)
    shares = [
        ops.exp(ops.plus_groups(at, ops.negative(sent), depth.blocks))
        for at, sent, depth in zip(theta, message, layout.depths, strict=True)
    ]
    return Inside(shares, None, log_partition)


def upward(
    ops: Ops, layout: Layout, potentials: Array, kind: Literal["log_sum_exp", "highest"], *, shift: bool
) -> tuple[list[Array], list[Array], Array]:
    """Per depth the (n_rows, B) potentials with all messages from below and the (n_groups, B) messages; (B,) total."""
    rows = _own(ops, "sum", potentials, layout, FLOOR)
    theta, message, taken = [], [], []
    below: Array = None
    for depth in reversed(layout.depths):
        at = ops.rows(rows, depth.first_row, depth.n_rows)
        if depth.from_below is not None:
            at = ops.add(at, segment(ops, "sum", below, depth.from_below))
        below = blockwise(ops, kind, at, depth.blocks)
        theta.append(at)
        message.append(below)
        if shift and depth.from_above is not None:
            # Constant: log Z moves by what is taken off, so its gradient is the same either way.
            highest = ops.constant(segment(ops, "highest", below, depth.groups))
            taken.append(ops.total(highest))
            below = ops.subtract(below, ops.take(highest, depth.group_clique))
    total = ops.total(below)
    for part in taken:
        total = ops.add(total, part)
    return theta[::-1], message[::-1], total


def cell_probabilities(ops: Ops, layout: Layout, inside: Inside) -> Array:
    """(C, B) marginals, from the roots down; uses the inside up."""
    above: Array = None
    rows = []
    for d, depth in enumerate(layout.depths):
        factor = None if inside.scale is None else inside.scale[d]
        if depth.from_above is not None:
            arriving = segment(ops, "sum", above, depth.from_above)
            factor = arriving if factor is None else ops.multiply(factor, arriving)
        above = inside.rows[d] if factor is None else ops.times_groups(inside.rows[d], factor, depth.blocks)
        rows.append(above)
    return segment(ops, "sum", _joined(ops, rows), layout.readout)


def cell_slopes(ops: Ops, layout: Layout, inside: Inside, direction: Array) -> Array:
    """(C, B) how fast the marginals change when the unaries move in a direction; uses the inside up.

    direction  (C, B)

    The product of the Hessian of log Z with the direction. The Hessian is symmetric, so this is also the gradient
    of sum(direction * marginals): the whole backward pass of a loss on marginals, without one exponential.
    """
    moved = _own(ops, "sum", direction, layout, 0.0)
    below: Array = None
    shares, slopes = [], []
    for d, depth in reversed(list(enumerate(layout.depths))):
        at = ops.rows(moved, depth.first_row, depth.n_rows)
        if depth.from_below is not None:
            at = ops.add(at, segment(ops, "sum", below, depth.from_below))
        share = inside.rows[d]
        if inside.scale is not None:
            share = ops.times_groups(share, inside.scale[d], depth.blocks)
        at = ops.multiply(at, share)
        below = blockwise(ops, "sum", at, depth.blocks)
        shares.append(share)
        slopes.append((at, below))
    rows = []
    above: tuple[Array, Array] | None = None
    for depth, share, (at, mean) in zip(layout.depths, shares[::-1], slopes[::-1], strict=True):
        # A share changes by itself times how far its slope is from the mean of its group.
        change = ops.subtract(at, ops.times_groups(share, mean, depth.blocks, keep=True))
        if above is not None and depth.from_above is not None:
            arriving, turning = (segment(ops, "sum", part, depth.from_above) for part in above)
            change = ops.times_groups(change, arriving, depth.blocks)
            change = ops.add(change, ops.times_groups(share, turning, depth.blocks, keep=True))
            share = ops.times_groups(share, arriving, depth.blocks)
        above = share, change
        rows.append(change)
    return segment(ops, "sum", _joined(ops, rows), layout.readout)


def best_cells(ops: Ops, layout: Layout, potentials: Array, *, shift: bool) -> Array:
    """(C, B) mask of the best assignment; of equals always the same one."""
    theta, message, _ = upward(ops, layout, potentials, "highest", shift=shift)
    chosen = [
        ops.first_reaching(at, best, depth.blocks)
        for at, best, depth in zip(theta, message, layout.depths, strict=True)
    ]
    return _followed(ops, layout, chosen)


def drawn_cells(ops: Ops, layout: Layout, inside: Inside, uniform: Array) -> Array:
    """(C, B) mask of one drawn assignment; uses the inside up.

    uniform  (groups, B) in 0 < x <= 1: how far into its group's weights each draw falls
    """
    chosen = []
    for d, depth in enumerate(layout.depths):
        running = ops.running_sum(inside.rows[d], depth.blocks)
        whole = ops.last_rows(running, depth.blocks)
        target = ops.multiply(ops.rows(uniform, depth.first_group, depth.n_groups), whole)
        chosen.append(ops.first_reaching(running, target, depth.blocks))
    return _followed(ops, layout, chosen)


def _own(ops: Ops, kind: Kind, cells: Array, layout: Layout, floor: float) -> Array:
    """(rows, B) the cells that each row owns, reduced; padding rows get the floor."""
    return _gathered(ops, kind, ops.append(cells, floor, NEUTRAL[kind]), layout.unary)


def _gathered(ops: Ops, kind: Kind, values: Array, segments: Segments) -> Array:
    entries = values if segments.in_order else ops.take(values, segments.gather)
    done = blockwise(ops, kind, entries, segments.blocks)
    return done if segments.position is None else ops.take(done, segments.position)


def _followed(ops: Ops, layout: Layout, chosen: list[Array]) -> Array:
    """(C, B) mask of the cells on the way down through each group's chosen row."""
    rows: list[Array] = []
    for depth, mask in zip(layout.depths, chosen, strict=True):
        if depth.from_above is not None:
            arriving = segment(ops, "any", rows[-1], depth.from_above)
            mask = ops.times_groups(mask, arriving, depth.blocks)
        rows.append(mask)
    return segment(ops, "any", _joined(ops, rows), layout.readout)


def _joined(ops: Ops, parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else ops.concat(parts)

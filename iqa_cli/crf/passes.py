"""The passes over a plan, written once for every array library.

Arrays are (rows, B): a gather then copies whole runs of the batch. A pass walks the depths of the plan, up
from the leaves or down from the roots; its work grows with the legal states of the cliques, not with those of
the graph. What a gather or a sum is, an `Ops` says: numpy, torch, or nodes of an ONNX graph.

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

    from iqa_cli.hexgraph.layout import Depth, Layout
    from iqa_cli.hexgraph.segments import Blocks, Segments

Array = Any
"""(rows, B) values of one array library: numpy, torch, or the name of an ONNX tensor. Where a gather reads them, one
neutral row follows the rows: what "nothing" is."""

Index = Any
"""Row numbers in the form that the library gathers with."""

Kind = Literal["sum", "product", "highest", "lowest", "log_sum_exp", "any"]
"""Ways to reduce several rows to one."""


class Ops(Protocol):
    """What the passes need of an array library. The first array may be overwritten where that is faster."""

    def take(self, values: Array, index: Index) -> Array:
        """Rows by number."""

    def rows(self, values: Array, start: int, stop: int) -> Array:
        """A run of rows, as a view where the library has views."""

    def append(self, values: Array, fill: float) -> Array:
        """The rows and after them a constant one; a new array."""

    def concat(self, parts: Sequence[Array]) -> Array:
        """All rows, part after part; a new array."""

    def factors(self, cells: Array, index: Index, floor: float, below: Array | None, neutral: float) -> Array:
        """The cells by number, the floor, the messages from below, and the neutral row: sources of `Depth.factors`."""

    def gather(self, kind: Kind, values: Array, segments: Segments, neutral: float) -> Array:
        """(n_targets + 1, B) of (n_sources + 1, B): the sources of each target reduced, and a neutral row; new."""

    def group(self, kind: Kind, rows: Array, blocks: Blocks) -> Array:
        """(groups, B) rows of each group reduced; a new array. A neutral row after the rows is left out."""

    def plus_groups(self, rows: Array, groups: Array, blocks: Blocks) -> Array:
        """Add to each row the value of its group; may overwrite the rows; the neutral row stays."""

    def times_groups(self, rows: Array, groups: Array, blocks: Blocks, *, keep: bool = False) -> Array:
        """Multiply each row by the value of its group; may overwrite the rows unless told to keep them; the row of 0
        after them stays.
        """

    def first_reaching(self, rows: Array, groups: Array, blocks: Blocks) -> Array:
        """One row per group as a mask, and a row of false: the first that is at least the group's value."""

    def running_sum(self, rows: Array, blocks: Blocks) -> Array:
        """Sum of each row and those before it in its group; as long as the rows."""

    def last_rows(self, rows: Array, blocks: Blocks) -> Array:
        """(groups, B) the last row of each group."""

    def total(self, values: Array) -> Array:
        """(rows, B) to (B,) sum over the rows, in double precision where that is at hand."""

    def add(self, left: Array, right: Array) -> Array:
        """Sum; may overwrite the left."""

    def subtract(self, left: Array, right: Array) -> Array:
        """Difference; a new array."""

    def multiply(self, left: Array, right: Array) -> Array:
        """Product; may overwrite the left."""

    def negative(self, values: Array) -> Array:
        """Values times -1; a new array."""

    def exp(self, values: Array) -> Array:
        """Exponential; may overwrite the values."""

    def share(self, values: Array) -> Array:
        """Exponential of values up to 0, where what is far below the smallest share of all need not be told from 0; may
        overwrite the values.
        """

    def log(self, values: Array) -> Array:
        """Logarithm, -inf of 0; a new array."""

    def inverse(self, values: Array) -> Array:
        """1 / value, 0 of 0; a new array."""

    def constant(self, values: Array) -> Array:
        """The values, cut off from differentiation."""


@dataclasses.dataclass(frozen=True, eq=False)
class Inside:
    """What an upward pass found."""

    rows: list[Array]
    """Per depth (n_rows + 1, B): weight of each row, with everything below it, among the rows of its group; then 0."""
    scale: list[Array] | None
    """Per depth (n_groups, B): what makes the weights of a group add up to 1; None if they do."""
    log_partition: Array
    """(B,) log Z, nats; -inf or below `floor.IMPOSSIBLE` if nothing legal is left."""


@dataclasses.dataclass(frozen=True, eq=False)
class Flow:
    """How probable everything is, and so all that the slopes of the marginals need."""

    rows: list[Array]
    """Per depth (n_rows + 1, B): probability of each row; then 0."""
    groups: list[Array | None]
    """Per depth (n_groups, B): probability of each group; None at the roots, where it is 1."""


def off_centre(ops: Ops, layout: Layout, cells: Array) -> tuple[Array, Array]:
    """(C, B) potentials with the highest of each label at 0, which changes no probability, and (B,) what that takes
    off log Z.
    """
    highest = ops.constant(ops.gather("highest", ops.append(cells, FLOOR), layout.labels, 0.0))
    return ops.subtract(cells, ops.take(highest, layout.cell_label)), ops.total(highest)


def reach(ops: Ops, layout: Layout, cells: Array) -> Array:
    """(components, B) nats between the heaviest and the lightest product of weights in a component, at most.

    cells  (C, B) potentials whose highest of each label is 0
    """
    lowest = ops.gather("lowest", ops.append(cells, 0.0), layout.labels, 0.0)
    spans = ops.gather("sum", lowest, layout.components, 0.0)
    return ops.negative(ops.rows(spans, 0, layout.components.n_targets))


def inside_of_weights(ops: Ops, layout: Layout, weights: Array) -> Inside:
    """Upward in plain sums and products.

    weights  (C, B) exp of the potentials, 0 for what evidence rules out; see `reach`
    """
    below: Array | None = None
    rows, scales = [], []
    for depth in reversed(layout.depths):
        values = ops.factors(weights, depth.cells, 0.0, below, 1.0)
        rows.append(ops.gather("product", values, depth.factors, 0.0))
        below = ops.group("sum", rows[-1], depth.blocks)
        scales.append(ops.inverse(below))
    return Inside(rows[::-1], scales[::-1], ops.total(ops.log(below)))


def inside_of_potentials(ops: Ops, layout: Layout, potentials: Array, *, shift: bool) -> Inside:
    """Upward in logarithms.

    potentials  (C, B) the floor for what evidence rules out
    shift       keep messages near 0, depth by depth: single precision needs it on long chains
    """
    theta, message, log_partition = upward(ops, layout, potentials, "log_sum_exp", shift=shift)
    shares = [
        ops.share(ops.plus_groups(at, ops.negative(sent), depth.blocks))
        for at, sent, depth in zip(theta, message, layout.depths, strict=True)
    ]
    return Inside(shares, None, log_partition)


def upward(
    ops: Ops, layout: Layout, potentials: Array, kind: Literal["log_sum_exp", "highest"], *, shift: bool
) -> tuple[list[Array], list[Array], Array]:
    """Per depth the (n_rows + 1, B) potentials with what comes from below, the (n_groups, B) messages; (B,) total."""
    below: Array | None = None
    theta, message, taken = [], [], []
    for depth in reversed(layout.depths):
        values = ops.factors(potentials, depth.cells, FLOOR, below, 0.0)
        # The floor after the rows: its exponential is 0, the neutral row of the way down.
        theta.append(ops.gather("sum", values, depth.factors, FLOOR))
        below = ops.group(kind, theta[-1], depth.blocks)
        message.append(below)
        if shift and len(theta) < len(layout.depths):
            # Constant: log Z moves by what is taken off, so its gradient is the same either way.
            highest = ops.constant(ops.gather("highest", ops.append(below, FLOOR), depth.groups, 0.0))
            taken.append(ops.total(highest))
            below = ops.subtract(below, ops.take(highest, depth.group_clique))
    total = ops.total(below)
    for part in taken:
        total = ops.add(total, part)
    return theta[::-1], message[::-1], total


def cell_probabilities(ops: Ops, layout: Layout, inside: Inside) -> tuple[Array, Flow]:
    """(C, B) marginals, from the roots down, and how they came about; uses the inside up."""
    arriving: Array | None = None
    cells, rows, groups = [], [], []
    for d, depth in enumerate(layout.depths):
        factor = arriving if inside.scale is None else inside.scale[d]
        if arriving is not None and inside.scale is not None:
            factor = ops.multiply(inside.scale[d], arriving)
        at = inside.rows[d] if factor is None else ops.times_groups(inside.rows[d], factor, depth.blocks)
        rows.append(at)
        groups.append(arriving)
        found, arriving = _split(ops, ops.gather("sum", at, depth.shares, 0.0), depth)
        cells.append(found)
    return _in_order(ops, layout, cells), Flow(rows, groups)


def cell_slopes(ops: Ops, layout: Layout, flow: Flow, direction: Array) -> Array:
    """(C, B) how fast the marginals change when the unaries move in a direction.

    direction  (C, B)

    The product of the Hessian of log Z with the direction. The Hessian is symmetric, so this is also the gradient
    of sum(direction * marginals): the whole backward pass of a loss on marginals, without one exponential.
    """
    below: Array | None = None
    found = []
    for depth, rows, arriving in reversed(list(zip(layout.depths, flow.rows, flow.groups, strict=True))):
        values = ops.factors(direction, depth.cells, 0.0, below, 0.0)
        change = ops.multiply(ops.gather("sum", values, depth.factors, 0.0), rows)
        share = None if arriving is None else ops.inverse(arriving)
        below = ops.group("sum", change, depth.blocks)
        if share is not None:
            below = ops.multiply(below, share)  # the mean slope of each group
        found.append((change, below, share))
    cells = []
    turning: Array | None = None
    for depth, rows, (own, mean, share) in zip(layout.depths, flow.rows, found[::-1], strict=True):
        # A row changes by itself times: its slope, less the mean of its group, and as its group does.
        drift = ops.negative(mean) if share is None else ops.subtract(ops.multiply(share, turning), mean)
        change = ops.add(own, ops.times_groups(rows, drift, depth.blocks, keep=True))
        here, turning = _split(ops, ops.gather("sum", change, depth.shares, 0.0), depth)
        cells.append(here)
    return _in_order(ops, layout, cells)


def best_cells(ops: Ops, layout: Layout, potentials: Array, *, shift: bool) -> tuple[Array, Array]:
    """(B,) score and (C, B) mask of the best assignment; of equals always the same one."""
    theta, message, score = upward(ops, layout, potentials, "highest", shift=shift)
    chosen = [
        ops.first_reaching(at, best, depth.blocks)
        for at, best, depth in zip(theta, message, layout.depths, strict=True)
    ]
    return score, _followed(ops, layout, chosen)


def drawn_cells(ops: Ops, layout: Layout, inside: Inside, uniform: Array) -> Array:
    """(C, B) mask of one drawn assignment; uses the inside up.

    uniform  (groups, B) in 0 < x <= 1: how far into its group's weights each draw falls
    """
    chosen = []
    first = 0
    for rows, depth in zip(inside.rows, layout.depths, strict=True):
        running = ops.running_sum(rows, depth.blocks)
        target = ops.multiply(ops.last_rows(running, depth.blocks), ops.rows(uniform, first, first + depth.n_groups))
        chosen.append(ops.first_reaching(running, target, depth.blocks))
        first += depth.n_groups
    return _followed(ops, layout, chosen)


def _followed(ops: Ops, layout: Layout, chosen: list[Array]) -> Array:
    """(C, B) mask of the cells on the way down through each group's chosen row."""
    cells = []
    arriving: Array | None = None
    for depth, mask in zip(layout.depths, chosen, strict=True):
        rows = mask if arriving is None else ops.times_groups(mask, arriving, depth.blocks)
        found, arriving = _split(ops, ops.gather("any", rows, depth.shares, 0.0), depth)
        cells.append(found)
    return _in_order(ops, layout, cells)


def _split(ops: Ops, found: Array, depth: Depth) -> tuple[Array, Array]:
    """The cells of a depth and the groups of the next, of what `Depth.shares` gathered."""
    n_cells = len(depth.cells)
    return ops.rows(found, 0, n_cells), ops.rows(found, n_cells, depth.shares.n_targets)


def _in_order(ops: Ops, layout: Layout, parts: list[Array]) -> Array:
    """(C, B) of the cells of each depth."""
    cells = parts[0] if len(parts) == 1 else ops.concat(parts)
    return cells if layout.cell_place is None else ops.take(cells, layout.cell_place)

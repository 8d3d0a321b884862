"""From cliques and their states to index arrays: everything at one depth of the forest runs together.

A *row* is a legal state of a clique, a *group* the rows of a clique that agree on the separator towards its
parent (a root has one group). Groups of similar size are padded to one size and make a block, so that the messages
of all groups of a depth are the reduction of a few contiguous blocks.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph.segments import (
    Blocks,
    IntArray,
    Segments,
    block_tuples,
    first_entries,
    frozen,
    make_blocks,
    make_segments,
)
from iqa_cli.hexgraph.states import States, separator_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.hexgraph.cliques import CliqueTree


@dataclasses.dataclass(frozen=True, eq=False)
class Depth:
    """All cliques at one depth."""

    n_rows: int
    """Rows with padding."""
    n_groups: int
    """Groups, none of them empty."""
    blocks: Blocks
    """(first row, groups, rows per group) of every block, groups in order."""
    cells: IntArray
    """(cells here,) the cells of the labels whose unaries are added at this depth."""
    factors: Segments
    """What each row multiplies: of the cells here, the floor (padding rows), the groups of the next depth."""
    shares: Segments
    """The same the other way round: the rows of each cell here and of each group of the next depth."""
    group_clique: IntArray
    """(n_groups,) clique of each group, counted within the depth."""
    groups: Segments
    """Groups of each clique of this depth."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """The arrays that inference runs on."""

    depths: tuple[Depth, ...]
    """Roots first."""
    cell_place: IntArray | None
    """(C,) where each cell stands when the cells of all depths stand in a row; None if in order already."""
    cell_label: IntArray
    """(C,) label of each cell."""
    cell_start: IntArray
    """(L,) first cell of each label."""
    labels: Segments
    """Cells of each label, low levels first."""
    component: IntArray
    """(L,) number of each label's connected component."""
    components: Segments
    """Labels of each connected component."""


def make_layout(tree: CliqueTree, states: Sequence[States], n_levels: Sequence[int], n_labels: int) -> Layout:
    """Lay out calibrated states.

    n_levels  values of every variable; the first n_labels variables are the labels and have cells
    """
    cell_start = np.concatenate([[0], np.cumsum(n_levels[:n_labels])])
    n_cells = int(cell_start[-1])
    own_group, parent_group = _groups(tree, states, n_levels)
    places = _places(tree, own_group)
    owner = _owners(tree)

    depths = []
    for d, place in enumerate(places):
        below = places[d + 1] if d + 1 < len(places) else None
        cells, row, source = [], [], []
        n_here = 0
        for x in place.members:
            for column, v in enumerate(tree.cliques[x]):
                if v < n_labels and owner[v] == x:
                    row.append(place.row[x])
                    source.append(n_here + states[x][:, column].astype(np.intp))
                    cells.append(np.arange(cell_start[v], cell_start[v + 1]))
                    n_here += n_levels[v]
        n_below = 0
        if below is not None:
            n_below = len(below.group_clique)
            for x in below.members:
                row.append(place.row[tree.parent[x]])
                source.append(n_here + 1 + below.group[x][parent_group[x]])
        rows, sources = np.concatenate(row), np.concatenate(source)
        targets = np.where(sources > n_here, sources - 1, sources)  # without the floor
        n_groups = len(place.group_clique)
        padding = place.padding
        depths.append(
            Depth(
                n_rows=place.n_rows,
                n_groups=n_groups,
                blocks=place.blocks,
                cells=frozen(np.concatenate([*cells, np.zeros(0, dtype=np.intp)])),
                factors=make_segments(
                    np.concatenate([rows, padding]),
                    np.concatenate([sources, np.full(len(padding), n_here)]),
                    place.n_rows,
                    n_here + 1 + n_below,
                ),
                shares=make_segments(targets, rows, n_here + n_below, place.n_rows),
                group_clique=frozen(place.group_clique),
                groups=make_segments(place.group_clique, np.arange(n_groups), len(place.members), n_groups),
            )
        )

    order = np.concatenate([depth.cells for depth in depths])
    cell_label = np.repeat(np.arange(n_labels), n_levels[:n_labels])
    component = _components(tree, owner, n_labels)
    return Layout(
        depths=tuple(depths),
        cell_place=None if (order == np.arange(n_cells)).all() else frozen(np.argsort(order)),
        cell_label=frozen(cell_label),
        cell_start=frozen(cell_start[:-1]),
        labels=make_segments(cell_label, np.arange(n_cells), n_labels, n_cells),
        component=frozen(component),
        components=make_segments(component, np.arange(n_labels), tree.n_components, n_labels),
    )


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where the states of one depth went."""

    members: list[int]
    row: dict[int, IntArray]
    """Row of each state of a clique, within the depth."""
    group: dict[int, IntArray]
    """Number within the depth of each group of a clique."""
    n_rows: int
    group_clique: IntArray
    padding: IntArray
    """Rows that only fill up their group, within the depth."""
    blocks: Blocks


def _groups(
    tree: CliqueTree, states: Sequence[States], n_levels: Sequence[int]
) -> tuple[list[IntArray], list[IntArray]]:
    """Per clique: the group (0, 1, ...) of each of its states, and the group of each state of its parent."""
    own: list[IntArray] = []
    above: list[IntArray] = []
    for x, found in enumerate(states):
        if tree.parent[x] < 0:
            own.append(np.zeros(len(found), dtype=np.intp))
            above.append(np.zeros(0, dtype=np.intp))
            continue
        mine, theirs = separator_codes(tree, states, n_levels, x)
        seen, inverse = np.unique(mine, return_inverse=True)
        own.append(inverse.astype(np.intp))
        above.append(np.searchsorted(seen, theirs))
    return own, above


def _places(tree: CliqueTree, own_group: Sequence[IntArray]) -> list[_Place]:
    by_depth: list[list[int]] = [[] for _ in range(max(tree.depth) + 1)]
    for x, d in enumerate(tree.depth):
        by_depth[d].append(x)
    return [_place(members, own_group) for members in by_depth]


def _place(members: list[int], own_group: Sequence[IntArray]) -> _Place:
    """Sort the groups of a depth by size, pad them in blocks, and number the rows."""
    sizes = [np.bincount(own_group[x]).astype(np.intp) for x in members]
    first = np.concatenate([[0], np.cumsum([len(s) for s in sizes])])
    size = np.concatenate(sizes)
    by_size = np.argsort(size, kind="stable")
    counts, lengths = make_blocks(size[by_size])
    number = np.empty(len(size), dtype=np.intp)
    number[by_size] = np.arange(len(size))
    start, step = first_entries(counts, lengths)
    row, group = {}, {}
    padding = np.ones(int(counts @ lengths), dtype=np.bool_)
    for k, x in enumerate(members):
        group[x] = number[first[k] : first[k + 1]]
        order = np.argsort(own_group[x], kind="stable")
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order)) - np.concatenate([[0], np.cumsum(sizes[k])])[own_group[x][order]]
        mine = group[x][own_group[x]]
        row[x] = start[mine] + rank * step[mine]
        padding[row[x]] = False
    return _Place(
        members=members,
        row=row,
        group=group,
        n_rows=len(padding),
        group_clique=np.repeat(np.arange(len(members)), np.diff(first))[by_size],
        padding=np.flatnonzero(padding),
        blocks=block_tuples(counts, lengths),
    )


def _owners(tree: CliqueTree) -> dict[int, int]:
    """The clique that adds a label's unary: the one nearest to the root."""
    owner: dict[int, int] = {}
    for x, clique in enumerate(tree.cliques):
        for v in clique:
            owner.setdefault(v, x)
    return owner


def _components(tree: CliqueTree, owner: dict[int, int], n_labels: int) -> IntArray:
    """(L,) number of each label's tree."""
    number: list[int] = []
    for up in tree.parent:
        number.append(number[up] if up >= 0 else len(number))
    trees = np.array([number[owner[v]] for v in range(n_labels)])
    return np.unique(trees, return_inverse=True)[1].astype(np.intp)

"""The variables that a plan is built over, and the merging of levels that no rule tells apart.

Levels of a label with the same row in every table that touches it form a *class*. Where that helps, the rules
are put on the classes, and each label hangs on its classes as a leaf: its levels meet nobody but their class. Wide
cliques then combine classes instead of levels, and everything after this step needs to know nothing of it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.states import Tables


@dataclasses.dataclass(frozen=True, eq=False)
class Variables:
    """What the junction tree is made of: the labels first, then the classes of some of them."""

    n_labels: int
    """L."""
    n_levels: tuple[int, ...]
    """Values of every variable."""
    label: tuple[int, ...]
    """Label that each variable speaks of; variable v < L is label v itself."""
    tables: Tables
    """(Ki, Kj) bool for i < j, True where legal."""


def plain_variables(graph: HexGraph) -> Variables:
    """Every label as it is."""
    return Variables(len(graph.labels), graph.n_levels, tuple(range(len(graph.labels))), graph.tables)


def class_variables(graph: HexGraph) -> Variables | None:
    """Labels and their classes; None if every level of every label is told apart from the others."""
    classes = _classes(graph.n_levels, graph.tables)
    if not classes:
        return None
    n_levels, label = list(graph.n_levels), list(range(len(graph.labels)))
    variable = list(range(len(graph.labels)))
    representatives = [np.arange(k) for k in graph.n_levels]
    tables: dict[tuple[int, int], NDArray[np.bool_]] = {}
    for v, class_of in classes.items():
        seen, representatives[v] = np.unique(class_of, return_index=True)
        variable[v] = len(n_levels)
        n_levels.append(len(seen))
        label.append(v)
        tables[v, variable[v]] = class_of[:, None] == seen
    for (i, j), table in graph.tables.items():
        reduced = table[np.ix_(representatives[i], representatives[j])]
        a, b = variable[i], variable[j]
        tables[(a, b) if a < b else (b, a)] = reduced if a < b else reduced.T
    return Variables(len(graph.labels), tuple(n_levels), tuple(label), {pair: tables[pair] for pair in sorted(tables)})


def _classes(
    n_levels: tuple[int, ...], tables: Mapping[tuple[int, int], NDArray[np.bool_]]
) -> dict[int, NDArray[np.intp]]:
    """Class 0, 1, ... of every level, for the labels that have fewer classes than levels and at least one rule."""
    rows: dict[int, list[NDArray[np.bool_]]] = {}
    for (i, j), table in tables.items():
        rows.setdefault(i, []).append(table)
        rows.setdefault(j, []).append(table.T)
    found = {}
    for v in sorted(rows):
        together = np.concatenate(rows[v], axis=1)
        number: dict[bytes, int] = {}
        class_of = [number.setdefault(together[level].tobytes(), len(number)) for level in range(n_levels[v])]
        if len(number) < n_levels[v]:
            found[v] = np.array(class_of, dtype=np.intp)
    return found

"""Rows that no legal state satisfies, and the rule that says so.

Two levels that a rule forbids are found in the pairwise tables. Of partial labels ("2 or worse", unobserved) pairs
do not tell everything: the rest is asked of the compiled graph, whose best state counts the labels it cannot satisfy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.levels import UNOBSERVED
from iqa_cli.labels.table import open_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from iqa_cli.hexgraph import HexGraph

_ROWS_AT_ONCE = 4096


def broken_rules(
    positions: NDArray[np.int64], at_least: NDArray[np.bool_], graph: HexGraph, *, first: int = 0
) -> Iterator[tuple[int, str]]:
    """(row, what is wrong) for every row that breaks the graph's rules; rising rows.

    positions  (n, L) int64, 0..K-1 or -1
    at_least   (n, L) bool
    first      0 or 1: what the file writes for none, and so the words
    raises     GraphError  if the graph contradicts itself, so that no row could satisfy it
    """
    if not len(positions) or not graph.tables:
        return
    codes = np.concatenate([positions, at_least], axis=1)
    distinct, kind = np.unique(codes, axis=0, return_inverse=True)
    n_labels = len(graph.labels)
    labels, told = distinct[:, :n_labels], distinct[:, n_labels:].astype(np.bool_)
    crf = NumpyCRF(compile_plan(graph))
    found = dict(_bad_pairs(labels, told, graph, first))
    found.update(_bad_wholes(crf, labels, told, graph, first, skip=found))
    if not found:
        return
    for row, number in enumerate(kind.reshape(-1).tolist()):
        if number in found:
            yield row, found[number]


def _bad_pairs(
    positions: NDArray[np.int64], at_least: NDArray[np.bool_], graph: HexGraph, first: int
) -> Iterator[tuple[int, str]]:
    """(row, words) of rows where the rules between two labels leave nothing."""
    is_open = open_cells(positions, at_least, graph.n_levels)
    start = np.concatenate([[0], np.cumsum(graph.n_levels)])
    problems: dict[int, list[str]] = {}
    for (i, j), legal in graph.tables.items():
        a, b = is_open[:, start[i] : start[i + 1]], is_open[:, start[j] : start[j + 1]]
        fits = ((a.astype(np.intp) @ legal).astype(np.bool_) & b).any(axis=1)
        for row in np.flatnonzero(~fits & (positions[:, [i, j]] != UNOBSERVED).all(axis=1)):
            pair = " and ".join(_told(graph, label, positions[row], at_least[row], first) for label in (i, j))
            rule = _rule(graph, i, j, np.flatnonzero(a[row]), np.flatnonzero(b[row]), first)
            problems.setdefault(int(row), []).append(f"{pair} cannot be together: {rule}")
    yield from ((row, "; ".join(words)) for row, words in problems.items())


def _bad_wholes(
    crf: NumpyCRF,
    positions: NDArray[np.int64],
    at_least: NDArray[np.bool_],
    graph: HexGraph,
    first: int,
    skip: dict[int, str],
) -> Iterator[tuple[int, str]]:
    """(row, words) of partly labelled rows whose labels fit two by two, but not all together."""
    is_partial = (at_least | (positions == UNOBSERVED)).any(axis=1) & (positions != UNOBSERVED).any(axis=1)
    is_partial[list(skip)] = False
    rows = np.flatnonzero(is_partial)
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[begin : begin + _ROWS_AT_ONCE]
        for row in chunk[~_satisfiable(crf, positions[chunk], at_least[chunk], graph)]:
            culprits = _core(crf, positions[row], at_least[row], graph)
            words = " and ".join(_told(graph, label, positions[row], at_least[row], first) for label in culprits)
            yield int(row), f"no state of the graph has {words}"


def _satisfiable(
    crf: NumpyCRF, positions: NDArray[np.int64], at_least: NDArray[np.bool_], graph: HexGraph
) -> NDArray[np.bool_]:
    """(n,) whether a legal state fits each row: the best one, at -1 for every label it cannot satisfy, reaches 0."""
    is_open = open_cells(positions, at_least, graph.n_levels)
    score, _ = crf.map(np.where(is_open, 0.0, -1.0))
    return np.asarray(score > -0.5)


def _core(crf: NumpyCRF, positions: NDArray[np.int64], at_least: NDArray[np.bool_], graph: HexGraph) -> list[int]:
    """Labels of a row that cannot be satisfied together, none of which could be left out."""
    left = positions.copy()
    for label in np.flatnonzero(positions != UNOBSERVED):
        kept, left[label] = left[label], UNOBSERVED
        if _satisfiable(crf, left[None], (at_least & (left != UNOBSERVED))[None], graph)[0]:
            left[label] = kept
    return [int(label) for label in np.flatnonzero(left != UNOBSERVED)]


def _told(graph: HexGraph, label: int, positions: NDArray[np.int64], at_least: NDArray[np.bool_], first: int) -> str:
    return f"{quote(graph.label_names[label])} {positions[label] + first}{'+' if at_least[label] else ''}"


def _rule(graph: HexGraph, i: int, j: int, open_i: NDArray[np.intp], open_j: NDArray[np.intp], first: int) -> str:
    """The first rule, in the file's order, that forbids something of what two labels leave open."""
    pairs = [(int(x), int(y)) for x in open_i for y in open_j]
    for number, excl in enumerate(graph.exclusions):
        ends = graph.index(excl.label_a), graph.index(excl.label_b)
        a_set, b_set = _positions(graph, ends[0], excl.a_levels), _positions(graph, ends[1], excl.b_levels)
        if any((x in a_set and y in b_set) for x, y in _turned(pairs, ends, i, j)):
            a = f"{quote(excl.label_a)} {_listed(a_set, first)}"
            return f"{a} excludes {quote(excl.label_b)} {_listed(b_set, first)} (exclusions[{number}])"
    for number, sub in enumerate(graph.subsumptions):
        ends = graph.index(sub.label_a), graph.index(sub.label_b)
        for x, y in sub.map:
            (low,), (high,) = _positions(graph, ends[0], (x,)), _positions(graph, ends[1], (y,))
            if any((a >= low and b < high) for a, b in _turned(pairs, ends, i, j)):
                words = f"{quote(sub.label_a)} {low + first}+ implies {quote(sub.label_b)} {high + first}+"
                return f"{words} (subsumptions[{number}])"
    raise AssertionError("a table forbids what no rule forbids")


def _turned(pairs: list[tuple[int, int]], ends: tuple[int, int], i: int, j: int) -> list[tuple[int, int]]:
    """Level pairs of labels (i, j) as a rule between these ends has them; none if it is about other labels."""
    if ends == (i, j):
        return pairs
    return [(y, x) for x, y in pairs] if ends == (j, i) else []


def _positions(graph: HexGraph, label: int, levels: tuple[int, ...]) -> list[int]:
    return [graph.labels[label].levels.index(level) for level in levels]


def _listed(positions: list[int], first: int) -> str:
    """Positions as a person writes them, none being `first`: 1, 1-3, 0,2."""
    written = [position + first for position in positions]
    if len(written) > 2 and written == list(range(written[0], written[-1] + 1)):
        return f"{written[0]}-{written[-1]}"
    return ",".join(map(str, written))

"""PrISM's weak zeros: which zeros leave ordinary open, and what the likelihood makes of them."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption, read_graph
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.labels.table import LabelTable
from iqa_cli.labels.weak import exclusion_groups, weak_zeros
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUR = (1, 2, 3, 4)
SMALL = HexGraph(
    "small",
    (Label("a", FOUR), Label("b", FOUR), Label("c", (1, 2, 3)), Label("d", (1, 2))),
    exclusions=(Exclusion("a", (2, 3, 4), "b", (2, 3, 4)),),
    subsumptions=(Subsumption("a", "c", ((3, 2),)),),
)
"""a and b exclude each other; a from severe on implies c; d has two levels only. Groups: {a, b}, {c}, {d}."""


def table(*rows: Sequence[int], graph: HexGraph = SMALL, at_least: object = False, weak: bool = True) -> LabelTable:
    positions = np.array(rows, dtype=np.int64)
    return LabelTable(
        path=Path("labels.csv"),
        names=tuple(f"{row}.jpg" for row in range(len(rows))),
        labels=graph.label_names,
        positions=positions,
        at_least=np.zeros_like(positions, dtype=np.bool_) | np.array(at_least),
        lines=tuple(range(2, len(rows) + 2)),
        weak_zeros=weak,
    )


def admitted(row: Sequence[int]) -> list[set[int]]:
    """What the published rule admits of each label, word for word and one by one."""
    groups = [{0, 1}, {2}, {3}]
    sets = []
    for label, level in enumerate(row):
        own = next(group for group in groups if label in group)
        if level == -1:
            sets.append(set(range(SMALL.n_levels[label])))
        elif level > 0 or any(row[other] > 0 for other in own) or not any(other > 0 for other in row):
            sets.append({level})
        else:
            sets.append({0, 1})
    return sets


ROWS = [row for row in itertools.product((-1, 0, 2), (-1, 0, 1), (-1, 0, 1), (-1, 0, 1)) if not (row[0] > 0 < row[1])]


def test_every_row_admits_what_the_published_rule_admits() -> None:
    is_open = table(*ROWS).allowed(SMALL)
    starts = np.cumsum((0, *SMALL.n_levels))
    for row, cells in zip(ROWS, is_open, strict=True):
        found = [set(np.flatnonzero(cells[starts[k] : starts[k + 1]]).tolist()) for k in range(4)]
        assert found == admitted(row), row


def test_the_likelihood_is_the_sum_over_the_admitted_states() -> None:
    unary = np.random.default_rng(5).normal(0, 2, (len(ROWS), SMALL.n_cells))
    starts = np.cumsum((0, *SMALL.n_levels))
    states = [s for s in itertools.product(*map(range, SMALL.n_levels)) if SMALL.is_legal([k + 1 for k in s])]
    legal = []
    for row, scores in zip(ROWS, unary, strict=True):
        weights = {s: np.exp(sum(scores[starts[k] + level] for k, level in enumerate(s))) for s in states}
        fits = admitted(row)
        inside = sum(w for s, w in weights.items() if all(level in fits[k] for k, level in enumerate(s)))
        legal.append(np.log(inside / sum(weights.values())) if inside else -np.inf)
    possible = np.isfinite(legal)
    assert possible.sum() > 20
    got = NumpyCRF(compile_plan(SMALL)).partial_log_prob(unary[possible], table(*ROWS).allowed(SMALL)[possible])
    assert got == pytest.approx(np.array(legal)[possible], abs=1e-12)


def test_the_lowest_level_of_an_or_worse_is_a_found_problem_and_stays_open() -> None:
    row = table((1, 0, 0, 0), at_least=[[True, False, False, False]])
    assert row.allowed(SMALL)[0].astype(int).tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1]


def test_without_being_asked_a_zero_is_none() -> None:
    strict, weak = (table((2, 0, 0, 0), weak=weak).allowed(SMALL) for weak in (False, True))
    assert strict.sum() == 4
    assert (weak & ~strict).sum() == 2
    assert not (strict & ~weak).any()
    assert table((2, 0, 0, 0)).take([0]).weak_zeros


def test_groups_are_what_exclusions_tie_together() -> None:
    assert exclusion_groups(SMALL).tolist() == [0, 0, 2, 3]
    assert exclusion_groups(read_graph(find_graph("smartphone-12"))).tolist() == [0, 0, 2, 2, 4, 4, 6, 6, 6, 6, 10, 10]
    chain = dataclasses.replace(
        SMALL,
        exclusions=(Exclusion("d", (2,), "c", (2,)), Exclusion("b", (2,), "a", (2,)), Exclusion("c", (3,), "b", (3,))),
    )
    assert exclusion_groups(chain).tolist() == [0, 0, 0, 0]


def test_the_groups_of_the_research_are_those_that_it_published() -> None:
    graph = read_graph(find_graph("prism-53"))
    groups: dict[int, list[str]] = {}
    for name, group in zip(graph.label_names, exclusion_groups(graph).tolist(), strict=True):
        groups.setdefault(group, []).append(name)
    several = [names for names in groups.values() if len(names) > 1]
    assert len(several) == 17
    assert [names for names in several if len(names) > 2] == [
        [f"{what} {colour} cast" for colour in ("yellow", "blue", "red", "green")] for what in ("WB", "Skin")
    ]


def test_nothing_is_weak_without_photos_labels_or_problems() -> None:
    assert weak_zeros(np.zeros((0, 4), np.int64), SMALL).shape == (0, 4)
    assert not weak_zeros(np.zeros((3, 4), np.int64), SMALL).any()
    assert not weak_zeros(np.full((3, 4), -1), SMALL).any()

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_graphs import SEED_6, Case, any_cases, cases, chain, grid, quick, random_tree, shared_graph
from hypothesis import assume, given
from hypothesis import strategies as st

from iqa_cli.errors import ContradictionError, GraphError, GraphTooWideError
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, compile_plan, parse_graph, read_graph
from iqa_cli.hexgraph.cliques import clique_tree
from iqa_cli.hexgraph.order import HEURISTICS, adjacency, eliminate
from iqa_cli.hexgraph.quotient import class_variables
from iqa_cli.hexgraph.segments import make_blocks, make_segments
from iqa_cli.hexgraph.states import calibrate, enumerate_states
from iqa_cli.paths import find_graph


@given(any_cases())
@quick(150)
def test_the_legal_states_are_counted_exactly_and_contradictions_are_refused(case: Case):
    if len(case.states) == 0:
        with pytest.raises(GraphError, match="contradicts itself"):
            compile_plan(case.graph)
    else:
        assert compile_plan(case.graph).n_legal_states == len(case.states)


def test_the_six_label_graphs_have_343_legal_states():
    assert compile_plan(parse_graph(SEED_6, "seed")).n_legal_states == 343
    plan = compile_plan(read_graph(find_graph("smartphone-6")))
    assert plan.n_legal_states == 343
    assert (plan.stats.n_components, plan.stats.treewidth, plan.stats.depth, plan.stats.total_states) == (3, 1, 1, 21)


def test_the_53_label_graph_compiles_small_though_its_states_are_beyond_counting_out():
    plan = compile_plan(shared_graph("prism-53"))
    assert math.isclose(plan.n_legal_states, 1.154e23, rel_tol=1e-3)
    assert (plan.stats.n_components, plan.stats.treewidth) == (23, 3)
    assert plan.stats.total_states < 400


def test_a_long_chain_counts_like_the_product_of_its_transfer_matrices():
    table = np.ones((4, 4), dtype=object)
    table[1:, 2:] = 0
    ways = np.ones(4, dtype=object)
    for _ in range(299):
        ways = table @ ways
    plan = compile_plan(chain(300))
    assert plan.n_legal_states == sum(ways)
    assert plan.stats.depth <= 151, "rooted at the centre"


def test_forty_labels_that_exclude_each_other_are_no_problem():
    """Their clique has 4**40 combinations, more than an int64 can number, but few legal ones."""
    names = [f"label {i}" for i in range(41)]
    rules = tuple(
        Exclusion(a, (2, 3, 4), b, (2, 3, 4))
        for a, b in itertools.combinations(names, 2)
        if (a, b) != (names[0], names[-1])
    )
    graph = HexGraph("crowd", tuple(Label(name, (1, 2, 3, 4)) for name in names), exclusions=rules)
    plan = compile_plan(graph)
    assert plan.stats.treewidth == 39
    assert plan.n_legal_states == 1 + 41 * 3 + 3 * 3


def test_a_graph_that_is_too_wide_is_refused_with_the_labels_that_make_it_so():
    with pytest.raises(GraphError) as caught:
        compile_plan(grid(9, 9), max_states=5000)
    assert "5,000 states" in caught.value.message
    assert caught.value.problems[0].count('"r') >= 9
    assert compile_plan(grid(3, 3), max_states=5000).n_legal_states > 0


def test_too_many_labels_are_refused_plainly_though_no_two_are_at_fault():
    with pytest.raises(GraphTooWideError, match=r"too large: more than 900 states") as caught:
        compile_plan(random_tree(300), max_states=900)
    assert "300 labels add up" in caught.value.problems[0]
    assert caught.value.hint is not None


def test_a_grid_of_992_labels_is_refused_with_the_labels_of_its_widest_clique():
    with pytest.raises(GraphTooWideError) as caught:
        compile_plan(grid(31, 32))
    assert 31 <= len(caught.value.labels) <= 64
    assert set(caught.value.labels) <= set(grid(31, 32).label_names)
    assert "max_states" in caught.value.hint


def test_a_tree_of_thousands_of_labels_and_labels_without_rules_compile():
    plan = compile_plan(random_tree(3000))
    assert (plan.stats.treewidth, plan.stats.n_components) == (1, 1)
    loose = compile_plan(HexGraph("loose", tuple(Label(f"label {i}", (1, 2)) for i in range(5000))))
    assert loose.n_legal_states == 2**5000
    assert set(loose.level_counts_exact) == {2**4999}


@given(any_cases())
@quick(100)
def test_every_level_is_counted_exactly(case: Case):
    assume(len(case.states))
    for quotient in (False, True):
        plan = compile_plan(case.graph, quotient=quotient)
        on = np.bincount(case.cells.ravel(), minlength=case.graph.n_cells)
        assert plan.level_counts_exact == tuple(on.tolist())
        assert plan.n_legal_states == len(case.states)


@given(cases())
@quick(40)
def test_levels_in_one_class_meet_the_same_levels(case: Case):
    variables = class_variables(case.graph)
    assume(variables is not None)
    assume(len(case.graph.labels) < len(variables.n_levels) <= 9)
    for v, label in enumerate(variables.label):
        assert v == label or variables.n_levels[v] < variables.n_levels[label]
    # together the variables allow as many assignments as the labels do
    count = 0
    for values in itertools.product(*map(range, variables.n_levels)):
        count += all(table[values[i], values[j]] for (i, j), table in variables.tables.items())
    assert count == len(case.states)


def test_the_hash_is_the_same_in_every_process_and_tells_plans_apart():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from drawn_graphs import grid, random_tree;"
        "from iqa_cli.hexgraph import compile_plan;"
        "print(compile_plan(grid(4, 5)).hash, compile_plan(random_tree(60)).hash)"
    )
    hashes = set()
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        )
        hashes.add(run.stdout)
    assert len(hashes) == 1
    one, two = hashes.pop().split()
    assert one != two
    assert one == compile_plan(grid(4, 5)).hash
    assert compile_plan(grid(4, 5), quotient=True).hash != compile_plan(grid(4, 5), quotient=False).hash


def test_a_contradiction_names_only_the_labels_that_can_be_part_of_it():
    labels = tuple(Label(name, (1, 2)) for name in "abcd")
    graph = HexGraph("knot", labels, exclusions=(Exclusion("a", (1, 2), "b", (1, 2)), Exclusion("c", (2,), "d", (2,))))
    with pytest.raises(GraphError) as caught:
        compile_plan(graph)
    assert isinstance(caught.value, ContradictionError)
    assert caught.value.labels == ("a", "b")
    assert caught.value.problems == ('the contradiction lies among the rules of "a", "b"',)


@given(cases())
@quick(40)
def test_the_same_graph_gives_the_same_plan(case: Case):
    one, two = compile_plan(case.graph), compile_plan(dataclasses.replace(case.graph))
    assert one.stats == two.stats
    assert one.graph_hash == two.graph_hash == case.graph.hash
    assert one.hash == two.hash


def test_a_plan_travels_to_another_process_and_cannot_be_changed():
    plan = compile_plan(parse_graph(SEED_6, "seed"))
    assert pickle.loads(pickle.dumps(plan)).n_legal_states == 343  # noqa: S301 - our own bytes
    with pytest.raises(ValueError, match="read-only"):
        plan.cell_start[0] = 1


@given(cases())
@quick(40)
def test_forbidden_cells_are_exactly_the_illegal_pairs(case: Case):
    plan = compile_plan(case.graph)
    pairs = {tuple(pair) for pair in plan.forbidden.tolist()}
    expected = {
        (int(plan.cell_start[i] + a), int(plan.cell_start[j] + b))
        for (i, j), table in case.graph.tables.items()
        for a, b in np.argwhere(~table)
    }
    assert pairs == expected


@given(cases(), st.sampled_from(HEURISTICS))
@quick(80)
def test_every_elimination_order_gives_a_clique_tree(case: Case, heuristic: str):
    graph = case.graph
    tree = clique_tree(eliminate(adjacency(len(graph.labels), graph.tables), graph.n_levels, heuristic))
    cliques = [set(clique) for clique in tree.cliques]
    assert all(any({i, j} <= clique for clique in cliques) for i, j in graph.tables), "every rule is inside a clique"
    assert not any(a < b or (a == b and x != y) for x, a in enumerate(cliques) for y, b in enumerate(cliques))
    for label in range(len(graph.labels)):
        inside = [x for x, clique in enumerate(cliques) if label in clique]
        tops = [x for x in inside if tree.parent[x] not in inside]
        assert len(tops) == 1, "the cliques of a label hang together"
    for x, up in enumerate(tree.parent):
        assert up < x
        assert tree.depth[x] == (tree.depth[up] + 1 if up >= 0 else 0)


@given(cases())
@quick(40)
def test_calibration_keeps_exactly_the_states_of_whole_assignments(case: Case):
    graph = case.graph
    tree = clique_tree(eliminate(adjacency(len(graph.labels), graph.tables), graph.n_levels, "min-fill"))
    found = calibrate(tree, enumerate_states(tree, graph.n_levels, graph.tables, 10**6), graph.n_levels)
    for clique, states in zip(tree.cliques, found, strict=True):
        assert states.tolist() == np.unique(case.states[:, clique], axis=0).tolist()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=200))
@quick(100)
def test_segments_add_up_what_they_are_given(pairs: list[tuple[int, int]]):
    target, source = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    segments = make_segments(target, source, 10, 6)
    values = np.append(np.random.default_rng(0).normal(size=6), 0.0)
    entries = values[segments.gather]
    sums = np.concatenate([entries[s : s + n * k].reshape(k, n).sum(0) for s, n, k in segments.blocks])
    sums = sums if segments.position is None else sums[segments.position]
    expected = np.zeros(10)
    np.add.at(expected, target, values[source])
    np.testing.assert_allclose(sums, expected, atol=1e-12)


def test_blocks_pad_similar_lengths_together_and_keep_far_ones_apart():
    counts, lengths = make_blocks(np.array([3] * 50 + [4] * 10 + [900] * 2))
    assert (counts.tolist(), lengths.tolist()) == ([50, 10, 2], [3, 4, 900])
    assert make_blocks(np.array([1, 2, 3]))[1].tolist() == [3]

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from drawn_graphs import SEED_6, Case, any_cases, quick
from hypothesis import given

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption, parse_graph, read_graph
from iqa_cli.paths import find_graph

A = Label("a", (1, 2, 3, 4), {"en": "first", "zh": "甲"})
B = Label("b", (1, 3, 9))


def test_tables_hold_the_rules_as_they_are_defined():
    graph = HexGraph(
        "g", (A, B), exclusions=(Exclusion("b", (9,), "a", (2, 4)),), subsumptions=(Subsumption("a", "b", ((3, 3),)),)
    )
    # a=1..4 down, b=1,3,9 across: exact sets for the exclusion, "at least" on both sides for the subsumption
    expected = [[True, True, True], [True, True, False], [False, True, True], [False, True, False]]
    assert set(graph.tables) == {(0, 1)}
    assert graph.tables[0, 1].tolist() == expected


@given(any_cases())
@quick(60)
def test_is_legal_and_the_tables_agree_with_the_rules_as_written(case: Case):
    graph = case.graph
    legal = {tuple(state) for state in case.states.tolist()}
    for state in np.ndindex(*graph.n_levels):
        by_tables = all(table[state[i], state[j]] for (i, j), table in graph.tables.items())
        assert by_tables == (state in legal)
    some = next(np.ndindex(*graph.n_levels))
    levels = [label.levels[k] for label, k in zip(graph.labels, some, strict=True)]
    assert graph.is_legal(levels) == (some in legal)


def test_rules_that_forbid_nothing_leave_no_table():
    graph = HexGraph("g", (A, B), subsumptions=(Subsumption("a", "b", ((2, 1),)), Subsumption("a", "a", ((3, 2),))))
    assert graph.tables == {}


def test_sizes_and_positions():
    graph = HexGraph("g", (A, B))
    assert (graph.n_levels, graph.n_nodes, graph.n_cells) == ((4, 3), 5, 7)
    assert (graph.index("b"), graph.label_names) == (1, ("a", "b"))
    with pytest.raises(GraphError, match="no label 'c'"):
        graph.index("c")


def test_names_fall_back_to_the_spelling_of_the_file():
    graph = HexGraph("g", (A, B), level_names={1: {"en": "none", "zh": "无"}, 2: {"und": "普通"}})
    assert (A.display("zh"), A.display("en"), A.display("fr"), B.display("en")) == ("甲", "first", "a", "b")
    assert [graph.level_name(level, "zh") for level in (1, 2, 3)] == ["无", "普通", "3"]


def test_a_graph_that_is_wrong_cannot_be_built_and_says_everything_that_is_wrong():
    with pytest.raises(GraphError) as caught:
        HexGraph(
            "g",
            (Label("a", (1, 2)), Label("a", (2, 1)), Label("c", (1,)), Label(" ", (1, 2)), Label("d", (0, 1))),
            exclusions=(Exclusion("a", (1,), "a", (2,)), Exclusion("a", (), "x", (1,))),
            subsumptions=(Subsumption("a", "a", ((1, 2),)), Subsumption("c", "a", ((1, 7),))),
        )
    assert list(caught.value.problems) == [
        'labels[1].levels: levels of "a" must rise, got [2, 1]',
        'labels[1]: label "a" is already labels[0]',
        'labels[2].levels: "c" needs at least two levels, got [1]',
        "labels[3]: a label needs a name",
        'labels[4].levels: levels of "d" must be in 1..1000000, got [0, 1]',
        'exclusions[0]: "a" excludes itself',
        "exclusions[1].a_levels: no levels, so the rule excludes nothing",
        'exclusions[1].label_b: no label "x"',
        'subsumptions[0].map[0]: "a" at 1 would imply 2 of itself and never occur',
        'subsumptions[1].map[0][1]: "a" has no level 7 (it has 1, 2)',
    ]


@pytest.mark.parametrize("levels", [(1.0, 2.0), (True, 2), tuple(range(1, 200)), (1, 10**30)], ids=str)
def test_levels_are_whole_numbers_within_reason(levels):
    with pytest.raises(GraphError, match="1 problem"):
        HexGraph("g", (Label("a", levels),))


def test_a_graph_without_labels_is_refused():
    with pytest.raises(GraphError, match="no labels"):
        HexGraph("g", ())


@pytest.mark.parametrize("levels", [[1], [1, 2], [1, 3, 1]])
def test_is_legal_refuses_what_is_no_assignment(levels):
    with pytest.raises(GraphError, match=r"expected 2 levels|no level 2"):
        HexGraph("g", (A, B)).is_legal(levels)


@given(any_cases())
@quick(40)
def test_the_canonical_document_reads_back_as_the_same_graph(case: Case):
    again = parse_graph(case.graph.to_json(), "canonical")
    assert again == case.graph
    assert again.hash == case.graph.hash


def test_the_hash_tells_graphs_apart_and_survives_pickling():
    graph = parse_graph(SEED_6, "seed")
    fewer = dataclasses.replace(graph, exclusions=graph.exclusions[:-1])
    assert len({graph.hash, fewer.hash}) == 2
    assert len({hash(graph), hash(fewer)}) == 2
    assert pickle.loads(pickle.dumps(graph)).hash == graph.hash  # noqa: S301 - our own bytes


def test_the_shipped_graph_has_the_six_labels_in_order_in_both_languages():
    graph = read_graph(find_graph("smartphone-6"))
    assert graph.name == "smartphone-6"
    assert graph.label_names == (
        "bright",
        "dark",
        "high_contrast",
        "low_contrast",
        "overexposed",
        "over_suppressed",
    )
    assert [graph.level_name(level, "en") for level in range(1, 5)] == ["none", "ordinary", "severe", "blocking"]
    assert [graph.level_name(level, "zh") for level in range(1, 5)] == ["无", "普通", "严重", "阻塞"]
    assert [label.display("zh") for label in graph.labels] == SEED_6["Labels"]
    assert [label.display("en") for label in graph.labels][-1] == "highlights over-suppressed"


def test_the_shipped_graph_has_the_rules_of_the_six_label_graph_in_the_field():
    ours, field = read_graph(find_graph("smartphone-6")), parse_graph(SEED_6, "seed")
    assert ours.tables.keys() == field.tables.keys()
    assert all((ours.tables[pair] == field.tables[pair]).all() for pair in ours.tables)

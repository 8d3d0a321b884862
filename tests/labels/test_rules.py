"""Rows that break the graph's rules, against enumeration of all legal states."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import Case, cases, quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption
from iqa_cli.labels.rules import broken_rules

FOUR = (1, 2, 3, 4)


def told(graph: HexGraph, *cells: str) -> list[str]:
    """What is said of one row, its cells written as in a file."""
    positions = np.array([[int(cell.rstrip("+") or "-1") for cell in cells]])
    at_least = np.array([[cell.endswith("+") for cell in cells]])
    return [words for _, words in broken_rules(positions, at_least, graph)]


@given(case=cases(), data=st.data())
@quick(150)
def test_a_row_is_refused_exactly_if_no_legal_state_fits_it(case: Case, data: st.DataObject) -> None:
    counts = case.graph.n_levels
    rows = data.draw(st.lists(st.tuples(*(st.integers(-1, count - 1) for count in counts)), min_size=1, max_size=6))
    positions = np.array(rows, dtype=np.int64)
    worse = data.draw(
        st.lists(
            st.lists(st.booleans(), min_size=len(counts), max_size=len(counts)), min_size=len(rows), max_size=len(rows)
        )
    )
    at_least = np.array(worse) & (positions > 0)
    fits = [
        ((row == -1) | (case.states == row) | (more & (case.states >= row))).all(axis=1).any()
        for row, more in zip(positions, at_least, strict=True)
    ]
    refused = [row for row, _ in broken_rules(positions, at_least, case.graph)]
    assert refused == [row for row, fit in enumerate(fits) if not fit]


def test_a_subsumption_is_told_in_the_levels_of_the_file() -> None:
    graph = HexGraph(
        "g", (Label("face", FOUR), Label("whole", FOUR)), subsumptions=(Subsumption("face", "whole", ((3, 2),)),)
    )
    assert told(graph, "2", "0") == [
        '"face" 2 and "whole" 0 cannot be together: "face" 2+ implies "whole" 1+ (subsumptions[0])'
    ]
    assert told(graph, "2+", "0") == [
        '"face" 2+ and "whole" 0 cannot be together: "face" 2+ implies "whole" 1+ (subsumptions[0])'
    ]
    assert told(graph, "1+", "0") == []
    assert told(graph, "2", "-1") == []


def test_rules_written_the_other_way_round_are_found_too() -> None:
    labels = (Label("a", FOUR), Label("b", FOUR))
    excluding = HexGraph("g", labels, exclusions=(Exclusion("b", (2, 4), "a", (1,)),))
    assert told(excluding, "0", "3") == ['"a" 0 and "b" 3 cannot be together: "b" 1,3 excludes "a" 0 (exclusions[0])']
    implying = HexGraph("g", labels, subsumptions=(Subsumption("b", "a", ((4, 4),)),))
    assert told(implying, "2", "3") == ['"a" 2 and "b" 3 cannot be together: "b" 3+ implies "a" 3+ (subsumptions[0])']


def test_labels_that_fit_two_by_two_but_not_together_are_named() -> None:
    # Whichever level the unobserved middle takes, one of its neighbours forbids it.
    labels = (Label("left", (1, 2)), Label("middle", (1, 2)), Label("right", (1, 2)), Label("far", (1, 2)))
    graph = HexGraph(
        "g", labels, exclusions=(Exclusion("left", (2,), "middle", (1,)), Exclusion("middle", (2,), "right", (2,)))
    )
    assert told(graph, "1", "-1", "1", "1") == ['no state of the graph has "left" 1 and "right" 1']
    assert told(graph, "1", "-1", "0", "1") == []


def test_a_level_that_no_state_has_is_named_alone() -> None:
    labels = (Label("a", (1, 2)), Label("b", (1, 2)))
    graph = HexGraph("g", labels, exclusions=(Exclusion("a", (1, 2), "b", (2,)),))
    assert told(graph, "-1", "1") == ['no state of the graph has "b" 1']


def test_a_graph_that_contradicts_itself_is_an_error_of_the_graph() -> None:
    labels = (Label("a", (1, 2)), Label("b", (1, 2)))
    everything = Exclusion("a", (1, 2), "b", (1, 2))
    with pytest.raises(GraphError, match="contradicts itself"):
        told(HexGraph("g", (*labels, Label("c", (1, 2))), exclusions=(everything,)), "-1", "-1", "1")

"""Named levels: medians that the graph allows, the most probable legal state where it does not."""

from __future__ import annotations

import numpy as np

from iqa_cli.crf.levels import named_positions
from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.read import parse_graph, read_graph
from iqa_cli.paths import find_graph

GRAPH = read_graph(find_graph("smartphone-6"))
PLAN = compile_plan(GRAPH)


def test_a_problem_is_named_exactly_where_it_is_likelier_than_not() -> None:
    marginals = np.tile([0.0, 0.0, 0.0, 1.0], (3, 6))
    marginals[:, :4] = [[0.46, 0.30, 0.16, 0.08], [0.51, 0.2, 0.2, 0.09], [0.2, 0.2, 0.2, 0.4]]
    marginals[:, 4:] = np.tile([1.0, 0.0, 0.0, 0.0], 5)
    named = named_positions(marginals, lambda: np.zeros((3, 6), np.intp), PLAN)
    assert named[:, 0].tolist() == [1, 0, 2]
    assert not named[:, 1:].any()


def test_named_levels_are_legal_and_name_what_is_likelier_than_not() -> None:
    unary = np.random.default_rng(0).normal(0, 2.5, (4000, PLAN.n_cells))
    beliefs = NumpyCRF(PLAN).infer(unary)
    named = named_positions(beliefs.marginals, lambda: beliefs.positions, PLAN)
    none = beliefs.marginals[:, PLAN.cell_start[:6]]
    assert ((named > 0) == (none <= 0.5)).all()
    for row in named[::40]:
        assert GRAPH.is_legal([int(position) + 1 for position in row])


def test_medians_that_contradict_each_other_give_way_to_the_likeliest_state() -> None:
    graph = parse_graph(
        {
            "format_version": 1,
            "name": "middle",
            "labels": ["a", "b"],
            "nodes": [{"label": "a", "levels": [1, 2, 3]}, {"label": "b", "levels": [1, 2, 3]}],
            "exclusions": [{"label_a": "a", "a_levels": [2], "label_b": "b", "b_levels": [2]}],
            "subsumptions": [],
        },
        source="test",
    )
    plan = compile_plan(graph)
    marginals = np.array([[0.4, 0.2, 0.4, 0.4, 0.2, 0.4]])  # both medians are the forbidden middle
    assert named_positions(marginals, lambda: np.array([[0, 2]]), plan).tolist() == [[0, 2]]

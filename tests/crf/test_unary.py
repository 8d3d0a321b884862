from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import SEED_6, Case, cases, quick
from hypothesis import given

from iqa_cli.crf.unary import cumulative, unary_from_nodes
from iqa_cli.hexgraph import HexGraph, Label, compile_plan, parse_graph

RAGGED = compile_plan(HexGraph("ragged", (Label("a", (1, 2, 3, 4)), Label("b", (1, 2)), Label("c", (2, 5, 9)))))


def test_a_level_adds_up_the_scores_of_its_thresholds():
    scores = np.array([[1.0, 10.0, 100.0, 7.0, -1.0, -2.0]])
    assert unary_from_nodes(scores, RAGGED).tolist() == [[0, 1, 11, 111, 0, 7, 0, -1, -3]]


def test_a_threshold_adds_up_the_probabilities_of_its_levels():
    marginals = np.array([[0.5, 0.25, 0.125, 0.125, 0.75, 0.25, 0.5, 0.25, 0.25]])
    assert cumulative(marginals, RAGGED).tolist() == [[0.5, 0.25, 0.125, 0.25, 0.5, 0.25]]


@given(cases())
@quick(40)
def test_they_are_transposed_maps_of_each_other(case: Case):
    """<u(s), p> = <s, P(level >= k)>: the node scores and the thresholds' probabilities belong together."""
    plan = compile_plan(case.graph)
    rng = np.random.default_rng(case.seed)
    scores, marginals = rng.normal(size=(3, plan.n_nodes)), rng.random(size=(3, plan.n_cells))
    left = (unary_from_nodes(scores, plan) * marginals).sum(1)
    np.testing.assert_allclose(left, (scores * cumulative(marginals, plan)).sum(1), atol=1e-12)


def test_torch_gives_the_same_numbers_and_a_gradient():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    scores = torch.tensor(rng.normal(size=(5, RAGGED.n_nodes)), requires_grad=True)
    unary = unary_from_nodes(scores, RAGGED)
    np.testing.assert_allclose(unary.detach().numpy(), unary_from_nodes(scores.detach().numpy(), RAGGED), rtol=1e-15)
    weights = torch.tensor(rng.random(size=(5, RAGGED.n_cells)))
    (gradient,) = torch.autograd.grad((unary * weights).sum(), scores)
    np.testing.assert_allclose(gradient.numpy(), cumulative(weights, RAGGED).numpy(), atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept_and_an_empty_batch_stays_empty(dtype):
    plan = compile_plan(parse_graph(SEED_6, "seed"))
    assert unary_from_nodes(np.zeros((2, 18), dtype), plan).dtype == dtype
    assert unary_from_nodes(np.zeros((0, 18), dtype), plan).shape == (0, 24)
    assert cumulative(np.zeros((0, 24), dtype), plan).shape == (0, 18)


@pytest.mark.parametrize("shape", [(4, 21), (18,), (2, 6, 3)])
def test_a_wrong_shape_is_named(shape):
    plan = compile_plan(parse_graph(SEED_6, "seed"))
    with pytest.raises(ValueError, match=r"expected \(B, 18\), got \("):
        unary_from_nodes(np.zeros(shape), plan)
    with pytest.raises(ValueError, match=r"expected \(B, 24\), got \("):
        cumulative(np.zeros(shape), plan)

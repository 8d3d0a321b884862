"""Every way through the passes gives the same: chunks, arithmetic, merged levels, array library."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from drawn_graphs import Case, cases, chain, grid, quick, shared_graph
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph import HexPlan, compile_plan

TIGHT = {"rtol": 1e-10, "atol": 1e-10}

WAYS = ("as they are", "off centre", "logarithms")


def sent(crf, way: str):
    """The executor, made to go one way whatever the scores are."""
    engine = crf._engine
    engine._harmless = np.inf if way == "as they are" else -1.0
    if way == "logarithms":
        engine._room = np.full_like(engine._room, -1.0)
    return crf


def everything(crf: NumpyCRF, unary: np.ndarray, allowed: np.ndarray) -> dict[str, np.ndarray]:
    beliefs = crf.infer(unary)
    return {
        "log-partition": beliefs.log_partition,
        "marginals": beliefs.marginals,
        "entropy": beliefs.entropy,
        "MAP score": beliefs.map_score,
        "conditional marginals": crf.conditional_marginals(unary, allowed),
        "partial": crf.partial_log_prob(unary, allowed),
        "slopes": crf._engine.slopes(unary, float(np.abs(unary).max()), unary[::-1].copy(), allowed),
    }


def evidence(case: Case, batch: int = 3) -> np.ndarray:
    """(batch, C) that leaves open a legal assignment and some more."""
    rng = np.random.default_rng(case.seed)
    on = np.zeros((batch, case.graph.n_cells), dtype=bool)
    np.put_along_axis(on, case.cells[rng.integers(len(case.states), size=batch)], values=True, axis=1)
    return on | (rng.random(on.shape) < 0.4)


@given(cases(), st.sampled_from(WAYS))
@quick(80)
def test_every_arithmetic_equals_enumeration(case: Case, way: str):
    unary, allowed = case.unary() / 3, evidence(case)
    found = everything(sent(NumpyCRF(compile_plan(case.graph)), way), unary, allowed)
    np.testing.assert_allclose(found["log-partition"], case.log_partition(unary), **TIGHT)
    np.testing.assert_allclose(found["marginals"], case.marginals(unary), **TIGHT)
    fits = allowed[:, case.cells].all(axis=2)  # (B, S)
    scores = np.where(fits, case.scores(unary), -np.inf)
    weight = np.exp(scores - scores.max(1, keepdims=True))
    share = weight / weight.sum(1, keepdims=True)
    on = np.zeros((len(case.states), case.graph.n_cells))
    np.put_along_axis(on, case.cells, 1.0, axis=1)
    clamped = scores.max(1) + np.log(weight.sum(1))
    np.testing.assert_allclose(found["conditional marginals"], share @ on, **TIGHT)
    assert (found["conditional marginals"][~allowed] == 0).all()
    np.testing.assert_allclose(found["partial"], clamped - case.log_partition(unary), **TIGHT)
    # covariance of the cells with the direction, under the evidence
    along = unary[::-1] @ on.T
    expected = (share * (along - (share * along).sum(1, keepdims=True))) @ on
    np.testing.assert_allclose(found["slopes"], expected, rtol=1e-9, atol=1e-9)


@given(cases())
@quick(60)
def test_merging_levels_changes_nothing(case: Case):
    unary, allowed = case.unary(), evidence(case)
    plans = {how: compile_plan(case.graph, quotient=how) for how in (False, True, "auto")}
    results = {how: everything(NumpyCRF(plan), unary, allowed) for how, plan in plans.items()}
    for how in (True, "auto"):
        for what, expected in results[False].items():
            np.testing.assert_allclose(results[how][what], expected, rtol=1e-9, atol=1e-9, err_msg=what)
        assert plans[how].level_counts_exact == plans[False].level_counts_exact


def test_merging_levels_is_used_where_it_pays():
    wide, narrow = grid(3, 40), chain(30)
    assert compile_plan(wide).stats.quotient
    assert compile_plan(wide).stats.total_states * 2 < compile_plan(wide, quotient=False).stats.total_states
    assert not compile_plan(narrow).stats.quotient
    assert compile_plan(narrow, quotient=True).stats.quotient
    unary = np.random.default_rng(0).normal(size=(2, wide.labels and sum(wide.n_levels)))
    on, off = (NumpyCRF(compile_plan(wide, quotient=how)).infer(unary) for how in (True, False))
    np.testing.assert_allclose(on.marginals, off.marginals, **TIGHT)
    np.testing.assert_allclose(on.map_score, off.map_score, **TIGHT)


def mixed_scores(plan: HexPlan) -> np.ndarray:
    """Photos of which some need logarithms and some do not."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(9, plan.n_cells)) * np.array([0.1, 1, 1e4, 3, 1e5, 1, 30, 1e6, 0])[:, None]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_chunks_and_neighbours_change_nothing(dtype):
    plan = compile_plan(shared_graph("prism-53"))
    unary = mixed_scores(plan).astype(dtype)
    whole, single = NumpyCRF(plan, dtype), NumpyCRF(plan, dtype, chunk_bytes=1)
    assert (whole._engine.chunk >= 9, single._engine.chunk) == (True, 1)
    tight = {"rtol": 1e-11, "atol": 1e-11} if dtype is np.float64 else {"rtol": 1e-5, "atol": 1e-5}
    one, two = whole.infer(unary), single.infer(unary)
    np.testing.assert_allclose(two.marginals, one.marginals, **tight)
    np.testing.assert_allclose(two.log_partition, one.log_partition, **tight)
    np.testing.assert_array_equal(two.positions, one.positions)
    draws = (crf.sample(unary, np.random.default_rng(3)) for crf in (whole, single))
    np.testing.assert_array_equal(*draws)


def test_steep_scores_never_become_something_that_is_no_number():
    plan = compile_plan(shared_graph("prism-53"))
    for dtype in (np.float64, np.float32):
        beliefs = NumpyCRF(plan, dtype).infer(mixed_scores(plan) * 1e6)
        for part in (beliefs.marginals, beliefs.log_partition, beliefs.entropy, beliefs.map_score):
            assert np.isfinite(part).all()
        np.testing.assert_allclose(np.add.reduceat(beliefs.marginals, plan.cell_start, axis=1), 1.0, atol=1e-5)


def test_single_precision_is_close_on_a_thousand_labels_in_a_row():
    plan = compile_plan(chain(1000))
    unary = np.random.default_rng(0).normal(size=(2, plan.n_cells)).astype(np.float32)
    exact, single = NumpyCRF(plan).infer(unary), NumpyCRF(plan, np.float32).infer(unary)
    np.testing.assert_allclose(single.marginals, exact.marginals, rtol=0, atol=1e-4)
    np.testing.assert_allclose(single.log_partition, exact.log_partition, rtol=1e-6)


def test_memory_does_not_grow_with_what_a_batch_needs_at_once():
    plan = compile_plan(shared_graph("prism-53"))
    crf, unary = NumpyCRF(plan), np.zeros((4096, plan.n_cells))
    assert plan.stats.estimated_bytes(4096) > 60e6
    tracemalloc.start()
    crf.marginals(unary)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < unary.nbytes + 12e6, "the result and one chunk"


def test_the_estimate_of_memory_is_about_what_is_used():
    plan = compile_plan(shared_graph("prism-53"))
    crf, unary = NumpyCRF(plan, chunk_bytes=2**30), np.zeros((512, plan.n_cells))
    tracemalloc.start()
    crf.marginals(unary)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 < peak / plan.stats.estimated_bytes(512) < 1.5
    assert plan.stats.estimated_bytes(512, "float32") * 2 == plan.stats.estimated_bytes(512)

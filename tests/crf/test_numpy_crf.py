from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from drawn_graphs import SEED_6, Case, cases, chain, legal_states, quick, shared_graph
from hypothesis import assume, given
from hypothesis import strategies as st

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.crf.unary import cumulative
from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption, compile_plan, parse_graph

TIGHT = {"rtol": 1e-10, "atol": 1e-10}


@given(cases())
@quick(100)
def test_everything_equals_plain_enumeration(case: Case):
    plan, unary = compile_plan(case.graph), case.unary()
    beliefs = NumpyCRF(plan).infer(unary)
    scores, probabilities = case.scores(unary), case.probabilities(unary)
    np.testing.assert_allclose(beliefs.log_partition, case.log_partition(unary), **TIGHT)
    np.testing.assert_allclose(beliefs.marginals, case.marginals(unary), **TIGHT)
    np.testing.assert_allclose(beliefs.map_score, scores.max(1), **TIGHT)
    assert (beliefs.positions == case.states[scores.argmax(1)]).all()
    logs = np.where(probabilities > 0, np.log(np.maximum(probabilities, 1e-300)), 0.0)
    np.testing.assert_allclose(beliefs.entropy, -(probabilities * logs).sum(1), atol=1e-9)


@given(cases())
@quick(60)
def test_the_parts_of_a_belief_fit_together(case: Case):
    crf, unary = NumpyCRF(compile_plan(case.graph)), case.unary()
    beliefs = crf.infer(unary)
    np.testing.assert_array_equal(beliefs.marginals, crf.marginals(unary))
    np.testing.assert_array_equal(beliefs.log_partition, crf.log_partition(unary))
    score, positions = crf.map(unary)
    np.testing.assert_array_equal(beliefs.positions, positions)
    np.testing.assert_array_equal(beliefs.map_score, score)
    np.testing.assert_allclose(beliefs.at_least, cumulative(beliefs.marginals, crf.plan), atol=1e-14)
    assert beliefs.at_least.max(initial=0.0) <= 1.0
    assert all(case.graph.is_legal(levels) for levels in beliefs.levels.tolist())
    np.testing.assert_allclose(np.add.reduceat(beliefs.marginals, crf.plan.cell_start, axis=1), 1.0, atol=1e-12)


@given(cases())
@quick(60)
def test_without_scores_the_partition_counts_the_legal_states(case: Case):
    plan = compile_plan(case.graph)
    assert math.isclose(math.exp(NumpyCRF(plan).log_partition(np.zeros((1, plan.n_cells)))[0]), plan.n_legal_states)


@given(cases(), st.integers(0, 5), st.floats(-50, 50))
@quick(60)
def test_adding_a_constant_to_a_label_only_moves_the_partition(case: Case, label: int, shift: float):
    plan, unary = compile_plan(case.graph), case.unary()
    crf = NumpyCRF(plan)
    moved = unary + shift * (plan.cell_label == label % plan.n_labels)
    np.testing.assert_allclose(crf.log_partition(moved), crf.log_partition(unary) + shift, **TIGHT)
    np.testing.assert_allclose(crf.marginals(moved), crf.marginals(unary), **TIGHT)


@given(cases())
@quick(60)
def test_taking_out_a_rule_never_lowers_the_partition(case: Case):
    graph = case.graph
    assume(graph.exclusions)
    looser = dataclasses.replace(graph, exclusions=graph.exclusions[1:])
    unary = case.unary()
    before, after = (NumpyCRF(compile_plan(g)).log_partition(unary) for g in (graph, looser))
    assert (after >= before - 1e-10).all()


@given(cases())
@quick(40)
def test_a_rule_given_twice_counts_once(case: Case):
    graph = dataclasses.replace(case.graph, exclusions=case.graph.exclusions * 2)
    unary = case.unary()
    np.testing.assert_array_equal(*(NumpyCRF(compile_plan(g)).marginals(unary) for g in (graph, case.graph)))


@given(cases(), st.randoms(use_true_random=False))
@quick(60)
def test_the_order_of_labels_and_rules_changes_nothing(case: Case, random):
    graph, unary = case.graph, case.unary()
    order = list(range(len(graph.labels)))
    random.shuffle(order)
    other = HexGraph(
        "shuffled",
        tuple(graph.labels[i] for i in order),
        exclusions=tuple(
            Exclusion(rule.label_b, rule.b_levels, rule.label_a, rule.a_levels) for rule in graph.exclusions[::-1]
        ),
        subsumptions=graph.subsumptions[::-1],
    )
    start = np.concatenate([[0], np.cumsum(graph.n_levels)])
    cells = np.concatenate([np.arange(start[i], start[i + 1]) for i in order])
    one, two = NumpyCRF(compile_plan(graph)).infer(unary), NumpyCRF(compile_plan(other)).infer(unary[:, cells])
    np.testing.assert_allclose(two.log_partition, one.log_partition, **TIGHT)
    np.testing.assert_allclose(two.marginals, one.marginals[:, cells], **TIGHT)
    np.testing.assert_array_equal(two.positions, one.positions[:, order])


@given(cases(most_rules=4), cases(most_rules=4))
@quick(40)
def test_graphs_side_by_side_add_up(one: Case, two: Case):
    renamed = {label.name: f"other {label.name}" for label in two.graph.labels}
    both = HexGraph(
        "both",
        (*one.graph.labels, *(Label(renamed[label.name], label.levels) for label in two.graph.labels)),
        exclusions=(
            *one.graph.exclusions,
            *(Exclusion(renamed[r.label_a], r.a_levels, renamed[r.label_b], r.b_levels) for r in two.graph.exclusions),
        ),
        subsumptions=(
            *one.graph.subsumptions,
            *(Subsumption(renamed[r.label_a], renamed[r.label_b], r.map) for r in two.graph.subsumptions),
        ),
    )
    left, right = one.unary(), two.unary()
    crf = NumpyCRF(compile_plan(both))
    together = np.concatenate([left, right], axis=1)
    expected = one.log_partition(left) + two.log_partition(right)
    np.testing.assert_allclose(crf.log_partition(together), expected, **TIGHT)
    assert crf.plan.n_legal_states == len(one.states) * len(two.states)


@given(cases())
@quick(30)
def test_marginals_are_the_slope_of_the_partition(case: Case):
    plan = compile_plan(case.graph)
    crf, step = NumpyCRF(plan), 1e-5
    unary = np.clip(case.unary(1), -5, 5)
    nudges = step * np.eye(plan.n_cells)
    slope = (crf.log_partition(unary + nudges) - crf.log_partition(unary - nudges)) / (2 * step)
    np.testing.assert_allclose(slope, crf.marginals(unary)[0], atol=1e-7)


@given(cases())
@quick(40)
def test_steep_scores_make_the_marginals_the_best_assignment(case: Case):
    plan = compile_plan(case.graph)
    unary = np.random.default_rng(case.seed).integers(0, 1000, (3, plan.n_cells)) * 100.0
    scores = np.sort(case.scores(unary), axis=1)
    assume(scores.shape[1] == 1 or (scores[:, -1] > scores[:, -2]).all())
    beliefs = NumpyCRF(plan).infer(unary)
    on = np.zeros_like(unary)
    np.put_along_axis(on, plan.cell_start + beliefs.positions, 1.0, axis=1)
    np.testing.assert_allclose(beliefs.marginals, on, atol=1e-12)
    np.testing.assert_allclose(beliefs.entropy, 0.0, atol=1e-6)


def test_equal_scores_still_give_one_legal_assignment_always_the_same():
    crf = NumpyCRF(compile_plan(parse_graph(SEED_6, "seed")))
    score, positions = crf.map(np.zeros((4, 24)))
    assert score.tolist() == [0.0] * 4
    assert positions.tolist() == [[0] * 6] * 4


def test_a_photo_does_not_depend_on_its_batch():
    plan = compile_plan(parse_graph(SEED_6, "seed"))
    unary = np.random.default_rng(1).normal(size=(7, 24)) * 5
    crf = NumpyCRF(plan)
    alone = np.concatenate([crf.marginals(row[None]) for row in unary])
    np.testing.assert_allclose(crf.marginals(unary), alone, rtol=1e-14)
    assert crf.infer(unary[:0]).marginals.shape == (0, 24)


def test_the_six_labels_equal_their_343_states():
    graph = parse_graph(SEED_6, "seed")
    case = Case(graph, legal_states(graph), 5)
    unary = case.unary(8)
    assert len(case.states) == 343
    np.testing.assert_allclose(NumpyCRF(compile_plan(graph)).marginals(unary), case.marginals(unary), **TIGHT)


def test_the_53_labels_give_legal_assignments_and_sound_marginals():
    graph = shared_graph("prism-53")
    plan = compile_plan(graph)
    beliefs = NumpyCRF(plan).infer(np.random.default_rng(0).normal(size=(50, plan.n_cells)) * 4)
    assert all(graph.is_legal(levels) for levels in beliefs.levels.tolist())
    np.testing.assert_allclose(np.add.reduceat(beliefs.marginals, plan.cell_start, axis=1), 1.0, atol=1e-12)
    i, j = plan.forbidden.T
    assert (beliefs.marginals[:, i] + beliefs.marginals[:, j] <= 1 + 1e-12).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_single_precision_stays_close_even_on_a_long_chain(scale):
    plan = compile_plan(chain(300))
    unary = np.random.default_rng(0).normal(size=(4, plan.n_cells)) * scale
    # rounded first: single precision cannot know more than it is given
    unary = unary.astype(np.float32)
    exact, single = NumpyCRF(plan).infer(unary), NumpyCRF(plan, np.float32).infer(unary)
    assert single.marginals.dtype == np.float32
    np.testing.assert_allclose(single.marginals, exact.marginals, atol=5e-6 if scale == 1.0 else 2e-3)
    np.testing.assert_allclose(single.log_partition, exact.log_partition, rtol=1e-6)
    np.testing.assert_allclose(single.map_score, exact.map_score, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e25])
def test_a_score_that_is_not_finite_is_refused_with_its_photo_and_label(bad):
    crf = NumpyCRF(compile_plan(parse_graph(SEED_6, "seed")))
    unary = np.zeros((3, 24))
    unary[2, 5] = bad
    with pytest.raises(ValueError, match="photo 2, label '整体偏暗'"):
        crf.infer(unary)


def test_wrong_shapes_and_types_are_refused():
    plan = compile_plan(parse_graph(SEED_6, "seed"))
    with pytest.raises(ValueError, match=r"expected \(B, 24\), got \(4, 21\)"):
        NumpyCRF(plan).marginals(np.zeros((4, 21)))
    with pytest.raises(ValueError, match="expected float64 or float32, got float16"):
        NumpyCRF(plan, np.float16)


@given(cases())
@quick(40)
def test_log_probabilities_equal_enumeration_and_add_up_to_one(case: Case):
    crf = NumpyCRF(compile_plan(case.graph))
    unary = np.repeat(case.unary(1), len(case.states), axis=0)
    found = crf.log_prob(unary, case.states)
    np.testing.assert_allclose(found, case.scores(unary[:1])[0] - case.log_partition(unary[:1])[0], **TIGHT)
    assert abs(np.exp(found).sum() - 1) < 1e-9


@given(cases())
@quick(40)
def test_an_assignment_that_breaks_a_rule_is_refused_with_the_labels_at_odds(case: Case):
    plan = compile_plan(case.graph)
    assume(len(plan.forbidden))
    rng = np.random.default_rng(case.seed)
    positions = case.states[rng.integers(len(case.states), size=3)].copy()
    one, other = plan.forbidden[rng.integers(len(plan.forbidden))]
    for cell in (one, other):
        positions[1, plan.cell_label[cell]] = cell - plan.cell_start[plan.cell_label[cell]]
    with pytest.raises(GraphError, match=r"^photo-b: the graph forbids") as caught:
        NumpyCRF(plan).log_prob(np.zeros((3, plan.n_cells)), positions, photos=["photo-a", "photo-b", "photo-c"])
    for cell in (one, other):
        assert f'"{plan.label_names[plan.cell_label[cell]]}" at {plan.cell_level[cell]}' in caught.value.message


def test_evidence_that_only_three_labels_together_forbid_is_refused_too():
    labels = tuple(Label(name, (1, 2)) for name in ("a", "b", "c", "unasked"))
    rules = (Exclusion("a", (2,), "b", (1,)), Exclusion("b", (2,), "c", (2,)))
    plan = compile_plan(HexGraph("three", labels, exclusions=rules))
    allowed = np.ones((2, 8), dtype=bool)
    allowed[1, [0, 4]] = False  # a at 2 and c at 2, b unobserved
    for ask in (NumpyCRF(plan).partial_log_prob, NumpyCRF(plan).conditional_marginals):
        with pytest.raises(GraphError, match=r'^row 1: the graph forbids these levels together: "a" at 2, "c" at 2\n'):
            ask(np.zeros((2, 8)), allowed)


def test_many_refused_photos_are_listed_and_counted():
    crf = NumpyCRF(compile_plan(parse_graph(SEED_6, "seed")))
    positions = np.zeros((9, 6), dtype=int)
    positions[1:, :2] = 1
    with pytest.raises(GraphError) as caught:
        crf.log_prob(np.zeros((9, 24)), positions, photos=[f"IMG_{i}.JPG" for i in range(9)])
    assert "8 photos" in caught.value.message
    assert caught.value.problems[0].startswith('IMG_1.JPG: the graph forbids these levels together: "整体偏亮" at 2')
    assert caught.value.problems[-1] == "and 3 more"


def test_wrong_evidence_is_refused():
    crf, unary = NumpyCRF(compile_plan(parse_graph(SEED_6, "seed"))), np.zeros((2, 24))
    with pytest.raises(ValueError, match=r"expected \(2, 24\) bool, got \(2, 24\) float64"):
        crf.partial_log_prob(unary, unary)
    with pytest.raises(ValueError, match=r"expected \(2, 6\), got \(2, 5\)"):
        crf.log_prob(unary, np.zeros((2, 5), dtype=int))
    with pytest.raises(ValueError, match=r"expected \(2, 6\), got \(2, 6\) float64"):
        crf.log_prob(unary, np.zeros((2, 6)))
    with pytest.raises(ValueError, match=r"row 1: position 4 of label '整体偏亮' is not in 0..3"):
        crf.log_prob(unary, np.array([[0] * 6, [4, 0, 0, 0, 0, 0]]))


@given(cases())
@quick(20)
def test_samples_are_legal_and_the_same_for_the_same_seed(case: Case):
    crf, unary = NumpyCRF(compile_plan(case.graph)), case.unary(30)
    positions = crf.sample(unary, np.random.default_rng(case.seed))
    levels = crf.plan.cell_level[crf.plan.cell_start + positions]
    assert all(case.graph.is_legal(row) for row in levels.tolist())
    np.testing.assert_array_equal(positions, crf.sample(unary, np.random.default_rng(case.seed)))


@pytest.mark.parametrize("quotient", [False, True])
def test_samples_come_as_often_as_the_marginals_say(quotient):
    crf, draws = NumpyCRF(compile_plan(shared_graph("prism-53"), quotient=quotient)), 20_000
    unary = np.random.default_rng(0).normal(size=(1, crf.plan.n_cells))
    expected = crf.marginals(unary)[0]
    positions = crf.sample(np.repeat(unary, draws, axis=0), np.random.default_rng(1))
    found = np.bincount((crf.plan.cell_start + positions).ravel(), minlength=crf.plan.n_cells) / draws
    deviation = np.abs(found - expected) / np.sqrt(np.maximum(expected * (1 - expected), 1e-12) / draws)
    assert deviation[expected > 1e-3].max() < 5


@given(cases())
@quick(20)
def test_joint_samples_come_as_often_as_their_probability(case: Case):
    """Marginals could be right and their dependence wrong: count whole assignments."""
    assume(2 <= len(case.states) <= 40)
    draws, unary = 4000, case.unary(1) / 10
    crf = NumpyCRF(compile_plan(case.graph))
    positions = crf.sample(np.repeat(unary, draws, axis=0), np.random.default_rng(0))
    key = {tuple(state): i for i, state in enumerate(case.states.tolist())}
    found = np.bincount([key[tuple(row)] for row in positions.tolist()], minlength=len(key)) / draws
    expected = case.probabilities(unary)[0]
    deviation = np.abs(found - expected) / np.sqrt(np.maximum(expected * (1 - expected), 1e-12) / draws)
    assert deviation[expected > 2e-3].max(initial=0) < 5.5

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from drawn_graphs import SEED_6, Case, cases, chain, legal_states, quick, shared_graph
from hypothesis import given

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, compile_plan, parse_graph

torch = pytest.importorskip("torch")

from iqa_cli.crf import torch_crf  # noqa: E402 - needs torch
from iqa_cli.crf.losses import nll  # noqa: E402 - needs torch
from iqa_cli.crf.torch_crf import TorchCRF  # noqa: E402 - needs torch

TIGHT = {"rtol": 1e-10, "atol": 1e-10}

SEED_PLAN = compile_plan(parse_graph(SEED_6, "seed"))


def by_enumeration(case: Case, unary):
    """Log-partition and marginals as torch formulas over all legal assignments."""
    cells = torch.tensor(case.cells)
    scores = unary[:, cells].sum(2)
    probability = torch.softmax(scores, 1)
    marginals = torch.stack([(probability * (cells == c).any(1)).sum(1) for c in range(unary.shape[1])], 1)
    return torch.logsumexp(scores, 1), marginals


def one_hot(plan, positions):
    allowed = torch.zeros((len(positions), plan.n_cells), dtype=torch.bool)
    return allowed.scatter_(1, torch.tensor(plan.cell_start + np.asarray(positions)), value=True)


@given(cases())
@quick(60)
def test_values_gradients_and_gradients_of_marginals_equal_enumeration(case: Case):
    crf = TorchCRF(compile_plan(case.graph))
    unary = torch.tensor(case.unary(), requires_grad=True)
    weights = torch.tensor(np.random.default_rng(1).normal(size=unary.shape))
    log_partition, marginals = by_enumeration(case, unary)
    found = crf.marginals(unary)
    torch.testing.assert_close(crf.log_partition(unary), log_partition, **TIGHT)
    torch.testing.assert_close(found, marginals, **TIGHT)
    (slope,) = torch.autograd.grad(crf.log_partition(unary).sum(), unary, create_graph=True)
    torch.testing.assert_close(slope, marginals, **TIGHT)
    (expected,) = torch.autograd.grad((marginals * weights).sum(), unary, retain_graph=True)
    for way in (found, slope):
        (curvature,) = torch.autograd.grad((way * weights).sum() + 0 * unary.sum(), unary, retain_graph=True)
        torch.testing.assert_close(curvature, expected, rtol=1e-9, atol=1e-9)


@given(cases())
@quick(60)
def test_torch_and_numpy_agree(case: Case):
    plan, unary = compile_plan(case.graph), case.unary()
    crf, twin = TorchCRF(plan), NumpyCRF(plan)
    beliefs = twin.infer(unary)
    np.testing.assert_allclose(crf.marginals(torch.tensor(unary)).numpy(), beliefs.marginals, atol=1e-12)
    np.testing.assert_allclose(crf.log_partition(torch.tensor(unary)).numpy(), beliefs.log_partition, rtol=1e-12)
    score, positions = crf.map(torch.tensor(unary))
    np.testing.assert_array_equal(positions.numpy(), beliefs.positions)
    np.testing.assert_allclose(score.numpy(), beliefs.map_score, rtol=1e-12)


@given(cases())
@quick(60)
def test_log_probabilities_of_assignments_equal_enumeration(case: Case):
    crf = TorchCRF(compile_plan(case.graph))
    unary = torch.tensor(case.unary(1)).expand(len(case.states), -1)
    expected = torch.tensor(case.scores(unary[:1].numpy())[0] - case.log_partition(unary[:1].numpy())[0])
    found = crf.log_prob(unary, torch.tensor(case.states))
    torch.testing.assert_close(found, expected, **TIGHT)
    torch.testing.assert_close(crf.partial_log_prob(unary, one_hot(crf.plan, case.states)), found, **TIGHT)
    assert abs(found.exp().sum().item() - 1) < 1e-9


@given(cases())
@quick(80)
def test_partial_evidence_equals_enumeration_and_impossible_evidence_is_refused(case: Case):
    crf = TorchCRF(compile_plan(case.graph))
    unary = torch.tensor(case.unary(1), requires_grad=True)
    allowed = np.random.default_rng(case.seed).random((1, case.graph.n_cells)) < 0.7
    fits = allowed[0, case.cells].all(1)
    if not fits.any():
        with pytest.raises(GraphError, match=r"row 0: the graph forbids these levels together: .label"):
            crf.partial_log_prob(unary, torch.tensor(allowed))
        return
    scores = unary[:, torch.tensor(case.cells)].sum(2)
    expected = torch.logsumexp(scores[:, torch.tensor(fits)], 1) - torch.logsumexp(scores, 1)
    found = crf.partial_log_prob(unary, torch.tensor(allowed))
    torch.testing.assert_close(found, expected, **TIGHT)
    gradients = [torch.autograd.grad(value.sum(), unary, retain_graph=True)[0] for value in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


@given(cases())
@quick(30)
def test_knowing_less_is_never_less_probable(case: Case):
    crf = TorchCRF(compile_plan(case.graph))
    rng = np.random.default_rng(case.seed)
    unary = torch.tensor(case.unary())
    narrow = one_hot(crf.plan, case.states[rng.integers(len(case.states), size=3)])
    wide = narrow | torch.tensor(rng.random(narrow.shape) < 0.5)
    everything = crf.partial_log_prob(unary, torch.ones_like(narrow))
    assert (crf.partial_log_prob(unary, narrow) <= crf.partial_log_prob(unary, wide) + 1e-10).all()
    torch.testing.assert_close(everything, torch.zeros_like(everything), **TIGHT)


@given(cases())
@quick(20)
def test_samples_are_legal_and_no_better_than_the_best(case: Case):
    crf = TorchCRF(compile_plan(case.graph))
    unary = torch.tensor(case.unary(40))
    positions = crf.sample(unary, torch.Generator().manual_seed(case.seed))
    levels = crf.plan.cell_level[crf.plan.cell_start + positions.numpy()]
    assert all(case.graph.is_legal(row) for row in levels.tolist())
    best = crf.map(unary)[0] - crf.log_partition(unary)
    assert (crf.log_prob(unary, positions) <= best + 1e-10).all()


def test_samples_come_as_often_as_the_marginals_say():
    graph = shared_graph("prism-53")
    crf, draws = TorchCRF(compile_plan(graph)), 8_000
    unary = torch.tensor(np.random.default_rng(0).normal(size=(1, crf.plan.n_cells)))
    expected = crf.marginals(unary)[0].numpy()
    positions = crf.sample(unary.expand(draws, -1), torch.Generator().manual_seed(0)).numpy()
    found = np.bincount((crf.plan.cell_start + positions).ravel(), minlength=crf.plan.n_cells) / draws
    deviation = np.abs(found - expected) / np.sqrt(np.maximum(expected * (1 - expected), 1e-12) / draws)
    assert deviation[expected > 1e-3].max() < 5


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_single_precision_stays_close_even_on_a_long_chain(scale):
    plan = compile_plan(chain(200))
    rng = np.random.default_rng(0)
    unary = torch.tensor(rng.normal(size=(4, plan.n_cells)) * scale).float()
    exact, single = TorchCRF(plan), TorchCRF(plan, torch.float32)
    marginals = single.marginals(unary)
    assert marginals.dtype is torch.float32
    torch.testing.assert_close(marginals.double(), exact.marginals(unary), rtol=0, atol=5e-6 if scale == 1.0 else 2e-3)
    torch.testing.assert_close(single.log_partition(unary), exact.log_partition(unary), rtol=1e-6, atol=0)
    positions = exact.map(unary)[1]
    found, expected = (crf.log_prob(unary, positions) for crf in (single, exact))
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-3)
    assert (found <= 1e-3).all()


def test_single_precision_gradients_are_the_marginals():
    crf = TorchCRF(SEED_PLAN, torch.float32)
    unary = torch.tensor(np.random.default_rng(0).normal(size=(5, 24)) * 10, dtype=torch.float32, requires_grad=True)
    (slope,) = torch.autograd.grad(crf.log_partition(unary).sum(), unary)
    torch.testing.assert_close(slope, crf.marginals(unary).detach(), rtol=0, atol=2e-6)


def test_a_loss_on_single_precision_scores_flows_back_in_single_precision():
    unary = torch.zeros((2, 24), dtype=torch.float32, requires_grad=True)
    loss = nll(TorchCRF(SEED_PLAN), unary, one_hot(SEED_PLAN, [[0] * 6, [0, 1, 0, 0, 2, 0]]))
    loss.backward()
    assert loss.dtype is torch.float64
    assert abs(loss.item() - np.log(343)) < 1e-12
    assert unary.grad is not None
    assert unary.grad.dtype is torch.float32


def test_the_loss_is_the_mean_over_photos_and_its_gradient_is_expected_minus_observed():
    crf = TorchCRF(SEED_PLAN)
    unary = torch.tensor(np.random.default_rng(3).normal(size=(4, 24)), requires_grad=True)
    positions = [[0, 0, 0, 0, 0, 0], [3, 0, 0, 1, 2, 0], [0, 2, 1, 0, 0, 3], [1, 0, 0, 3, 0, 0]]
    allowed = one_hot(SEED_PLAN, positions)
    loss = nll(crf, unary, allowed)
    torch.testing.assert_close(loss, -crf.log_prob(unary, torch.tensor(positions)).mean(), **TIGHT)
    (gradient,) = torch.autograd.grad(loss, unary)
    torch.testing.assert_close(gradient, (crf.marginals(unary) - allowed.double()) / 4, **TIGHT)


def test_an_unobserved_photo_teaches_nothing():
    unary = torch.randn((2, 24), generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    loss = nll(TorchCRF(SEED_PLAN), unary, torch.ones((2, 24), dtype=torch.bool))
    (gradient,) = torch.autograd.grad(loss, unary)
    assert abs(loss.item()) < 1e-12
    assert float(gradient.abs().max()) < 1e-12


def test_descending_the_loss_finds_what_was_observed():
    crf = TorchCRF(SEED_PLAN)
    positions = torch.tensor([[2, 0, 0, 1, 0, 3]])
    unary = torch.zeros((1, 24), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([unary], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        nll(crf, unary, one_hot(SEED_PLAN, positions.numpy())).backward()
        optimizer.step()
    assert crf.map(unary)[1].tolist() == positions.tolist()
    assert float(crf.log_prob(unary, positions).detach().exp()) > 0.95


def test_evidence_that_the_graph_forbids_is_refused_with_the_row_and_its_labels():
    crf, unary = TorchCRF(SEED_PLAN), torch.zeros((3, 24))
    positions = torch.zeros((3, 6), dtype=torch.int64)
    positions[1, :2] = torch.tensor([1, 3])
    for ask in (
        lambda: crf.log_prob(unary, positions),
        lambda: crf.partial_log_prob(unary, one_hot(SEED_PLAN, positions.numpy())),
    ):
        with pytest.raises(GraphError, match=r'row 1: .*"整体偏亮" at 2, "整体偏暗" at 4'):
            ask()
    nothing = torch.ones((3, 24), dtype=torch.bool)
    nothing[2, 4:8] = False
    with pytest.raises(GraphError, match=r'row 2: .*"整体偏暗" at no level at all'):
        crf.partial_log_prob(unary, nothing)


def test_at_least_a_level_is_the_probability_of_its_threshold():
    crf = TorchCRF(SEED_PLAN)
    unary = torch.tensor(np.random.default_rng(4).normal(size=(3, 24)))
    allowed = torch.ones((3, 24), dtype=torch.bool)
    allowed[:, 4:6] = False
    expected = crf.marginals(unary)[:, 6:8].sum(1).log()
    torch.testing.assert_close(crf.partial_log_prob(unary, allowed), expected, **TIGHT)


def test_a_graph_with_one_legal_state_is_certain():
    labels = (Label("a", (1, 2)), Label("b", (1, 2)))
    rules = (Exclusion("a", (1,), "b", (1, 2)), Exclusion("a", (2,), "b", (1,)))
    crf = TorchCRF(compile_plan(HexGraph("certain", labels, exclusions=rules)))
    unary = torch.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    assert crf.marginals(unary).tolist() == [[0.0, 1.0, 0.0, 1.0]]
    assert crf.map(unary)[1].tolist() == [[1, 1]]
    (slope,) = torch.autograd.grad(crf.marginals(unary).sum(), unary)
    assert slope.tolist() == [[0.0] * 4]


def test_the_module_saves_nothing_and_has_nothing_to_learn():
    crf = TorchCRF(SEED_PLAN)
    assert list(crf.state_dict()) == []
    assert list(crf.parameters()) == []


def test_wrong_input_is_refused():
    crf, unary = TorchCRF(SEED_PLAN), torch.zeros((2, 24))
    with pytest.raises(ValueError, match=r"expected \(B, 24\), got \(4, 21\)"):
        crf.marginals(torch.zeros((4, 21)))
    with pytest.raises(ValueError, match=r"expected \(2, 24\) torch.bool, got \(2, 24\) torch.float32"):
        crf.partial_log_prob(unary, unary)
    with pytest.raises(ValueError, match=r"expected \(2, 6\), got \(2, 5\)"):
        crf.log_prob(unary, torch.zeros((2, 5), dtype=torch.int64))
    with pytest.raises(ValueError, match=r"row 1: position 4 of label '整体偏亮' is not in 0..3"):
        crf.log_prob(unary, torch.tensor([[0] * 6, [4, 0, 0, 0, 0, 0]]))
    with pytest.raises(ValueError, match=r"expected torch.float64 or torch.float32, got torch.bfloat16"):
        TorchCRF(SEED_PLAN, torch.bfloat16)
    with pytest.raises(ValueError, match=r"empty batch"):
        nll(crf, unary[:0], torch.ones((0, 24), dtype=torch.bool))
    unary[1, 23] = torch.nan
    with pytest.raises(ValueError, match=r"photo 1, label '高光压制过度' is nan"):
        crf.log_partition(unary)
    assert torch.isnan(TorchCRF(SEED_PLAN, check_finite=False).log_partition(unary)[1])


def test_the_six_labels_equal_their_343_states():
    graph = parse_graph(SEED_6, "seed")
    case = Case(graph, legal_states(graph), 6)
    unary = torch.tensor(case.unary(16))
    log_partition, marginals = by_enumeration(case, unary)
    crf = TorchCRF(SEED_PLAN)
    torch.testing.assert_close(crf.log_partition(unary), log_partition, **TIGHT)
    torch.testing.assert_close(crf.marginals(unary), marginals, **TIGHT)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_it_can_be_differentiated_twice(kernel):
    crf = TorchCRF(compile_plan(chain(4)), kernel=kernel)
    rng = np.random.default_rng(0)
    unary = torch.tensor(rng.normal(size=(2, crf.plan.n_cells)), requires_grad=True)
    allowed = one_hot(crf.plan, [[0, 1, 0, 0], [1, 1, 0, 3]]) | torch.tensor(rng.random(unary.shape) < 0.5)
    for function in (
        crf.log_partition,
        crf.marginals,
        crf.entropy,
        lambda u: crf.partial_log_prob(u, allowed),
        lambda u: crf.conditional_marginals(u, allowed),
        lambda u: crf.log_prob(u, torch.zeros((2, 4), dtype=torch.int64)),
    ):
        assert torch.autograd.gradcheck(function, unary)
        assert torch.autograd.gradgradcheck(function, unary)


@given(cases())
@quick(25)
def test_second_derivatives_of_losses_on_marginals_equal_enumeration(case: Case):
    crf = TorchCRF(compile_plan(case.graph))
    unary = torch.tensor(case.unary() / 5, requires_grad=True)
    weights = torch.tensor(np.random.default_rng(case.seed).normal(size=unary.shape))
    results = []
    for marginals in (crf.marginals(unary), by_enumeration(case, unary)[1]):
        loss = (marginals - weights).square().sum() + 0 * unary.sum()
        (gradient,) = torch.autograd.grad(loss, unary, create_graph=True)
        (curved,) = torch.autograd.grad((gradient * weights).sum(), unary)
        results.append((gradient.detach(), curved))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@given(cases())
@quick(25)
def test_its_own_kernel_gives_what_numpy_gives(case: Case):
    """What runs on a GPU, on the CPU: in both precisions, with evidence, with photos that need logarithms."""
    plan = compile_plan(case.graph)
    unary = torch.tensor(case.unary() * np.array([[1.0], [1e4], [0.01]]))
    rng = np.random.default_rng(case.seed)
    allowed = one_hot(plan, case.states[rng.integers(len(case.states), size=3)]) | torch.tensor(
        rng.random(unary.shape) < 0.5
    )
    mine, other = TorchCRF(plan, kernel="torch"), TorchCRF(plan)
    for ask in ("log_partition", "marginals", "entropy"):
        torch.testing.assert_close(getattr(mine, ask)(unary), getattr(other, ask)(unary), rtol=1e-9, atol=1e-7)
    for ask in ("partial_log_prob", "conditional_marginals"):
        torch.testing.assert_close(
            getattr(mine, ask)(unary, allowed), getattr(other, ask)(unary, allowed), rtol=1e-9, atol=1e-7
        )
    assert mine.map(unary)[1].tolist() == other.map(unary)[1].tolist()
    gradients = []
    for crf in (mine, other):
        leaf = unary[[0, 2]].clone().requires_grad_()
        (crf.conditional_marginals(leaf, allowed[[0, 2]]).square().sum() + crf.entropy(leaf).sum()).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-8)
    draws = mine.sample(unary, torch.Generator().manual_seed(0))
    assert all(case.graph.is_legal(plan.cell_level[row]) for row in (plan.cell_start + draws.numpy()))


@given(cases())
@quick(20)
def test_beliefs_are_those_of_numpy(case: Case):
    plan, unary = compile_plan(case.graph), case.unary()
    one, two = NumpyCRF(plan).infer(unary), TorchCRF(plan).infer(torch.tensor(unary))
    assert two.plan is plan
    for field in {field.name for field in dataclasses.fields(one)} - {"plan"}:
        np.testing.assert_allclose(getattr(two, field), getattr(one, field), rtol=1e-9, atol=1e-9, err_msg=field)


def test_chunks_change_no_gradient():
    plan = compile_plan(shared_graph("prism-53"))
    rng = np.random.default_rng(0)
    unary = torch.tensor(rng.normal(size=(7, plan.n_cells)) * 5)
    gradients = []
    for options in ({}, {"chunk_bytes": 1}, {"chunk_bytes": 1, "kernel": "torch"}):
        leaf = unary.clone().requires_grad_()
        (TorchCRF(plan, **options).marginals(leaf) - 0.3).square().mean().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(gradients[2], gradients[0], rtol=1e-10, atol=1e-13)


def test_a_loss_on_marginals_of_a_large_batch_stays_small(monkeypatch):
    plan = compile_plan(shared_graph("prism-53"))
    gradients = []
    for kept in (torch_crf.KEPT_BYTES, 0):
        monkeypatch.setattr(torch_crf, "KEPT_BYTES", kept)
        leaf = torch.zeros((4096, plan.n_cells), dtype=torch.float64, requires_grad=True)
        crf = TorchCRF(plan)
        tracemalloc.start()  # sees what numpy takes; torch holds input, result and gradient, 7 MB each
        (crf.marginals(leaf) - 0.3).square().mean().backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < (70e6 if kept else 40e6)
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-18)


def test_gradients_stay_numbers_where_evidence_leaves_little():
    plan = compile_plan(chain(6))
    crf = TorchCRF(plan)
    unary = torch.tensor(np.random.default_rng(0).normal(size=(2, plan.n_cells)) * 300, requires_grad=True)
    allowed = one_hot(plan, [[0] * 6, [3, 0, 3, 0, 3, 0]])
    loss = crf.conditional_marginals(unary, allowed).square().sum() - crf.partial_log_prob(unary, allowed).sum()
    (gradient,) = torch.autograd.grad(loss, unary, create_graph=True)
    (again,) = torch.autograd.grad(gradient.square().sum(), unary)
    assert bool(torch.isfinite(gradient).all())
    assert bool(torch.isfinite(again).all())


def test_everything_follows_the_device_of_the_unaries():
    """The "meta" device computes shapes only and, like a GPU, refuses to mix with tensors of the CPU."""
    plan = compile_plan(chain(5))
    crf = TorchCRF(plan)
    unary = torch.zeros((3, plan.n_cells), dtype=torch.float32, device="meta")
    marginals = crf._written_out(unary, torch.ones_like(unary, dtype=torch.bool))
    assert (marginals.device.type, marginals.shape, marginals.dtype) == ("meta", (3, plan.n_cells), torch.float64)


def test_photos_are_called_by_their_names():
    crf, unary = TorchCRF(SEED_PLAN), torch.zeros((2, 24))
    allowed = one_hot(SEED_PLAN, [[0] * 6, [1, 1, 0, 0, 0, 0]])
    with pytest.raises(GraphError, match=r'^IMG_2.JPG: the graph forbids these levels together: "整体偏亮" at 2'):
        crf.partial_log_prob(unary, allowed, photos=["IMG_1.JPG", "IMG_2.JPG"])

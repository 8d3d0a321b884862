"""Losses on the CRF: known values of the published formulas, evidence summed out, gradients that stay finite."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="losses need the train extra")

from iqa_cli.config import LossConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.crf.losses import focal, focal_fidelity, log_thresholds, nll, node_targets, threshold_loss  # noqa: E402
from iqa_cli.crf.torch_crf import TorchCRF  # noqa: E402
from iqa_cli.errors import GraphError  # noqa: E402
from iqa_cli.hexgraph import HexGraph, Label, compile_plan  # noqa: E402
from iqa_cli.hexgraph.parts import Exclusion  # noqa: E402
from iqa_cli.training.objective import level_weights, make_objective  # noqa: E402

Formula = Callable[..., torch.Tensor]

GRAPH = HexGraph(
    name="two",
    labels=(Label("a", (1, 2, 3, 4)), Label("b", (1, 2, 3))),
    exclusions=(Exclusion("a", (2, 3, 4), "b", (2, 3)),),
)
PLAN = compile_plan(GRAPH)
CRF = TorchCRF(PLAN)


def allowed(*rows: str) -> torch.Tensor:
    """`1000 111`: the open levels of a, then of b."""
    return torch.tensor([[digit == "1" for digit in row if digit != " "] for row in rows])


def unaries(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(count, PLAN.n_cells, dtype=torch.float64, generator=generator)


def of_nodes(formula: Formula, p: list[float], on: list[float], *, gamma: float, alpha: float) -> list[float]:
    """A formula on probabilities of "on"."""
    p_on, is_on = torch.tensor(p, dtype=torch.float64), torch.tensor(on, dtype=torch.float64)
    p_t = torch.where(is_on > 0, p_on, 1 - p_on)
    values: list[float] = formula(p_t.log(), (1 - p_t).log(), is_on, gamma=gamma, alpha=alpha).tolist()
    return values


def test_focal_fidelity_has_the_published_values() -> None:
    # (1 - (sqrt(p g + 1e-8) + sqrt((1 - p)(1 - g) + 1e-8))) * alpha_t * (1 - p_t)^2, by hand.
    expected = [
        (1 - (0.9 + 1e-4)) * 0.75 * 0.19**2,
        (1 - (0.8 + 1e-4)) * 0.25 * 0.36**2,
        0.0,
        (1 - 2e-4) * 0.75,
    ]
    values = of_nodes(focal_fidelity, [0.81, 0.36, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0], gamma=2.0, alpha=0.75)
    assert values == pytest.approx(expected, abs=2e-4 * 0.75)  # without the roots' 1e-8


def test_focal_has_the_published_values() -> None:
    p, on = [0.9, 0.2, 0.5], [1.0, 0.0, 1.0]
    expected = [
        -0.25 * 0.1**2 * math.log(0.9),
        -0.75 * 0.2**2 * math.log(0.8),
        -0.25 * 0.5**2 * math.log(0.5),
    ]
    assert of_nodes(focal, p, on, gamma=2.0, alpha=0.25) == pytest.approx(expected)
    cross_entropy = torch.nn.functional.binary_cross_entropy(torch.tensor(p), torch.tensor(on), reduction="none")
    assert of_nodes(focal, p, on, gamma=0.0, alpha=0.5) == pytest.approx((0.5 * cross_entropy).tolist())


def test_log_thresholds_are_sums_of_a_softmax_per_label() -> None:
    unary = unaries(5, seed=7)
    a, b = torch.softmax(unary[:, :4], 1), torch.softmax(unary[:, 4:], 1)
    reached = torch.stack([a[:, 1:].sum(1), a[:, 2:].sum(1), a[:, 3], b[:, 1:].sum(1), b[:, 2]], 1)
    log_on, log_off = log_thresholds(unary, PLAN)
    assert torch.allclose(log_on.exp(), reached, atol=1e-14)
    assert torch.allclose(log_off.exp(), 1 - reached, atol=1e-14)


@pytest.mark.parametrize("log_odds", [27.0, 28.0, 40.0, 400.0])
def test_focal_loss_teaches_however_wrong_a_node_is(log_odds: float) -> None:
    """Of a sure error the focal loss is -alpha log p_t, whose slope is alpha at any distance."""
    unary = torch.zeros(1, PLAN.n_cells, dtype=torch.float64)
    unary[0, 4] = log_odds  # b is surely at its lowest level, and is at its highest
    unary.requires_grad_()
    threshold_loss(CRF, unary, allowed("1111 001"), name="focal", gamma=2.0, alpha=0.75).backward()
    assert unary.grad is not None
    # Two nodes decided, of equal weight: both say that the highest level should have been the likely one.
    assert float(unary.grad[0, 4]) == pytest.approx(0.75, rel=1e-6)


def test_the_gradient_of_focal_fidelity_is_that_of_its_formula_far_out() -> None:
    for log_odds in (10.0, 20.0, 30.0, 60.0):
        unary = torch.zeros(1, PLAN.n_cells, dtype=torch.float64)
        unary[0, 4] = log_odds
        unary.requires_grad_()
        threshold_loss(CRF, unary, allowed("1111 001"), name="focal-fidelity", gamma=0.0, alpha=1.0).backward()
        p = [n / (2 + math.exp(log_odds)) for n in (2, 1)]  # of the two nodes
        slope = sum(0.5 * math.sqrt(x) * math.exp(log_odds) / (2 + math.exp(log_odds)) for x in p) / 2
        assert unary.grad is not None
        assert float(unary.grad[0, 4]) == pytest.approx(slope, rel=1e-9)


def test_a_node_is_known_where_the_evidence_decides_it() -> None:
    targets = node_targets(allowed("0010 111", "0011 100", "1100 010", "1111 111"), PLAN)
    assert targets.known.int().tolist() == [
        [1, 1, 1, 0, 0],  # a is 3; nothing is known of b
        [1, 1, 0, 1, 1],  # a is 3 or worse; b is none
        [0, 1, 1, 1, 1],  # a is 1 or 2; b is 2
        [0, 0, 0, 0, 0],
    ]
    on = targets.on.int() * targets.known.int()
    assert on.tolist() == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]


def probability(unary: np.ndarray, open_cells: np.ndarray) -> float:
    """P(evidence) by enumeration of all assignments."""
    total = inside = 0.0
    for x, y in itertools.product(range(4), range(3)):
        if x >= 1 and y >= 1:
            continue
        weight = math.exp(unary[x] + unary[4 + y])
        total += weight
        inside += weight * (open_cells[x] and open_cells[4 + y])
    return inside / total


def test_likelihood_sums_out_what_the_evidence_leaves_open() -> None:
    evidence = allowed("0011 111", "1000 011", "1111 111", "0100 100")
    unary = unaries(4)
    expected = [-math.log(probability(u, e)) for u, e in zip(unary.numpy(), evidence.numpy(), strict=True)]
    assert float(nll(CRF, unary, evidence)) == pytest.approx(np.mean(expected), abs=1e-10)
    weights = torch.tensor([1.0, 2.0, 0.5, 0.0], dtype=torch.float64)
    assert float(nll(CRF, unary, evidence, weights)) == pytest.approx(np.mean(np.array(expected) * weights.numpy()))


def alone(unary: np.ndarray, open_cells: np.ndarray) -> float:
    """P(evidence) if no rule held, by enumeration of all assignments."""
    weights = {(x, y): math.exp(unary[x] + unary[4 + y]) for x, y in itertools.product(range(4), range(3))}
    inside = sum(weight for (x, y), weight in weights.items() if open_cells[x] and open_cells[4 + y])
    return inside / sum(weights.values())


@pytest.mark.parametrize("name", ["focal", "focal-fidelity"])
def test_a_focal_loss_is_the_mean_over_known_nodes_without_rules(name: str) -> None:
    evidence, unary = allowed("0011 111", "1000 010"), unaries(2, seed=3)
    formula: Formula = {"focal": focal, "focal-fidelity": focal_fidelity}[name]
    nodes = [(0, allowed("0111 111"), 1.0), (0, allowed("0011 111"), 1.0)]
    nodes += [(1, allowed(reach), 0.0) for reach in ("0111 111", "0011 111", "0001 111")]
    nodes += [(1, allowed("1111 011"), 1.0), (1, allowed("1111 001"), 0.0)]
    values = [
        of_nodes(formula, [alone(unary[row].numpy(), reach[0].numpy())], [on], gamma=2.0, alpha=0.75)[0]
        for row, reach, on in nodes
    ]
    loss = threshold_loss(CRF, unary, evidence, name=name, gamma=2.0, alpha=0.75)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(float(np.mean(values)), abs=1e-10)


@pytest.mark.parametrize("name", ["nll", "focal", "focal-fidelity"])
@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_gradients_stay_finite_where_the_model_is_sure(name: str, gamma: float) -> None:
    objective = make_objective(LossConfig(name=name, gamma=gamma), CRF, None, torch.device("cpu"))  # type: ignore[arg-type]
    evidence = allowed("0001 100", "0001 100", "1111 111", "0011 111")
    for scale in (0.0, 50.0, 5000.0, -5000.0):
        unary = torch.zeros(4, PLAN.n_cells, dtype=torch.float64)
        unary[:, 3] = scale
        unary.requires_grad_()
        loss = objective(unary, evidence)
        loss.backward()
        assert torch.isfinite(loss)
        assert unary.grad is not None
        assert bool(torch.isfinite(unary.grad).all())
        assert bool((unary.grad[2] == 0).all())  # nothing was observed of the third photo


@pytest.mark.parametrize("name", ["nll", "focal", "focal-fidelity"])
def test_a_gradient_step_lowers_every_loss(name: str) -> None:
    objective = make_objective(LossConfig(name=name), CRF, None, torch.device("cpu"))  # type: ignore[arg-type]
    evidence, unary = allowed("0010 100", "1000 001"), unaries(2, seed=1).requires_grad_()
    loss = objective(unary, evidence)
    loss.backward()
    assert unary.grad is not None
    better = (unary - 0.1 * unary.grad / unary.grad.norm()).detach()
    assert float(objective(better, evidence)) < float(loss.detach())


@pytest.mark.parametrize("name", ["nll", "focal-fidelity"])
def test_contradictory_labels_are_never_learned_silently(name: str) -> None:
    objective = make_objective(LossConfig(name=name), CRF, None, torch.device("cpu"))  # type: ignore[arg-type]
    with pytest.raises(GraphError, match='"a" at 4') as error:
        objective(unaries(2), allowed("1000 100", "0001 001"))
    assert "1" in str(error.value)  # the row


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="empty batch"):
        threshold_loss(CRF, unaries(0), allowed("1000 100")[:0], name="focal", gamma=2.0, alpha=0.5)


@pytest.mark.parametrize("balance", ["none", "inverse", "effective"])
def test_weights_against_rare_levels_have_a_mean_of_one(balance: str) -> None:
    counts = [torch.tensor([90, 8, 2, 0]), torch.tensor([50, 50, 50])]
    weights = level_weights(counts, balance)
    first, second = weights[:4], weights[4:]
    seen = counts[0].double()
    assert float((first * seen).sum() / seen.sum()) == pytest.approx(1.0)  # what never occurs has no part in it
    assert level_weights([torch.zeros(3, dtype=torch.int64)], balance).tolist() == pytest.approx([1.0] * 3)
    assert second.tolist() == pytest.approx([1.0, 1.0, 1.0])
    if balance == "inverse":
        assert float(first[1] / first[0]) == pytest.approx(90 / 8)
    if balance == "effective":
        assert 1.0 < float(first[1] / first[0]) < 90 / 8
    if balance == "none":
        assert first.tolist() == [1.0] * 4


@pytest.mark.parametrize("name", ["nll", "focal-fidelity"])
def test_balance_makes_a_rare_level_count_for_more(name: str) -> None:
    counts = [torch.tensor([90, 8, 1, 1]), torch.tensor([98, 1, 1])]
    plain, balanced = (
        make_objective(LossConfig(name=name, balance=balance), CRF, counts, torch.device("cpu"))  # type: ignore[arg-type]
        for balance in ("none", "inverse")
    )
    unary = unaries(1, seed=2)
    rare, common = allowed("0001 100"), allowed("1000 100")
    assert float(balanced(unary, rare)) > float(plain(unary, rare))
    assert float(balanced(unary, common)) < float(plain(unary, common))
    # Where nothing is known exactly there is nothing to weigh.
    unknown = allowed("0011 111")
    assert float(balanced(unary, unknown)) == pytest.approx(float(plain(unary, unknown)))

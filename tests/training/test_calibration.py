"""Temperatures: labels drawn from scores of known temperatures give those temperatures back."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.crf.losses import nll  # noqa: E402 - torch may be missing
from iqa_cli.crf.torch_crf import TorchCRF  # noqa: E402
from iqa_cli.crf.unary import unary_from_nodes  # noqa: E402
from iqa_cli.hexgraph.plan import compile_plan  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.calibration import fitted_temperatures  # noqa: E402
from iqa_cli.training.data import exactly  # noqa: E402

GRAPH = read_graph(find_graph("smartphone-6"))
CRF = TorchCRF(compile_plan(GRAPH))
LABEL_OF_NODE = torch.tensor(CRF.plan.node_label.tolist())


def scores(count: int, generator: torch.Generator) -> torch.Tensor:
    """A latent of each label less three ordered cut points, as the model gives them. (count, N) float32."""
    latent = 4 * torch.randn(count, len(GRAPH.labels), generator=generator)
    return (latent[:, :, None] - torch.tensor([0.0, 2.0, 4.0])).flatten(1)


def labels_of(scaled: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Labels drawn from the CRF over these node scores, as what is allowed. (count, C) bool."""
    return exactly(CRF.sample(unary_from_nodes(scaled.double(), CRF.plan), generator), GRAPH)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    "truth",
    [[1.0] * 6, [0.4, 0.7, 1.0, 1.5, 2.5, 4.0], [4.0, 2.5, 1.5, 1.0, 0.7, 0.4]],
    ids=["honest", "rising", "falling"],
)
def test_the_temperatures_that_labels_were_drawn_with_are_found(generator: torch.Generator, truth: list[float]) -> None:
    given = scores(6000, generator)
    allowed = labels_of(given / torch.tensor(truth)[LABEL_OF_NODE], generator)
    fitted = fitted_temperatures(CRF, given, allowed)
    assert (fitted.shape, fitted.dtype) == ((6,), torch.float64)
    assert fitted.tolist() == pytest.approx(truth, rel=0.12)


def test_fitted_temperatures_are_likelier_than_any_near_them(generator: torch.Generator) -> None:
    given = scores(400, generator)
    allowed = labels_of(given / 2, generator)
    fitted = fitted_temperatures(CRF, given, allowed)

    def loss(temperatures: torch.Tensor) -> float:
        return float(nll(CRF, unary_from_nodes(given.double() / temperatures[LABEL_OF_NODE], CRF.plan), allowed))

    for label in range(6):
        for factor in (0.9, 1.1):
            changed = fitted.clone()
            changed[label] *= factor
            assert loss(fitted) < loss(changed)


def test_a_label_that_nobody_looked_at_spoils_no_other(generator: torch.Generator) -> None:
    given = scores(500, generator)
    allowed = labels_of(given / 3, generator)
    cells = [label for label, levels in enumerate(GRAPH.n_levels) for _ in range(levels)]
    allowed[:, [cell for cell, label in enumerate(cells) if label == 2]] = True
    fitted = fitted_temperatures(CRF, given, allowed)
    assert bool(fitted.isfinite().all())
    others = [label for label in range(6) if label != 2]
    assert fitted[others].tolist() == pytest.approx([3.0] * 5, rel=0.3)


def test_perfect_scores_are_not_made_surer_than_the_limit(generator: torch.Generator) -> None:
    given = scores(200, generator) * 0.05
    _, best = CRF.map(unary_from_nodes(given.double() * 1000, CRF.plan))
    fitted = fitted_temperatures(CRF, given, exactly(best, GRAPH))
    assert bool((fitted >= 1 / 20.1).all())
    assert bool((fitted <= 20.1).all())
    assert float(fitted.median()) < 0.2


def test_scores_are_left_as_they_were(generator: torch.Generator) -> None:
    given = scores(50, generator).requires_grad_()
    before = given.detach().clone()
    fitted = fitted_temperatures(CRF, given, labels_of(before, generator))
    assert torch.equal(given, before)
    assert given.grad is None
    assert not fitted.requires_grad

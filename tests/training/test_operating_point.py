"""How likely a problem must be before it is named: the offsets are those under which kappa is highest."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from sklearn.metrics import cohen_kappa_score  # noqa: E402 - torch may be missing

from iqa_cli.crf.levels import named_positions  # noqa: E402
from iqa_cli.crf.torch_crf import TorchCRF  # noqa: E402
from iqa_cli.crf.unary import unary_from_nodes  # noqa: E402
from iqa_cli.hexgraph.plan import compile_plan  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.operating_point import fitted_offsets  # noqa: E402

CRF = TorchCRF(compile_plan(read_graph(find_graph("smartphone-6"))))


def scores_and_levels(shift: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Levels 0 and 3 of the first label in 400 pictures, seen through noise, and scores `shift` too low; the other
    labels are never there.
    """
    generator = torch.Generator().manual_seed(0)
    there = torch.rand(400, generator=generator) < 0.3
    latent = torch.where(there, 1.5, -1.5) + torch.randn(400, generator=generator)
    scores = torch.full((400, 18), -9.0)
    scores[:, :3] = 2 * latent[:, None] - shift
    positions = torch.zeros(400, 6, dtype=torch.int64)
    positions[:, 0] = torch.where(there, 3, 0)
    return scores, positions


def kappa(scores: torch.Tensor, positions: torch.Tensor, offset: float) -> float:
    unary = unary_from_nodes((scores + offset).double(), CRF.plan)
    named = named_positions(CRF.marginals(unary).numpy(), CRF.map(unary)[1].numpy, CRF.plan)
    return float(cohen_kappa_score(positions[:, 0], named[:, 0], weights="quadratic"))


def test_the_offset_is_the_best_of_those_that_are_tried() -> None:
    scores, positions = scores_and_levels(shift=1.2)
    offset = float(fitted_offsets(CRF, scores, positions)[0])
    assert offset > 0.3
    tried = [kappa(scores, positions, step / 10) for step in range(10)]
    assert kappa(scores, positions, offset) == pytest.approx(max(tried))


def test_offsets_of_labels_that_exclude_each_other_never_cost_kappa() -> None:
    generator = torch.Generator().manual_seed(3)
    positions = torch.zeros(600, 6, dtype=torch.int64)
    side = torch.randint(0, 3, (600,), generator=generator)  # nothing, the one, the other
    for label in (0, 1):
        positions[:, label] = torch.where(side == label + 1, torch.randint(1, 4, (600,), generator=generator), 0)
    cuts = torch.tensor([1.0, 2.0, 3.0]).repeat(6)
    latent = positions.repeat_interleave(3, 1) + torch.randn(600, 6, generator=generator).repeat_interleave(3, 1)
    scores = 2 * (latent - cuts) - 1.0

    def mean_kappa(offsets: torch.Tensor) -> float:
        unary = unary_from_nodes((scores + offsets.repeat_interleave(3)).double(), CRF.plan)
        named = named_positions(CRF.marginals(unary).numpy(), CRF.map(unary)[1].numpy, CRF.plan)
        return sum(
            float(cohen_kappa_score(positions[:, label], named[:, label], weights="quadratic")) for label in (0, 1)
        )

    offsets = fitted_offsets(CRF, scores, positions)
    assert mean_kappa(offsets) >= mean_kappa(torch.zeros(6))
    for label in (0, 1):  # no single step is better
        for step in range(10):
            other = offsets.clone()
            other[label] = step / 10
            assert mean_kappa(other) <= mean_kappa(offsets) + 1e-4


def test_a_label_that_is_never_there_or_needs_none_keeps_the_likeliest_level() -> None:
    scores, positions = scores_and_levels(shift=-3.0)  # too high already
    assert fitted_offsets(CRF, scores, positions).tolist() == [0.0] * 6


def test_levels_that_are_unknown_are_not_counted() -> None:
    scores, positions = scores_and_levels(shift=1.2)
    positions[:, 1:] = -1
    expected = fitted_offsets(CRF, scores, positions)
    more = torch.cat([scores, torch.full((50, 18), 9.0)])
    unknown = torch.cat([positions, torch.full((50, 6), -1)])
    assert torch.equal(fitted_offsets(CRF, more, unknown), expected)

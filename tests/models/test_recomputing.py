"""Blocks that are computed again for the gradient give the gradient that they would have given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

from iqa_cli.config import ModelConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.errors import ConfigError  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.recomputing import recomputing_of  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from tests.models.families import FAMILIES, SIDE, register  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

GRAPH = read_graph(find_graph("smartphone-6"))
REFUSED = ("test-rn", "test-mobileclip2")
"""Families that keep batch statistics."""


@pytest.fixture(scope="module", autouse=True)
def families() -> None:
    register()


def gradients(model: ToneModel, side: int = SIDE) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model.train()
    torch.manual_seed(2)  # of drop-out
    inputs = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(1))
    model(inputs).square().sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


def counted(model: ToneModel) -> Callable[[], int]:
    """How often blocks of the towers have been computed since."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    for part in model.clip.modules():
        if isinstance(part, torch.nn.LayerNorm):
            part.register_forward_pre_hook(count)
    return lambda: calls


@pytest.mark.parametrize("architecture", FAMILIES)
def test_gradients_are_the_same_with_and_without(architecture: str) -> None:
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(backbone=architecture, head="fc"), GRAPH)
    if architecture in REFUSED:
        with pytest.raises(ConfigError, match="the visual tower of tiny keeps batch statistics"):
            recomputing_of(model, "tiny")
        return
    kept = gradients(model)
    model.recomputing = recomputing_of(model, "tiny")
    calls = counted(model)
    again = gradients(model)
    trained = calls()
    assert kept.keys() == again.keys()
    for name, value in kept.items():
        assert torch.allclose(value, again[name], rtol=1e-6, atol=1e-6), name
    model.eval()
    model(torch.zeros(1, 3, SIDE, SIDE))
    judged = calls() - trained
    assert trained > judged  # some were computed twice, and none for judging
    assert not any(getattr(part, "grad_checkpointing", False) for part in model.clip.modules())


def test_prompts_before_a_frozen_text_tower_have_the_same_gradient() -> None:
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(backbone="iqa-small", train_visual="none", train_text=False), GRAPH)
    kept = gradients(model, 96)
    model.recomputing = recomputing_of(model, "iqa-small")
    again = gradients(model, 96)
    assert "head.context" in kept
    assert kept.keys() == again.keys()
    assert all(torch.allclose(value, again[name], rtol=1e-6, atol=1e-6) for name, value in kept.items())


def test_a_model_without_such_a_tower_is_refused_in_a_sentence() -> None:
    frozen = ToneModel(ModelConfig(backbone="iqa-small", head="fc", train_visual="none"), GRAPH)
    with pytest.raises(ConfigError, match="no tower learns") as error:
        recomputing_of(frozen, "iqa-small")
    assert error.value.hint == "leave run.grad_checkpointing out"
    learning = ToneModel(ModelConfig(backbone="iqa-small", head="fc"), GRAPH)
    with pytest.raises(ConfigError, match="the visual tower of iqa-small keeps batch statistics"):
        recomputing_of(learning, "iqa-small")

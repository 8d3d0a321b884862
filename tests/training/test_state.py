"""What a run keeps between epochs: all that learns, and of the frozen weights their hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")
safetensors = pytest.importorskip("safetensors", reason="training needs the train extra")

from iqa_cli.config import ModelConfig, OptimConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.errors import CheckpointError  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.state import (  # noqa: E402
    BEST,
    STATE,
    Progress,
    frozen_hash,
    load_state,
    load_weights,
    save_state,
    save_weights,
)

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
FROZEN = ModelConfig(context_tokens=2, train_visual="none", train_text=False)
PROGRESS = Progress(identity={"a": 1}, epochs=1, rows=({"epoch": 1.0},))


def model_and_optimiser(seed: int, config: ModelConfig = FROZEN) -> tuple[ToneModel, torch.optim.AdamW]:
    torch.manual_seed(seed)
    model = ToneModel(config, GRAPH)
    return model, torch.optim.AdamW(model.parameter_groups(OptimConfig()))


def a_step(model: ToneModel, optimiser: torch.optim.AdamW) -> None:
    features = torch.nn.functional.normalize(torch.randn(4, model.head.weight_and_bias()[0].shape[1]), dim=-1)
    model.scores(features).square().sum().backward()
    optimiser.step()
    optimiser.zero_grad()


def test_frozen_weights_are_not_written_and_the_rest_comes_back(tmp_path: Path) -> None:
    model, optimiser = model_and_optimiser(0)
    a_step(model, optimiser)
    save_state(tmp_path, model, optimiser, PROGRESS, frozen_hash(model))
    save_weights(tmp_path / BEST, model)
    learned = {name for name, value in model.named_parameters() if value.requires_grad}
    with safetensors.safe_open(tmp_path / STATE, framework="pt") as stream:
        written = {name.removeprefix("model.") for name in stream.keys() if name.startswith("model.")}  # noqa: SIM118
    assert learned <= written <= learned | {name for name, _ in model.named_buffers()}
    assert (tmp_path / BEST).stat().st_size < 200_000 < sum(4 * value.numel() for value in model.parameters())
    for load in (
        lambda other, its: load_state(tmp_path, other, its),
        lambda other, _: load_weights(tmp_path / BEST, other),
    ):
        other, its = model_and_optimiser(0)
        load(other, its)
        for name, value in model.state_dict().items():
            assert torch.equal(other.state_dict()[name], value), name


def test_other_frozen_weights_than_the_run_began_with_are_refused(tmp_path: Path) -> None:
    model, optimiser = model_and_optimiser(0)
    save_state(tmp_path, model, optimiser, PROGRESS, frozen_hash(model))
    with pytest.raises(CheckpointError, match="began with other frozen weights") as error:
        load_state(tmp_path, *model_and_optimiser(1))
    assert "pretrained" in (error.value.hint or "")


def test_a_model_that_learns_all_over_is_written_whole(tmp_path: Path) -> None:
    config = ModelConfig(context_tokens=2)
    model, optimiser = model_and_optimiser(0, config)
    save_state(tmp_path, model, optimiser, PROGRESS, frozen_hash(model))
    other, its = model_and_optimiser(1, config)
    load_state(tmp_path, other, its)
    learned = {name for name, value in model.named_parameters() if value.requires_grad}
    assert all(torch.equal(other.state_dict()[name], model.state_dict()[name]) for name in learned)


def test_weights_of_another_model_are_damage(tmp_path: Path) -> None:
    save_weights(tmp_path / BEST, model_and_optimiser(0)[0])
    with pytest.raises(CheckpointError, match="damaged"):
        load_weights(tmp_path / BEST, model_and_optimiser(0, ModelConfig(context_tokens=2))[0])

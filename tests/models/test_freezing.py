"""What is frozen stays as it is, in towers of every family; what is loaded sees what open_clip's own model sees."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

import open_clip
import safetensors.torch
import torch

from iqa_cli.config import ModelConfig, OptimConfig
from iqa_cli.errors import ConfigError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.freezing import layer_groups
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from tests.models.families import FAMILIES, SIDE, randomised, register

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
ORDERED = [name for name, family in FAMILIES.items() if family.last is not None]
FULL_SIZE = (
    "ViT-B-32",
    "ViT-B-32-quickgelu",
    "RN50",
    "coca_ViT-B-32",
    "ViT-B-16-SigLIP",
    "EVA02-B-16",
    "convnext_base",
)
FULL_SIZE += ("ViTamin-S", "MobileCLIP2-S0", "MobileCLIP2-B", "PE-Core-B-16", "vit_medium_patch16_gap_256")


@pytest.fixture(scope="module", autouse=True)
def families() -> None:
    register()


def tone_model(architecture: str, **config: Any) -> ToneModel:
    torch.manual_seed(0)
    return ToneModel(ModelConfig(backbone=architecture, head="fc", **config), GRAPH)


def state_of(tower: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in tower.state_dict().items()}


def moved_by_two_steps(model: ToneModel, side: int = SIDE) -> set[str]:
    """Names in the visual tower's state, buffers included, that training moves at high rates and with decay."""
    rates = OptimConfig(lr_visual=0.05, lr_head=0.05, weight_decay=0.1)
    optimiser = torch.optim.AdamW(model.parameter_groups(rates), lr=0.05)
    visual = model.clip.visual
    before = state_of(visual)
    for _ in range(2):
        model.train()
        optimiser.zero_grad()
        (model(torch.randn(4, 3, side, side)) ** 2).sum().backward()
        optimiser.step()
    model.eval()
    return {name for name, value in visual.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_frozen_tower_stays_as_it_is_batch_statistics_included(architecture: str) -> None:
    model = tone_model(architecture, train_visual="none")
    assert not any(name.startswith("clip.") and value.requires_grad for name, value in model.named_parameters())
    assert moved_by_two_steps(model) == set()


@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_tower_that_learns_moves_as_a_whole(architecture: str) -> None:
    model = tone_model(architecture)
    learns = {name for name, _ in model.clip.visual.named_parameters()}
    assert learns <= moved_by_two_steps(model)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("architecture", ORDERED)
def test_the_last_groups_alone_move(architecture: str, groups: int) -> None:
    family = FAMILIES[architecture]
    assert family.last is not None
    expected = family.last if groups == 1 else (*family.last, *family.block)
    model = tone_model(architecture, train_visual=groups)
    names = set(state_of(model.clip.visual))
    parameters = {name for name, _ in model.clip.visual.named_parameters()}
    moved = moved_by_two_steps(model)
    assert moved <= {name for name in names if name.startswith(expected)}
    assert {name for name in parameters if name.startswith(expected)} <= moved


@pytest.mark.parametrize("architecture", ORDERED)
def test_every_parameter_is_in_one_group(architecture: str) -> None:
    visual = tone_model(architecture).clip.visual
    grouped = [name for group in layer_groups(visual) for name in group]
    assert sorted(grouped) == sorted(name for name, _ in visual.named_parameters())


def test_all_groups_are_the_whole_tower_and_more_are_refused() -> None:
    count = len(layer_groups(tone_model("test-vit").clip.visual))
    whole = tone_model("test-vit", train_visual=count)
    assert all(parameter.requires_grad for parameter in whole.clip.visual.parameters())
    with pytest.raises(ConfigError, match=f"{count + 1}, but this architecture has {count} groups"):
        tone_model("test-vit", train_visual=count + 1)


@pytest.mark.parametrize("architecture", ["test-rn", "iqa-small"])
def test_a_tower_whose_layers_have_no_known_order_is_refused_in_part(architecture: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.train_visual: this architecture cannot be frozen in part") as error:
        tone_model(architecture, train_visual=2)
    assert "none" in (error.value.hint or "")


def test_drop_out_of_a_frozen_part_is_off_and_of_a_learning_one_on() -> None:
    model = tone_model("test-timm-vit", train_visual=2).train()
    blocks = model.clip.visual.trunk.blocks
    assert [block.training for block in blocks] == [False, False, True]
    assert blocks[2].mlp.drop1.training
    assert not blocks[0].mlp.drop1.training


def test_the_prompt_learns_alone_before_frozen_towers() -> None:
    model = ToneModel(ModelConfig(train_visual="none", train_text=False), GRAPH)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    expected = {"head.context", "head.log_scale", "head.bias", "thresholds.first", "thresholds.steps"}
    assert learning == expected


@pytest.mark.parametrize("architecture", FAMILIES)
def test_a_loaded_tower_sees_what_open_clips_own_model_sees(architecture: str, tmp_path: Path) -> None:
    path = weights_file(architecture, tmp_path)
    twins = ("test-vit", True), ("test-vit", False)
    for name, said in twins if architecture == "test-vit" else ((architecture, None),):
        model = tone_model(name, pretrained=str(path), quick_gelu=said, train_visual="none").eval()
        reference, _, _ = open_clip.create_model_and_transforms(
            name, pretrained=str(path), force_quick_gelu=bool(said), pretrained_image=False
        )
        pictures = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
        with torch.no_grad():
            seen = reference.eval().encode_image(pictures, normalize=False)  # CoCa does by itself
            assert torch.allclose(model.clip.visual(pictures), seen, rtol=1e-5, atol=1e-5)
            assert torch.allclose(model.features(pictures), torch.nn.functional.normalize(seen, dim=-1), atol=1e-6)


def weights_file(architecture: str, folder: Path) -> Path:
    """Random weights, no number of which is what a model begins with."""
    clip = open_clip.create_model(architecture, pretrained_image=False, pretrained_text=False)
    randomised(clip, torch.Generator().manual_seed(4))
    path = folder / "clip.safetensors"
    safetensors.torch.save_file({name: value.contiguous() for name, value in clip.state_dict().items()}, path)
    return path


@pytest.mark.skipif(os.environ.get("IQA_FULL_SIZE") != "1", reason="minutes and gigabytes: IQA_FULL_SIZE=1 runs them")
@pytest.mark.parametrize("architecture", FULL_SIZE)
def test_full_size_towers_are_loaded_and_frozen_like_tiny_ones(architecture: str, tmp_path: Path) -> None:
    path = weights_file(architecture, tmp_path)
    said = True if architecture == "ViT-B-32" else False if architecture == "RN50" else None
    config = {"pretrained": str(path), "quick_gelu": said}
    model = tone_model(architecture, train_visual="none", **config).eval()
    reference = open_clip.create_model(architecture, pretrained=str(path), force_quick_gelu=bool(said)).eval()
    side = model.preprocessing.size
    pictures = torch.randn(2, 3, side, side)
    with torch.no_grad():
        seen = reference.encode_image(pictures, normalize=False)
        # torch takes a fused attention where no weight learns: other last bits.
        assert torch.allclose(model.clip.visual(pictures), seen, rtol=1e-3, atol=1e-3)
    assert moved_by_two_steps(model, side) == set()
    if architecture != "RN50":
        visual = tone_model(architecture, train_visual=2, **config).clip.visual
        learning = {name for name, parameter in visual.named_parameters() if parameter.requires_grad}
        groups = layer_groups(visual)
        assert learning == {*groups[-1], *groups[-2]}

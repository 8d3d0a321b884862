"""Going on from a checkpoint: what is taken, what is not, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.checkpoint import ONNX, WEIGHTS, load_checkpoint, write_checkpoint  # noqa: E402
from iqa_cli.config import ModelConfig  # noqa: E402
from iqa_cli.errors import ConfigError  # noqa: E402
from iqa_cli.hexgraph import Label  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402
from iqa_cli.paths import find_checkpoint, find_graph  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

SIX = read_graph(find_graph("smartphone-6"))
DEFAULT = "checkpoint:default"


def test_the_same_labels_give_the_same_scores_as_the_checkpoint_itself() -> None:
    import onnxruntime

    torch.manual_seed(0)
    model = ToneModel(ModelConfig(pretrained=DEFAULT), SIX).eval()
    checkpoint = load_checkpoint(find_checkpoint("default"))
    assert model.preprocessing == checkpoint.preprocessing
    size = model.preprocessing.size
    pictures = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        # The temperatures of the checkpoint are not taken over: they are fitted again.
        fitted = torch.tensor([checkpoint.card["model"]["fitted_temperature"][name] for name in SIX.label_names])
        scores = model(pictures) / fitted[model.thresholds.label_of_node]
    session = onnxruntime.InferenceSession(checkpoint.read_verified("model.onnx"))
    assert session.run(None, {"pictures": pictures.numpy()})[0] == pytest.approx(scores.numpy(), abs=1e-3)


def test_labels_that_are_new_begin_anew_and_the_others_go_on() -> None:
    new = Label("blurred", (1, 2, 3), {"en": "blurred"})
    other = dataclasses.replace(SIX, labels=(new, *reversed(SIX.labels)), exclusions=(), subsumptions=())
    torch.manual_seed(0)
    fresh = ToneModel(ModelConfig(), other).thresholds
    going_on = ToneModel(ModelConfig(pretrained=DEFAULT), other).thresholds
    trained = ToneModel(ModelConfig(pretrained=DEFAULT), SIX).thresholds
    assert going_on.first[0] == fresh.first[0]
    assert torch.equal(going_on.first[1:].flip(0), trained.first)
    assert going_on.steps[0] == fresh.steps[0]
    assert torch.equal(going_on.steps[1:].view(6, 2).flip(0), trained.steps.view(6, 2))


def test_another_head_takes_the_towers_alone() -> None:
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(pretrained=DEFAULT, head="fc"), SIX)
    towers = ToneModel(ModelConfig(pretrained=DEFAULT), SIX).clip.state_dict()
    assert all(torch.equal(value, towers[name]) for name, value in model.clip.state_dict().items())


@pytest.fixture
def with_statistics(tmp_path: Path) -> tuple[str, ToneModel]:
    """A checkpoint of a model with statistics that have seen pictures, and that model."""
    torch.manual_seed(1)
    model = ToneModel(ModelConfig(head="fc", statistics=8), SIX)
    with torch.no_grad():
        model(model.prepared(torch.randint(0, 256, (8, 3, 96, 96), dtype=torch.uint8)))
        model.temperature.fill_(2.0)
    folder = tmp_path / "trained"
    folder.mkdir()
    shipped = load_checkpoint(find_checkpoint("default")).card
    card = {key: value for key, value in shipped.items() if key not in ("files", "format_version")}
    card["model"] = {**card["model"], "statistics": 8, "scene": None}
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    write_checkpoint(folder, {WEIGHTS: safetensors.torch.save(weights), ONNX: b"none"}, card)
    return f"checkpoint:{folder}", model.eval()


def test_statistics_go_on_from_a_checkpoint_like_the_tower(with_statistics: tuple[str, ToneModel]) -> None:
    pretrained, source = with_statistics
    model = ToneModel(ModelConfig(head="fc", statistics=8, pretrained=pretrained), SIX).eval()
    kept, taken = source.state_dict(), model.state_dict()
    assert any(name.startswith("statistics.") for name in kept)
    for name, value in kept.items():
        # A temperature belongs to the pictures it was fitted on.
        expected = torch.ones(6) if name == "temperature" else value
        assert torch.equal(taken[name], expected), name
    pictures = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(model(pictures), 2 * source(pictures), atol=1e-4)


def test_frozen_statistics_of_a_checkpoint_do_not_change(with_statistics: tuple[str, ToneModel]) -> None:
    """Not by a step, and not by what batch normalisation sees in training."""
    pretrained, source = with_statistics
    model = ToneModel(ModelConfig(head="fc", statistics=8, pretrained=pretrained, train_visual="none"), SIX).train()
    assert not any(parameter.requires_grad for parameter in model.statistics.parameters())
    model(torch.randn(4, 3, 96, 96)).sum().backward()
    for name, value in source.statistics.state_dict().items():
        assert torch.equal(model.statistics.state_dict()[name], value), name


def test_a_frozen_tower_without_counts_of_batches_is_gone_on_from(with_statistics: tuple[str, ToneModel]) -> None:
    """As checkpoints are whose tower was frozen by open_clip's own method."""
    pretrained, source = with_statistics
    folder = load_checkpoint(find_checkpoint(pretrained.removeprefix("checkpoint:"))).folder
    weights = {name: value.contiguous() for name, value in source.state_dict().items()}
    fewer = {name: value for name, value in weights.items() if not name.endswith(".num_batches_tracked")}
    assert len(fewer) < len(weights)
    card = {k: v for k, v in load_checkpoint(folder).card.items() if k not in ("files", "format_version")}
    write_checkpoint(folder, {WEIGHTS: safetensors.torch.save(fewer), ONNX: b"none"}, card)
    model = ToneModel(ModelConfig(head="fc", statistics=8, pretrained=pretrained), SIX)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in fewer.items() if name != "temperature")


@pytest.mark.parametrize("width", [0, 16])
def test_statistics_of_another_width_are_the_configs_mistake(
    with_statistics: tuple[str, ToneModel], width: int
) -> None:
    pretrained, _ = with_statistics
    with pytest.raises(ConfigError, match="its towers do not fit this backbone") as error:
        ToneModel(ModelConfig(head="fc", statistics=width, pretrained=pretrained), SIX)
    assert "model.statistics" in (error.value.hint or "")


def test_a_checkpoint_that_is_not_there_or_has_another_backbone_is_the_configs_mistake() -> None:
    with pytest.raises(ConfigError, match=r"model\.pretrained: no checkpoint is called 'defualt'") as error:
        ToneModel(ModelConfig(pretrained="checkpoint:defualt"), SIX)
    assert "default" in (error.value.hint or "")
    with pytest.raises(ConfigError, match="its backbone is 'iqa-small', not 'RN50'"):
        ToneModel(ModelConfig(pretrained=DEFAULT, backbone="RN50"), SIX)


def test_damaged_weights_are_never_replaced_by_random_ones(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(find_checkpoint("default"), folder)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ConfigError, match=r"model\.safetensors: damaged"):
        ToneModel(ModelConfig(pretrained=f"checkpoint:{folder}"), SIX)

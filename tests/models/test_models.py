"""Backbones, heads and export: shapes, order of cut points, real weights or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.config import ModelConfig
from iqa_cli.errors import ConfigError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.models.backbone import build_backbone  # noqa: E402
from iqa_cli.models.heads import OrdinalThresholds  # noqa: E402
from iqa_cli.models.prepare import normalise, squash  # noqa: E402
from iqa_cli.models.tone_model import ExportedModel, ToneModel  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))


@pytest.fixture(scope="module")
def model() -> ToneModel:
    torch.manual_seed(0)
    return ToneModel(ModelConfig(), GRAPH).eval()


def test_scores_have_one_column_per_threshold(model: ToneModel) -> None:
    with torch.no_grad():
        scores = model(torch.zeros(2, 3, 96, 96))
    assert scores.shape == (2, GRAPH.n_nodes)


def test_higher_thresholds_never_score_higher(model: ToneModel) -> None:
    with torch.no_grad():
        scores = model(torch.randn(5, 3, 96, 96)).view(5, 6, 3)
    assert bool((scores.diff(dim=-1) < 0).all())


def test_cut_points_stay_ordered_for_labels_of_any_size() -> None:
    thresholds = OrdinalThresholds([2, 4, 3])
    with torch.no_grad():
        thresholds.steps.copy_(torch.tensor([-8.0, 5.0, 0.3]))
        thresholds.first.copy_(torch.tensor([0.5, -2.0, 1.0]))
    cuts = thresholds.cuts()
    assert thresholds.label_of_node.tolist() == [0, 1, 1, 1, 2, 2]
    assert cuts[0].item() == pytest.approx(0.5)
    assert cuts[1] < cuts[2] < cuts[3]
    assert cuts[4] < cuts[5]


def test_the_exported_form_is_the_model(model: ToneModel) -> None:
    pictures = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(ExportedModel(model)(pictures), model(pictures), atol=1e-5)


def test_the_context_reaches_every_label(model: ToneModel) -> None:
    weight, _ = model.head.weight_and_bias()
    weight[:, 0].sum().backward()
    assert model.head.context.grad is not None
    assert bool((model.head.context.grad.abs().sum(1) > 0).all())
    assert len(torch.unique(weight.detach().round(decimals=5), dim=0)) == 6


def test_every_parameter_but_clips_own_scale_is_trained(model: ToneModel) -> None:
    groups = model.parameter_groups(1e-3, 2e-3, 0.1)
    grouped = sum(parameter.numel() for group in groups for parameter in group["params"])
    assert grouped == sum(p.numel() for p in model.parameters()) - 1
    assert {group["peak_lr"] for group in groups} == {1e-3, 2e-3}


def test_torch_and_numpy_prepare_alike(model: ToneModel) -> None:
    picture = squash(np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8), 96)
    expected = model.prepared(torch.tensor(picture).permute(2, 0, 1)[None])
    assert normalise([picture], model.preprocessing) == pytest.approx(expected.numpy(), abs=1e-6)


def test_squashing_keeps_the_mean_and_the_whole_frame() -> None:
    picture = np.zeros((120, 400, 3), np.uint8)
    picture[:, 200:] = 200
    small = squash(picture, 40)
    assert small.shape == (40, 40, 3)
    assert abs(float(small.mean()) - 100) < 1.5
    assert small[:, 0].max() == 0
    assert small[:, -1].min() == 200


def test_an_unknown_filter_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="bilinear"):
        squash(np.zeros((9, 9, 3), np.uint8), 8, "sharpest")


def test_an_unknown_architecture_suggests_near_ones() -> None:
    with pytest.raises(ConfigError, match="ViT-B-33") as error:
        build_backbone("ViT-B-33", False)
    assert "ViT-B-32" in (error.value.hint or "")


def test_weights_that_cannot_be_had_are_never_replaced_by_random_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="could not be loaded"):
        build_backbone("iqa-small", "a-tag-that-does-not-exist")
    with pytest.raises(ConfigError, match="could not be loaded"):
        build_backbone("iqa-small", str(tmp_path / "missing.safetensors"))


def test_a_local_weights_file_is_really_loaded(tmp_path: Path) -> None:
    torch.manual_seed(7)
    source = build_backbone("iqa-small", False).clip
    path = tmp_path / "clip.safetensors"
    safetensors.torch.save_file({k: v.contiguous() for k, v in source.state_dict().items()}, path)
    torch.manual_seed(8)
    loaded = build_backbone("iqa-small", str(path)).clip
    for name, value in source.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name

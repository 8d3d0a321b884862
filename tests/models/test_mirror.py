"""A tower blind to left and right: its weights are their own mirror images and stay so while it learns."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

from iqa_cli.config import ModelConfig, OptimConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.errors import ConfigError  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.mirror import mirrored_twins  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402

GRAPH = read_graph(find_graph("smartphone-6"))


def built(*, mirror: bool) -> ToneModel:
    torch.manual_seed(0)
    return ToneModel(ModelConfig(mirror=mirror), GRAPH).eval()


def smooth(count: int) -> torch.Tensor:
    """Pictures without detail finer than a few pixels: the stride of the first layer does not matter to them."""
    coarse = torch.rand(count, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(96, 96), mode="bicubic") * 2 - 1


def asymmetry(model: ToneModel) -> float:
    return max(float((own - mirrored(own)).detach().abs().max()) for own, mirrored in mirrored_twins(model.clip.visual))


def test_a_mirror_of_a_mirror_is_the_weight_itself() -> None:
    for own, mirrored in mirrored_twins(built(mirror=False).clip.visual):
        assert torch.equal(mirrored(mirrored(own)), own)


def test_weights_are_symmetric_only_where_it_was_asked_for() -> None:
    assert asymmetry(built(mirror=False)) > 0.01
    assert asymmetry(built(mirror=True)) == 0.0


def test_a_mirrored_picture_gets_almost_the_same_features() -> None:
    differences = []
    for mirror in (False, True):
        model = built(mirror=mirror)
        with torch.no_grad():
            one, other = model.features(smooth(6)), model.features(smooth(6).flip(-1))
        differences.append(float((one - other).norm(dim=1).mean()))
    assert differences[1] < 0.4 * differences[0]


def test_steps_of_the_optimiser_keep_the_symmetry() -> None:
    model = built(mirror=True).train()
    optimiser = torch.optim.AdamW(model.parameter_groups(OptimConfig()), lr=0.01)
    before = model.clip.visual.conv1.weight.detach().clone()
    for step in range(3):
        optimiser.zero_grad()
        model(torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(step))).square().mean().backward()
        model.keep_symmetric()
        optimiser.step()
    assert asymmetry(model) == 0.0
    assert float((model.clip.visual.conv1.weight.detach() - before).abs().max()) > 0.01


def test_keeping_a_free_tower_symmetric_does_nothing() -> None:
    model = built(mirror=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.keep_symmetric()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_another_kind_of_tower_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.mirror: this backbone is not one of CLIP's residual networks"):
        mirrored_twins(torch.nn.Linear(2, 2))

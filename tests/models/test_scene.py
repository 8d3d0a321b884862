"""The frozen network beside the tower: what is read of it, whose weights it takes, and that it never learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iqa_cli.checkpoint import ONNX, WEIGHTS, Preprocessing, load_checkpoint, write_checkpoint
from iqa_cli.config import ModelConfig
from iqa_cli.errors import ConfigError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_checkpoint, find_graph

torch = pytest.importorskip("torch", reason="models need the train extra")
timm = pytest.importorskip("timm", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import onnx  # noqa: E402 - the train extra may be missing
import safetensors.torch  # noqa: E402
from exporting import onnx_bytes  # noqa: E402

from iqa_cli.models.scene import SceneFeatures, load_weights  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
NETWORK = "tf_efficientnet_lite0"
SMALL = "test_efficientnet"
PREPROCESSING = Preprocessing(size=64, interpolation="bilinear", mean=(0.45,) * 3, std=(0.27,) * 3)


@pytest.fixture(scope="module")
def whole() -> torch.nn.Module:
    """The whole network with weights of its own, as its authors would have them."""
    torch.manual_seed(5)
    return timm.create_model(NETWORK, pretrained=False).eval()


@pytest.fixture(scope="module")
def weights(whole: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "network.safetensors"
    safetensors.torch.save_file(whole.state_dict(), path)
    return path


def scene() -> SceneFeatures:
    torch.manual_seed(0)
    return SceneFeatures(NETWORK, 16, 32, PREPROCESSING)


def test_the_maps_are_those_of_the_whole_network(whole: torch.nn.Module, weights: Path) -> None:
    features = scene()
    load_weights(features, weights)
    pictures = torch.rand(3, 3, 64, 64)
    seen: list[torch.Tensor] = []
    for block in (2, 4):
        whole.blocks[block].register_forward_hook(lambda *given: seen.append(given[-1]))
    with torch.no_grad():
        whole((pictures - 0.5) / 0.5)
        prepared = (pictures - 0.45) / 0.27
        maps = features.network(prepared * features.scale + features.shift)
    assert [tuple(values.shape) for values in maps] == [(3, 40, 8, 8), (3, 112, 4, 4)]
    for values, expected in zip(maps, seen, strict=True):
        torch.testing.assert_close(values, expected, rtol=1e-3, atol=1e-3)


def test_weights_of_another_port_are_taken_in_their_order(whole: torch.nn.Module, weights: Path) -> None:
    renamed = weights.with_name("renamed.pth")
    torch.save({f"_port.{index}": value for index, value in enumerate(whole.state_dict().values())}, renamed)
    one, other = scene(), scene()
    load_weights(one, weights)
    load_weights(other, renamed)
    for value, same in zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True):
        assert torch.equal(value, same)


def test_weights_that_do_not_fit_or_are_none_are_refused(weights: Path) -> None:
    wrong = weights.with_name("wrong.safetensors")
    safetensors.torch.save_file({"a": torch.zeros(3)}, wrong)
    (text := weights.with_name("text.pth")).write_text("no weights")
    for path, reason in (
        (wrong, f"do not fit {NETWORK}"),
        (text, "not a file of weights"),
        (weights.with_name("missing.pth"), "no such file"),
    ):
        with pytest.raises(ConfigError, match=reason) as error:
            load_weights(scene(), path)
        assert path.name in error.value.message


def test_networks_that_timm_does_not_know_or_that_have_no_maps_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.scene: timm has no architecture 'efficentnet'"):
        SceneFeatures("efficentnet", 16, 32, PREPROCESSING)
    with pytest.raises(ConfigError, match=r"model\.scene: vit_tiny_patch16_224 gives no feature maps"):
        SceneFeatures("vit_tiny_patch16_224", 16, 32, PREPROCESSING)


def test_the_network_never_learns_and_what_reads_it_does(weights: Path) -> None:
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(scene=NETWORK, scene_weights=weights, scene_width=16), GRAPH).train()
    assert model.scene is not None
    before = {name: value.clone() for name, value in model.scene.state_dict().items()}
    optimiser = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=1e-2)
    model(torch.randn(4, 3, 96, 96)).sum().backward()
    optimiser.step()
    changed = {name for name, value in model.scene.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not any(name.startswith("network.") for name in changed)
    assert model.description()["scene"] == NETWORK


def test_a_checkpoint_is_gone_on_from_whatever_its_width(weights: Path, tmp_path: Path) -> None:
    model = ToneModel(ModelConfig(scene=NETWORK, scene_weights=weights, scene_width=16), GRAPH)
    shipped = load_checkpoint(find_checkpoint("default")).card
    card = {key: value for key, value in shipped.items() if key not in ("files", "format_version")}
    card["model"] = {**card["model"], "statistics": 0, **model.description()}
    kept = {name: value.contiguous() for name, value in model.state_dict().items()}
    folder = tmp_path / "narrow"
    folder.mkdir()
    write_checkpoint(folder, {WEIGHTS: safetensors.torch.save(kept), ONNX: b"none"}, card)
    again = ToneModel(ModelConfig(pretrained=f"checkpoint:{folder}"), GRAPH)
    assert again.scene is not None
    assert again.scene.width == 16
    assert torch.equal(again.scene.reader[0].weight, model.scene.reader[0].weight)  # type: ignore[union-attr]


def test_an_exported_model_has_the_network_in_it(tmp_path: Path) -> None:
    """`onnx_bytes` compares onnxruntime's scores with torch's. A small network: exporting a large one takes long."""
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    safetensors.torch.save_file(timm.create_model(SMALL, pretrained=False).state_dict(), path)
    model = ToneModel(ModelConfig(scene=SMALL, scene_weights=path, scene_width=16), GRAPH).eval()
    content = onnx_bytes(model, GRAPH.hash)
    assert model.scene is not None
    filters = [part.weight for part in model.scene.network.modules() if isinstance(part, torch.nn.Conv2d)]
    assert sum(weight.numel() for weight in filters) > 10_000
    found = {tuple(tensor.dims) for tensor in onnx.load_from_string(content).graph.initializer}
    assert {tuple(weight.shape) for weight in filters} <= found


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"scene": NETWORK}, "model.scene_weights: missing"),
        ({"scene_weights": "weights.pth"}, "model.scene: missing"),
    ],
)
def test_a_network_comes_with_its_weights(keys: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        ModelConfig(**keys)  # type: ignore[arg-type]
    assert error.value.problems[0].startswith(problem)


def test_outside_training_a_mirrored_picture_is_the_same(weights: Path) -> None:
    features = SceneFeatures(NETWORK, 16, 32, PREPROCESSING, mirror=True).eval()
    load_weights(features, weights)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(features(pictures), features(pictures.flip(-1)), rtol=1e-4, atol=1e-5)

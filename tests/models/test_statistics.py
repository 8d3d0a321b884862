"""Statistics of the full frame: histograms of known pictures, blind to places, and part of every form of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from exporting import onnx_bytes  # noqa: E402

from iqa_cli.config import ModelConfig, OptimConfig  # noqa: E402 - the train extra may be missing
from iqa_cli.errors import ConfigError  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.statistics import ToneStatistics  # noqa: E402
from iqa_cli.models.tone_model import ExportedModel, ToneModel  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.features import tower_hash  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

GRAPH = read_graph(find_graph("smartphone-6"))
WIDTH = 12


@pytest.fixture(scope="module")
def model() -> ToneModel:
    """With statistics that have seen something: their norm is no longer the identity."""
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(statistics=WIDTH), GRAPH)
    with torch.no_grad():
        for _ in range(20):
            model(model.prepared(pictures(8)))
    return model.eval()


def pictures(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 96, 96), dtype=torch.uint8)


def shares(model: ToneModel, encoded: torch.Tensor) -> torch.Tensor:
    """Histograms of pictures (B, 3, S, S) uint8: (B, luma / highest / lowest channel, edge)."""
    statistics = model.statistics
    assert isinstance(statistics, ToneStatistics)
    return statistics.histograms(model.prepared(encoded)).view(len(encoded), 3, -1)


def even(*values: int) -> torch.Tensor:
    """Pictures of one grey each."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 96, 96)


def test_black_is_below_every_edge_and_white_above(model: ToneModel) -> None:
    black, white = shares(model, even(0, 255))
    assert black.abs().max() < 1e-4
    assert (white - 1).abs().max() < 1e-4


def test_a_grey_is_above_as_many_edges_as_lie_below_it(model: ToneModel) -> None:
    assert isinstance(model.statistics, ToneStatistics)
    edges = model.statistics.edges.flatten()
    for value in (20, 77, 128, 200, 250):
        found = shares(model, even(value))[0]
        assert torch.allclose(found[0], found[1], atol=1e-4)
        assert torch.allclose(found[0], found[2], atol=1e-4)
        apart = (value / 255 - edges).abs() > 0.05
        assert torch.allclose(found[0][apart], (value / 255 > edges).float()[apart], atol=1e-4)


def test_shares_add_up_over_the_frame(model: ToneModel) -> None:
    """White over black: half of the pixels are above every edge."""
    encoded = even(0).clone()
    encoded[:, :, :48] = 255
    assert torch.allclose(shares(model, encoded), torch.tensor(0.5), atol=1e-4)


def test_the_highest_and_the_lowest_channel_tell_a_colour_from_a_grey(model: ToneModel) -> None:
    red = torch.zeros(1, 3, 96, 96, dtype=torch.uint8)
    red[:, 0] = 255
    luma, highest, lowest = shares(model, red)[0]
    assert highest.min() > 0.999
    assert lowest.max() < 0.001
    assert 3 <= float(luma.sum()) <= 12  # Rec. 709: red is a fifth of white


def test_brightening_lowers_no_share(model: ToneModel) -> None:
    dark = pictures(4) // 2
    assert bool((shares(model, dark + 40) >= shares(model, dark) - 1e-5).all())
    everything = torch.cat([shares(model, even(value)) for value in range(256)])
    assert bool((everything.diff(dim=0) >= -1e-5).all())
    # A level of 255 is never a jump: the ramps are at least a fiftieth of the scale wide.
    assert float(everything.diff(dim=0).max()) < 0.25


def in_blocks(encoded: torch.Tensor) -> torch.Tensor:
    """Pictures of 32 x 32 even blocks of three pixels a side."""
    return encoded[:, :, ::3, ::3].repeat_interleave(3, -1).repeat_interleave(3, -2)


def shuffled(encoded: torch.Tensor) -> torch.Tensor:
    """The same blocks at other places."""
    order = torch.randperm(32 * 32, generator=torch.Generator().manual_seed(0))
    blocks = encoded[:, :, ::3, ::3].flatten(2)[:, :, order].view(-1, 3, 32, 32)
    return blocks.repeat_interleave(3, -1).repeat_interleave(3, -2)


@pytest.mark.parametrize(
    "moved",
    [lambda encoded: encoded.flip(-1), lambda encoded: encoded.flip(-2), shuffled],
    ids=["mirrored", "upside down", "shuffled"],
)
def test_places_change_nothing(model: ToneModel, moved: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert model.statistics is not None
    encoded = in_blocks(pictures(3))
    with torch.no_grad():
        before, after = (model.statistics(model.prepared(each)) for each in (encoded, moved(encoded)))
        assert torch.allclose(before, after, atol=1e-5)
        assert not torch.allclose(before[0], before[1], atol=1e-3)


def test_mirroring_any_picture_of_the_models_size_changes_nothing(model: ToneModel) -> None:
    assert model.statistics is not None
    assert model.preprocessing.size % 3 == 0
    encoded = pictures(3)
    with torch.no_grad():
        before, after = (model.statistics(model.prepared(each)) for each in (encoded, encoded.flip(-1)))
    assert torch.allclose(before, after, atol=1e-5)


def test_statistics_reach_the_scores(model: ToneModel) -> None:
    prepared = model.prepared(pictures(3))
    with torch.no_grad():
        features = model.features(prepared)
        visual = torch.nn.functional.normalize(model.clip.visual(prepared), dim=-1)
    assert torch.allclose(features.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert not torch.allclose(features, visual, atol=1e-2)


def test_the_exported_form_and_the_onnx_file_agree_with_torch(model: ToneModel) -> None:
    session = onnxruntime.InferenceSession(onnx_bytes(model, GRAPH.hash))
    for count in (1, 5):
        prepared = model.prepared(pictures(count))
        with torch.no_grad():
            expected = model(prepared)
            assert torch.allclose(ExportedModel.of(model)(prepared), expected, atol=1e-4)
        scores = session.run(None, {"pictures": prepared.numpy()})[0]
        assert scores == pytest.approx(expected.numpy(), abs=1e-4)


def test_statistics_learn_at_the_rate_of_the_visual_tower() -> None:
    learning = ToneModel(ModelConfig(statistics=WIDTH), GRAPH)
    groups = learning.parameter_groups(OptimConfig(lr_visual=1e-3, lr_head=2e-3))
    visual = {id(parameter) for group in groups if group["peak_lr"] == 1e-3 for parameter in group["params"]}
    assert learning.statistics is not None
    own = list(learning.statistics.parameters())
    assert {id(parameter) for parameter in own} <= visual
    learning(learning.prepared(pictures(4))).sum().backward()
    assert all(parameter.grad is not None for parameter in own)


def test_the_features_that_are_kept_are_those_of_these_statistics(model: ToneModel) -> None:
    """Else features of other statistics behind the same tower would be taken from the cache."""
    torch.manual_seed(1)
    other = ToneModel(ModelConfig(statistics=WIDTH), GRAPH)
    other.load_state_dict(model.state_dict())
    before = tower_hash(model)
    assert tower_hash(other) == before
    with torch.no_grad():
        next(other.statistics.parameters()).add_(0.01)
    assert tower_hash(other) != before


def test_statistics_that_would_stay_random_are_refused() -> None:
    with pytest.raises(ConfigError) as error:
        ModelConfig(statistics=8, train_visual="none")
    assert error.value.problems == (
        'model.statistics: with train_visual = "none" they would stay random; leave them out',
    )
    assert ModelConfig(statistics=8, train_visual="none", pretrained="checkpoint:default").statistics == 8

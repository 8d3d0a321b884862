"""Several views of a picture: which they are, and that their scores are the mean of those of pictures cut by hand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from iqa_cli.checkpoint import ONNX, Checkpoint, Preprocessing, Views, load_checkpoint, write_checkpoint
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.prepare import views
from iqa_cli.models.runner import OnnxModel
from iqa_cli.paths import find_graph
from iqa_cli.pipeline.reading import Manner, look_at_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SIX = read_graph(find_graph("smartphone-6"))
PLAIN = Preprocessing(size=32, interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3)


def picture(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise over a gradient: no two parts are alike."""
    noise = np.random.default_rng(seed).integers(0, 100, (height, width, 3))
    ramp = np.linspace(0, 150, width)[None, :, None] * np.linspace(0.3, 1, height)[:, None, None]
    return (noise + ramp).astype(np.uint8)


@pytest.mark.parametrize("size", [16, 32, 96, 224, 336, 384])
@pytest.mark.parametrize("crops", [5, 9])
def test_crops_reach_every_edge_and_lie_the_same_in_a_mirror(size: int, crops: int) -> None:
    seen = Views.around(size, crops)  # type: ignore[arg-type]
    room = seen.square - size
    assert len(set(seen.crops)) == crops
    assert {0, room} == {at for place in seen.crops for at in place} - {room // 2}
    for turned in (
        {(room - left, top) for left, top in seen.crops},
        {(left, room - top) for left, top in seen.crops},
        {(top, left) for left, top in seen.crops},
    ):
        assert turned == set(seen.crops)


def test_a_tower_of_224_pixels_has_the_square_of_the_research() -> None:
    assert Views.around(224, 9).square == 300
    assert Views.around(224, 5).crops == ((0, 0), (76, 0), (38, 38), (0, 76), (76, 76))


@pytest.mark.parametrize(("several", "count"), [("one", 1), ("five", 6), ("nine", 10)])
def test_views_are_the_whole_and_what_pillow_crops(several: str, count: int) -> None:
    preprocessing = PLAIN.seen_in(several)  # type: ignore[arg-type]
    shown = views(picture(120, 80), preprocessing)
    assert shown.shape == (count, 32, 32, 3)
    assert preprocessing.n_views == count
    image = Image.fromarray(picture(120, 80))
    assert np.array_equal(shown[0], np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)))
    if count > 1:
        assert preprocessing.views is not None
        side = preprocessing.views.square
        square = image.resize((side, side), Image.Resampling.BILINEAR)
        for view, (left, top) in zip(shown[1:], preprocessing.views.crops, strict=True):
            assert np.array_equal(view, np.asarray(square.crop((left, top, left + 32, top + 32))))


@pytest.mark.parametrize("several", ["five", "nine"])
def test_a_mirrored_picture_has_the_same_views_mirrored(several: str) -> None:
    preprocessing = PLAIN.seen_in(several)  # type: ignore[arg-type]
    # Of a size that is squashed without rounding: only then does Pillow's own arithmetic mirror to the bit.
    rgb = picture(4 * 42, 2 * 42)
    shown, mirrored = views(rgb, preprocessing), views(rgb[:, ::-1], preprocessing)
    assert preprocessing.views is not None
    assert preprocessing.views.square == 42
    back = {view.tobytes() for view in np.ascontiguousarray(mirrored[1:, :, ::-1])}
    assert back == {np.ascontiguousarray(view).tobytes() for view in shown[1:]}
    assert np.abs(shown[0].astype(int) - mirrored[0, :, ::-1]).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (10, 10), (20, 200), (400, 40), (31, 33)])
def test_small_and_stretched_pictures_have_as_many_views(shape: tuple[int, int]) -> None:
    rgb = picture(shape[1], shape[0])
    shown = views(rgb, PLAIN.seen_in("nine"))
    assert shown.shape == (10, 32, 32, 3)
    assert shown.min() >= rgb.min()
    assert shown.max() <= rgb.max()


def test_every_view_of_an_even_picture_is_that_picture() -> None:
    shown = views(np.full((90, 50, 3), (10, 130, 250), np.uint8), PLAIN.seen_in("nine"))
    assert np.array_equal(shown, np.broadcast_to(np.array([10, 130, 250], np.uint8), shown.shape))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Callable[..., NDArray[np.float32]], Path]:
    """What torch makes of pictures (B, S, S, 3), each for itself, and the checkpoint of the same tiny tower."""
    torch = pytest.importorskip("torch", reason="models need the train extra")
    pytest.importorskip("open_clip", reason="models need the train extra")
    pytest.importorskip("onnxscript", reason="export needs the train extra")
    from iqa_cli.config import ModelConfig
    from iqa_cli.models.export import onnx_bytes
    from iqa_cli.models.tone_model import ToneModel
    from tests.models.families import randomised, register

    register()
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(backbone="test-vit", head="fc", views="nine"), SIX)
    randomised(model, torch.Generator().manual_seed(1))
    model.temperature.copy_(torch.linspace(0.5, 2, 6))
    model.eval()

    def by_torch(shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.no_grad():
            prepared = model.prepared(torch.from_numpy(np.moveaxis(shown, -1, -3).copy()))
            return np.asarray(model(prepared).numpy(), np.float32)

    folder = tmp_path_factory.mktemp("views")
    card = {"graph": SIX.to_json(), "preprocessing": dataclasses.asdict(model.preprocessing)}
    write_checkpoint(folder, {ONNX: onnx_bytes(model, SIX.hash)}, card)
    return by_torch, folder


def in_views(folder: Path, several: str) -> Checkpoint:
    checkpoint = load_checkpoint(folder)
    seen = checkpoint.preprocessing.seen_in(several)  # type: ignore[arg-type]
    return dataclasses.replace(checkpoint, preprocessing=seen)


@pytest.mark.parametrize("several", ["one", "five", "nine"])
@pytest.mark.parametrize("shape", [(90, 120), (40, 400), (20, 30)])
def test_a_photos_scores_are_the_mean_of_those_of_its_views(
    exported: tuple[Callable[..., NDArray[np.float32]], Path], several: str, shape: tuple[int, int]
) -> None:
    by_torch, folder = exported
    checkpoint = in_views(folder, several)
    rgb = picture(shape[1], shape[0])
    look = look_at_source("", Image.fromarray(rgb), Manner("scaled", checkpoint.preprocessing))
    assert look.views is not None
    scores = OnnxModel(checkpoint).photo_scores(look.views)
    # By hand, from the picture on.
    size, cut = checkpoint.preprocessing.size, checkpoint.preprocessing.views
    image = Image.fromarray(rgb)
    by_hand = [image.resize((size, size), Image.Resampling.BILINEAR)]
    if cut is not None:
        square = image.resize((cut.square, cut.square), Image.Resampling.BILINEAR)
        by_hand += [square.crop((left, top, left + size, top + size)) for left, top in cut.crops]
    alone = by_torch(np.stack([np.asarray(view) for view in by_hand]))
    assert scores == pytest.approx(alone.mean(0, keepdims=True), abs=1e-4)
    # And by torch at once, as training judges.
    assert by_torch(look.views[None]) == pytest.approx(scores, abs=1e-4)
    if several != "one":
        assert np.ptp(alone, axis=0).max() > 0.01  # the views differ


def test_an_even_picture_has_the_scores_of_one_view(
    exported: tuple[Callable[..., NDArray[np.float32]], Path],
) -> None:
    _, folder = exported
    rgb = np.full((100, 70, 3), 90, np.uint8)
    scored = [
        OnnxModel(checkpoint).photo_scores(views(rgb, checkpoint.preprocessing))
        for checkpoint in (in_views(folder, several) for several in ("one", "five", "nine"))
    ]
    assert scored[1] == pytest.approx(scored[0], abs=1e-5)
    assert scored[2] == pytest.approx(scored[0], abs=1e-5)

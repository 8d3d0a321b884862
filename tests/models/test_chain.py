"""Every family of towers from its weights to a report: loaded, a step learned, resumed, exported, assessed."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from iqa_cli.checkpoint import load_checkpoint  # noqa: E402 - the train extra may be missing
from iqa_cli.config import DataConfig, ModelConfig, OptimConfig, RunConfig, TrainConfig  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.prepare import views  # noqa: E402
from iqa_cli.models.runner import OnnxModel  # noqa: E402
from iqa_cli.models.tone_model import ToneModel  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.pipeline import Auditor  # noqa: E402
from iqa_cli.pipeline.decide import Decider  # noqa: E402
from iqa_cli.training import trainer as training  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402
from tests.models.families import FAMILIES, SIDE, register  # noqa: E402
from tests.models.test_freezing import weights_file  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
ALWAYS = frozenset(
    {"test-vit", "test-coca", "test-rn", "test-siglip", "test-eva02", "test-convnext", "test-mobileclip2"}
)
"""One of each kind. Exporting takes most of the time: five seconds and more of it, however small a tower is."""


@pytest.fixture(scope="module", autouse=True)
def families() -> None:
    register()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """Eight drawn photographs, half of them dark, four of which are learned from."""
    folder = tmp_path_factory.mktemp("photos")
    rows = []
    for seed in range(8):
        picture = np.random.default_rng(seed).integers(60, 250, (9, 12, 3)) // (1 + 2 * (seed % 2))
        Image.fromarray(picture.astype(np.uint8)).resize((120, 90)).save(folder / f"{seed}.png")
        rows.append(f"{seed}.png,{2 * (seed % 2)}")
    for part, of in (("train", rows[:4]), ("val", rows[4:])):
        (folder / f"{part}.csv").write_text("\n".join(["filename,dark", *of]) + "\n", encoding="utf-8")
    return DataConfig(labels=folder / "train.csv", validation=folder / "val.csv", images=folder)


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name not in ALWAYS and os.environ.get("IQA_FULL_SIZE") != "1",
                reason="a minute for all of them: IQA_FULL_SIZE=1 runs them",
            ),
        )
        for name in FAMILIES
    ],
)
def test_a_family_is_loaded_learns_resumes_is_exported_and_assesses_the_same(
    architecture: str, labelled: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The trial export before a run is the same export as that at its end.
    monkeypatch.setattr(training, "refuse_unexportable", lambda *_: None)
    quick_gelu = architecture == "test-vit-quickgelu"
    said = False if architecture in ("test-vit", "test-rn") else None
    model = ModelConfig(
        backbone=architecture,
        pretrained=str(weights_file(architecture, tmp_path)),
        quick_gelu=said,
        head="fc",
        views="five",
    )
    config = TrainConfig(
        labelled,
        RunConfig(tmp_path / "out", tmp_path / "work"),
        model=model,
        optim=OptimConfig(batch_size=4, epochs=2, lr_visual=1e-4),
    )
    started = Trainer(config, tmp_path, "cpu").run()
    assert next(started).number == 1
    started.close()
    trainer = Trainer(config, tmp_path, "cpu", resume=True)
    assert [epoch.number for epoch in trainer.run()] == [2]

    checkpoint = load_checkpoint(tmp_path / "out")
    assert checkpoint.card["model"]["quick_gelu"] == quick_gelu
    again = ToneModel(dataclasses.replace(model, pretrained=f"checkpoint:{tmp_path / 'out'}"), GRAPH).eval()
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(9).integers(0, 256, (70, 100, 3), np.uint8)).resize((200, 140)).save(photo)
    shown = views(np.asarray(Image.open(photo)), checkpoint.preprocessing)
    assert shown.shape == (6, SIDE, SIDE, 3)
    with torch.no_grad():
        expected = again(again.prepared(torch.from_numpy(np.moveaxis(shown, -1, -3).copy())[None])).numpy()
    scores = OnnxModel(checkpoint).photo_scores(shown)
    assert scores == pytest.approx(expected, abs=1e-4)
    report = Auditor(checkpoint).photo(photo)
    assert report.error is None
    assert dict(report.marginals) == dict(Decider(checkpoint, 0.0).decision(scores).marginals)

"""Several views while training: batches stay whole pictures, what is judged is judged as `assess` judges it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from iqa_cli.checkpoint import Preprocessing, load_checkpoint
from iqa_cli.config import DataConfig, ModelConfig, OptimConfig, RunConfig, TrainConfig
from iqa_cli.errors import CheckpointError
from iqa_cli.evaluation import evaluate, judge, labelled_photos
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.prepare import views
from iqa_cli.paths import find_graph
from iqa_cli.pipeline import Auditor
from tests.training.conftest import scene

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from iqa_cli.models.tone_model import ToneModel  # noqa: E402 - the train extra may be missing
from iqa_cli.training.data import Share  # noqa: E402
from iqa_cli.training.labelled_data import LabelledData  # noqa: E402
from iqa_cli.training.ladder_data import LadderData  # noqa: E402
from iqa_cli.training.measured import measured  # noqa: E402
from iqa_cli.training.mixed_data import MixedData  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
HEADER = "filename," + ",".join(GRAPH.label_names)
PREPROCESSING = Preprocessing(48, "bilinear", (0.5,) * 3, (0.25,) * 3).seen_in("five")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photographs that are dark in part, more or less, and three label files."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "photos").mkdir()
    for part, seeds in (("train", range(16)), ("val", range(16, 28)), ("test", range(28, 44))):
        rows = [HEADER]
        for seed in seeds:
            picture = scene(seed, 160)[: 90 + seed].astype(float)
            level = seed % 3
            picture[:, 40 * level :] /= 1 + level
            Image.fromarray(picture.astype(np.uint8)).save(folder / "photos" / f"{seed:02}.png")
            rows.append(f"{seed:02}.png,0,{level},0,0,0,0")
        (folder / f"{part}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def settings(folder: Path, work: Path, **model: object) -> TrainConfig:
    given: dict[str, object] = {"head": "fc", "views": "five"} | model
    files = {"labels": folder / "train.csv", "validation": folder / "val.csv", "test": folder / "test.csv"}
    work.mkdir(exist_ok=True)
    return TrainConfig(
        DataConfig(**files, images=folder / "photos"),
        RunConfig(work / "out", work / "work"),
        model=ModelConfig(**given),  # type: ignore[arg-type]
        optim=OptimConfig(batch_size=8, epochs=2),
    )


def test_the_figures_on_the_card_are_those_that_eval_measures(folder: Path, tmp_path: Path) -> None:
    config = settings(folder, tmp_path, temperature=True, operating_point="kappa")
    optim = OptimConfig(batch_size=8, epochs=6, lr_visual=2e-3, lr_head=2e-2)
    config = dataclasses.replace(config, optim=optim)
    list(Trainer(config, tmp_path, "cpu").run())
    checkpoint = load_checkpoint(tmp_path / "out")
    assert checkpoint.preprocessing.n_views == 6
    assert set(checkpoint.card["model"]["fitted_temperature"].values()) != {1.0}
    for side, file in (("validation", "val.csv"), ("test", "test.csv")):
        labelled = labelled_photos(folder / file, folder / "photos", GRAPH)
        predictions = judge(Auditor(checkpoint), labelled)
        found = evaluate(predictions, resamples=0).labels["dark"]
        told = checkpoint.card["metrics"][side]["labels"]["dark"]
        assert told["n"] == found.n > 0
        for name in ("accuracy", "qwk", "tauc", "ece", "mae"):
            if name in told and told[name] is not None:
                assert getattr(found, name) == pytest.approx(told[name], abs=2e-5), name
    # The same model that looks once says something else.
    once = dataclasses.replace(checkpoint, preprocessing=checkpoint.preprocessing.once)
    other = judge(Auditor(once), labelled)
    assert predictions.marginals is not None
    assert other.marginals is not None
    assert max(np.abs(a - b).max() for a, b in zip(predictions.marginals, other.marginals, strict=True)) > 1e-3
    page = (tmp_path / "out" / "card.md").read_text(encoding="utf-8")
    assert "the mean of the whole and 5 crops of 128 x 128 pixels" in page


@pytest.mark.usefixtures("quick_export")
def test_a_model_that_goes_on_looks_as_its_checkpoint_unless_it_is_told(folder: Path, tmp_path: Path) -> None:
    config = settings(folder, tmp_path)
    config = dataclasses.replace(config, optim=dataclasses.replace(config.optim, epochs=1))
    list(Trainer(config, tmp_path, "cpu").run())
    source = f"checkpoint:{tmp_path / 'out'}"
    for said, count in ((None, 6), ("one", 1), ("nine", 10)):
        model = ToneModel(ModelConfig(pretrained=source, head="fc", views=said), GRAPH)  # type: ignore[arg-type]
        assert model.preprocessing.n_views == count
    document = json.loads((tmp_path / "out" / "card.json").read_text(encoding="utf-8"))
    assert document["preprocessing"]["views"]["square"] == 128
    assert document["model"]["views"] == "five"


@pytest.mark.usefixtures("quick_export")
def test_a_run_is_not_resumed_with_other_views(folder: Path, tmp_path: Path) -> None:
    started = Trainer(settings(folder, tmp_path), tmp_path, "cpu").run()
    next(started)
    started.close()
    with pytest.raises(CheckpointError) as error:
        Trainer(settings(folder, tmp_path, views="nine"), tmp_path, "cpu", resume=True)
    assert "model.views: 'five' in that run, 'nine' now" in error.value.problems


def test_batches_are_whole_pictures_and_what_is_judged_is_seen_in_views(folder: Path, tmp_path: Path) -> None:
    config = settings(folder, tmp_path)
    model = ToneModel(config.model, GRAPH).eval()
    (tmp_path / "work").mkdir()
    data = LabelledData(config, GRAPH, model.preprocessing)
    assert {tuple(batch.inputs.shape[1:]) for batch in data.epoch(0, Share())} == {(3, 96, 96)}
    (first, *_), test = list(data.validation()), data.test()
    assert test is not None
    assert first.inputs.shape == (8, 6, 3, 96, 96)
    shown = views(np.asarray(Image.open(folder / "photos" / "16.png")), model.preprocessing)
    assert np.array_equal(first.inputs[0].permute(0, 2, 3, 1).numpy(), shown)
    assert first.whole is not None
    assert torch.equal(first.whole, first.inputs[:, 0])


def test_features_of_a_frozen_tower_are_those_of_all_views(folder: Path, tmp_path: Path) -> None:
    config = settings(folder, tmp_path, train_visual="none")
    model = ToneModel(config.model, GRAPH).eval()
    (tmp_path / "work").mkdir()
    data = LabelledData(config, GRAPH, model.preprocessing)
    with torch.no_grad():
        before = torch.cat([model(model.ready(batch.inputs)) for batch in data.validation()])
        data.use_features(model, tmp_path / "work", torch.device("cpu"))
        batches = list(data.validation())
        after = torch.cat([model(model.ready(batch.inputs)) for batch in batches])
    assert {batch.inputs.ndim for batch in batches} == {2}
    assert batches[0].whole is None
    assert torch.allclose(before, after, atol=1e-5)


def ladder(folder: Path, *, several: bool) -> LadderData:
    data = DataConfig(ladder=folder, samples=21, validation_samples=40, test_samples=70, holdout=0.5)
    config = TrainConfig(data, RunConfig(folder / "out", seed=3), optim=OptimConfig(batch_size=20))
    return LadderData(config, folder, GRAPH, 48, judged=PREPROCESSING if several else PREPROCESSING.once)


def test_pictures_of_the_ladder_are_drawn_large_enough_to_be_cut(ladder_folder: Path) -> None:
    plain, data = (ladder(ladder_folder, several=several) for several in (False, True))
    assert data.card() == plain.card()
    for one, other in zip(plain.epoch(0, Share()), data.epoch(0, Share()), strict=True):
        assert torch.equal(one.inputs, other.inputs), "training learns from the same pictures"
    assert PREPROCESSING.views is not None
    side = PREPROCESSING.views.square
    (drawn, *_), (seen, *_) = list(data.drawn("test", 70, 2)), list(data.test())
    assert drawn.pictures.shape == (20, 3, side, side)
    assert seen.inputs.shape == (20, 6, 3, 48, 48)
    assert torch.equal(seen.positions, drawn.positions)
    for picture, inputs in zip(drawn.pictures, seen.inputs, strict=True):
        rgb = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
        assert np.array_equal(inputs.permute(0, 2, 3, 1).numpy(), views(rgb, PREPROCESSING))
    again = list(data.validation())
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(data.validation(), again, strict=True))
    told = measured(data, GRAPH)
    assert told is not None
    assert told["pictures"] == 110


def test_labelled_pictures_beside_the_ladder_are_judged_in_views_too(
    folder: Path, ladder_folder: Path, tmp_path: Path
) -> None:
    files = {"labels": folder / "train.csv", "validation": folder / "val.csv", "images": folder / "photos"}
    data = DataConfig(ladder=ladder_folder, samples=64, validation_samples=8, holdout=0.5, **files)  # type: ignore[arg-type]
    (tmp_path / "work").mkdir()
    config = TrainConfig(data, RunConfig(tmp_path / "out", tmp_path / "work"), optim=OptimConfig(batch_size=16))
    mixed = MixedData(config, ladder_folder, GRAPH, PREPROCESSING)
    assert {tuple(batch.inputs.shape[1:]) for batch in mixed.epoch(0, Share())} == {(3, 48, 48)}
    judged = [batch.inputs for batch in mixed.validation()]
    assert {tuple(inputs.shape[1:]) for inputs in judged} == {(6, 3, 48, 48)}
    assert sum(map(len, judged)) == 8 + 12

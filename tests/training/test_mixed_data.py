"""The ladder and labelled photographs in one run: shares, what is known, and what is refused before training."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from iqa_cli.config import DataConfig, ModelConfig, OptimConfig, RunConfig, TrainConfig
from iqa_cli.errors import ConfigError, LabelsError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from iqa_cli.training.apart import refuse_watched
from iqa_cli.training.data import Share
from iqa_cli.training.mixed_data import MixedData
from iqa_cli.training.trainer import Trainer
from tests.training.conftest import scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("quick_export")

GRAPH = read_graph(find_graph("smartphone-6"))
HEADER = "filename," + ",".join(GRAPH.label_names)
GOOD, HAZY = "0,0,0,0,0,0", ",,,1+,,"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve scenes that the ladder does not have; the odd ones hazy."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(12):
        picture = scene(100 + seed).astype(float)
        Image.fromarray((picture * 0.3 + 140 if seed % 2 else picture).astype(np.uint8)).save(photos / f"{seed:02}.png")
    return photos


def table(folder: Path, rows: dict[int, str] | None = None, more: Callable[[int], str] | None = None) -> Path:
    """A label file of the folder's photographs: hazy or good as they are, unless told otherwise."""
    lines = [HEADER if more is None else f"{HEADER},often"]
    for seed in range(12):
        cells = (rows or {}).get(seed, HAZY if seed % 2 else GOOD)
        lines.append(f"{seed:02}.png,{cells}" + ("" if more is None else f",{more(seed)}"))
    path = folder.parent / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def config(folder: Path, ladder: Path, labels: Path | None = None, **data: object) -> TrainConfig:
    given: dict[str, object] = {"labelled_share": 0.25, "holdout": 0.25} | data
    return TrainConfig(
        data=DataConfig(
            ladder=ladder,
            labels=labels or table(folder),
            images=folder,
            samples=64,
            validation_samples=16,
            test_samples=16,
            **given,  # type: ignore[arg-type]
        ),
        model=ModelConfig(context_tokens=2),
        optim=OptimConfig(batch_size=16, epochs=1),
        run=RunConfig(out=folder.parent / "checkpoint", seed=3),
    )


def loaded(settings: TrainConfig) -> MixedData:
    settings.work.mkdir(exist_ok=True)
    assert settings.data.ladder is not None
    return MixedData(settings, settings.data.ladder, GRAPH, ToneModel(settings.model, GRAPH).preprocessing)


def test_every_batch_has_its_share_of_both_and_says_what_is_known(folder: Path, ladder_folder: Path) -> None:
    data = loaded(config(folder, ladder_folder))
    batches = list(data.epoch(0, Share()))
    assert len(batches) == data.batches_per_epoch(Share()) == 4
    for batch in batches:
        assert batch.inputs.shape == (16, 3, 96, 96)
        assert batch.inputs.dtype == torch.uint8
        assert bool((batch.positions[:12] >= 0).all())  # the ladder knows every level
        assert batch.allowed.shape == (16, 24)
    labelled = torch.cat([batch.allowed[12:] for batch in batches])
    hazy = ~labelled[:, 12]  # low_contrast's lowest level is ruled out
    assert 0 < int(hazy.sum()) < len(hazy)
    assert bool((labelled[hazy].sum(1) == 20 + 3).all())
    assert bool((labelled[~hazy].sum(1) == 6).all())
    assert "with 9 labelled photographs, 4 of every 16 pictures" in data.describe()


def test_an_epoch_comes_again_as_it_was_and_the_next_one_differs(folder: Path, ladder_folder: Path) -> None:
    data = loaded(config(folder, ladder_folder))
    first, again, other = (torch.cat([batch.inputs for batch in data.epoch(number, Share())]) for number in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_both_are_judged_and_only_the_ladder_is_the_test(folder: Path, ladder_folder: Path) -> None:
    data = loaded(config(folder, ladder_folder))
    validation = torch.cat([batch.positions for batch in data.validation()])
    assert len(validation) == 16 + 3
    assert len(torch.cat([batch.positions for batch in data.test()])) == 16
    assert data.card()["labelled"]["photographs"] == {"training": 9, "validation": 3}


def test_a_weight_says_how_often_a_photograph_is_drawn(folder: Path, ladder_folder: Path) -> None:
    labels = table(folder, more=lambda seed: "1000" if seed % 2 else "0.001")
    data = loaded(config(folder, ladder_folder, labels, labelled_weight="often"))
    drawn = torch.cat([batch.allowed[12:] for batch in data.epoch(0, Share())])
    assert not bool(drawn[:, 12].any())
    labels = table(folder, more=lambda seed: "-1" if seed == 4 else "1")
    with pytest.raises(ConfigError, match="expected numbers above 0") as error:
        loaded(config(folder, ladder_folder, labels, labelled_weight="often", holdout=0.1))
    assert "often is '-1'" in error.value.problems[0]
    with pytest.raises(ConfigError, match="has no column 'seldom'"):
        loaded(config(folder, ladder_folder, table(folder), labelled_weight="seldom"))


def test_weak_zeros_and_hidden_labels_are_for_the_labelled_photographs(folder: Path, ladder_folder: Path) -> None:
    rows = {seed: ("0,0,0,2,0,0" if seed % 2 else GOOD) for seed in range(12)} | {1: "1,0,0,0,0,0"}
    data = loaded(config(folder, ladder_folder, table(folder, rows), weak_zeros=True, min_positives=2))
    hidden = [name for name in GRAPH.label_names if name != "low_contrast"]
    assert list(data.card()["hidden_labels"]) == hidden
    (caveat,) = data.card()["caveats"]
    assert caveat in data.warnings
    # The ladder teaches every label, so none is hidden in training.
    assert caveat.startswith(
        "labels hidden in the labelled photographs, for fewer than 2 positive ones in training, so that the ladder "
        'alone teaches them: "bright" ('
    )
    assert bool((next(data.epoch(0, Share())).positions[:12] >= 0).all())
    # With every other label hidden, nothing beside a problem is left to be weak.
    assert data.card()["weak_zeros"]["weak"] == 0
    data = loaded(config(folder, ladder_folder, table(folder, rows), weak_zeros=True))
    assert data.card()["weak_zeros"]["weak"] > 0
    strict = loaded(config(folder, ladder_folder, table(folder, rows)))
    counted, counted_all = torch.stack(data.level_counts()), torch.stack(strict.level_counts())
    assert bool((counted[:, 0] <= counted_all[:, 0]).all())
    assert torch.equal(counted[:, 1:], counted_all[:, 1:])
    assert int(counted.sum()) < int(counted_all.sum())
    assert data.card()["caveats"] == []


def test_good_photographs_join_the_ladder_on_the_side_of_training(folder: Path, ladder_folder: Path) -> None:
    alone = loaded(config(folder, ladder_folder))
    joined = loaded(config(folder, ladder_folder, good_join=True))
    more = joined.card()["photographs_joined"]
    assert more > 0
    assert alone.card()["photographs_joined"] == 0
    assert joined.card()["photographs_training"] == alone.card()["photographs_training"] + more
    assert f"{more} labelled photographs without a problem join the ladder's" in joined.notes
    # What joined is told of once, by the label file that it comes from.
    assert [len(names) for _, names, _ in joined.learned] == [len(names) for _, names, _ in alone.learned]


def test_photographs_of_one_kind_only_are_refused(folder: Path, ladder_folder: Path) -> None:
    for rows, problem in (
        (dict.fromkeys(range(12), HAZY), "'low_contrast': every photograph of which it is known has it"),
        (dict.fromkeys(range(12), GOOD), "no photograph has any problem"),
    ):
        with pytest.raises(ConfigError, match="of one kind only") as error:
            loaded(config(folder, ladder_folder, table(folder, rows)))
        assert list(error.value.problems) == [problem]


def test_a_photograph_of_the_ladder_is_found_by_content_and_a_contradiction_named(
    folder: Path, ladder_folder: Path
) -> None:
    picture = Image.open(ladder_folder / "scene03.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture.point(lambda value: 0.4 * value + 120).resize((300, 200)).save(folder / "05.png")
    with pytest.raises(ConfigError, match="1 labelled photographs are in the ladder's folder as well") as error:
        loaded(config(folder, ladder_folder))
    (problem,) = error.value.problems
    assert problem.startswith("'05.png' (")
    assert problem.endswith("the ladder's 'scene03.png', which counts as good there and has a problem here")


def test_missing_pictures_are_named(folder: Path, ladder_folder: Path) -> None:
    labels = table(folder)
    (folder / "07.png").unlink()
    with pytest.raises(LabelsError) as error:
        loaded(config(folder, ladder_folder, labels))
    assert "07.png" in str((error.value.message, error.value.problems))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_that_leaves_out_a_source_is_refused(folder: Path, ladder_folder: Path, share: float) -> None:
    with pytest.raises(ConfigError) as error:
        config(folder, ladder_folder, labelled_share=share)
    assert error.value.problems[0].startswith("data.labelled_share: expected more than 0 and less than 1, got")


def test_what_is_to_be_kept_apart_is_found_whatever_its_size_and_exposure(
    tmp_path: Path, folder: Path, ladder_folder: Path
) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    for seed, name in ((4, "brighter.jpg"), (200, "another.jpg"), (201, "third.jpg")):
        Image.fromarray(scene(100 + seed)).point(lambda value: 1.3 * value).resize((90, 160)).save(watched / name)
    data = loaded(config(folder, ladder_folder, holdout=0.1))
    with pytest.raises(ConfigError, match=r"data\.apart_from: 1 photographs are learned from") as error:
        refuse_watched(data.learned, [watched])
    assert error.value.problems == (f"data.labels: '04.png' shows the scene of 'brighter.jpg' in {watched}",)
    (watched / "brighter.jpg").unlink()
    refuse_watched(data.learned, [watched])
    settings = config(folder, ladder_folder)
    Image.fromarray(scene(2)).save(watched / "of the ladder.jpg")
    Image.fromarray(scene(5)).save(watched / "of the ladder too.jpg")
    with pytest.raises(ConfigError, match=r"data\.apart_from"):
        Trainer(dataclasses.replace(settings, data=dataclasses.replace(settings.data, apart_from=(watched,))), tmp_path)


def test_a_mixed_run_trains_and_its_card_tells_of_both(folder: Path, ladder_folder: Path, tmp_path: Path) -> None:
    trainer = Trainer(config(folder, ladder_folder, good_join=True), tmp_path, "cpu")
    (epoch,) = trainer.run()
    assert np.isfinite(epoch.loss)
    assert trainer.finished
    assert len(trainer.judged["test"].scores) == 16

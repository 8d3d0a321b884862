"""The ladder as a data set: three sides that share no photograph, each drawn from its own photographs alone."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.config import DataConfig, OptimConfig, RunConfig, TrainConfig  # noqa: E402 - torch may be missing
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.data import Share, exactly  # noqa: E402
from iqa_cli.training.drawing import Drawers, Studio  # noqa: E402
from iqa_cli.training.ladder_data import LadderData  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
SIDES = ("training", "validation", "test")


def config(folder: Path, **changes: object) -> TrainConfig:
    data = DataConfig(ladder=folder, samples=21, validation_samples=10, test_samples=12, holdout=0.5)
    return TrainConfig(
        data=dataclasses.replace(data, **changes),
        optim=OptimConfig(batch_size=5),
        run=RunConfig(out=folder / "out", seed=3),
    )


def loaded(folder: Path, **changes: object) -> LadderData:
    return LadderData(config(folder, **changes), folder, GRAPH, 48)


@pytest.fixture
def data(ladder_folder: Path) -> LadderData:
    return loaded(ladder_folder)


def test_each_photograph_is_on_one_side_and_the_card_says_on_which(data: LadderData) -> None:
    sides = [data.names_of(side) for side in SIDES]
    assert [len(side) for side in sides] == [6, 3, 3]
    assert sorted(name for side in sides for name in side) == sorted(data.names)
    card = data.card()
    assert (card["validation"], card["test"]) == (sides[1], sides[2])
    assert (card["photographs"], card["photographs_training"]) == (12, 6)
    assert data.describe().startswith("tone ladder on 6 photographs, judged on 6 others")


def test_a_side_is_drawn_from_its_own_photographs_alone(tmp_path: Path, ladder_folder: Path) -> None:
    """One photograph is changed after another: only its own side gives other pictures."""

    def pictures(folder: Path) -> dict[str, torch.Tensor]:
        changed = loaded(folder)
        return {side: torch.cat([drawn.pictures for drawn in changed.drawn(side, 60, 7)]) for side in SIDES}

    before, names = pictures(ladder_folder), loaded(ladder_folder)
    for side in SIDES:
        folder = tmp_path / side
        shutil.copytree(ladder_folder, folder)
        path = folder / names.names_of(side)[0]
        picture = np.asarray(Image.open(path)) // 8 * 7
        Image.fromarray(picture).save(path)
        after = pictures(folder)
        assert {other for other in SIDES if not torch.equal(after[other], before[other])} == {side}


def test_what_is_drawn_is_the_same_for_the_same_seed_and_comes_as_batches(data: LadderData) -> None:
    first, again, other = (list(data.drawn("test", 12, seed)) for seed in (7, 7, 8))
    assert [len(drawn.pictures) for drawn in first] == [5, 5, 2]
    for one, same, different in zip(first, again, other, strict=True):
        assert torch.equal(one.pictures, same.pictures)
        assert torch.equal(one.photographs, same.photographs)
        assert not torch.equal(one.pictures, different.pictures)
    judged = list(data.test())
    assert sum(len(batch.inputs) for batch in judged) == 12
    for batch in judged:
        assert torch.equal(batch.allowed, exactly(batch.positions, GRAPH))


def test_validation_is_made_once_and_an_epoch_anew(data: LadderData) -> None:
    first, again = list(data.validation()), list(data.validation())
    assert [id(batch) for batch in first] == [id(batch) for batch in again]
    one, other = (next(data.epoch(number, Share())).inputs for number in (0, 1))
    assert torch.equal(one, next(data.epoch(0, Share())).inputs)
    assert not torch.equal(one, other)


def test_a_last_batch_of_one_picture_is_left_out(data: LadderData) -> None:
    assert [len(batch.inputs) for batch in data.epoch(0, Share())] == [5, 5, 5, 5]
    assert data.batches_per_epoch(Share()) == 4


def test_the_identity_knows_the_photographs_and_not_where_they_lie(data: LadderData, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(data._config.data.ladder, folder)
    assert loaded(folder).identity() == data.identity()
    (folder / data.names[0]).unlink()
    assert loaded(folder).identity() != data.identity()


def test_the_workers_that_the_config_asks_for_draw(ladder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def drawers(studio: Studio, workers: int) -> Drawers:
        asked.append(workers)
        return Drawers(studio, 0)

    monkeypatch.setattr("iqa_cli.training.ladder_data.Drawers", drawers)
    asking = loaded(ladder_folder, workers=2)
    list(asking.validation())
    list(asking.epoch(0, Share()))
    assert asked == [2]  # once for the whole run
    assert asking.identity() == loaded(ladder_folder).identity()

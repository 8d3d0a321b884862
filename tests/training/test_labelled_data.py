"""Photographs with labels: what is read, who learns, who judges, and what is refused."""

from __future__ import annotations

import dataclasses
import errno
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.config import DataConfig, GraphConfig, LossConfig, ModelConfig, OptimConfig, RunConfig, TrainConfig
from iqa_cli.errors import ConfigError, LabelsError, OutputError
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from iqa_cli.training.data import Share
from iqa_cli.training.features import tower_hash
from iqa_cli.training.labelled_data import LabelledData
from iqa_cli.training.objective import _label_weights, level_weights
from iqa_cli.training.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.training.data import Batch

pytestmark = pytest.mark.usefixtures("quick_export")

GRAPH = read_graph(find_graph("smartphone-6"))
HEADER = "filename," + ",".join(GRAPH.label_names)
NAMES = [f"{scene}_{shot}.png" for scene in "abcdefgh" for shot in (1, 2)]


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen pictures of eight scenes; the second shot of each is dark. Grey ramps, no two alike."""
    folder = tmp_path_factory.mktemp("shots")
    for index, name in enumerate(NAMES):
        ramp = np.linspace(0, 1, 120)[None, :, None] * np.linspace(0.6, 1, 80)[:, None, None]
        light = (0.08 if name.endswith("_2.png") else 0.9) * (1 - 0.02 * index) * ramp
        Image.fromarray((255 * np.repeat(light, 3, 2)).astype(np.uint8)).save(folder / name)
    return folder


def row(name: str, *, dark: object = None) -> str:
    value = (2 if name.endswith("_2.png") else 0) if dark is None else dark
    return f"{name},0,{value},0,0,0,0"


def table(path: Path, names: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *map(row, names)]) + "\n", encoding="utf-8")
    return path


def config(tmp_path: Path, shots: Path, **data: object) -> TrainConfig:
    if "labels" not in data:
        data["labels"] = table(tmp_path / "labels.csv", NAMES)
    return TrainConfig(
        data=DataConfig(images=shots, **data),  # type: ignore[arg-type]
        model=ModelConfig(context_tokens=2),
        optim=OptimConfig(batch_size=4, epochs=2),
        run=RunConfig(out=tmp_path / "checkpoint"),
    )


def loaded(settings: TrainConfig) -> LabelledData:
    settings.work.mkdir(exist_ok=True)
    return LabelledData(settings, GRAPH, ToneModel(settings.model, GRAPH).preprocessing)


def together(batches: list[Batch]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([batch.inputs for batch in batches]), torch.cat([batch.positions for batch in batches])


def test_an_epoch_sees_every_photograph_once_and_another_order_next_time(tmp_path: Path, shots: Path) -> None:
    data = loaded(config(tmp_path, shots, mirror=False, holdout=0.25))
    epochs = [together(list(data.epoch(number, Share())))[0] for number in (0, 1, 0)]
    assert data.batches_per_epoch(Share()) == 3
    assert torch.equal(epochs[0], epochs[2])
    assert not torch.equal(epochs[0], epochs[1])
    sums = [sorted(epoch.long().sum((1, 2, 3)).tolist()) for epoch in epochs]
    assert sums[0] == sums[1]
    assert len(sums[0]) == 12


def test_scenes_stay_on_one_side_of_a_holdout(tmp_path: Path, shots: Path) -> None:
    data = loaded(config(tmp_path, shots, holdout=0.25, scene="regex:^[a-h]"))
    sides = {side: {name[0] for name in data._sides[side].names} for side in ("training", "validation")}
    assert not sides["training"] & sides["validation"]
    assert len(sides["validation"]) == 2
    assert data.test() is None


def test_levels_and_evidence_come_from_the_table(tmp_path: Path, shots: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = [row(NAMES[0], dark=""), row(NAMES[1], dark="1+"), *map(row, NAMES[2:])]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    data = loaded(config(tmp_path, shots, labels=path, holdout=0.2))
    known = {}
    for side in ("training", "validation"):
        pictures = data._sides[side]
        known |= {
            name: (positions.tolist(), open_cells[4:8].int().tolist())
            for name, positions, open_cells in zip(pictures.names, pictures.positions, pictures.allowed, strict=True)
        }
    dark = GRAPH.index("dark")
    assert known[NAMES[0]][0][dark] == -1
    assert known[NAMES[0]][1] == [1, 1, 1, 1]
    assert known[NAMES[1]][0][dark] == -1
    assert known[NAMES[1]][1] == [0, 1, 1, 1]
    assert known[NAMES[3]][0][dark] == 2
    assert known[NAMES[3]][1] == [0, 0, 1, 0]


def test_a_split_column_tells_the_sides(tmp_path: Path, shots: Path) -> None:
    path = tmp_path / "labels.csv"
    parts = ["train"] * 8 + ["val"] * 4 + ["test"] * 4
    rows = [f"{row(name)},{part}" for name, part in zip(NAMES, parts, strict=True)]
    path.write_text("\n".join([HEADER + ",split", *rows]) + "\n", encoding="utf-8")
    data = loaded(config(tmp_path, shots, labels=path))
    assert {side: len(pictures) for side, pictures in data._sides.items()} == {
        "training": 8,
        "validation": 4,
        "test": 4,
    }
    path.write_text(path.read_text(encoding="utf-8").replace(",train", ",learn"), encoding="utf-8")
    with pytest.raises(LabelsError, match="split column has the parts"):
        loaded(config(tmp_path, shots, labels=path))


def test_a_photograph_on_two_sides_is_refused_by_name(tmp_path: Path, shots: Path) -> None:
    settings = config(
        tmp_path,
        shots,
        labels=table(tmp_path / "train.csv", NAMES[:10]),
        validation=table(tmp_path / "val.csv", NAMES[9:]),
    )
    with pytest.raises(LabelsError, match="leaks") as error:
        loaded(settings)
    assert NAMES[9] in str(error.value)


def shared(tmp_path: Path, shots: Path, **data: object) -> TrainConfig:
    """A config of parts that share two photographs."""
    return config(
        tmp_path,
        shots,
        labels=table(tmp_path / "train.csv", NAMES[:10]),
        validation=table(tmp_path / "val.csv", NAMES[8:]),
        **data,
    )


SHARED = (
    "validation: 2 of 8 photos are in training as well: figures of validation tell in part what was learned by heart, "
    "and compare with others of this very split only"
)


def test_shared_photographs_can_be_allowed_and_are_told_of_from_then_on(tmp_path: Path, shots: Path) -> None:
    settings = shared(tmp_path, shots, allow_shared=True, mirror=False)
    assert loaded(settings).warnings[0] == SHARED
    for _ in Trainer(settings, tmp_path, "cpu").run():
        pass
    checkpoint = load_checkpoint(settings.run.out)
    assert checkpoint.caveats == (SHARED,)
    assert checkpoint.card["metrics"]["validation"]["what"] == (
        "pictures (see the caveats), by which the epoch was chosen"
    )
    assert checkpoint.card["training"]["config"]["data"]["allow_shared"] is True
    # Who goes on from it learned the same by heart, however little is shared from then on.
    heard = f"of the checkpoint gone on from: {SHARED}"
    settings = config(tmp_path, shots, mirror=False)
    for name in ("next", "after"):
        model = dataclasses.replace(settings.model, pretrained=f"checkpoint:{checkpoint.folder}")
        settings = dataclasses.replace(settings, model=model, run=settings.run.written_to(tmp_path / name))
        trainer = Trainer(settings, tmp_path, "cpu")
        assert trainer.warnings[0] == heard
        for _ in trainer.run():
            pass
        checkpoint = load_checkpoint(settings.run.out)
        assert checkpoint.caveats == (heard,)
        assert "never saw" not in checkpoint.card["metrics"]["validation"]["what"]
    # Nothing is said of a split that shares nothing, however it was asked for.
    assert loaded(config(tmp_path, shots, allow_shared=True)).card()["caveats"] == []


def test_weak_zeros_open_the_zeros_of_training_alone(tmp_path: Path, shots: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = [f"{row(name)},{'train' if name[0] < 'e' else 'val'}" for name in NAMES]
    path.write_text("\n".join([HEADER + ",split", *rows]) + "\n", encoding="utf-8")
    strict, weak = (loaded(config(tmp_path, shots, labels=path, weak_zeros=on)) for on in (False, True))
    for side in ("training", "validation"):
        opened = (weak._sides[side].allowed & ~strict._sides[side].allowed).reshape(8, 6, 4)
        dark = [name.endswith("_2.png") for name in weak._sides[side].names]
        # Beside a dark photo's 2, the labels that are neither bright nor dark may be ordinary; nothing else opens.
        assert opened[:, 2:, 1].all(1).tolist() == (dark if side == "training" else [False] * 8)
        assert int(opened.sum()) == (16 if side == "training" else 0)
        assert torch.equal(weak._sides[side].positions, strict._sides[side].positions)
    assert weak.notes[-1] == (
        "weak zeros: 16 of 44 zeros for training leave ordinary open, beside a problem of another group"
    )
    assert weak.card()["weak_zeros"] == {"zeros": 44, "weak": 16}
    assert "weak_zeros" not in strict.card()
    assert weak.identity() != strict.identity()


def test_a_weak_zero_does_not_count_for_the_balance(tmp_path: Path, shots: Path) -> None:
    """It decides no level and weighs 1; the weights of the others are those of what is decided."""
    path, column = tmp_path / "labels.csv", GRAPH.index("overexposed")
    rows = []
    for place, name in enumerate(NAMES):
        cells = [0] * 6
        cells[GRAPH.index("dark")] = 2 if place % 2 else 0
        cells[column] = int(place == 0)
        rows.append(f"{name},{','.join(map(str, cells))},{'train' if place < 8 else 'val'}")
    path.write_text("\n".join([HEADER + ",split", *rows]) + "\n", encoding="utf-8")
    data = loaded(config(tmp_path, shots, labels=path, weak_zeros=True))
    assert data.level_counts()[column].tolist() == [3, 1, 0, 0], "four zeros beside a dark photo's 2 are weak"
    per_cell = level_weights(data.level_counts(), "inverse")
    weights = _label_weights(compile_plan(GRAPH), per_cell, data._sides["training"].allowed)
    decided = (data._sides["training"].allowed.reshape(-1, 6, 4).sum(2) == 1)[:, column]
    assert int(decided.sum()) == 4
    assert bool((weights[~decided, column] == 1).all())
    # Three zeros weigh as much together as the one above them.
    assert float(weights[0, column]) == pytest.approx(float(weights[decided, column].sum()) / 2)


def rare(tmp_path: Path) -> Path:
    """Six dark photos for training, one of them "or worse", and one that is bright; one bright for validation."""
    path = tmp_path / "labels.csv"
    rows = []
    for place, name in enumerate(NAMES):
        dark, bright = ("1+" if place == 1 else 2) if place % 2 else 0, int(place in (0, 14))
        rows.append(f"{name},{bright},{dark},,0,0,0,{'train' if place < 12 else 'val'}")
    path.write_text("\n".join([HEADER + ",split", *rows]) + "\n", encoding="utf-8")
    return path


def test_labels_with_few_positives_are_hidden_on_all_sides(tmp_path: Path, shots: Path) -> None:
    data = loaded(config(tmp_path, shots, labels=rare(tmp_path), min_positives=6))
    hidden = {"bright": 1, "low_contrast": 0, "overexposed": 0, "over_suppressed": 0}
    said = (
        "labels hidden in training, for fewer than 6 positive photographs there: "
        '"bright" (1), "low_contrast" (0), "overexposed" (0), "over_suppressed" (0)'
    )
    assert data.warnings[0] == said
    assert (data.card()["caveats"], data.card()["hidden_labels"]) == ([said], hidden)
    for pictures in data._sides.values():
        is_open = pictures.allowed.reshape(-1, 6, 4).all(2)
        assert is_open.all(0).tolist() == [True, False, True, True, True, True]
        assert (pictures.positions[:, 0] == -1).all()
    assert loaded(config(tmp_path, shots, labels=rare(tmp_path), min_positives=1)).card()["hidden_labels"] == {
        name: 0 for name, positives in hidden.items() if not positives
    }
    assert loaded(config(tmp_path, shots, labels=rare(tmp_path))).warnings[0] != said


def test_a_hidden_problem_makes_no_zero_weak(tmp_path: Path, shots: Path) -> None:
    data = loaded(config(tmp_path, shots, labels=rare(tmp_path), min_positives=6, weak_zeros=True))
    pictures = data._sides["training"]
    bright = pictures.names.index(NAMES[0])
    assert pictures.allowed[bright].reshape(6, 4)[1].tolist() == [True, False, False, False]


def test_a_number_of_positives_that_no_label_has_is_refused(tmp_path: Path, shots: Path) -> None:
    with pytest.raises(ConfigError, match='no label has 7 positive photographs for training; "dark" has the most, 6'):
        loaded(config(tmp_path, shots, labels=rare(tmp_path), min_positives=7))


def test_how_labels_are_taken_has_to_fit_the_rest_of_the_config(tmp_path: Path, shots: Path) -> None:
    settings = config(tmp_path, shots, weak_zeros=True)
    with pytest.raises(ConfigError, match="rules = false leaves out"):
        dataclasses.replace(settings, graph=GraphConfig(rules=False))
    with pytest.raises(ConfigError) as error:
        DataConfig(ladder=shots, weak_zeros=True, allow_shared=True, min_positives=3)
    assert [problem.partition(":")[0] for problem in error.value.problems] == [
        "data.allow_shared",
        "data.weak_zeros",
        "data.min_positives",
    ]
    with pytest.raises(ConfigError) as error:
        DataConfig(ladder=shots, labels=shots, images=shots, min_positives=3, good_join=True)
    assert "good_join" in error.value.problems[0]


def test_shared_scenes_are_told_but_allowed(tmp_path: Path, shots: Path) -> None:
    settings = config(
        tmp_path,
        shots,
        labels=table(tmp_path / "train.csv", NAMES[:9]),
        validation=table(tmp_path / "val.csv", NAMES[9:]),
        scene="regex:^[a-h]",
    )
    assert any("1 of 4 scenes" in warning for warning in loaded(settings).warnings)


def test_a_level_that_a_side_lacks_is_warned_of(tmp_path: Path, shots: Path) -> None:
    path = table(tmp_path / "labels.csv", NAMES)
    lines = path.read_text("utf-8").splitlines()
    lines[1] = row(NAMES[0], dark=3)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = loaded(config(tmp_path, shots, labels=path))
    having = {side for side in ("training", "validation") if NAMES[0] in data._sides[side].names}
    (lacking,) = {"training", "validation"} - having
    warning = f"{lacking} has no photo with dark blocking (1 in all)"
    assert warning in data.warnings
    assert warning not in loaded(config(tmp_path, shots)).warnings


def test_tables_that_count_from_different_numbers_are_refused(tmp_path: Path, shots: Path) -> None:
    labels = table(tmp_path / "train.csv", NAMES[:8])
    validation = tmp_path / "val.csv"
    rows = [f"{name},1,{3 if name.endswith('_2.png') else 1},1,1,1,1" for name in NAMES[8:]]
    validation.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    with pytest.raises(LabelsError, match="do not count from the same number"):
        loaded(config(tmp_path, shots, labels=labels, validation=validation))


def test_a_scene_rule_that_means_nothing_is_the_configs_mistake(tmp_path: Path, shots: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.scene: moon:3: expected regex:PATTERN"):
        loaded(config(tmp_path, shots, scene="moon:3"))


def test_missing_photographs_are_named_before_anything_is_decoded(tmp_path: Path, shots: Path) -> None:
    settings = config(tmp_path, shots, labels=table(tmp_path / "labels.csv", [*NAMES, "gone.png"]))
    with pytest.raises(LabelsError) as error:
        loaded(settings)
    assert "gone.png" in str(error.value)


def test_unreadable_photographs_are_left_out_and_named(tmp_path: Path, shots: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((shots / name).read_bytes())
    (folder / NAMES[0]).write_bytes(b"no picture")
    data = loaded(config(tmp_path, folder))
    assert [name for name, _ in data.unreadable] == [NAMES[0]]
    assert sum(len(pictures) for pictures in data._sides.values()) == len(NAMES) - 1


def test_a_side_without_a_readable_photograph_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"no picture" + name.encode())
    with pytest.raises(ConfigError, match="0 readable photographs for training") as error:
        loaded(config(tmp_path, folder))
    assert any("_1.png" in problem for problem in error.value.problems)


def test_several_processes_share_an_epoch_without_overlap(tmp_path: Path, shots: Path) -> None:
    data = loaded(config(tmp_path, shots, mirror=False, holdout=0.25))
    shares = [together(list(data.epoch(0, Share(rank, 2))))[0] for rank in (0, 1)]
    assert [len(share) for share in shares] == [6, 6]
    whole = together(list(data.epoch(0, Share())))[0]
    both = torch.cat(shares).long().sum((1, 2, 3)).tolist()
    assert sorted(both) == sorted(whole.long().sum((1, 2, 3)).tolist())


def test_features_are_what_the_frozen_tower_gives_and_are_computed_once(
    tmp_path: Path, shots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(tmp_path, shots, holdout=0.25)
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(head="fc", train_visual="none"), GRAPH)
    pictures = loaded(settings)
    features = loaded(settings)
    features.use_features(model, settings.work, torch.device("cpu"))
    seen, given = (list(data.epoch(0, Share())) for data in (pictures, features))
    with torch.no_grad():
        model.eval()
        for batch, other in zip(seen, given, strict=True):
            expected = model.features(model.prepared(batch.inputs))
            assert torch.allclose(expected, other.inputs, atol=1e-5)
            assert torch.equal(batch.allowed, other.allowed)
    files = sorted(settings.work.glob("features-*.safetensors"))
    assert len(files) == 3  # training, training mirrored, validation

    def not_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(model, "features", not_again)
    again = loaded(settings)
    again.use_features(model, settings.work, torch.device("cpu"))
    files[0].write_bytes(b"damaged")
    with pytest.raises(AssertionError):
        loaded(settings).use_features(model, settings.work, torch.device("cpu"))


def test_a_head_on_a_frozen_tower_learns_from_labels(tmp_path: Path, shots: Path) -> None:
    settings = TrainConfig(
        data=DataConfig(labels=table(tmp_path / "labels.csv", NAMES), images=shots, holdout=0.25, scene="regex:^[a-h]"),
        # A tower that has learned: features of a random one are alike to the third digit.
        model=ModelConfig(head="fc", pretrained="checkpoint:default", train_visual="none", temperature=True),
        loss=LossConfig(balance="effective"),
        optim=OptimConfig(batch_size=6, epochs=15, lr_head=0.1, accumulate=2),
        run=RunConfig(out=tmp_path / "checkpoint", seed=1, keep="last"),
    )
    trainer = Trainer(settings, tmp_path, "cpu")
    epochs = list(trainer.run())
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    assert epochs[-1].validation["dark"].tauc > 0.9
    frozen = {name: value for name, value in trainer._model.state_dict().items() if name.startswith("clip.visual")}
    torch.manual_seed(1)
    fresh = ToneModel(settings.model, trainer.graph).state_dict()
    assert all(torch.equal(value.cpu(), fresh[name]) for name, value in frozen.items())


def test_the_same_weights_behind_another_activation_are_another_tower() -> None:
    model = ToneModel(ModelConfig(head="fc", train_visual="none"), GRAPH)
    before = tower_hash(model)
    assert tower_hash(model) == before
    model.architecture = {**model.architecture, "quick_gelu": True}
    assert tower_hash(model) != before


def test_pictures_that_do_not_fit_into_memory_are_the_same_and_leave_no_file(
    tmp_path: Path, shots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(tmp_path, shots, holdout=0.25)
    expected = loaded(settings).identity()
    monkeypatch.setattr("iqa_cli.training.pictures.IN_MEMORY", 0)
    data = loaded(settings)
    assert data.identity() == expected
    assert next(data.epoch(0, Share())).inputs.shape == (4, 3, 96, 96)
    assert list(settings.work.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room is only reserved where the system can")
def test_a_full_disk_is_found_before_pictures_are_decoded_onto_it(
    tmp_path: Path, shots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("iqa_cli.training.pictures.IN_MEMORY", 0)
    monkeypatch.setattr(os, "posix_fallocate", no_space)
    with pytest.raises(OutputError, match=r"no room for .* of decoded photographs \(No space left on device\)"):
        loaded(config(tmp_path, shots))


def test_validation_that_calls_no_epoch_better_is_refused(tmp_path: Path, shots: Path) -> None:
    settings = config(
        tmp_path,
        shots,
        labels=table(tmp_path / "train.csv", NAMES[2:]),
        validation=table(tmp_path / "val.csv", NAMES[:1]),
    )
    with pytest.raises(ConfigError, match="no label occurs at two levels there"):
        loaded(settings)
    last = dataclasses.replace(settings, run=dataclasses.replace(settings.run, keep="last"))
    assert len(loaded(last)._sides["validation"]) == 1


def test_labels_that_teach_nothing_are_refused(tmp_path: Path, shots: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([HEADER, *(f"{name},,,,,," for name in NAMES)]) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no label of any photograph for training was observed"):
        loaded(config(tmp_path, shots, labels=path))


def test_validation_told_twice_is_refused(tmp_path: Path, shots: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = [f"{row(name)},{'val' if index < 4 else 'train'}" for index, name in enumerate(NAMES[:12])]
    path.write_text("\n".join([HEADER + ",split", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(LabelsError, match=r"split column tells which photos are for validation"):
        loaded(config(tmp_path, shots, labels=path, validation=table(tmp_path / "val.csv", NAMES[12:])))


def test_a_holdout_says_what_it_took_for_scenes(tmp_path: Path, shots: Path) -> None:
    (note,) = loaded(config(tmp_path, shots)).notes
    assert "every photo counts as a scene of its own" in note
    (note,) = loaded(config(tmp_path, shots, scene="regex:^[a-g]")).notes
    assert "2 of 16 photos do not match" in note

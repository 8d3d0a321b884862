"""Checkpoints from strangers: each kind of bad one is refused in words by whoever would use it; the good one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("onnx", reason="drawing checkpoints needs onnx, which the train extra brings")

from bad_checkpoints import BAD_CHECKPOINTS, BadCheckpoint, checkpoint_of_kind, refused_by

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.errors import CheckpointError, ConfigError
from iqa_cli.inspection import check_checkpoint
from iqa_cli.models.runner import SHIPPED_CARDS
from iqa_cli.paths import checkpoint_names, find_checkpoint
from iqa_cli.pipeline.judge import Judge

if TYPE_CHECKING:
    from pathlib import Path


def kinds(command: str) -> pytest.MarkDecorator:
    found = list(refused_by(command))
    return pytest.mark.parametrize("kind", found, ids=[kind.name for kind in found])


def test_there_are_many_and_no_two_have_one_name() -> None:
    assert len({kind.name for kind in BAD_CHECKPOINTS}) == len(BAD_CHECKPOINTS) > 100


def test_the_good_one_is_taken(checkpoint_folder: Path) -> None:
    report = check_checkpoint(str(checkpoint_folder))
    assert report.sound, report.checks
    Judge(load_checkpoint(checkpoint_folder), "scaled", "en")


@kinds("assess")
def test_it_is_not_judged_with(kind: BadCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = checkpoint_of_kind(kind, tmp_path / "bad")
    with pytest.raises(CheckpointError) as error:
        Judge(load_checkpoint(folder), "scaled", "en")
    told(str(error.value), kind)


@kinds("checkpoint-check")
def test_it_is_not_called_sound(kind: BadCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = check_checkpoint(str(checkpoint_of_kind(kind, tmp_path / "bad")))
    assert not report.sound
    told("\n".join("\n".join([check.said, *check.problems]) for check in report.checks), kind)


@kinds("train")
def test_nothing_goes_on_from_it(kind: BadCheckpoint, tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="models need the train extra")
    from iqa_cli.config import ModelConfig
    from iqa_cli.hexgraph.read import read_graph
    from iqa_cli.models.tone_model import ToneModel
    from iqa_cli.paths import find_graph

    folder = checkpoint_of_kind(kind, tmp_path / "bad")
    with pytest.raises(ConfigError) as error:
        ToneModel(ModelConfig(pretrained=f"checkpoint:{folder}"), read_graph(find_graph("smartphone-6")))
    told(str(error.value), kind)


def told(text: str, kind: BadCheckpoint) -> None:
    """One message, of a length that is read, and nothing that would move a terminal's cursor."""
    assert kind.says in text
    assert len(text) < 6000
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", checkpoint_names())
def test_a_shipped_checkpoint_is_sound_and_its_card_is_known(name: str) -> None:
    """What is spared at every start is done here. After a new checkpoint its card's hash joins SHIPPED_CARDS."""
    report = check_checkpoint(name)
    assert report.sound, report.checks
    assert load_checkpoint(find_checkpoint(name)).card_sha256 in SHIPPED_CARDS


def test_no_other_card_is_called_shipped() -> None:
    assert {load_checkpoint(find_checkpoint(name)).card_sha256 for name in checkpoint_names()} == SHIPPED_CARDS

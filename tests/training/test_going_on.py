"""Runs that meet what an earlier one left: nothing finished is lost unasked, and what can go on goes on."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import safetensors
import safetensors.torch

from iqa_cli.checkpoint import PAGE_MARK
from iqa_cli.config import load_config
from iqa_cli.errors import CheckpointError
from iqa_cli.training.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("quick_export")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def trainer(config_file: Path, *, resume: bool = False, overwrite: bool = False) -> Trainer:
    return Trainer(load_config(config_file), config_file.parent, "cpu", resume=resume, overwrite=overwrite)


def one_epoch(config_file: Path) -> None:
    """A run that was killed after its first epoch."""
    run = trainer(config_file).run()
    next(run)
    run.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint-run"


def test_a_run_is_resumed_with_its_own_config_and_every_other_key_is_named(config_file: Path) -> None:
    one_epoch(config_file)
    edit(config_file, "batch_size = 16", "batch_size = 12")
    edit(config_file, "context_tokens = 2", "context_tokens = 3")
    edit(config_file, "seed = 3", "seed = 4")
    with pytest.raises(CheckpointError, match="the run that is to be resumed was another one") as told:
        trainer(config_file, resume=True)
    assert told.value.problems == (
        "model.context_tokens: 2 in that run, 3 now",
        "optim.batch_size: 16 in that run, 12 now",
        "run.seed: 3 in that run, 4 now",
    )


def test_other_photographs_are_named_without_their_hash(config_file: Path, tmp_path: Path, ladder_folder: Path) -> None:
    one_epoch(config_file)
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in sorted(ladder_folder.iterdir())[1:]:
        (fewer / path.name).write_bytes(path.read_bytes())
    edit(config_file, str(ladder_folder), str(fewer))
    with pytest.raises(CheckpointError) as told:
        trainer(config_file, resume=True)
    assert told.value.problems == ("data.photographs: not the same content",)


def test_what_the_weights_do_not_depend_on_may_change_before_a_resume(config_file: Path) -> None:
    one_epoch(config_file)
    edit(config_file, "drawn in code", "drawn by hand")
    edit(config_file, "validation_samples = 24", "validation_samples = 20")
    edit(config_file, "test_samples = 32", "test_samples = 30")
    resumed = trainer(config_file, resume=True)
    assert (resumed.kept, resumed.notes) == (1, ())


def test_resuming_needs_something_to_resume(config_file: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing to resume in .*checkpoint-run"):
        trainer(config_file, resume=True)


def test_a_new_run_does_not_overwrite_an_unfinished_one_unless_told_to(config_file: Path, work: Path) -> None:
    one_epoch(config_file)
    state = work / "state.safetensors"
    before = state.read_bytes()
    with pytest.raises(CheckpointError, match="unfinished run, 1 epoch done") as told:
        trainer(config_file)
    assert "--resume" in (told.value.hint or "")
    assert state.read_bytes() == before
    assert trainer(config_file, overwrite=True).kept == 0


def test_a_finished_checkpoint_is_not_overwritten_unless_told_to(config_file: Path, tmp_path: Path) -> None:
    edit(config_file, "epochs = 2", "epochs = 1")
    list(trainer(config_file).run())
    card = tmp_path / "checkpoint" / "card.json"
    before = card.read_bytes()
    with pytest.raises(CheckpointError, match="checkpoint: a finished checkpoint is there") as told:
        trainer(config_file)
    assert "--overwrite" in (told.value.hint or "")
    assert card.read_bytes() == before
    edit(config_file, "drawn in code", "drawn anew")
    again = trainer(config_file, overwrite=True)
    assert card.read_bytes() == before  # it is there until another one is complete
    list(again.run())
    assert json.loads(card.read_text("utf-8"))["data"]["provenance"] == "drawn anew"


def test_somebodys_own_page_is_not_replaced_unless_told_to(config_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "checkpoint" / "card.md"
    page.parent.mkdir()
    page.write_text("# My notes\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="not a page that iqa wrote") as told:
        trainer(config_file)
    assert "--overwrite" in (told.value.hint or "")
    assert page.read_text("utf-8") == "# My notes\n"
    trainer(config_file, overwrite=True)
    page.write_text(f"{PAGE_MARK} from card.json -->\n", encoding="utf-8")
    trainer(config_file)


def test_a_finished_run_goes_on_to_more_epochs_and_says_what_that_means(
    config_file: Path, work: Path, tmp_path: Path
) -> None:
    list(trainer(config_file).run())
    with pytest.raises(CheckpointError, match="that run is finished, after 2 epochs") as told:
        trainer(config_file, resume=True)
    assert "epochs above 2" in (told.value.hint or "")
    edit(config_file, "epochs = 2", "epochs = 3")
    longer = trainer(config_file, resume=True)
    assert longer.kept == 2
    assert "optim.epochs was 2 and is 3 now" in longer.notes[0]
    assert [epoch.number for epoch in longer.run()] == [3]
    card = json.loads((tmp_path / "checkpoint" / "card.json").read_text("utf-8"))
    assert (card["training"]["epochs"], card["training"]["config"]["optim"]["epochs"]) == (3, 3)
    rows = (work / "metrics.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3"]
    assert not (work / "state.safetensors").exists()


def test_an_unfinished_run_may_end_earlier(config_file: Path, tmp_path: Path) -> None:
    edit(config_file, "epochs = 2", "epochs = 4")
    one_epoch(config_file)
    edit(config_file, "epochs = 4", "epochs = 1")
    assert list(trainer(config_file, resume=True).run()) == []
    assert json.loads((tmp_path / "checkpoint" / "card.json").read_text("utf-8"))["training"]["epoch"] == 1


def test_a_new_run_leaves_no_state_of_the_finished_one_before_it(config_file: Path, work: Path) -> None:
    edit(config_file, "epochs = 2", "epochs = 1")
    list(trainer(config_file).run())
    edit(config_file, "epochs = 1", "epochs = 2")
    edit(config_file, "seed = 3", "seed = 4")
    run = trainer(config_file, overwrite=True).run()
    next(run)
    run.close()
    assert not (work / "finished.safetensors").exists()
    assert trainer(config_file, resume=True).kept == 1


def test_a_state_of_an_older_iqa_is_not_called_damaged(config_file: Path, work: Path) -> None:
    one_epoch(config_file)
    state = work / "state.safetensors"
    with safetensors.safe_open(state, framework="pt") as stream:
        metadata = stream.metadata()
    document = {**json.loads(metadata["progress"]), "identity": "0" * 64}
    tensors = safetensors.torch.load_file(state)
    safetensors.torch.save_file(tensors, state, {**metadata, "progress": json.dumps(document)})
    with pytest.raises(CheckpointError, match="of an older iqa"):
        trainer(config_file, resume=True)


def test_an_epoch_that_tells_nothing_apart_is_never_the_best(config_file: Path) -> None:
    """Its probabilities may rank photographs well, its levels are the same for all of them."""
    run = trainer(config_file)
    useless = {"epoch": 1, "qwk": 0.0, "tauc": 0.99, "validation_loss": 0.1}
    useful = {"epoch": 2, "qwk": 0.2, "tauc": 0.8, "validation_loss": 2.0}
    run._rows = (useless, useful)
    assert run.best == 2
    run._rows = (useful, useless)
    assert run.best == 1
    run._rows = (useful, {**useful, "tauc": 0.9})
    assert run.best == 2
    run._rows = (useless, {**useless, "qwk": float("nan")}, {**useless, "tauc": 0.995})
    assert run.best == 3  # of epochs that are all of no use, the one that ranks best


def test_too_few_photographs_to_judge_by_are_warned_of(config_file: Path) -> None:
    warnings = trainer(config_file).data.warnings
    assert [line.partition(":")[0] for line in warnings] == ["1 photograph for validation", "2 photographs for test"]


def test_stages_that_take_their_time_are_told(config_file: Path) -> None:
    stages: list[str] = []
    run = trainer(config_file)
    run.config = dataclasses.replace(run.config, optim=dataclasses.replace(run.config.optim, epochs=1))
    list(run.run(on_stage=stages.append))
    assert stages[0] == "epoch 1: judging the validation pictures"
    assert [stage for stage in stages if "exporting" in stage] == stages[-1:]

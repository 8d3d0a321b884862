"""`iqa train` as a user meets it: what is said when, and what an interruption leaves."""

from __future__ import annotations

import dataclasses
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from in_process import Outcome, Run, run_iqa
from rich.console import Console

from iqa_cli.cli.training_view import LiveView
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.metrics.records import LabelMetrics
from iqa_cli.paths import find_graph
from iqa_cli.training import trainer as module
from iqa_cli.training.data import Share
from iqa_cli.training.trainer import Epoch, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import RenderableType

    from iqa_cli.config import TrainConfig

LABEL = "[bold]" + "a label with a very long name " * 4
FIGURES = LabelMetrics(
    n=4,
    positives=(1, 1, 1, 1),
    confusion=((1, 0, 0, 0),) * 4,
    accuracy=0.5,
    accuracy_constant=0.25,
    qwk=0.75,
    tauc=0.875,
    tauc_thresholds=3,
    recall_macro=0.5,
    recall_macro_constant=0.25,
    f1_macro=0.5,
    f1_macro_constant=0.1,
    miss_rate=0.5,
    false_alarm_rate=0.0,
    false_alarm_rate_severe=0.0,
    ece=0.1,
)
UNDEFINED = dataclasses.replace(FIGURES, qwk=float("nan"))


class FakeData:
    unreadable = (("x" * 90 + "\x1b.jpg", "cut off"),)
    notes = ("2 of 9 scenes are in training as well",)

    def describe(self) -> str:
        return "2 photographs, 6 labels"


class FakeTrainer:
    """Two epochs without any training; `interrupted` says where Ctrl-C comes, `resumed` how many epochs were done."""

    interrupted: str = ""
    started: FakeTrainer | None = None

    def __init__(self, config: TrainConfig, base: Path, device: str, *, resume: bool) -> None:
        self.stop("loading")
        self.config, self.base, self.device = config, base, device
        self.data, self.share = FakeData(), Share()
        self.graph = read_graph(find_graph("smartphone-6"))
        self.kept, self.finished, self.chosen = int(resume), False, 1
        self.judged = {"validation": SimpleNamespace(labels={LABEL: FIGURES, "other": UNDEFINED})}
        type(self).started = self

    def stop(self, where: str) -> None:
        if self.interrupted == where:
            raise KeyboardInterrupt

    def run(self, _: Callable[[Step], None]) -> Iterator[Epoch]:
        for number in range(self.kept + 1, 3):
            self.stop(f"epoch {number}")
            self.kept = number
            self.stop(f"after {number}")
            self.finished = number == 2
            yield Epoch(number, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1)


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa train` with a fake trainer in this process."""
    (tmp_path / "run.toml").write_text(
        '[data]\nladder = "photos"\n[optim]\nepochs = 2\n[run]\nout = "mine"\nwork = "state"\n', encoding="utf-8"
    )

    def run(*arguments: str, interrupted: str = "") -> Outcome:
        monkeypatch.setattr(FakeTrainer, "interrupted", interrupted)
        monkeypatch.setattr(module, "Trainer", FakeTrainer)
        return run_iqa(monkeypatch, capsys, "train", "--config", tmp_path / "run.toml", *arguments)

    return run


def test_a_run_reports_on_stdout_and_tells_its_progress_on_stderr_unwrapped(iqa: Run, tmp_path: Path) -> None:
    code, out, err = iqa()
    assert code == 0
    # The figures are those of the checkpoint that was written.
    assert out.startswith("Held-out photographs (validation), epoch 1")
    assert [line for line in out.splitlines() if LABEL.strip() in line and "0.750" in line and "0.875" in line]
    assert [line for line in out.splitlines() if "other" in line and " - " in line]
    assert "nan" not in out
    assert err.splitlines() == [
        f"left out: {'x' * 90}\\x1b.jpg: cut off",
        "note: 2 of 9 scenes are in training as well",
        "2 photographs, 6 labels",
        "epoch 1/2  loss 1.5000  validation: NLL 2.250  QWK 0.750  AUC 0.8750 (best)  60 s, 0:01:00 left",
        "epoch 2/2  loss 1.5000  validation: NLL 2.250  QWK 0.750  AUC 0.8750  60 s, 0:00:00 left",
        f"wrote {tmp_path / 'mine'}, epoch 1",
        f"metrics.csv and curves.png are in {tmp_path / 'state'}",
    ]


@pytest.mark.parametrize(
    ("arguments", "interrupted", "said"),
    [
        ((), "loading", "training had not begun, nothing was changed"),
        (("--resume",), "loading", "training had not begun, nothing was changed"),
        ((), "epoch 1", "no epoch was finished, nothing is kept"),
        ((), "epoch 2", "epoch 1 of 2 is kept; the same command with --resume goes on"),
        (("--resume",), "epoch 2", "epoch 1 of 2 is kept; the same command with --resume goes on"),
        ((), "after 2", "epoch 2 of 2 is kept; the same command with --resume goes on"),
    ],
)
def test_an_interruption_tells_what_is_kept(iqa: Run, arguments: tuple[str, ...], interrupted: str, said: str) -> None:
    code, out, err = iqa(*arguments, interrupted=interrupted)
    assert code == 130
    assert out == ""
    assert err.splitlines()[-1] == f"interrupted: {said}"


def test_another_out_keeps_its_own_state(iqa: Run, tmp_path: Path) -> None:
    iqa()
    assert FakeTrainer.started is not None
    assert FakeTrainer.started.config.work == tmp_path / "state"
    assert iqa("--out", str(tmp_path / "other")).err.splitlines()[-2] == f"wrote {tmp_path / 'other'}, epoch 1"
    assert FakeTrainer.started.config.work == tmp_path / "other-run"


def test_the_root_folder_is_no_checkpoint(iqa: Run) -> None:
    code, _, err = iqa("--out", "/")
    assert code == 3
    assert err.startswith("error: run.out: expected a folder with a name")


def test_a_missing_library_names_the_extra(iqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("iqa_cli.models.export", "iqa_cli.training.checks", "iqa_cli.training.trainer"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    code, _, err = iqa()
    assert code == 3
    error, hint = err.splitlines()
    assert error == "error: iqa train needs onnxscript, which is not installed"
    assert hint.startswith("hint: in a clone of iqa: pip install '.[train]'")


def test_only_the_first_of_several_processes_speaks(iqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    start = FakeTrainer.__init__

    def second(self: FakeTrainer, config: TrainConfig, base: Path, device: str, *, resume: bool) -> None:
        start(self, config, base, device, resume=resume)
        self.share = Share(1, 2)

    def not_shown() -> None:
        raise AssertionError

    monkeypatch.setattr(FakeTrainer, "__init__", second)
    monkeypatch.setattr("iqa_cli.cli.training_view.training_view", not_shown)
    assert iqa() == Outcome(0, "", "")


def test_the_live_view_says_what_is_being_done_and_ends_with_the_table() -> None:
    screen: list[str] = []

    class Live:
        def update(self, picture: RenderableType) -> None:
            console = Console(width=80)
            with console.capture() as captured:
                console.print(picture)
            screen[:] = captured.get().splitlines()

    view = LiveView(Live())
    view.step(Step(1, 1, 2, 3.25, 80.0))
    assert "1/2  loss 3.2500  80 pictures/s" in screen[-1]
    assert "left" not in screen[-1]  # nothing is known of it yet
    view.step(Step(1, 2, 2, 3.25, 80.0))
    assert screen[-1].strip() == "epoch 1  judging and saving ..."
    view.epoch(Epoch(1, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1))
    assert screen[-1].split() == ["1/2", "1.5000", "2.250", "0.750", "0.8750", "0:01:00", "best", "so", "far"]
    view.step(Step(2, 1, 2, 3.25, 80.0))
    assert screen[-1].rstrip().endswith("0:00:30 left")
    view.step(Step(2, 2, 2, 3.25, 80.0))
    view.epoch(Epoch(2, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1))
    assert screen[-1].split()[0] == "2/2"

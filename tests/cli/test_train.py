"""`iqa train` as a user meets it: what is said when, and what an interruption leaves."""

from __future__ import annotations

import dataclasses
import queue
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from in_process import Outcome, Run, run_iqa
from own_process import ROOT
from rich.console import Console

from iqa_cli.cli.training_view import LineView, LiveView
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.metrics.records import LabelMetrics
from iqa_cli.paths import find_graph
from iqa_cli.training import trainer as module
from iqa_cli.training.data import Share
from iqa_cli.training.epochs import Epoch, Step

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
    notes = ("no column for dark",)
    warnings = ("2 of 9 scenes are in training as well", "2 photographs for validation: too few")

    def describe(self) -> str:
        return "2 photographs, 6 labels"


class FakeTrainer:
    """Two epochs without any training; `interrupted` says where Ctrl-C comes, `resumed` how many epochs were done."""

    warnings = ("optim.lr_visual = 0.001 is high",)
    interrupted: str = ""
    started: FakeTrainer | None = None

    def __init__(self, config: TrainConfig, base: Path, device: str, *, resume: bool, overwrite: bool = False) -> None:
        self.stop("loading")
        self.overwrite, self.notes = overwrite, ("optim.epochs was 1",) if resume else ()
        self.config, self.base, self.device = config, base, device
        self.data, self.share = FakeData(), Share()
        self.graph = read_graph(find_graph("smartphone-6"))
        self.kept, self.finished, self.chosen = int(resume), False, 1
        self.judged = {"validation": SimpleNamespace(labels={LABEL: FIGURES, "other": UNDEFINED})}
        type(self).started = self

    def stop(self, where: str) -> None:
        if self.interrupted == where:
            raise KeyboardInterrupt

    def run(self, *_: Callable[..., None]) -> Iterator[Epoch]:
        for number in range(self.kept + 1, 3):
            self.stop(f"epoch {number}")
            self.kept = number
            self.stop(f"after {number}")
            self.finished = number == 2
            yield Epoch(number, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1)


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa train` with a fake trainer in this process."""
    (tmp_path / "photos").mkdir()
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
        "note: no column for dark",
        "warning: 2 of 9 scenes are in training as well",
        "warning: 2 photographs for validation: too few",
        "warning: optim.lr_visual = 0.001 is high",
        f"left out: {'x' * 90}\\x1b.jpg: cut off",
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


def test_shared_photographs_are_allowed_by_an_option_or_by_the_config(iqa: Run, tmp_path: Path) -> None:
    assert iqa("--allow-shared").code == 2
    (tmp_path / "labels.csv").touch()
    run = tmp_path / "run.toml"
    ladder, labelled = 'ladder = "photos"', 'labels = "labels.csv"\nimages = "photos"'
    run.write_text(run.read_text(encoding="utf-8").replace(ladder, labelled), encoding="utf-8")
    for options, allowed in (((), False), (("--allow-shared",), True)):
        assert iqa(*options).code == 0
        assert FakeTrainer.started is not None
        assert FakeTrainer.started.config.data.allow_shared is allowed
    run.write_text(
        run.read_text(encoding="utf-8").replace(labelled, f"{labelled}\nallow_shared = true"), encoding="utf-8"
    )
    assert iqa().code == 0
    assert FakeTrainer.started.config.data.allow_shared is True


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

    def second(self: FakeTrainer, *arguments: Any, **options: bool) -> None:
        start(self, *arguments, **options)
        self.share = Share(1, 2)

    def not_shown() -> None:
        raise AssertionError

    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(FakeTrainer, "__init__", second)
    monkeypatch.setattr("iqa_cli.cli.training_view.training_view", not_shown)
    assert iqa() == Outcome(0, "", "")


def test_what_the_config_names_and_nobody_has_is_told_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    """As somebody who cloned the repository meets the recipe of the shipped checkpoint."""
    config = tmp_path / "run.toml"
    config.write_text(
        '[data]\nladder = "good"\nlabels = "labels.csv"\nimages = "real"\napart_from = ["judged"]\n'
        'obtain = "a script makes them: sh fetch.sh"\n[model]\npretrained = "checkpoint:../first"\n'
        'scene = "a"\nscene_weights = "a.pth"\n[run]\nout = "mine"\n',
        encoding="utf-8",
    )
    code = (
        "import sys\n"
        f"sys.argv = ['iqa', 'train', '--config', {str(config)!r}]\n"
        "from iqa_cli.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as leaving:\n    print(leaving.code, 'torch' in sys.modules, 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["3", "False", "False"]
    lines = done.stderr.splitlines()
    assert lines[0] == f"error: {config}: 6 things that it names are not there"
    assert [line.split(":")[0].strip() for line in lines[1:-1]] == [
        "data.ladder",
        "data.images",
        "data.apart_from",
        "data.labels",
        "model.scene_weights",
        "model.pretrained",
    ]
    assert lines[-1] == "hint: a script makes them: sh fetch.sh"
    assert not (tmp_path / "mine").exists()


def test_a_file_of_weights_that_is_not_there_is_told_before_anything_is_loaded(iqa: Run, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    written = config.read_text(encoding="utf-8")
    for named, code in (("clip.safetensors", 3), ("a-tag", 0)):
        config.write_text(f'{written}[model]\nbackbone = "ViT-B-32"\npretrained = "{named}"\n', encoding="utf-8")
        found = iqa()
        assert (found.code, "model.pretrained: clip.safetensors: no such file" in found.err) == (code, code == 3)


def test_what_is_resumed_and_what_is_overwritten_is_asked_for(iqa: Run) -> None:
    both = iqa("--resume", "--overwrite")
    assert (both.code, both.out) == (2, "")
    assert both.err.startswith("error: --resume goes on with a run, --overwrite starts anew")
    assert "note: optim.epochs was 1\n" in iqa("--resume").err
    assert FakeTrainer.started is not None
    assert not FakeTrainer.started.overwrite
    assert iqa("--overwrite").code == 0
    assert FakeTrainer.started.overwrite


def test_a_model_that_tells_nothing_apart_is_warned_of(iqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    constant = dataclasses.replace(FIGURES, qwk=0.0)
    assert "warning: a mean kappa" not in iqa().err
    start = FakeTrainer.__init__

    def useless(self: FakeTrainer, *arguments: Any, **options: bool) -> None:
        start(self, *arguments, **options)
        self.judged = {"test": SimpleNamespace(labels={LABEL: constant, "other": UNDEFINED})}

    monkeypatch.setattr(FakeTrainer, "__init__", useless)
    assert "warning: a mean kappa of 0 or less is what saying the same of every photograph gets" in iqa().err


def test_a_log_hears_what_is_being_done_when_nothing_else_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr("iqa_cli.cli.training_view.say", said.put)
    view = LineView(every_s=0.01)
    assert said.get(timeout=60) == "... loading libraries"
    view.step(Step(1, 3, 9, 3.25, 80.4))
    wanted = "... epoch 1: batch 3 of 9, loss 3.2500, 80 pictures/s"
    assert any(said.get(timeout=60) == wanted for _ in range(10_000))
    view.stage("writing the checkpoint")
    assert any(said.get(timeout=60) == "... writing the checkpoint" for _ in range(10_000))
    view.close()
    quiet = LineView()
    quiet.epoch(Epoch(1, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1))
    quiet.close()
    lines = list(said.queue)
    assert [line for line in lines if not line.startswith("... ")] == lines[-1:]
    assert lines[-1].startswith("epoch 1/2")


def test_the_live_view_says_what_is_being_done_and_ends_with_the_table() -> None:
    screen: list[str] = []

    class Live:
        is_started = False

        def start(self) -> None:
            self.is_started = True

        def stop(self) -> None:
            self.is_started = False

        def update(self, picture: RenderableType) -> None:
            console = Console(width=80)
            with console.capture() as captured:
                console.print(picture)
            screen[:] = captured.get().splitlines()

    live = Live()
    view = LiveView(live)
    view.stage("reading the photographs")
    assert not live.is_started  # notes and warnings are still to come, and stand above it
    view.step(Step(1, 1, 2, 3.25, 80.0))
    assert live.is_started
    assert "1/2  loss 3.2500  80 pictures/s" in screen[-1]
    assert "left" not in screen[-1]  # nothing is known of it yet
    view.stage("epoch 1: judging the validation pictures")
    assert screen[-1].strip() == "epoch 1: judging the validation pictures ..."
    view.epoch(Epoch(1, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1))
    assert screen[-1].split() == ["1/2", "1.5000", "2.250", "0.750", "0.8750", "0:01:00", "best", "so", "far"]
    view.step(Step(2, 1, 2, 3.25, 80.0))
    assert screen[-1].rstrip().endswith("0:00:30 left")
    view.stage("writing the checkpoint")
    view.epoch(Epoch(2, 2, 1.5, 60.0, 2.25, {LABEL: FIGURES}, 1))
    assert screen[-1].split()[0] == "2/2"
    view.close()
    assert (live.is_started, screen[-1].split()[0]) == (False, "2/2")

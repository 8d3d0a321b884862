"""Whole runs as processes: killed without mercy, shared between two, a vision transformer from a local file."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")
open_clip = pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli import assess  # noqa: E402
from iqa_cli.checkpoint import load_checkpoint  # noqa: E402
from iqa_cli.config import load_config  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def config(tmp_path: Path, ladder: Path, out: str, *, epochs: int = 3, samples: int = 32, more: str = "") -> Path:
    path = tmp_path / f"{out}.toml"
    path.write_text(
        f"[data]\nladder = '{ladder}'\nsamples = {samples}\nvalidation_samples = 16\ntest_samples = 16\n"
        f"[optim]\nepochs = {epochs}\nbatch_size = 8\n[run]\nout = '{out}'\nseed = 5\n{more}",
        encoding="utf-8",
    )
    return path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the processes run: sums in another number of threads are rounded otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread", "quick_export")
def test_a_run_killed_without_warning_resumes_to_the_same_numbers(tmp_path: Path, ladder_folder: Path) -> None:
    killed = config(tmp_path, ladder_folder, "killed", epochs=3)
    command = [sys.executable, "-m", "iqa_cli", "train", "--config", str(killed), "--device", "cpu"]
    state = tmp_path / "killed-run" / "state.safetensors"
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 240
        while not state.exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "card.json").exists()
    trainer = Trainer(load_config(killed), tmp_path, "cpu", resume=True)
    assert trainer.kept < 3
    list(trainer.run())
    whole = config(tmp_path, ladder_folder, "whole", epochs=3)
    list(Trainer(load_config(whole), tmp_path, "cpu").run())
    one, other = weights(tmp_path / "killed"), weights(tmp_path / "whole")
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert rows(tmp_path / "killed-run") == rows(tmp_path / "whole-run")


def test_two_processes_share_a_run(tmp_path: Path, ladder_folder: Path) -> None:
    path = config(tmp_path, ladder_folder, "shared", epochs=1)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    command = [*launcher, "--standalone", "-m", "iqa_cli", "train", "--config", str(path), "--device", "cpu"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("tone ladder on") == 1  # one of them speaks
    assert done.stderr.count("wrote ") == 1
    checkpoint = load_checkpoint(tmp_path / "shared")
    assert checkpoint.card["training"]["epochs"] == 1
    assert len(rows(tmp_path / "shared-run")) == 1


def goes_through(tmp_path: Path, ladder: Path, architecture: str) -> None:
    """Random weights saved as a local file: load, train, resume, export, assess."""
    torch.manual_seed(0)
    source = open_clip.create_model(architecture, pretrained=None)
    file = tmp_path / "clip.safetensors"
    safetensors.torch.save_file({name: value.contiguous() for name, value in source.state_dict().items()}, file)
    model = (
        f"[model]\nbackbone = '{architecture}'\npretrained = 'clip.safetensors'\ntrain_visual = 2\ntrain_text = false\n"
    )
    path = config(tmp_path, ladder, "vit", epochs=2, samples=8, more=model)
    run = Trainer(load_config(path), tmp_path, "cpu").run()
    next(run)
    run.close()
    assert len(list(Trainer(load_config(path), tmp_path, "cpu", resume=True).run())) == 1
    card = json.loads((tmp_path / "vit" / "card.json").read_text("utf-8"))
    assert card["preprocessing"]["mean"] == pytest.approx([0.48145466, 0.4578275, 0.40821073])
    assert card["preprocessing"]["interpolation"] == "bicubic"
    assert card["model"]["pretrained"] == "clip.safetensors"
    kept = weights(tmp_path / "vit")
    name = "visual.transformer.resblocks.0.mlp.c_fc.weight"
    assert torch.equal(kept[f"clip.{name}"], source.state_dict()[name])  # frozen
    reports = list(assess([ladder], checkpoint=tmp_path / "vit"))
    assert {report.status for report in reports} == {"ok"}


def test_a_vision_transformer_from_a_local_file_goes_all_the_way(tmp_path: Path, ladder_folder: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    document = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    (folder / "test-vit-small.json").write_text(json.dumps(document), encoding="utf-8")
    open_clip.add_model_config(folder)
    goes_through(tmp_path, ladder_folder, "test-vit-small")


@pytest.mark.skipif(not os.environ.get("IQA_SLOW_TESTS"), reason="minutes and 4 GB of memory: IQA_SLOW_TESTS=1 runs it")
def test_vit_b_32_from_a_local_file_goes_all_the_way(tmp_path: Path, ladder_folder: Path) -> None:
    goes_through(tmp_path, ladder_folder, "ViT-B-32")

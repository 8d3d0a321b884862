"""`iqa doctor`: what works is said, what is broken is named with what to do, and nothing ends the visit."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from iqa_cli.inspection import check
from iqa_cli.inspection.install import examine, formats, libraries
from iqa_cli.models import runner
from iqa_cli.paths import checkpoint_folder

if TYPE_CHECKING:
    from in_process import Outcome, Run

FORMATS = {"JPEG", "HEIC", "AVIF", "JPEG XL", "PNG", "WebP", "TIFF", "GIF", "BMP", "raw"}


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    from in_process import run_iqa

    monkeypatch.setenv("IQA_CACHE_DIR", str(tmp_path / "cache"))

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "doctor", *arguments)

    return run


def sections(outcome: Outcome) -> dict[str, dict[str, dict[str, Any]]]:
    found = json.loads(outcome.out)
    return {name: {entry["name"]: entry for entry in checks} for name, checks in found["checks"].items()}


def bad(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {
        name: entry
        for checks in sections(outcome).values()
        for name, entry in checks.items()
        if entry["outcome"] == "bad"
    }


def test_a_sound_installation(doctor: Run) -> None:
    seen = doctor("--json")
    assert (seen.code, seen.err) == (0, "")
    assert json.loads(seen.out)["healthy"] is True
    found = sections(seen)
    assert set(found) == {"libraries", "formats", "model", "extras", "cache"}
    assert set(found["formats"]) == FORMATS
    assert found["libraries"]["numpy"]["said"] == np.__version__
    assert found["model"]["judging"]["outcome"] == "ok"
    assert found["cache"]["folder"]["said"].endswith("0 photos, 0.0 MB")


def test_the_screen_says_it_in_the_last_line_and_names_nobody(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path("/home") / "somebody"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("IQA_CACHE_DIR", str(home / ".cache" / "iqa"))
    monkeypatch.setattr(platform, "node", lambda: "my-own-machine")
    seen = doctor()
    assert seen.code == 0
    assert seen.out.splitlines()[-1] == "everything that iqa needs works"
    assert "~/.cache/iqa" in seen.out
    assert "somebody" not in seen.out
    assert "my-own-machine" not in seen.out
    words = {word.strip("~/,.:;()") for word in seen.out.replace("/", " ").split()}
    assert getpass.getuser() not in words


def test_a_library_that_cannot_be_imported_costs_what_it_reads_and_nothing_else(
    doctor: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    seen = doctor("--json")
    assert seen.code == 3
    assert json.loads(seen.out)["healthy"] is False
    assert set(bad(seen)) == {"pillow-heif", "HEIC"}
    assert bad(seen)["HEIC"]["hint"] == 'pip install --force-reinstall "pillow-heif"'
    told = doctor()
    assert told.code == 3
    assert told.out.splitlines()[-1] == "2 parts broken: pillow-heif, HEIC"


def test_a_decoder_that_gives_another_picture_is_broken(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write, library, distribution = formats._FORMATS["BMP"]
    entry = (lambda picture: write(picture.point(lambda value: value // 2)), library, distribution)
    monkeypatch.setitem(formats._FORMATS, "BMP", entry)
    seen = doctor("--json")
    assert set(bad(seen)) == {"BMP"}
    assert bad(seen)["BMP"]["said"] == "ValueError: another picture came out than was written"


def test_a_damaged_model_is_named_with_its_file(doctor: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = shutil.copytree(checkpoint_folder("default"), tmp_path / "default")
    model = bytearray((copy / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (copy / "model.onnx").write_bytes(model)
    monkeypatch.setattr(check, "find_checkpoint", lambda _: copy)
    seen = doctor("--json")
    assert seen.code == 3
    assert set(bad(seen)) == {"model.onnx"}


def test_a_model_that_says_the_same_of_every_picture_is_broken(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.OnnxModel, "photo_scores", lambda *_: np.ones((1, 18), np.float32))
    seen = doctor("--json")
    assert set(bad(seen)) == {"judging"}
    assert "(bright)" in bad(seen)["judging"]["said"]


def test_a_checkout_that_was_never_installed_is_a_line(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    seen = doctor("--json")
    assert seen.code == 3
    assert set(bad(seen)) == {"libraries", "extras"}


def test_an_extra_that_is_missing_is_no_fault(monkeypatch: pytest.MonkeyPatch, doctor: Run) -> None:
    installed = libraries._installed
    monkeypatch.setattr(libraries, "_installed", lambda name: None if name == "scikit-learn" else installed(name))
    seen = doctor("--json")
    assert seen.code == 0
    entry = sections(seen)["extras"]["eval"]
    assert (entry["outcome"], entry["hint"]) == ("note", 'pip install "iqa-cli[eval]"')
    assert "scikit-learn" in entry["said"]


def test_a_cache_that_cannot_be_read_is_a_note(doctor: Run, tmp_path: Path) -> None:
    doctor()
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "photos.sqlite3").write_bytes(b"no database" * 1000)
    seen = doctor("--json")
    assert seen.code == 0


def test_nothing_is_written_anywhere(doctor: Run, tmp_path: Path) -> None:
    assert doctor().code == 0
    assert list(tmp_path.iterdir()) == []


def test_every_library_of_the_base_install_is_looked_at() -> None:
    named = {entry.name for entry in examine().checks["libraries"]}
    assert named == libraries._required()[""]
    assert {"numpy", "pillow", "onnxruntime", "typer", "lxml"} <= named

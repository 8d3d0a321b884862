"""Nothing is left in the user's home but the cache, and nobody is called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SILENCES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "IQA_CACHE_DIR")
"""Variables that make libraries keep quiet, or move what they leave: a user has none of them."""


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in SILENCES}
    return kept | {"HOME": str(home), "PYTHONPATH": str(ROOT)}


def left_in(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_assess_leaves_its_cache_and_nothing_else(home: Path, roll: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    command = [sys.executable, "-m", "iqa_cli", "assess", str(roll), "--html", str(page)]
    subprocess.run(command, env=environment(home), check=True, capture_output=True, cwd=tmp_path)
    assert {Path(name).parent.as_posix() for name in left_in(home)} == {".cache/iqa"}
    assert {entry.name for entry in tmp_path.iterdir()} == {"home", "roll", "audit.html"}


def test_loading_a_model_to_export_leaves_nothing(home: Path) -> None:
    pytest.importorskip("onnxscript", reason="export needs the train extra")
    code = "import iqa_cli.models.export"
    subprocess.run([sys.executable, "-c", code], env=environment(home), check=True, capture_output=True)
    assert left_in(home) == set()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_assess_opens_no_connection(home: Path, roll: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=socket,connect,sendto", "-o", str(trace)]
    probe = subprocess.run([*strace, "true"], check=False, capture_output=True)
    if probe.returncode != 0:
        pytest.skip("this machine lets no process be traced")
    command = [*strace, sys.executable, "-m", "iqa_cli", "assess", str(roll), "--no-cache"]
    subprocess.run(command, env=environment(home), check=True, capture_output=True)
    calls = re.findall(r"AF_INET6?\b", trace.read_text(encoding="utf-8", errors="replace"))
    assert calls == []

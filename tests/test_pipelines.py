"""What a pipeline uses: the steps of docs/pipelines.md are run, the hook by pre-commit, the image is looked at."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from iqa_cli.cli.app import main
from iqa_cli.photos.discover import RAW_SUFFIXES, SUFFIXES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
BLOCKS = [yaml.safe_load(body) for body in re.findall(r"^```yaml\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)]
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))[0]


def scene(seed: int, factor: float = 1.0) -> Image.Image:
    """Texture of every size, as photographs have it."""
    rng, light = np.random.default_rng(seed), np.zeros((192, 256))
    for cells in (3, 6, 12, 24, 48, 96):
        noise = Image.fromarray(rng.normal(size=(cells * 3 // 4 + 1, cells)).astype(np.float32))
        light += np.asarray(noise.resize((256, 192), Image.Resampling.BICUBIC)) / cells**0.5
    light = 118 + 50 * (light - light.mean()) / light.std() + rng.normal(0, 4, light.shape)
    return Image.fromarray(np.repeat((factor * light).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2))


def lines(block: Any) -> list[str]:
    """Every line of a block that a shell would run."""
    if isinstance(block, dict):
        found = [block["run"]] if isinstance(block.get("run"), str) else []
        found += [line for line in block.get("script", ()) if isinstance(line, str)]
        return found + [line for value in block.values() for line in lines(value)]
    if isinstance(block, list):
        return [line for value in block for line in lines(value)]
    return []


COMMANDS = [[shlex.split(line) for line in lines(block) if line.startswith("iqa ")] for block in BLOCKS]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", list(arguments))
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shots").mkdir()
    for number in range(3):
        scene(number).save(tmp_path / "shots" / f"{number}.jpg", quality=92)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IQA_CACHE_DIR", str(tmp_path / ".iqa-cache"))
    return tmp_path


def test_there_are_steps_to_run() -> None:
    assert [len(commands) for commands in COMMANDS] == [1, 1, 2, 0]


@pytest.mark.parametrize("number", [0, 1])
def test_a_step_passes_good_photos_and_stops_at_a_severe_one(
    number: int, workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (command,) = COMMANDS[number]
    assert run(monkeypatch, *command) == 0
    assert (workplace / "audit.csv").exists()
    assert (workplace / "audit.html").exists()
    scene(9, 0.05).save(workplace / "shots" / "dark.jpg", quality=92)
    assert run(monkeypatch, *command) == 1
    assert "\x1b" not in "".join(capfd.readouterr())


def test_a_build_is_held_against_the_last_one(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3, 14):
        scene(number).save(workplace / "shots" / f"{number}.jpg", quality=92)
    judged, compared = COMMANDS[2]
    last = [word.replace("build42", "build41") for word in judged]
    assert run(monkeypatch, *last) == 0
    assert run(monkeypatch, *judged) == 0
    assert run(monkeypatch, *compared) == 0
    for number in range(14):
        scene(number, 0.25).save(workplace / "shots" / f"{number}.jpg", quality=92)
    assert run(monkeypatch, *judged) == 0
    assert run(monkeypatch, *compared) == 1
    assert (workplace / "compare.html").exists()


def test_the_hook_takes_what_a_search_takes() -> None:
    assert all(re.search(HOOK["files"], f"a/IMG_1{suffix.upper()}") for suffix in (".jpg", ".jpeg", ".heic", ".dng"))
    named = {suffix for suffix in SUFFIXES if re.search(HOOK["files"], f"x{suffix}")}
    assert named >= SUFFIXES - RAW_SUFFIXES - {".jpe", ".jfif", ".bmp", ".dib", ".gif"}
    assert not any(re.search(HOOK["files"], name) for name in ("a.py", "jpg", "a.svg", "a.jpg.txt"))


def test_pre_commit_runs_the_hook(workplace: Path) -> None:
    """By pre-commit itself, with the iqa of this environment: its own would have to be fetched."""
    hook = {**HOOK, "language": "system", "entry": HOOK["entry"].replace("iqa", f"{sys.executable} -m iqa_cli", 1)}
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    (workplace / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    (workplace / "notes.txt").write_text("no photo\n")
    environment = os.environ | {
        "PRE_COMMIT_HOME": str(workplace / "pre-commit"),
        "PYTHONPATH": str(ROOT),
        "HOME": str(workplace),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=workplace, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    assert call("git", "init", "--quiet").returncode == 0
    assert call("git", "add", "shots", "notes.txt", ".pre-commit-config.yaml").returncode == 0
    passed = call(sys.executable, "-m", "pre_commit", "run")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert re.search(r"iqa assess\.+Passed", passed.stdout)
    scene(9, 0.05).save(workplace / "shots" / "dark.jpg", quality=92)
    call("git", "add", "shots")
    stopped = call(sys.executable, "-m", "pre_commit", "run")
    assert stopped.returncode == 1
    assert "dark.jpg" in stopped.stdout


def test_the_image_is_made_of_what_is_there() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE) == ["python:3.12-slim"] * 2
    assert re.search(r"^USER (?!root)\w+$", text, flags=re.MULTILINE)
    assert '\nENTRYPOINT ["iqa"]\n' in text
    kept = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), flags=re.MULTILINE)
    assert all((ROOT / name).exists() for name in kept)


def test_what_the_image_installs_from_suffices(tmp_path: Path) -> None:
    """The wheel is built of the files that `.dockerignore` lets through, and of those alone."""
    kept = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), flags=re.MULTILINE)
    source = tmp_path / "source"
    source.mkdir()
    for name in kept:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).symlink_to(ROOT / name)
    command = [sys.executable, "-c", f"import hatchling.build as b; print(b.build_wheel({str(tmp_path)!r}))"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip().endswith(".whl")


def test_the_script_says_so_where_there_is_no_container_engine(tmp_path: Path) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(next(p for p in (Path("/bin") / name, Path("/usr/bin") / name) if p.exists()))
    done = subprocess.run(
        [tmp_path / "bash", ROOT / "docker" / "check.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 77
    assert "the image was not built" in done.stderr

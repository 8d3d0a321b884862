"""The command as a whole: help, version, and how little it loads."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from own_process import ROOT, loaded_by

from iqa_cli._version import __version__

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "numpy",
    "pandas",
    "PIL",
    "pillow_heif",
    "simplejpeg",
    "onnxruntime",
    "torch",
    "open_clip",
    "scipy",
    "sklearn",
}


def iqa(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "iqa_cli", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_version_is_the_package_version() -> None:
    assert iqa("--version").stdout == f"iqa {__version__}\n"


def test_help_names_every_command_and_is_plain_text() -> None:
    shown = iqa("--help")
    assert shown.returncode == 0
    assert "assess" in shown.stdout
    assert "train" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_every_option_of_assess_explains_itself() -> None:
    import typer.main

    from iqa_cli.cli.app import app

    command = typer.main.get_command(app)
    assess = command.commands["assess"]  # type: ignore[attr-defined]
    for parameter in assess.params:
        if parameter.name != "help":
            assert len(parameter.help or "") > 20, parameter.name


def test_a_folder_in_the_place_of_a_command_is_told_which_one_takes_it() -> None:
    done = iqa("docs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: docs is no command of iqa\nhint: iqa assess docs\n"


def test_no_command_is_wrong_usage_and_an_unknown_one_too() -> None:
    assert iqa().returncode == 2
    unknown = iqa("asess")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "asess" in unknown.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["assess", "--help"], ["train", "--help"], ["split", "--help"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(*arguments)
    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("arguments", [["assess", "no/such/folder"], ["assess", "."]])
def test_cheap_failures_load_no_model(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, os\n"
        f"os.chdir({str(tmp_path)!r})\n"
        f"sys.argv = ['iqa', *{arguments!r}]\n"
        "from iqa_cli.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as leaving:\n    print(leaving.code, *sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    exit_code, *loaded = result.stdout.split()
    assert exit_code in ("3", "4")
    assert result.stderr.startswith("error: ")
    assert not {name.split(".")[0] for name in loaded} & HEAVY

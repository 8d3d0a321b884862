"""The wheel holds what a command needs: package, graphs, checkpoints, licence, and nothing else."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MIB = 2**20

SHIPPED = [
    *sorted(ROOT.glob("hex_graphs/*.json")),
    *sorted(path for path in ROOT.glob("checkpoints/*/*") if path.is_file()),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this folder."""
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The files inside the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to import the wheel's content from; a wheel is installed by unpacking it."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_there_is_a_graph_to_ship() -> None:
    assert [path for path in SHIPPED if path.parent.name == "hex_graphs"]


def test_there_is_a_default_checkpoint_to_ship() -> None:
    folder = ROOT / "checkpoints" / "default"
    assert {path.name for path in SHIPPED if path.parent == folder} >= {
        "card.json",
        "card.md",
        "model.onnx",
        "model.safetensors",
    }


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_wheel_holds_the_shipped_file(path: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"iqa_cli/{path.relative_to(ROOT).as_posix()}") == path.read_bytes()


def test_wheel_holds_every_module_of_the_package(names: set[str]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "iqa_cli").rglob("*.py")}
    assert modules <= names


@pytest.mark.parametrize("document", ["audit", "comparison"])
def test_wheel_holds_what_a_page_is_made_of(names: set[str], document: str) -> None:
    folder = ROOT / "iqa_cli" / "report" / document / "html"
    parts = [path for path in folder.iterdir() if path.is_file()]
    assert {path.suffix for path in parts} >= {".py", ".j2", ".js"}
    assert {path.relative_to(ROOT).as_posix() for path in parts} | {"iqa_cli/report/page.css"} <= names


def test_wheel_holds_the_template_of_cards(names: set[str]) -> None:
    assert "iqa_cli/report/checkpoint/card.md.j2" in names


def test_wheel_says_that_the_package_is_typed(names: set[str]) -> None:
    assert "iqa_cli/py.typed" in names


def test_wheel_holds_the_licence(names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_wheel_holds_nothing_beside_the_package(names: set[str]) -> None:
    outside = {name for name in names if not name.startswith("iqa_cli/") and ".dist-info/" not in name}
    assert outside == set()


def test_wheel_brings_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        parser = configparser.ConfigParser()
        parser.read_string(archive.read(entry_points).decode())
    assert dict(parser["console_scripts"]) == {"iqa": "iqa_cli.__main__:main"}


def test_wheel_stays_small_enough_to_download(wheel: Path) -> None:
    assert wheel.stat().st_size < 32 * MIB


def test_extras_are_by_need_and_train_brings_all_that_the_others_do() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = {extra: {re.split(r"[<>=]", entry)[0] for entry in extras[extra]} for extra in ("eval", "split", "train")}
    assert names["eval"] == {"scikit-learn"}
    assert names["split"] == {"iterative-stratification"}
    assert set(extras["eval"]) | set(extras["split"]) < set(extras["train"])


def test_an_installed_wheel_says_by_name_which_libraries_a_command_lacks(installed: Path, tmp_path: Path) -> None:
    """iqa is in no registry: `pip install 'iqa-cli[eval]'` would find nothing."""
    code = "from iqa_cli.errors import MissingExtra as M\nprint(M('iqa eval', 'scikit-learn', 'eval').hint)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    hint = "in a clone of iqa: pip install '.[eval]'; elsewhere: pip install 'scikit-learn>=1.6'"
    assert found.stdout.strip() == hint


def test_installed_wheel_finds_its_graphs_and_checkpoints(installed: Path, tmp_path: Path) -> None:
    listing = "\n".join(
        [
            "from iqa_cli import paths",
            "print(paths.__file__)",
            "print(*paths.graph_names(), '|', *paths.checkpoint_names())",
        ]
    )
    found = subprocess.run(
        [sys.executable, "-c", listing],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    module, listed = found.stdout.splitlines()
    graphs = sorted(path.stem for path in ROOT.glob("hex_graphs/*.json"))
    checkpoints = sorted(path.parent.name for path in ROOT.glob("checkpoints/*/card.json"))
    assert Path(module).is_relative_to(installed)
    assert listed == " ".join([*graphs, "|", *checkpoints])

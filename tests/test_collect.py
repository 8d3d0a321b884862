"""The photographs of the recipe are put together from clones: what is there is written, what is not is named."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iqa_cli.hexgraph.read import read_graph
from iqa_cli.labels import read_labels
from iqa_cli.paths import find_graph

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "configs" / "photographs"


@pytest.fixture
def collect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The script, with a list of its own in `tmp_path`."""
    spec = importlib.util.spec_from_file_location("collect", FOLDER / "collect.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SOURCES", tmp_path / "sources.csv")
    return module


def git(*arguments: str, at: Path) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def snapshots(tmp_path: Path) -> Path:
    """A clone of one repository with one large picture, on its side by EXIF."""
    clone = tmp_path / "snapshots" / "owner+name"
    clone.mkdir(parents=True)
    picture = Image.fromarray(np.full((300, 1200, 3), 90, np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(clone / "a.jpg", exif=exif)
    git("init", "--quiet", at=clone)
    git("add", ".", at=clone)
    git("commit", "--quiet", "-m", "a", at=clone)
    return clone.parent


def row(**changes: str) -> dict[str, str]:
    common = {"licence": "CC0-1.0", "bytes": "", "sha256": "", "kind": "haze", "nature": "mist"}
    place = {"part": "labelled", "file": "0000.jpg", "repository": "owner/name", "commit": "HEAD", "path": "a.jpg"}
    return place | common | changes


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_photograph_comes_upright_and_small(
    collect: Any, snapshots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256((snapshots / "owner+name" / "a.jpg").read_bytes()).hexdigest()
    write(tmp_path / "sources.csv", [row(sha256=digest)])
    assert collect.main(["--snapshots", str(snapshots), "--out", str(tmp_path / "out")]) == 0
    with Image.open(tmp_path / "out" / "labelled" / "0000.jpg") as picture:
        assert picture.size == (128, 512)
    assert capsys.readouterr().out.startswith("1 of 1 photographs are in")


def test_what_is_missing_or_another_file_is_named_and_the_rest_is_there(
    collect: Any, snapshots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        row(),
        row(file="0001.jpg", repository="else/where"),
        row(file="0002.jpg", path="b.jpg"),
        row(file="0003.jpg", sha256="0" * 64),
    ]
    write(tmp_path / "sources.csv", rows)
    assert collect.main(["--snapshots", str(snapshots), "--out", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("1 of 4 photographs")
    assert [line.split(":")[0] for line in err.splitlines()] == [f"labelled/000{number}.jpg" for number in (1, 2, 3)]
    assert "clone it to a folder called else+where" in err
    assert "another file than the one that was learned from" in err


def test_what_was_collected_before_is_taken_as_it_is(collect: Any, tmp_path: Path) -> None:
    have = tmp_path / "have"
    have.mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(have / "7.jpg")
    write(have / "SOURCES.csv", [{"file": "7.jpg", "repo": "owner/name", "commit": "HEAD", "path": "a.jpg"}])
    write(tmp_path / "sources.csv", [row(part="ladder")])
    assert collect.main(["--have", str(have), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "ladder" / "0000.jpg").read_bytes() == (have / "7.jpg").read_bytes()


def test_the_list_is_whole_and_names_a_licence_for_everything() -> None:
    with (FOLDER / "sources.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    places = {(entry["part"], entry["file"]) for entry in rows}
    assert len(places) == len(rows) > 3000
    for entry in rows:
        assert all(entry[name] for name in ("repository", "commit", "path", "licence", "kind"))


def test_the_labels_of_the_recipe_are_read_and_are_of_the_photographs_listed() -> None:
    with (FOLDER / "sources.csv").open(encoding="utf-8", newline="") as stream:
        listed = [entry["file"] for entry in csv.DictReader(stream) if entry["part"] == "labelled"]
    table = read_labels(FOLDER / "labels.csv", read_graph(find_graph("smartphone-6")), no_labels=("weight",))
    assert list(table.names) == listed
    assert all(float(weight) > 0 for weight in table.others["weight"])

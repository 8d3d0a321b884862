"""Folders that are gone, or that nobody may look into or write to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from real import command, ended, without_rights

from iqa_cli.photos import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from in_process import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")


@pytest.mark.parametrize(
    "arguments",
    [
        ["assess", "."],
        ["assess", "photos", "--csv", "audit.csv"],
        ["assess", "ROLL", "--csv", "audit.csv"],
        ["assess", "ROLL", "--html", "audit.html"],
        ["assess", "ROLL", "--checkpoint", "./mine"],
        ["pick", "audit.csv"],
        ["eval", "labels.csv", "--images", "."],
        ["eval", "--predictions", "predictions.csv"],
        ["graph-check", "./mine.json"],
        ["split", "labels.csv"],
        ["train", "--config", "run.toml"],
    ],
    ids=" ".join,
)
def test_a_working_folder_that_is_gone_is_told(arguments: list[str], roll: Path, tmp_path: Path) -> None:
    given = [str(roll) if name == "ROLL" else name for name in arguments]
    gone = tmp_path / "gone"
    gone.mkdir()
    line = ["sh", "-c", f'cd {gone} && rmdir {gone} && exec "$@"', "sh", *command(tmp_path, *given)]
    code, _, err = ended(line)
    assert code == 3
    assert "internal error" not in err
    if arguments[0] != "graph-check":  # its report has a line for each graph that is not there
        assert err.startswith("error: the folder that this command was started in is not there any more\n")
        assert err.count("error: ") == err.count("hint: ") == 1


def test_whole_paths_need_no_working_folder(roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--csv", tmp_path / "audit.csv")
    line = ["sh", "-c", f'cd {gone} && rmdir {gone} && exec "$@"', "sh", *command(tmp_path, *given)]
    code, out, err = ended(line)
    assert (code, err) == (0, "")
    assert "Tone problems" in out


@pytest.fixture
def unsearched(monkeypatch: pytest.MonkeyPatch, roll: Path) -> Iterator[Path]:
    """A camera folder with one in it that cannot be listed."""
    (roll / "locked").mkdir()
    real = os.scandir

    def scandir(path: object = ".") -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(discover.os, "scandir", scandir)
    return roll


WARNING = "warning: {0}/locked: not searched (permission denied)\n"
ERROR = (
    "error: 1 folder could not be searched: what is in there was not judged\n"
    "  {0}/locked: permission denied\n"
    "hint: --no-fail-on-unsearched accepts that\n"
)


@pytest.mark.parametrize(
    ("options", "expected", "is_told"),
    [
        ([], 0, False),
        (["--fail-on-unsearched"], 3, True),
        (["--fail-on", "blocking", "--no-fail-on-unsearched"], 1, False),
        (["--fail-on", "blocking"], 1, False),  # what was found comes first
    ],
)
def test_a_folder_that_cannot_be_searched(
    options: list[str], expected: int, is_told: bool, iqa: Run, unsearched: Path
) -> None:
    code, out, err = iqa(unsearched, *options)
    assert code == expected
    assert "Tone problems, by photo (5 of 8 photos judged)" in out
    assert err == (WARNING + ERROR * is_told).format(unsearched)


def test_a_gate_that_could_not_look_is_not_green(iqa: Run, unsearched: Path, tmp_path: Path) -> None:
    (unsearched / "c_blocking_dark.png").unlink()
    given = (unsearched, "--fail-on", "blocking")
    assert iqa(*given)[0::2] == (3, (WARNING + ERROR).format(unsearched))
    assert iqa(*given, "--csv", tmp_path / "a.csv", "--no-fail-on-unsearched")[0::2] == (0, WARNING.format(unsearched))
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").count("\n") == 8
    (unsearched / "locked").rmdir()
    assert iqa(*given)[0::2] == (0, "")


def test_a_linked_folder_that_cannot_be_reached_was_not_searched_either(
    roll: Path, tmp_path: Path, checkpoint_folder: Path, save_grey: Callable[..., Path]
) -> None:
    save_grey("closed/inside/a.png", 5)
    (roll / "link").symlink_to(tmp_path / "closed" / "inside")
    (roll / "nowhere").symlink_to(tmp_path / "nowhere")  # these two hide no photo
    (roll / "circle").symlink_to(roll / "circle")
    (tmp_path / "closed").chmod(0)
    try:
        line = command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder, "--fail-on-unsearched")
        code, _, err = ended(without_rights(line))
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert code == 3
    assert err.startswith(f"warning: {roll}/link: not searched (permission denied)\nerror: 1 folder could")


@pytest.mark.parametrize("rights", [(0o555, 0o644), (0o555, 0o444)], ids=["folder", "folder and file"])
def test_a_cache_that_cannot_be_written_is_read(
    rights: tuple[int, int], roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    for path in roll.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    cache = tmp_path / "cache"
    line = command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder)
    assert ended(line, IQA_CACHE_DIR=str(cache))[0] == 0
    (roll / "new.png").write_bytes((roll / "a_fine.png").read_bytes())
    (file,) = cache.iterdir()
    before = file.read_bytes()
    file.chmod(rights[1])
    cache.chmod(rights[0])
    try:
        code, out, err = ended(without_rights(line), IQA_CACHE_DIR=str(cache))
        _, info, told = ended(without_rights(command(tmp_path, "cache", "info")), IQA_CACHE_DIR=str(cache))
    finally:
        cache.chmod(0o755)
    assert code == 0
    assert "9 photos in" in out
    assert "(8 remembered)" in out
    assert err.startswith(f"warning: {file}: cannot be written (")
    assert err.endswith("); it is read, new photos are not remembered\n")
    assert err.count("\n") == 1
    assert file.read_bytes() == before
    assert (told, "  8 photos, " in info) == ("", True)

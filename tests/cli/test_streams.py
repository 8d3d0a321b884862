"""Streams that are closed, and libraries that write to stderr by themselves."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import pytest
from real import command, ended

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="closes streams with a shell")


def closed(redirections: str, line: list[str]) -> list[str]:
    return ["sh", "-c", f'exec "$@" {redirections}', "sh", *line]


@pytest.mark.parametrize("streams", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_run_needs_neither_stdin_nor_stderr(
    streams: str, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    path = tmp_path / "audit.csv"
    line = command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder, "--csv", path)
    code, out, err = ended(closed(streams, line))
    assert (code, err) == (0, "")
    assert "Tone problems, by photo (5 of 8 photos judged)" in out
    with path.open(encoding="utf-8", newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["ok"] * 5 + ["uncertain"] + ["unreadable"] * 2


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stdout_is_told_where_that_can_be(
    streams: str, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    path = tmp_path / "audit.csv"
    line = command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder, "--csv", path)
    code, out, err = ended(closed(streams, line))
    assert (code, out) == (3, "")
    assert err == ("" if "2>" in streams else "error: stdout is closed\n" + err.partition("\n")[2])
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"), [(["assess", "missing"], 3), (["assess"], 2), (["pick", "missing"], 3)]
)
def test_errors_keep_their_exit_code_without_a_stderr(arguments: list[str], expected: int, tmp_path: Path) -> None:
    code, out, _ = ended(closed("2>&-", command(tmp_path, *arguments)))
    assert (code, out) == (expected, "")


def test_what_is_printed_never_gets_into_a_file_that_took_the_place_of_a_stream(tmp_path: Path) -> None:
    before = f"""
import atexit, os
def write():
    file = open({str(tmp_path / "mine")!r}, "w")
    os.write(1, b"one")
    os.write(2, b"two")
atexit.register(write)
"""
    assert ended(closed(">&- 2>&-", command(tmp_path, "--version", before=before)))[0] == 3
    assert (tmp_path / "mine").read_bytes() == b""


LOUD = """
def loudly():
    import logging, os, warnings
    warnings.warn("from Python")
    logging.getLogger("PIL").error("from a logger")
    os.write(2, b"from C\\n")
from iqa_cli.pipeline import reading
real = reading.read_photo
def read_photo(*given, **named):
    loudly()
    return real(*given, **named)
reading.read_photo = read_photo
"""


@pytest.mark.parametrize("decode", ["scaled", "thumbnail"])
def test_what_libraries_write_to_stderr_does_not_reach_the_screen(
    decode: str, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    before = "from iqa_cli.pipeline import workers\nworkers.THREADS_FOR = 0" + LOUD
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--decode", decode, "--jobs", 2, "--no-cache")
    code, out, err = ended(command(tmp_path, *given, before=before), PYTHONWARNINGS="default")
    assert (code, err) == (0, "")
    assert "Tone problems" in out
    code, _, err = ended(command(tmp_path, *given, before=before), IQA_DEBUG="1", PYTHONWARNINGS="default")
    assert code == 0
    assert "from C" in err


@pytest.mark.parametrize(
    "around",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "xx_YY.nonsense"},
        {"TERM": "dumb", "COLUMNS": "20", "NO_COLOR": "1"},
        {"COLUMNS": "none", "LINES": "-1"},
        {"HOME": None, "IQA_CACHE_DIR": None, "XDG_CACHE_HOME": "relative"},
        {"HOME": "/proc/none", "IQA_CACHE_DIR": None, "XDG_CACHE_HOME": None},
        {"TMPDIR": "/proc/none", "TEMP": None, "TMP": None},
    ],
    ids=lambda around: next(iter(around)) + str(len(around)),
)
def test_odd_surroundings_change_nothing(
    around: dict[str, str | None], roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    (roll / "a_fine.png").rename(roll / "照片.png")
    path = tmp_path / "audit.csv"
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--csv", path, "--html", tmp_path / "a.html")
    if "HOME" in around and around["HOME"] is None:
        given = (*given, "--no-cache")  # there is still a home, in the list of users
    code, out, err = ended(command(tmp_path, *given), **around)
    assert code == 0
    assert "Tone problems, by photo (5 of 8 photos judged)" in out
    assert err.count("\n") == ("HOME" in around and around["HOME"] is not None)
    assert err == "" or ": no cache (" in err
    assert "照片.png,ok" in path.read_text(encoding="utf-8")

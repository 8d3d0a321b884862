"""Ctrl-C, SIGTERM and SIGHUP at every time of a run: exit code 130, whole rows, one line, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from real import PATIENCE_S, command, ended, started, waited_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

ENDS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

# The photo that is called "g_empty.jpg" takes longer than any test.
SLOW = """
import time
from iqa_cli.pipeline import reading
real = reading.read_photo
def read_photo(source, **named):
    if getattr(source, "path", None) is not None and source.path.name == "g_empty.jpg":
        (source.path.parent.parent / "reached").write_text("x")
        time.sleep(600)
    return real(source, **named)
reading.read_photo = read_photo
"""

# Sends a signal when a module is about to be imported.
AT_IMPORT = """
import os
class Finder:
    def find_spec(name, *_):
        if name == {module!r}:
            sys.meta_path.remove(Finder)
            os.kill(os.getpid(), {number:d})
sys.meta_path.insert(0, Finder)
"""

# Sends it in front of a method, {times} in a row.
AT_CALL = """
import importlib, os
owner = getattr(importlib.import_module({module!r}), {kind!r})
real = getattr(owner, {method!r})
def called(self, *given, **named):
    for _ in range({times}):
        os.kill(os.getpid(), {number:d})
    return real(self, *given, **named)
setattr(owner, {method!r}, called)
"""


def is_whole(path: Path) -> bool:
    """Whether a CSV has nothing but whole rows."""
    lines = path.read_bytes().split(b"\n")
    return lines[-1] == b"" and {line.count(b",") for line in lines[:-1]} == {lines[0].count(b",")}


def alive(session: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-s", str(session)], capture_output=True, text=True, check=False)
    return any(not state.startswith("Z") for state in listed.stdout.splitlines())


def assert_nothing_is_left(session: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while alive(session):
        assert time.monotonic() < until
        time.sleep(0.05)


def assert_one_line_or_none(err: str) -> None:
    assert err == "" or (err.startswith("interrupted") and err.count("\n") == 1), err


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
@pytest.mark.parametrize("first", ENDS)
def test_the_second_ctrl_c_does_not_wait_for_the_photos_in_hand(
    first: signal.Signals, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    path = tmp_path / "audit.csv"
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--csv", path, "--jobs", 1)
    with started(command(tmp_path, *given, before=SLOW)) as process:
        waited_for(tmp_path / "reached", process)
        waited_for(path, process)
        os.killpg(process.pid, first)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)  # it waits for the photo; were it slower than this, it would wait all the more
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out) == (130, "")
        assert err.startswith("interrupted: ")
        assert f"rows kept in {path}" in err
        assert err.count("\n") == 1
        assert is_whole(path)
        assert_nothing_is_left(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
def test_what_takes_too_long_after_the_second_ctrl_c_is_not_waited_for(
    roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    path = tmp_path / "audit.csv"
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--csv", path, "--jobs", 1)
    before = SLOW + "from iqa_cli.cache import Cache\nCache.close = lambda _: time.sleep(600)\n"
    with started(command(tmp_path, *given, before=before)) as process:
        waited_for(tmp_path / "reached", process)
        waited_for(path, process)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.2)  # two that come at once are one
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out, err) == (130, "", "")
        assert_nothing_is_left(process.pid)


MODULES = (
    "iqa_cli.cli.streams",
    "typer",
    "iqa_cli.cli.assess",
    "iqa_cli.photos.discover",
    "numpy",
    "iqa_cli.cache.database",
    "PIL._imaging",
    "onnxruntime",
    "iqa_cli.pipeline.judge",
)


@pytest.mark.parametrize(
    ("module", "number"),
    [*((module, signal.SIGINT) for module in MODULES), ("numpy", signal.SIGTERM), ("typer", signal.SIGHUP)],
)
def test_a_signal_while_it_starts(
    module: str, number: signal.Signals, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    path = tmp_path / "audit.csv"
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--csv", path, "--html", tmp_path / "audit.html")
    line = command(tmp_path, *given, before=AT_IMPORT.format(module=module, number=number))
    before = set(tmp_path.iterdir())
    code, out, err = ended(line)
    assert (code, out) == (130, "")
    assert_one_line_or_none(err)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)])
def test_a_signal_while_the_page_is_written(
    number: signal.Signals, times: int, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    page, rows = tmp_path / "audit.html", tmp_path / "audit.csv"
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--html", page, "--csv", rows)
    assert ended(command(tmp_path, *given))[0] == 0
    before = page.read_bytes()
    at = AT_CALL.format(
        module="iqa_cli.report.audit.html.writer", kind="HtmlWriter", method="finish", number=number, times=times
    )
    code, _, err = ended(command(tmp_path, *given, before=at))
    assert code == 130
    assert_one_line_or_none(err)
    assert page.read_bytes() == before
    assert is_whole(rows)
    files = {"audit.html", "audit.csv", "audit.csv.meta.json", "program.py", "roll"}
    assert {path.name for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize("times", [1, 2, 3])
def test_signals_between_two_rows(times: int, roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    path = tmp_path / "audit.csv"
    given = ("assess", roll, "--checkpoint", checkpoint_folder, "--csv", path)
    at = AT_CALL.format(
        module="iqa_cli.report.audit.tally", kind="Tally", method="add", number=signal.SIGINT, times=times
    )
    code, out, err = ended(command(tmp_path, *given, before=at))
    assert (code, out) == (130, "")
    assert_one_line_or_none(err)


@pytest.mark.parametrize(
    "arguments", [["graph-check", "smartphone-6"], ["cache", "info"], ["split", "missing"]], ids=" ".join
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_command_ends_so(number: signal.Signals, arguments: list[str], tmp_path: Path) -> None:
    at = AT_IMPORT.format(module="iqa_cli.cli.streams", number=number)
    assert ended(command(tmp_path, *arguments, before=at)) == (130, "", "")
    late = AT_CALL.format(module="pathlib", kind="Path", method="stat", number=number, times=1)
    code, _, err = ended(command(tmp_path, *arguments, before=late))
    assert code in (130, 3)  # 3: of what is missing nothing is asked
    if code == 130:
        assert_one_line_or_none(err)


def test_a_signal_where_python_can_raise_nothing(roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    before = """
import os
from iqa_cli.report.audit.tally import Tally
class Thrown:
    def __del__(self):
        os.kill(os.getpid(), 2)
real = Tally.add
def add(self, report):
    Thrown()
    real(self, report)
Tally.add = add
"""
    code, out, err = ended(command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder, before=before))
    assert (code, out) == (130, "")
    assert_one_line_or_none(err)


@pytest.mark.parametrize(
    ("number", "when"),
    [(signal.SIGINT, "atexit.register(send)"), (signal.SIGTERM, "threading._register_atexit(send)")],
)
def test_a_signal_after_everything_is_done_changes_nothing(
    number: signal.Signals, when: str, roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    before = f"import atexit, os, threading\ndef send():\n    os.kill(os.getpid(), {number:d})\n{when}"
    code, out, err = ended(command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder, before=before))
    assert (code, err) == (0, "")
    assert "Tone problems" in out


def test_who_has_signals_ignored_keeps_them_ignored(roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    before = "import signal\nsignal.signal(1, signal.SIG_IGN)\n" + AT_CALL.format(
        module="iqa_cli.report.audit.tally", kind="Tally", method="add", number=signal.SIGHUP, times=1
    )
    code, out, err = ended(command(tmp_path, "assess", roll, "--checkpoint", checkpoint_folder, before=before))
    assert (code, err) == (0, "")
    assert "Tone problems" in out

"""`iqa assess` in a process of its own: pipes that lose their reader, full disks, being asked to end, any name."""

from __future__ import annotations

import csv
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from real import PATIENCE_S, started

if TYPE_CHECKING:
    import contextlib
    import subprocess

SaveGrey = Callable[..., Path]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def start(*arguments: object, **streams: Any) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """`iqa assess` as a shell starts it."""
    line = [sys.executable, "-m", "iqa_cli", "assess", *map(str, arguments)]
    return started(line, PYTHONUNBUFFERED="1", **streams)


def without_reader(*arguments: object) -> tuple[int, str]:
    """Exit code and stderr of the command when nobody reads its stdout."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with start(*arguments, stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


@pytest.mark.parametrize("output", [(), ("--csv", "-"), ("--jsonl", "-")])
def test_a_reader_that_leaves_early_is_no_error(
    roll: Path, tmp_path: Path, checkpoint_folder: Path, output: tuple[str, ...]
) -> None:
    command = (roll, "--checkpoint", checkpoint_folder, *output)
    assert without_reader(*command) == (0, "")
    # What the others asked for is done all the same.
    assert without_reader(*command, "--fail-on", "blocking") == (1, "")
    other = "--jsonl" if "--csv" in output else "--csv"
    assert without_reader(*command, other, tmp_path / "all") == (0, "")
    assert (tmp_path / "all").read_bytes().count(b"\n") == (10 if other == "--jsonl" else 9)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_output_that_loses_its_reader_is_an_error_and_the_others_go_on(
    roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read_end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for number in range(1000):  # more rows than a pipe holds
        (roll / f"z{number:04}.jpg").write_bytes(b"")
    files = ("--jsonl", pipe, "--csv", tmp_path / "a.csv")
    with start(roll, "--checkpoint", checkpoint_folder, *files, "--jobs", 1) as process:
        select.select([read_end], [], [], 60)
        os.close(read_end)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert err == f"error: {pipe}: its reader left before the last row\n"
    assert "1008 photos in " in out
    assert len(rows_of(tmp_path / "a.csv")) == 1008


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("output", [(), ("--csv", "-"), ("--csv", "/dev/full"), ("--help",)])
def test_a_full_disk_is_told_and_is_no_bug_of_ours(
    output: tuple[str, ...], roll: Path, checkpoint_folder: Path
) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        start(roll, "--checkpoint", checkpoint_folder, *output, stdout=full) as process,
    ):
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert err.startswith("error: ")
    assert "No space left on device" in err.splitlines()[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_messages_that_cannot_be_written_do_not_change_the_exit_code(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full, start(tmp_path / "missing", stderr=full) as process:
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (3, "")


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_another_name_of_stdout_is_stdout(roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    for name in ("-", "/dev/stdout"):
        with (
            (tmp_path / "audit.csv").open("wb") as file,
            start(roll, "--checkpoint", checkpoint_folder, "--csv", name, stdout=file) as process,
        ):
            _, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, err) == (0, "")
        assert len(rows_of(tmp_path / "audit.csv")) == 8
        assert b"Tone problems" not in (tmp_path / "audit.csv").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("old", [None, b"SourceFile,status,yesterday\n"])
def test_being_asked_to_end_keeps_whole_rows_and_older_ones(
    tmp_path: Path, checkpoint_folder: Path, save_grey: SaveGrey, name: str, old: bytes | None
) -> None:
    for number in range(400):
        save_grey(f"many/{number:03}.png", 128, (800, 600))
    path = kept = tmp_path / "audit.csv"
    if old is not None:
        path.write_bytes(old)
        kept = tmp_path / "audit.partial.csv"
    with start(tmp_path / "many", "--checkpoint", checkpoint_folder, "--csv", path, "--jobs", 1) as process:
        while process.poll() is None and not [
            part for part in tmp_path.glob(".iqa-audit.csv-*.part") if part.stat().st_size > 5000
        ]:
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=PATIENCE_S)
    judged = len(rows_of(kept))
    assert (process.returncode, out) == (130, "")
    as_it_was = "" if old is None else f", {path} is as it was"
    onward = "the same command goes on from there"
    # The photo in hand may have its row and not be counted yet.
    said = [
        f"interrupted: {count} photos judged, rows kept in {kept}{as_it_was}; {onward}\n"
        for count in (judged, judged - 1)
    ]
    assert err in said
    assert kept.read_bytes().count(b"\n") == judged + 1
    assert old is None or path.read_bytes() == old
    assert {entry.name for entry in tmp_path.iterdir()} == {"many", path.name, kept.name}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs a file system that takes any bytes as a name")
def test_a_name_that_is_not_utf8_passes_through_every_output(
    roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    (roll / "c_blocking_dark.png").rename(roll / os.fsdecode(b"caf\xe9 \x1b[31m.png"))
    files = ("--csv", tmp_path / "a.csv", "--jsonl", tmp_path / "a.jsonl")
    with start(roll, "--checkpoint", checkpoint_folder, *files) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert "caf\\xe9 \\x1b[31m.png" in out
    assert any(row["SourceFile"].endswith("caf\\xe9 \x1b[31m.png") for row in rows_of(tmp_path / "a.csv"))
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8").count("caf\\\\xe9") == 1

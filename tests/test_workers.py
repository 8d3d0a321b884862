"""Processes that judge photos: the same reports, and no process is left or forgotten whatever happens to another."""

from __future__ import annotations

import contextlib
import csv
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import real
from real import PATIENCE_S

from iqa_cli.cache import Cache
from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.errors import CheckpointError, WorkerLost
from iqa_cli.photos.discover import discover
from iqa_cli.pipeline import Auditor, auditor, workers
from iqa_cli.pipeline.workers import Workers

if TYPE_CHECKING:
    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import PhotoRef

SaveGrey = Callable[..., Path]
PROCESSES = """
from iqa_cli.pipeline import workers
workers.THREADS_FOR = 0
"""
"""Ahead of `iqa`: processes judge from the first photo on."""


@pytest.fixture
def photos(tmp_path: Path, save_grey: SaveGrey) -> Path:
    """A hundred photos, some of which cannot be read."""
    for number in range(100):
        path = save_grey(f"photos/{number:03}.png", 2 * number, (40, 40))
        if number % 30 == 7:
            path.write_bytes(path.read_bytes()[:90])
    return tmp_path / "photos"


def started(
    photos: Path, checkpoint_folder: Path, *options: object, jobs: int = 2, before: str = PROCESSES
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """`iqa assess` in a session of its own whose processes judge previews; ended with everything it started."""
    given = ("--checkpoint", checkpoint_folder, "--decode", "thumbnail", "--jobs", jobs, *options)
    return real.started(real.command(photos.parent, "assess", photos, *given, before=before))


def linked(photos: Path, count: int) -> None:
    """Make them so many."""
    for number in range(100, count):
        os.link(photos / f"{number % 7:03}.png", photos / f"{number}.png")


@pytest.fixture
def running(photos: Path, checkpoint_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of which a reader has seen the first row."""
    linked(photos, 4000)  # more than a pipe holds the rows of
    with started(photos, checkpoint_folder, "--csv", "-") as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        yield process


def alive(session: int) -> list[int]:
    """Processes of a session that are still running."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True, check=False)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, state in rows if not state.startswith("Z")]


def all_gone(session: int) -> bool:
    """Whether no process of a session is left after some time."""
    until = time.monotonic() + PATIENCE_S
    while alive(session) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(session)


@pytest.mark.parametrize("decode", ["scaled", "thumbnail"])
def test_processes_give_the_reports_of_threads(
    decode: str, photos: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = discover([photos]).photos
    alone = list(Auditor.load(checkpoint_folder, decode=decode, jobs=1).run(refs))  # type: ignore[arg-type]
    assert {report.status for report in alone} >= {"ok", "unreadable"}
    monkeypatch.setattr(auditor, "processors", lambda: 9)
    for threads_for in (0, 40):  # from the start on, and after the first ones
        monkeypatch.setattr(workers, "THREADS_FOR", threads_for)
        many = Auditor.load(checkpoint_folder, decode=decode, jobs=9, use_processes=True)  # type: ignore[arg-type]
        assert list(many.run(refs)) == alone


def test_there_are_never_more_processes_than_processors(
    checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def processes(processors: int, decode: str, jobs: int | None, use: bool = True) -> int:
        monkeypatch.setattr(auditor, "processors", lambda: processors)
        return Auditor.load(checkpoint_folder, decode=decode, jobs=jobs, use_processes=use)._processes()  # type: ignore[arg-type]

    assert processes(4, "thumbnail", 100) == processes(4, "thumbnail", None) == 4
    assert processes(4, "thumbnail", 3) == 3
    assert processes(2, "scaled", 8) == processes(2, "auto", None) == 2
    assert processes(16, "full", 12) == 12
    for none in (
        (4, "thumbnail", 1),
        (1, "thumbnail", 8),
        (16, "full", 8),
        (8, "full", 100),
        (16, "scaled", None, False),
    ):
        assert processes(*none) == 0
    monkeypatch.setattr("iqa_cli.models.device.LARGE_BYTES", 1)  # any model is a large one, which threads share
    assert processes(4, "thumbnail", None) == processes(16, "scaled", None) == 0


def test_without_being_asked_for_no_process_is_started(
    photos: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "THREADS_FOR", 0)
    monkeypatch.setattr(workers, "Child", None)  # a process would not come up
    assert len(list(Auditor.load(checkpoint_folder, decode="thumbnail", jobs=2).run(discover([photos]).photos))) == 100


def test_processes_that_end_before_they_are_ready_end_the_run(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "THREADS_FOR", 0)
    refs = discover([photos]).photos[:3]
    with (
        Workers(lambda: cast("Judge", None), 1, functools.partial(os._exit, 3), 1) as pool,
        pytest.raises(WorkerLost, match=r"3 in a row, the last before it was ready \(exit code 3\)(.|\n)*--jobs 1"),
    ):
        pool.submit(refs).result()


def test_a_model_that_cannot_be_loaded_is_told_by_the_submission(photos: Path) -> None:
    def missing() -> Judge:
        raise CheckpointError("model.onnx: missing")

    with Workers(missing, 2, missing, 0) as pool, pytest.raises(CheckpointError, match="missing"):
        pool.submit(discover([photos]).photos[:3])


def test_what_goes_wrong_in_a_process_comes_back_as_it_was(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "THREADS_FOR", 0)
    (tmp_path / "card.json").write_text("{}", encoding="utf-8")
    wrong: dict[type[Exception], Any] = {
        KeyError: functools.partial({}.__getitem__, "lost"),
        CheckpointError: functools.partial(load_checkpoint, tmp_path),
    }
    for kind, make in wrong.items():
        with Workers(lambda: cast("Judge", None), 1, make, 1) as pool, pytest.raises(kind) as told:
            pool.submit(discover([photos]).photos[:3]).result()
        assert "Traceback" in told.value.__notes__[0]
        with pytest.raises(kind) as here:
            make()
        assert str(told.value) == str(here.value)


def test_where_no_process_can_be_started_threads_go_on(
    photos: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workers, "THREADS_FOR", 8)
    monkeypatch.setattr(workers, "Child", no_process)
    monkeypatch.setattr(auditor, "processors", lambda: 4)
    many = Auditor.load(checkpoint_folder, decode="thumbnail", jobs=4, use_processes=True)
    assert len(list(many.run(discover([photos]).photos))) == 100


def test_a_few_new_photos_among_many_known_ones_are_shown_as_soon_as_they_are_judged(
    photos: Path, checkpoint_folder: Path, tmp_path: Path
) -> None:
    for number in range(100, 3000):
        os.link(photos / f"{number % 7:03}.png", photos / f"{number}.png")
    for path in photos.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    every = discover([photos]).photos
    judging = Auditor.load(checkpoint_folder, jobs=2)
    with Cache.open(tmp_path / "cache", judging.context) as cache:
        known = [ref for number, ref in enumerate(every) if number % 250]
        list(judging.run(known, cache))
    asked = 0

    def refs() -> Iterator[PhotoRef]:
        nonlocal asked
        for asked, ref in enumerate(every, 1):  # noqa: B007 - how many were taken
            yield ref

    with Cache.open(tmp_path / "cache", judging.context) as cache:
        reports = judging.run(refs(), cache)
        shown = [next(reports)]
        assert asked <= 5 * auditor.LOOKUP
        shown += reports
    assert [report.source_file for report in shown] == [ref.source_file for ref in every]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_of_all_processes_is_answered_by_the_first(
    sent: signal.Signals, running: subprocess.Popen[str]
) -> None:
    assert len(alive(running.pid)) >= 2
    os.killpg(running.pid, sent)  # as a terminal, `timeout` and systemd do
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130
    assert err.startswith("interrupted: ")
    assert len(err.splitlines()) == 1
    assert all_gone(running.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
@pytest.mark.parametrize("pause_s", [0, 0.01, 0.1])
def test_a_second_interrupt_leaves_nothing_behind_either(running: subprocess.Popen[str], pause_s: float) -> None:
    os.killpg(running.pid, signal.SIGINT)
    time.sleep(pause_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130
    assert err == "" or (err.startswith("interrupted: ") and len(err.splitlines()) == 1)
    assert all_gone(running.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
def test_processes_end_with_a_parent_that_is_killed(running: subprocess.Popen[str]) -> None:
    assert len(alive(running.pid)) >= 2
    os.kill(running.pid, signal.SIGKILL)
    running.wait(timeout=PATIENCE_S)
    assert all_gone(running.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
def test_processes_that_are_killed_are_replaced_and_every_photo_gets_its_row(
    photos: Path, checkpoint_folder: Path
) -> None:
    linked(photos, 600)
    with started(photos, checkpoint_folder, "--csv", "-", "--no-cache") as process:
        assert process.stdout is not None
        killed: set[int] = set()
        rows = []
        for number, line in enumerate(process.stdout):
            rows.append(line)
            if number in (1, 150, 300):
                for child in children_of(process):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                        killed.add(child)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, err) == (0, "")
        assert len(killed) >= 3
        assert all_gone(process.pid)
    with started(photos, checkpoint_folder, "--csv", "-", "--no-cache", jobs=1) as process:
        assert process.communicate(timeout=PATIENCE_S)[0] == "".join(rows)


ENDINGS = {
    "SIGSEGV": "the decoder crashed on it (signal 11)",
    "SIGKILL": "the process that read it was killed, perhaps for want of memory (signal 9)",
    "exit3": "the process that read it ended by itself (exit code 3)",
}

ENDING = f"""
{PROCESSES}
if __name__ != "__main__":
    import os, signal
    from iqa_cli.pipeline import judge
    real = judge.look_at
    def look_at(ref, manner):
        for name in ("SIGSEGV", "SIGKILL"):
            if name in ref.source_file:
                os.kill(os.getpid(), getattr(signal, name))
        if "exit3" in ref.source_file:
            os._exit(3)
        return real(ref, manner)
    judge.look_at = look_at
"""
"""The processes end when they look at a photo of such a name."""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes with ps")
def test_a_photo_that_ends_its_process_is_a_row_that_is_not_remembered(
    photos: Path, checkpoint_folder: Path, tmp_path: Path
) -> None:
    for name in ENDINGS:
        os.link(photos / "006.png", photos / f"050-{name}.png")
        os.utime(photos / f"050-{name}.png", (1_700_000_000, 1_700_000_000))
    path = tmp_path / "audit.csv"
    with started(photos, checkpoint_folder, "--csv", path, before=ENDING) as process:
        _, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, err) == (0, "")
        assert all_gone(process.pid)
    rows = rows_of(path)
    assert [row["SourceFile"] for row in rows] == [ref.source_file for ref in discover([photos]).photos]
    ended = {row["SourceFile"]: row for row in rows if "-" in Path(row["SourceFile"]).name}
    assert {Path(name).stem[4:]: row["error"] for name, row in ended.items()} == ENDINGS
    assert {row["status"] for row in ended.values()} == {"unreadable"}
    with started(photos, checkpoint_folder, "--csv", tmp_path / "whole.csv", jobs=1) as process:
        process.communicate(timeout=PATIENCE_S)
    whole = rows_of(tmp_path / "whole.csv")
    assert [row for row in whole if row["SourceFile"] not in ended] == [r for r in rows if r["SourceFile"] not in ended]
    assert {row["status"] for row in whole if row["SourceFile"] in ended} == {"ok"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_where_every_process_ends_over_its_photo_the_run_ends_with_one_error(
    photos: Path, checkpoint_folder: Path
) -> None:
    for path in photos.iterdir():
        path.rename(path.with_name(f"SIGKILL {path.name}"))
    few = ENDING.replace("workers.THREADS_FOR = 0", "workers.THREADS_FOR = 0; workers.MOST_LOST = 5")
    with started(photos, checkpoint_folder, before=few) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (70, "")
    assert err.startswith("error: processes that judge photos end one after the other: 5 in a row, the last over a pho")
    assert "(signal 9)\nhint: " in err


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """Processes that judge photos for it."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "-s", str(process.pid)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))

"""What breaks a promise is noticed, named, and led back to the file that did it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from campaign import promise
from campaign.arena import Arena, Ended
from campaign.attacks import mutants
from campaign.plan import Found, Outcome, as_json
from campaign.promise import Fault, Kind
from campaign.summary import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from campaign.plan import Plan

WELL = Ended(("assess",), 0, False, b"", "", 1.0, 1.0, 100.0)
COLUMNS = ("SourceFile", "status", "error")


def kinds(faults: list[Fault]) -> list[Kind]:
    return [fault.kind for fault in faults]


def rows_of(*rows: tuple[str, ...]) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([COLUMNS, *rows])
    return stream.getvalue().encode()


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ({}, []),
        ({"code": 4, "err": "error: nothing"}, []),
        ({"code": 4}, [Kind.OTHER]),
        ({"code": 70, "err": "error: x"}, [Kind.CODE]),
        ({"code": -11}, [Kind.CODE]),
        ({"is_hung": True, "code": -9}, [Kind.HUNG]),
        ({"err": "Traceback (most recent call last):\n"}, [Kind.OTHER]),
        ({"code": 3, "err": "internal error: bug in iqa"}, [Kind.OTHER]),
    ],
)
def test_how_a_command_ends_is_judged(ended: dict[str, object], expected: list[Kind]) -> None:
    assert kinds(promise.of_ending(dataclasses.replace(WELL, **ended))) == expected  # type: ignore[arg-type]


def test_what_one_photo_takes_is_judged() -> None:
    assert promise.of_effort(WELL) == []
    assert kinds(promise.of_effort(dataclasses.replace(WELL, cpu_s=7.0))) == [Kind.HUNG]
    assert kinds(promise.of_effort(dataclasses.replace(WELL, peak_mb=1500.0))) == [Kind.OTHER]


@pytest.mark.parametrize(
    ("content", "is_sound"),
    [
        (rows_of(("a.jpg", "ok", ""), ("b.jpg", "unreadable", "cut off")), True),
        (rows_of(("a.jpg", "ok", "")), False),
        (rows_of(("a.jpg", "ok", ""), ("a.jpg", "ok", "")), False),
        (rows_of(("b.jpg", "ok", ""), ("a.jpg", "ok", "")), False),
        (rows_of(("a.jpg", "ok", ""), ("b.jpg", "unreadable", "")), False),
        (rows_of(("a.jpg", "ok", ""), ("b.jpg", "fine", "")), False),
        (rows_of(("a.jpg", "ok", ""), ("b.jpg", "ok")), False),
        (rows_of(("a.jpg", "ok", ""), ("b.jpg", "ok", "", "")), False),
        (b"", False),
        (b"\xff", False),
    ],
)
def test_one_sound_row_for_each_photo_is_asked_for(content: bytes, is_sound: bool) -> None:
    faults = promise.of_rows(content, [Path("b.jpg"), Path("a.jpg")])
    assert (faults == []) is is_sound
    assert set(kinds(faults)) <= {Kind.LOST}


def test_where_two_files_differ_is_said() -> None:
    assert promise.of_bytes(b"a\nb\n", b"a\nb\n", "x") == []
    assert "line 2 is b'c' instead of b'b'" in promise.of_bytes(b"a\nc\n", b"a\nb\n", "x")[0].what
    assert "2 bytes instead of 4" in promise.of_bytes(b"a\n", b"a\nb\n", "x")[0].what
    assert "not there" in promise.of_bytes(None, b"a\nb\n", "x")[0].what


def test_files_outside_are_seen(tmp_path: Path) -> None:
    arena = Arena(tmp_path, "default")
    for place in (arena.home / ".cache" / "x", arena.temporary / "y", arena.out / "audit.csv", arena.out / "part"):
        place.parent.mkdir(exist_ok=True)
        place.touch()
    assert arena.strangers("audit.csv") == ["home/.cache/x", "out/part", "temporary/y"]


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    ended = Arena(tmp_path, "default").iqa(before=("sh", "-c", "sleep 600 & wait"), limit_s=0.3)
    assert ended.is_hung
    assert ended.code == -9
    assert kinds(promise.of_ending(ended)) == [Kind.HUNG]


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set by Linux only")
def test_a_command_that_runs_in_circles_is_ended(tmp_path: Path) -> None:
    assert Arena(tmp_path, "default").iqa(before=("sh", "-c", "while :; do :; done"), limit_cpu_s=1).is_hung


def test_the_file_that_does_it_is_found_and_kept(
    plan: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that loses two of its photos and dies over a third."""
    lost, deadly = ("000017", "000101"), "000044"

    def iqa(arena: Arena, *arguments: object, **_how: object) -> Ended:
        given = [path for path in arguments if isinstance(path, Path)]
        paths = sorted(given[0].iterdir()) if given == [arena.photos] else given
        rows = [(str(path), "ok", "") for path in paths if path.stem not in lost]
        (arena.out / str(arguments[-1])).write_bytes(rows_of(*rows))
        return dataclasses.replace(WELL, code=-11) if any(path.stem == deadly for path in paths) else WELL

    monkeypatch.setattr(Arena, "iqa", iqa)
    monkeypatch.setattr(mutants, "MODES", ("scaled",))
    outcome = mutants.attack(plan(keep=tmp_path / "kept"), 250)
    assert [(entry.fault.kind, entry.fault.what[:6]) for entry in outcome.found] == [
        (Kind.LOST, "000017"),
        (Kind.CODE, "000044"),
        (Kind.LOST, "000101"),
    ]
    kept = {path.stem for path in (tmp_path / "kept" / "mutants-0").iterdir()}
    assert kept == {*lost, deadly, "recipe"}


def test_a_mistake_of_the_campaign_is_no_promise_kept(plan: Callable[..., Plan]) -> None:
    outcome = plan().run("mine", 2, lambda case: [][case.number], unit="cases")  # type: ignore[misc]
    assert [entry.fault.kind for entry in outcome.found] == [Kind.OTHER] * 2
    assert "the campaign itself failed: IndexError" in outcome.found[0].fault.what


def test_the_summary_counts_what_was_found_and_what_was_not_tried() -> None:
    fault = Found("kills", 3, promise.lost("a row"), "again")
    outcomes = [Outcome("kills", 30, "kills", [fault, fault], 12.4), Outcome("disks", 0, "disks", [], 0.0, "no mount")]
    lines = table(outcomes, 5).splitlines()
    assert lines[1].split() == ["kills", "30", "kills", "2", "0", "0", "0", "12"]
    assert lines[-2:] == ["skipped: disks: no mount", "seed 5: 2 faults, 1 attacks not made, or not wholly"]
    document = json.loads(as_json(outcomes, {"seed": 5}))
    assert document["attacks"][0]["found"][0] == {"case": 3, "kind": "lost", "what": "a row", "again": "again"}

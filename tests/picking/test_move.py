"""A move brings everything to its place, or leaves it where it was."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn import content_of, make_files, photo, plan_of, spelled, undone
from moves import COMPANIONS, OTHERS, PHOTOS, across, moved, planned

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.picking import copying
from iqa_cli.picking import move as moving
from iqa_cli.picking.carry import copy_to, link, rehearse
from iqa_cli.picking.move import move
from iqa_cli.picking.undo import look
from iqa_cli.picking.undo_list import read_undo_list

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.usefixtures("here")


def full_after(monkeypatch: pytest.MonkeyPatch, module: object, name: str, calls: int) -> None:
    """Have a call of the system fail with a full disk after it worked so many times."""
    real: Callable[..., object] = getattr(module, name)
    left = [calls]

    def call(*arguments: object, **named: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, call)


@pytest.mark.usefixtures("way")
def test_a_move_keeps_folders_and_bytes_and_undoing_gives_all_back(here: Path) -> None:
    before = content_of(here)
    outcomes, undo_list = moved(planned())
    assert [outcome.left for outcome in outcomes] == [None] * len(PHOTOS)
    after = content_of(here)
    del after[os.fsencode(undo_list)]
    top = os.fsencode(here)
    assert {path for path in after if after[path] is not None} == {
        *(os.path.join(top, b"out", name[2:]) for name in (*PHOTOS, *COMPANIONS)),
        *(os.path.join(top, name) for name in OTHERS),
    }
    for name in (*PHOTOS, *COMPANIONS):
        assert after[os.path.join(top, b"out", name[2:])] == before[os.path.join(top, name)]
    assert {entry.problem for entry in undone(undo_list)} == {None}
    assert content_of(here) == before


def test_the_list_is_written_ahead_and_reads_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def bring(source: str, *_: object) -> None:
        (path,) = Path("out").glob("*undo*.jsonl")
        seen.append(source)
        assert source in [entry.source for entry in read_undo_list(path).moves]
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(moving, "bring", bring)
    before = content_of(here)
    outcomes, undo_list = moved(planned())
    assert len(seen) == len(PHOTOS)
    assert all(outcome.left is not None and "Permission denied" in outcome.left for outcome in outcomes)
    assert not undo_list.exists()
    assert content_of(here) == before


def test_what_is_at_the_new_place_is_not_written_over_and_the_whole_name_stays(here: Path) -> None:
    make_files(here, "out/1/IMG_1.MOV")
    before = content_of(here)
    outcomes, path = moved(planned())
    left = {os.path.basename(outcome.group.photos[0].source): outcome.left for outcome in outcomes}
    assert outcomes[0].left == "out/1/IMG_1.MOV is there already"
    assert list(left.values()).count(None) == len(PHOTOS) - 1
    assert all((here / f"D/1/{name}").exists() for name in ("IMG_1.JPG", "IMG_1.MOV", "img_1.dng", "IMG_1.JPG.xmp"))
    undone(path)
    assert content_of(here) == before


@pytest.mark.usefixtures("way")
def test_a_place_that_is_taken_in_the_last_moment_puts_the_whole_name_back(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = moving.bring

    def bring(source: str, to: str, part: str, **named: int) -> None:
        if to.endswith("IMG_1.MOV"):
            Path(to).write_bytes(b"theirs")
        real(source, to, part, **named)

    monkeypatch.setattr(moving, "bring", bring)
    before = content_of(here)
    outcomes, path = moved(planned())
    assert outcomes[0].left == "out/1/IMG_1.MOV is there already"
    assert (here / "out/1/IMG_1.MOV").read_bytes() == b"theirs"
    monkeypatch.undo()
    os.chdir(here)
    assert {entry.problem for entry in undone(path)} == {None}
    (here / "out/1/IMG_1.MOV").unlink()
    (here / "out/1").rmdir()
    (here / "out").rmdir()
    assert content_of(here) == before


@pytest.mark.parametrize("calls", range(4))
def test_a_full_disk_under_the_list_ends_the_move_and_all_can_be_undone(
    here: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    before = content_of(here)
    plan = planned()
    lists: list[Path] = []
    full_after(monkeypatch, os, "fsync", 2 * calls)
    with pytest.raises(OutputError, match="No space left on device"):
        list(move(plan, lists.append))
    monkeypatch.undo()
    os.chdir(here)
    for path in lists:
        if path.exists():
            assert len(read_undo_list(path).moves) > 0
            assert {entry.problem for entry in undone(path)} == {None}
    assert content_of(here) == before


def test_a_list_that_was_cut_by_a_full_disk_is_cut_back_to_its_last_whole_line(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = os.write, [400]

    def write(descriptor: int, content: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = min(left[0], len(content))
        left[0] -= size
        return real(descriptor, content[:size])

    before = content_of(here)
    monkeypatch.setattr(os, "write", write)
    left[0] = 1200
    lists: list[Path] = []
    with pytest.raises(OutputError, match="cannot be written any further"):
        list(move(planned(), lists.append))
    monkeypatch.undo()
    os.chdir(here)
    assert lists[0].read_bytes().endswith(b"}\n")
    assert undone(lists[0])
    assert content_of(here) == before


@pytest.mark.parametrize("calls", range(0, 12, 3))
def test_a_full_disk_while_copying_over_ends_the_move_and_all_can_be_undone(
    here: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    before = content_of(here)
    across(monkeypatch)
    full_after(monkeypatch, copying, "_fill", calls)
    lists: list[Path] = []
    with pytest.raises(OutputError, match=r"out/.*: cannot be written \(No space left on device\)"):
        list(move(planned(), lists.append))
    monkeypatch.undo()
    os.chdir(here)
    assert not list(Path("out").rglob("*.part"))
    if lists[0].exists():
        assert {entry.problem for entry in undone(lists[0])} == {None}
    assert content_of(here) == before


def test_photos_that_cannot_be_removed_stay_and_copying_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_of(here)

    def protected(source: str, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), source)

    monkeypatch.setattr(moving, "bring", protected)
    with pytest.raises(OutputError, match=r"D/1/IMG_1.JPG: cannot be moved \(Read-only file system\)\nhint: --copy-to"):
        list(move(planned(), str))
    assert content_of(here) == before


def test_a_target_that_cannot_be_made_leaves_all_as_it_was(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_of(here)
    full_after(monkeypatch, os, "open", 0)
    with pytest.raises(OutputError, match=r"a/b: cannot be written \(No space left on device\)"):
        list(move(planned("a/b"), print))
    assert content_of(here) == before


def test_photos_that_were_moved_by_an_earlier_run_are_there_already() -> None:
    moved(planned())
    again = planned()
    assert (again.there, again.left, again.groups) == (len(PHOTOS), (), ())
    elsewhere = planned("other")
    assert (elsewhere.there, len(elsewhere.left)) == (0, len(PHOTOS))


def test_links_and_what_is_no_file_stay(here: Path) -> None:
    Path("D/link.jpg").symlink_to("1/other.jpg")
    Path("D/gone.jpg").symlink_to("nowhere")
    Path("D/folder.jpg").mkdir()
    paths = ["D/link.jpg", "D/gone.jpg", "D/folder.jpg", "D/none.jpg"]
    plan = plan_of(map(photo, paths), "out")
    assert plan.groups == ()
    assert [(left.path, left.reason.split(",")[0]) for left in plan.left] == [
        ("D/link.jpg", "it is a link"),
        ("D/gone.jpg", "it is a link"),
        ("D/folder.jpg", "it is no regular file"),
        ("D/none.jpg", "it is not there any more"),
    ]
    plan = plan_of(map(photo, paths), "out", "copy")
    assert plan.left[0].reason == "the link leads nowhere"
    assert [outcome.left for outcome in copy_to(plan)] == [None]
    assert (here / "out/link.jpg").read_bytes() == (here / "D/1/other.jpg").read_bytes()
    assert not (here / "out/link.jpg").is_symlink()


@pytest.mark.parametrize("target", ["D", "D/new", "D/1/../new/deep", ".", "", "file/x", "through/new"])
def test_a_target_among_the_photos_or_around_them_is_refused(here: Path, target: str) -> None:
    Path("file").write_bytes(b"")
    Path("through").symlink_to("D/1")
    before = content_of(here)
    with pytest.raises(UsageError):
        planned(target)
    assert content_of(here) == before


def test_a_target_that_is_refused_comes_with_one_that_is_not() -> None:
    for target in ("D", "D/new"):
        with pytest.raises(UsageError) as caught:
            planned(target)
        assert caught.value.hint is not None
        assert planned(caught.value.hint.rsplit(" ", 1)[-1]).groups


def test_a_target_beside_named_files_is_fine() -> None:
    make_files(Path(), "a.jpg", "b.jpg")
    assert [step.below for group in plan_of(map(photo, ["a.jpg", "b.jpg"]), "out").groups for step in group.steps] == [
        "a.jpg",
        "b.jpg",
    ]


@pytest.mark.parametrize("deed", ["link", "copy", "move"])
def test_a_rehearsal_tells_what_would_become_of_each_and_writes_nothing(here: Path, deed: str) -> None:
    make_files(here, "out/2/IMG_1.JPG", "out/1/caf\\xe9.jpg")
    (here / "out/1/caf\\xe9.jpg").write_bytes((here / "D/1/caf\\xe9.jpg").read_bytes())
    before = content_of(here)
    plan = plan_of(map(photo, spelled(*PHOTOS)), "out", deed)  # type: ignore[arg-type]
    rehearsed = [(outcome.left, outcome.was_there) for outcome in rehearse(plan, deed)]  # type: ignore[arg-type]
    assert content_of(here) == before
    real = {"link": link, "copy": copy_to, "move": lambda plan: move(plan, str)}[deed](plan)
    assert [(outcome.left, outcome.was_there) for outcome in real] == rehearsed
    assert [left is not None for left, _ in rehearsed].count(True) == (1 if deed == "copy" else 2)


def test_links_lead_to_absolute_places_and_are_made_once(here: Path) -> None:
    plan = plan_of(map(photo, spelled(*PHOTOS)), "out", "link")
    assert {outcome.left for outcome in link(plan)} == {None}
    for name in (*PHOTOS, *COMPANIONS):
        place = os.path.join(os.fsencode(here), b"out", name[2:])
        assert os.readlink(place) == os.path.join(os.path.realpath(os.fsencode(here)), name)
    assert all(outcome.was_there for outcome in link(plan))


def test_copies_are_made_once_and_photos_stay(here: Path) -> None:
    before = content_of(here)
    plan = plan_of(map(photo, spelled(*PHOTOS)), "out", "copy")
    assert {outcome.left for outcome in copy_to(plan)} == {None}
    after = content_of(here)
    for name in (*PHOTOS, *COMPANIONS):
        assert after[os.path.join(os.fsencode(here), b"out", name[2:])] == before[os.path.join(os.fsencode(here), name)]
    assert {path: after[path] for path in before} == before
    assert all(outcome.was_there for outcome in copy_to(plan))
    assert content_of(here) == after


@pytest.mark.parametrize("calls", [0, 3])
def test_a_full_disk_ends_copying_and_links_with_nothing_half_made(
    here: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    full_after(monkeypatch, copying, "_fill", calls)
    full_after(monkeypatch, os, "symlink", calls)
    for deed, target in ((copy_to, "copies"), (link, "links")):
        plan = plan_of(map(photo, spelled(*PHOTOS)), target)
        with pytest.raises(OutputError, match="No space left on device"):
            list(deed(plan))
        assert sum(not path.is_dir() for path in (here / target).rglob("*")) == calls


def test_the_list_is_readable_for_people_and_says_its_version(here: Path) -> None:
    _, path = moved(planned())
    assert path.parent == here / "out"
    assert "undo" in path.name
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (lines[0]["format_version"], lines[0]["kind"], lines[0]["target"]) == (1, "iqa undo list", str(here / "out"))
    steps = {line["to"] for line in lines if "move" in line}
    assert {"1/IMG_1.JPG", "雪/=x.heic", "1/caf%E9.jpg", "1/caf\\xe9.jpg", "%FF%FE/a\nb.png"} <= steps
    assert [entry.state for entry in look(read_undo_list(path))] == ["moved"] * len(PHOTOS + COMPANIONS)

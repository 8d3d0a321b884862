"""A move brings everything to its place, or leaves it where it was; undoing gives back every byte and path."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn import content_of, make_files, photo, plan_of, spelled, undone

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.picking import copying
from iqa_cli.picking import move as moving
from iqa_cli.picking.carry import copy_to, link, rehearse
from iqa_cli.picking.move import move
from iqa_cli.picking.undo import look
from iqa_cli.picking.undo_list import part_name, read_undo_list
from iqa_cli.writing import placing

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.picking.carry import Outcome
    from iqa_cli.picking.plan import Plan

PHOTOS = (
    b"D/1/IMG_1.JPG",
    b"D/2/IMG_1.JPG",
    b"D/1/caf\xe9.jpg",
    b"D/1/caf\\xe9.jpg",
    b"D/\xff\xfe/a\nb.png",
    "D/雪/=x.heic".encode(),
)
COMPANIONS = (b"D/1/IMG_1.MOV", b"D/1/img_1.dng", b"D/1/IMG_1.JPG.xmp", b"D/\xff\xfe/a\nb.png.json")
OTHERS = (b"D/1/other.jpg", b"D/2/IMG_10.MOV", b"D/1/caf.jpg")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder with photos, what belongs to them, and others."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path, *PHOTOS, *COMPANIONS, *OTHERS)
    return tmp_path


def planned(target: str = "out") -> Plan:
    return plan_of(map(photo, spelled(*PHOTOS)), target)


def moved(plan: Plan) -> tuple[list[Outcome], Path]:
    lists: list[Path] = []
    outcomes = list(move(plan, lists.append))
    return outcomes, lists[0]


def across(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every move between folders look like one between file systems."""

    def place(source: str, to: str) -> None:
        if os.path.dirname(os.path.abspath(source)) != os.path.dirname(os.path.abspath(to)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        placing.place(source, to)

    monkeypatch.setattr(copying, "place", place)


@pytest.fixture(params=["rename", "copy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a file system and between two."""
    if request.param == "copy":
        across(monkeypatch)


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


def test_undoing_leaves_what_a_user_put_into_the_new_folder(here: Path) -> None:
    _, undo_list = moved(planned())
    make_files(here, "out/1/note.txt")
    undone(undo_list)
    assert [path.relative_to(here).as_posix() for path in sorted(here.rglob("out/**/*"))] == ["out/1", "out/1/note.txt"]


def test_a_folder_that_was_there_before_stays(here: Path) -> None:
    Path("out/1").mkdir(parents=True)
    before = content_of(here)
    undone(moved(planned())[1])
    assert content_of(here) == before


def test_undoing_twice_changes_nothing_more(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    content = path.read_bytes()
    undone(path)
    path.parent.mkdir()
    path.write_bytes(content)
    assert {entry.state for entry in undone(path)} == {"back"}
    assert content_of(here) == before


@pytest.mark.usefixtures("way")
def test_a_place_that_is_taken_again_is_not_written_over_and_stays_in_the_list(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    taken = here / "D/2/IMG_1.JPG"
    taken.write_bytes(b"another")
    entries = undone(path)
    assert [entry.moved.source for entry in entries if entry.problem == "its old place is taken again"] == [str(taken)]
    assert taken.read_bytes() == b"another"
    assert [entry.source for entry in read_undo_list(path).moves] == [str(taken)]
    taken.unlink()
    assert [entry.state for entry in undone(path)] == ["moved"]
    assert content_of(here) == before


def test_an_equal_file_at_the_old_place_is_somebodys_unless_its_time_is_that_of_the_original(here: Path) -> None:
    _, path = moved(planned())
    copied, original = here / "D/2/IMG_1.JPG", here / "out/2/IMG_1.JPG"
    copied.write_bytes(original.read_bytes())
    assert {entry.state for entry in undone(path)} == {"moved", "taken"}
    assert original.exists()
    os.utime(copied, ns=(0, original.stat().st_mtime_ns))
    assert [entry.state for entry in undone(path)] == ["half"]
    assert copied.exists()
    assert not original.exists()


def test_a_file_that_somebody_moved_on_is_told_and_the_others_come_back(here: Path) -> None:
    _, path = moved(planned())
    (here / "out/2/IMG_1.JPG").rename(here / "mine.jpg")
    lost = [entry for entry in undone(path) if entry.problem is not None]
    assert [(entry.moved.to, entry.state) for entry in lost] == [("2/IMG_1.JPG", "lost")]
    assert (here / "mine.jpg").exists()
    assert len(read_undo_list(path).moves) == 1


@pytest.mark.parametrize("change", ["size", "time", "folder", "link"])
def test_what_is_not_the_file_that_was_moved_stays_and_is_told(here: Path, change: str) -> None:
    _, path = moved(planned())
    there, away = here / "out/2/IMG_1.JPG", here / "away.jpg"
    status = there.stat()
    match change:
        case "size":
            there.write_bytes(b"edited")
            os.utime(there, ns=(0, status.st_mtime_ns))
        case "time":
            os.utime(there, ns=(0, status.st_mtime_ns + 2_000_000_001))
        case "folder":
            there.rename(away)
            there.mkdir()
        case _:
            there.rename(away)
            there.symlink_to(away)
    (other,) = [entry for entry in undone(path) if entry.problem is not None]
    assert (other.moved.to, other.state, other.at) == ("2/IMG_1.JPG", "other", str(there))
    assert os.path.lexists(there)
    assert not (here / "D/2/IMG_1.JPG").exists()
    assert [entry.to for entry in read_undo_list(path).moves] == ["2/IMG_1.JPG"]


@pytest.mark.parametrize("difference", [-2_000_000_000, 2_000_000_000])
def test_a_time_that_a_file_system_keeps_less_exactly_is_that_of_the_file(here: Path, difference: int) -> None:
    before = content_of(here)
    _, path = moved(planned())
    there = here / "out/2/IMG_1.JPG"
    os.utime(there, ns=(0, there.stat().st_mtime_ns + difference))
    assert {entry.state for entry in undone(path)} == {"moved"}
    assert content_of(here).keys() == before.keys()


def test_copies_whose_time_a_file_system_does_not_keep_come_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    before = content_of(here)
    across(monkeypatch)
    monkeypatch.setattr(copying.os, "utime", refuse)
    _, path = moved(planned())
    monkeypatch.undo()
    os.chdir(here)
    assert {entry.state for entry in undone(path)} == {"moved"}
    assert {name: content and content[0] for name, content in content_of(here).items()} == {  # type: ignore[index]
        name: content and content[0]  # type: ignore[index]
        for name, content in before.items()
    }


@pytest.fixture
def two_moves(here: Path) -> tuple[Path, dict[bytes, object], dict[bytes, object]]:
    """A move whose target was renamed, and one of new photos under the same names to a target of the old name.

    The list of the first, the photos of the first, and those of the second.
    """
    shutil.rmtree(here / "D")
    make_files(here, *PHOTOS)
    first = content_of(here / "D")
    _, path = moved(planned())
    (here / "out").rename(here / "out-2023")
    for number, name in enumerate(PHOTOS):
        (here / os.fsdecode(name)).write_bytes(b"new photo" * (number + 1))
    second = content_of(here / "D")
    moved(planned())
    return here / "out-2023" / path.name, first, second


def test_a_list_whose_folder_was_renamed_brings_back_its_own_photos_and_no_others(
    here: Path, two_moves: tuple[Path, dict[bytes, object], dict[bytes, object]]
) -> None:
    path, first, second = two_moves
    assert {entry.problem for entry in undone(path)} == {None}
    assert content_of(here / "D") == first
    assert not (here / "out-2023").exists()
    shutil.rmtree(here / "D")
    (path,) = (here / "out").glob("*undo*")
    assert {entry.problem for entry in undone(path)} == {None}
    assert content_of(here / "D") == second


def test_a_list_whose_photos_are_gone_moves_no_others_under_the_same_names(
    here: Path, two_moves: tuple[Path, dict[bytes, object], dict[bytes, object]]
) -> None:
    path, _, _ = two_moves
    (here / "out-2023/2/IMG_1.JPG").unlink()
    (other,) = [entry for entry in undone(path) if entry.problem is not None]
    assert (other.state, other.at) == ("other", str(here / "out/2/IMG_1.JPG"))
    assert (here / "out/2/IMG_1.JPG").read_bytes() == b"new photo" * 2
    assert [entry.to for entry in read_undo_list(path).moves] == ["2/IMG_1.JPG"]


def test_a_list_that_was_taken_out_of_its_folder_finds_its_photos_there(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    make_files(here, "lists/2/IMG_1.JPG")
    path = path.rename(here / "lists" / path.name)
    assert {entry.state for entry in undone(path)} == {"moved"}
    (here / "lists/2/IMG_1.JPG").unlink()
    (here / "lists/2").rmdir()
    (here / "lists").rmdir()
    assert content_of(here) == before


def test_another_file_at_the_new_place_is_left_alone_if_the_photo_never_went(here: Path) -> None:
    _, path = moved(planned())
    content = path.read_bytes()
    undone(path)
    make_files(here, "out/2/IMG_1.JPG")
    (here / "out/2/IMG_1.JPG").write_bytes(b"")
    path.write_bytes(content)
    assert {entry.state for entry in undone(path)} == {"back"}
    assert (here / "out/2/IMG_1.JPG").read_bytes() == b""


def test_a_target_that_was_renamed_or_mounted_elsewhere_is_found_by_its_list(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    (here / "out").rename(here / "elsewhere")
    undone(here / "elsewhere" / path.name)
    assert content_of(here) == before


def test_an_unfinished_copy_goes_from_a_target_that_was_renamed(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    (here / "out/1/IMG_1.JPG").rename(here / "D/1/IMG_1.JPG")  # as if its copy had been cut
    (here / "out/1" / part_name(read_undo_list(path).token)).write_bytes(b"pho")
    (here / "out").rename(here / "elsewhere")
    undone(here / "elsewhere" / path.name)
    assert content_of(here) == before


def test_an_old_folder_that_was_removed_is_made_again(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    os.rmdir(b"D/\xff\xfe")
    undone(path)
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

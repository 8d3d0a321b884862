"""Which photos show one scene: by name, by time, by a column."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING

import pytest
from drawn_graphs import quick
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.labels import ImageFolder
from iqa_cli.labels.scenes import ByTime, is_alone, scene_rule, scenes, scenes_across
from iqa_cli.records import Capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.labels import LabelTable

    Read = Callable[..., LabelTable]

NAMES = (
    "CA01101PM_0.6X_changjiang_IMG20250712090746.jpg",
    "CA01101PM_3X_zhujiang_IMG20250712090753.jpg",
    "CA01103PM_1X_zhujiang_IMG20250712091003.jpg",
    "night/DSC_0001.jpg",
)
NONE = ",0,0,0,0,0,0"


def groups(of: tuple[str, ...]) -> list[list[int]]:
    """Rows that share a scene, as lists."""
    return sorted([row for row, other in enumerate(of) if other == scene] for scene in set(of))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^([^_]+)_[0-9.]+X_", [[0, 1], [2], [3]]),
        (r"CA\d+PM", [[0, 1], [2], [3]]),
        (r"_(changjiang|zhujiang)_", [[0], [1, 2], [3]]),
        (r"^(night)?", [[0], [1], [2], [3]]),
    ],
)
def test_a_name_tells_its_scene_by_the_first_group_or_the_whole_match(
    read: Read, pattern: str, expected: list[list[int]]
) -> None:
    found = scenes(read(*(name + NONE for name in NAMES)), scene_rule(f"regex:{pattern}"))
    assert groups(found.of) == expected
    assert found.count == len(expected)


@pytest.mark.parametrize(
    "names", [("S1_a.jpg", "S1_b.jpg", "S2_a.jpg"), ("x_y/S1_a.jpg", "x_y\\S1_b.jpg", "x_y/S2.jpg")]
)
def test_the_pattern_of_the_documents_tells_scenes_with_folders_and_without(read: Read, names: tuple[str, ...]) -> None:
    found = scenes(read(*(name + NONE for name in names)), scene_rule(r"regex:^(?:.*/)?[^/_]+"))
    assert groups(found.of) == [[0, 1], [2]]


def test_photos_that_a_rule_cannot_place_are_alone_and_counted(read: Read) -> None:
    table = read(*(name + NONE for name in NAMES))
    found = scenes(table, scene_rule("regex:^CA"))
    assert groups(found.of) == [[0, 1, 2], [3]]
    assert [is_alone(scene) for scene in found.of] == [False, False, False, True]
    assert found.notes == (f"{table.path}: 1 of 4 photos do not match ^CA: each is a scene of its own",)
    with pytest.raises(LabelsError, match="no scenes: all 4 photos do not match XYZ"):
        scenes(table, scene_rule("regex:XYZ"))


def test_a_column_tells_scenes_whatever_its_case(read: Read) -> None:
    header = "filename,bright,Place,scene"
    table = read("a.jpg,0,x,", "b.jpg,0, x ,s", "c.jpg,0,,s", "d.jpg,0,y,", header=header)
    assert groups(scenes(table, scene_rule("column:place")).of) == [[0, 1], [2], [3]]
    assert groups(scenes(table).of) == [[0], [1, 2], [3]]
    with pytest.raises(LabelsError, match=r'no column "plaice" to tell scenes by \(did you mean "Place"\?\)'):
        scenes(table, scene_rule("column:plaice"))


def test_without_a_rule_every_photo_is_a_scene(read: Read) -> None:
    found = scenes(read("a.jpg" + NONE, "b.jpg" + NONE))
    assert groups(found.of) == [[0], [1]]
    assert found.notes == ()


def shot(second: float | None, model: str = "Pixel 8") -> Capture:
    """A photo so many seconds after noon."""
    noon = dt.datetime(2025, 7, 12, 12, 0, 0)  # noqa: DTZ001 - cameras write no zone
    return Capture(make="Google", model=model, taken_at=None if second is None else noon + dt.timedelta(seconds=second))


def test_a_pause_longer_than_the_gap_ends_a_scene_of_one_camera() -> None:
    shots = [shot(100), shot(0), shot(10), shot(20.5), shot(None), shot(15, "Nokia"), shot(110)]
    assert groups(tuple(ByTime(10).group(shots))) == [[0, 6], [1, 2], [3], [4], [5]]
    assert groups(tuple(ByTime(10.5).group(shots))) == [[0, 6], [1, 2, 3], [4], [5]]
    assert ByTime(10).group(shots)[1] == "Google Pixel 8 2025-07-12 12:00:00"


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12), st.integers(1, 60))
@quick(100)
def test_two_photos_share_a_scene_exactly_if_no_pause_lies_between(seconds: list[int], gap: int) -> None:
    found = ByTime(gap).group([shot(second) for second in seconds])
    for a, scene_a in zip(seconds, found, strict=True):
        for b, scene_b in zip(seconds, found, strict=True):
            between = sorted(second for second in seconds if min(a, b) <= second <= max(a, b))
            pauses = [late - early for early, late in itertools.pairwise(between)]
            assert (scene_a == scene_b) == (max(pauses, default=0) <= gap)


def test_times_are_read_from_the_photos(read: Read, tmp_path: Path) -> None:
    for name, taken in (
        ("a", "2025:07:12 09:00:00"),
        ("b", "2025:07:12 09:00:20"),
        ("c", "2025:07:12 10:00:00"),
        ("d", ""),
    ):
        picture = Image.new("RGB", (8, 8), (len(name), ord(name), 0))
        exif = Image.Exif()
        exif[0x0110] = "Pixel 8"
        if taken:
            exif.get_ifd(0x8769)[0x9003] = taken
        picture.save(tmp_path / f"{name}.jpg", exif=exif)
    table = read(*(f"{name}.jpg{NONE}" for name in "abcd"))
    found = scenes(table, scene_rule("time:30"), ImageFolder(tmp_path))
    assert groups(found.of) == [[0, 1], [2], [3]]
    assert found.notes == (
        f"{table.path}: 1 of 4 photos have no time (EXIF DateTimeOriginal): each is a scene of its own",
    )
    with pytest.raises(UsageError, match="need the photos"):
        scenes(table, scene_rule("time:30"))
    timeless = scenes(table.take([3]), scene_rule("time:30"), ImageFolder(tmp_path))
    assert all(map(is_alone, timeless.of))
    assert "1 of 1 photo have no time" in timeless.notes[0]


def test_copies_join_the_scenes_that_hold_them(read: Read, tmp_path: Path) -> None:
    for name, content in (
        ("x_1", b"one"),
        ("x_2", b"two"),
        ("y_1", b"two"),
        ("y_2", b"six"),
        ("z", b"six"),
        ("w", b"w"),
    ):
        (tmp_path / name).write_bytes(content)
    table = read(*(name + NONE for name in ("x_1", "x_2", "y_1", "y_2", "z", "w")))
    assert groups(scenes(table, scene_rule("regex:^[xy]"), ImageFolder(tmp_path)).of) == [[0, 1, 2, 3, 4], [5]]
    assert groups(scenes(table, None, ImageFolder(tmp_path)).of) == [[0], [1, 2], [3, 4], [5]]
    with pytest.raises(LabelsError, match="1 of 7 photos is not in"):
        scenes(
            read(*(name + NONE for name in ("x_1", "x_2", "y_1", "y_2", "z", "w", "v"))), None, ImageFolder(tmp_path)
        )


def test_scenes_of_several_files_are_comparable(read: Read) -> None:
    first = read(NAMES[0] + NONE, name="first.csv")
    second = read(NAMES[1] + NONE, NAMES[2] + NONE, name="second.csv")
    one, two = scenes_across([first, second], scene_rule("regex:^[^_]+"))
    assert one.of[0] == two.of[0] != two.of[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "regex",
        "regex:",
        "regex:(",
        "time:",
        "time:0",
        "time:-1",
        "time:nan",
        "time:inf",
        "time:x",
        "column:",
        "name:x",
    ],
)
def test_a_rule_that_is_none_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--by"):
        scene_rule(text)

"""What the parts of a split share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from drawn_graphs import quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.labels import ImageFolder
from iqa_cli.labels.leakage import leakage
from iqa_cli.labels.parts import read_parts
from iqa_cli.labels.scenes import scene_rule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.labels import LabelTable

    Read = Callable[..., LabelTable]
    Write = Callable[..., Path]

NONE = ",0,0,0,0,0,0"


@pytest.fixture
def parts(read: Read) -> Callable[..., dict[str, LabelTable]]:
    """Tables of such names, by part."""

    def tables(**names: str) -> dict[str, LabelTable]:
        return {
            part: read(*(name + NONE for name in listed.split()), name=f"{part}.csv") for part, listed in names.items()
        }

    return tables


def test_parts_that_share_nothing_pass(parts: Callable[..., dict[str, LabelTable]]) -> None:
    found = leakage(parts(train="a_1 a_2", val="b_1", test="c_1"), scene_rule("regex:^[^_]+"))
    found.refuse()
    assert (found.photos, found.scene_warnings(), found.compared_scenes) == ((), [], True)
    assert not leakage(parts(train="a_1", val="b_1")).compared_scenes


def test_a_photo_in_two_parts_is_an_error_that_names_it_and_its_lines(
    parts: Callable[..., dict[str, LabelTable]],
) -> None:
    found = leakage(parts(train="a b c", val="./b d", test="c x/../b e"))
    with pytest.raises(LabelsError, match="the split leaks: 2 photos in more than one part") as error:
        found.refuse()
    assert list(error.value.problems) == [
        "val: 1 of 2 photos is in train as well",
        "test: 2 of 3 photos are in train as well",
        "test: 1 of 3 photos is in val as well",
        '"b": train line 3; val line 2; test line 3',
        '"c": train line 4; test line 2',
    ]


def test_shared_scenes_are_warned_about_with_their_counts(parts: Callable[..., dict[str, LabelTable]]) -> None:
    found = leakage(parts(train="a_1 a_2 b_1", test="a_3 a_4 b_2 c_1 d_1"), scene_rule("regex:^[^_]+"))
    found.refuse()
    assert found.scene_warnings() == ["test: 2 of 4 scenes are in train as well (3 of 5 photos)"]


def test_a_copy_under_another_name_is_found_by_its_content(
    parts: Callable[..., dict[str, LabelTable]], tmp_path: Path
) -> None:
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"one"), ("d", b"six"), ("e", b"two")):
        (tmp_path / name).write_bytes(content)
    tables = parts(train="a b e", test="c d")
    leakage(tables).refuse()
    with pytest.raises(LabelsError, match="1 photo in more than one part") as error:
        leakage(tables, images=ImageFolder(tmp_path)).refuse()
    assert list(error.value.problems) == [
        "test: 1 of 2 photos is in train as well",
        '"a": train line 2; a copy, test line 2 as "c"',
    ]


def test_a_copy_in_several_parts_counts_in_each_of_them(
    parts: Callable[..., dict[str, LabelTable]], tmp_path: Path
) -> None:
    for name, content in (("a", b"one"), ("b", b"one"), ("c", b"two"), ("d", b"six")):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LabelsError, match="2 photos in more than one part") as error:
        leakage(parts(train="a c", val="b d c", test="b"), images=ImageFolder(tmp_path)).refuse()
    assert list(error.value.problems) == [
        "val: 2 of 3 photos are in train as well",
        "test: 1 of 1 photo is in train as well",
        "test: 1 of 1 photo is in val as well",
        '"c": train line 3; val line 4',
        '"a": train line 2; a copy, val line 2 as "b"; test line 2 as "b"',
    ]


def test_of_many_shared_photos_twenty_are_named(parts: Callable[..., dict[str, LabelTable]]) -> None:
    same = " ".join(f"{number}.jpg" for number in range(300))
    with pytest.raises(LabelsError, match="300 photos") as error:
        leakage(parts(train=same, val=same)).refuse()
    assert error.value.problems[-1] == "... and 280 more"
    assert len(error.value.problems) == 22


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=2, max_size=4))
@quick(50)
def test_exactly_the_photos_in_two_parts_or_more_are_found(
    tmp_path_factory: pytest.TempPathFactory, graph: HexGraph, drawn: list[set[str]]
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    paths = [folder / f"part{number}.csv" for number in range(len(drawn))]
    for path, names in zip(paths, drawn, strict=True):
        path.write_text("image,bright\n" + "".join(f"{name},0\n" for name in sorted(names)), encoding="utf-8")
    found = leakage(read_parts(paths, graph))
    tables = list(found.tables.values())
    named = [
        {table.names[row] for part, row in shared.places for table in [found.tables[part]]} for shared in found.photos
    ]
    expected = {name for name in "abcdefgh" if sum(name in names for names in drawn) > 1}
    assert sorted(name for names in named for name in names) == sorted(expected)
    assert [overlap.photos for overlap in found.overlaps] == [
        len(set(tables[later].names) & set(tables[earlier].names))
        for later in range(len(tables))
        for earlier in range(later)
    ]


def test_the_published_split_leaks(seed_files: list[Path], graph: HexGraph) -> None:
    parts = read_parts(seed_files, graph)
    assert list(parts) == ["train", "val", "test"]
    found = leakage(parts, scene_rule("regex:^[^_]+"))
    assert len(found.photos) == 297
    assert {(overlap.part, overlap.other): overlap.photos for overlap in found.overlaps} == {
        ("val", "train"): 0,
        ("test", "train"): 195,
        ("test", "val"): 102,
    }
    assert found.scene_warnings() == [
        "val: 160 of 160 scenes are in train as well (352 of 352 photos)",
        "test: 152 of 178 scenes are in train as well (299 of 352 photos)",
        "test: 136 of 178 scenes are in val as well (278 of 352 photos)",
    ]
    with pytest.raises(LabelsError, match="297 photos"):
        found.refuse()


def test_one_file_with_a_split_column_has_parts_in_the_usual_order(write: Write, graph: HexGraph) -> None:
    path = write("a,0,test", "b,0,extra", "c,0,train", "d,0,val", "e,0,train", header="image,bright,split")
    assert {part: table.lines for part, table in read_parts([path], graph).items()} == {
        "train": (4, 6),
        "val": (5,),
        "test": (2,),
        "extra": (3,),
    }
    with pytest.raises(LabelsError, match="1 problem") as error:
        read_parts([write("a,0, ", header="image,bright,split")], graph)
    assert error.value.problems == ('line 2, "a": the split column is blank',)


def test_files_that_are_no_split_are_wrong_usage(write: Write, graph: HexGraph) -> None:
    path = write("a" + NONE)
    with pytest.raises(UsageError, match="no parts to compare"):
        read_parts([path], graph)
    with pytest.raises(UsageError, match="named twice"):
        read_parts([path, path.parent / "." / path.name], graph)


def test_parts_are_called_by_the_shortest_name_that_tells_them_apart(write: Write, graph: HexGraph) -> None:
    def names(*files: str) -> list[str]:
        paths = [write("a" + NONE, name=file) for file in files]
        return [name.removeprefix(f"{paths[0].parent}/") for name in read_parts(paths, graph)]

    assert names("train_6labels.csv", "Val.csv", "test-2.csv") == ["train", "val", "test"]
    assert names("train_a.csv", "train_b.csv", "testing.csv") == ["train_a", "train_b", "testing"]
    assert names("a.csv", "a.txt") == ["a.csv", "a.txt"]


def test_mistakes_of_all_files_are_told_at_once(write: Write, graph: HexGraph) -> None:
    bad = [write("a,9,0,0,0,0,0", name="train.csv"), write("a" + NONE, name="val.csv"), write("b", name="test.csv")]
    with pytest.raises(LabelsError, match="2 label files with mistakes") as error:
        read_parts(bad, graph)
    assert [line for line in error.value.problems if line.endswith("1 problem")] == [
        f"{bad[0]}: 1 problem",
        f"{bad[2]}: 1 problem",
    ]
    assert "  line 2: 1 cell, the header has 7" in error.value.problems

"""Which photos belong together."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest

from iqa_cli.comparison import Side, pairing_of
from iqa_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.comparison.pairing import Pairs
    from iqa_cli.records import PhotoReport

Shot = "Callable[..., PhotoReport]"


@pytest.fixture
def paired(shot: Callable[..., PhotoReport]) -> Callable[..., Pairs]:
    def pair(how: str, a: list[str], b: list[str], roots: tuple[str | None, str | None] = (None, None)) -> Pairs:
        sides = [Side.of(name, map(shot, names), root) for name, names, root in zip("ab", (a, b), roots, strict=True)]
        return pairing_of(how).pairs(*sides)

    return pair


def names(pairs: Pairs) -> list[tuple[str, str]]:
    return [(a.source_file, b.source_file) for a, b in pairs.pairs]


def left(alone: tuple[tuple[object, str], ...]) -> dict[str, str]:
    return {shot.source_file: why for shot, why in alone}  # type: ignore[attr-defined]


def test_photos_of_two_folders_pair_by_their_path_below_them(paired: Callable[..., Pairs]) -> None:
    found = paired("path", ["A/x.jpg", "A/s/x.jpg", "A/y.jpg"], ["B/x.jpg", "B/s/x.jpg", "B/z.jpg"], ("A/", "B/"))
    assert names(found) == [("A/s/x.jpg", "B/s/x.jpg"), ("A/x.jpg", "B/x.jpg")]
    assert left(found.alone_a) == {"A/y.jpg": "none"}
    assert left(found.alone_b) == {"B/z.jpg": "none"}


def test_a_report_pairs_by_what_its_paths_do_not_share(paired: Callable[..., Pairs]) -> None:
    found = paired("path", ["old/DCIM/a/1.jpg", "old/DCIM/b/2.jpg"], ["/new/a/1.jpg", "/new/b/2.jpg"])
    assert names(found) == [("old/DCIM/a/1.jpg", "/new/a/1.jpg"), ("old/DCIM/b/2.jpg", "/new/b/2.jpg")]


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_report_of_one_subfolder_still_finds_its_partners(paired: Callable[..., Pairs], is_turned: bool) -> None:
    whole, part = ["A/a/1.jpg", "A/b/1.jpg"], ["B/b/1.jpg", "B/b/2.jpg"]
    found = paired("path", *((part, whole) if is_turned else (whole, part)))
    expected = ("A/b/1.jpg", "B/b/1.jpg")
    assert names(found) == [expected[::-1] if is_turned else expected]


def test_a_name_pairs_with_itself_whatever_its_accents_are_made_of(paired: Callable[..., Pairs]) -> None:
    name = "Fête.jpg"
    found = paired("path", [f"A/{unicodedata.normalize('NFC', name)}"], [f"B/{unicodedata.normalize('NFD', name)}"])
    assert len(found.pairs) == 1


def test_a_pattern_pairs_by_its_named_groups(paired: Callable[..., Pairs]) -> None:
    a = ["A/b41_scene1_day.jpg", "A/b41_scene2_day.jpg", "A/notes.jpg"]
    b = ["B/b42_scene1_day.heic", "B/b42_scene2_night.heic", "B/b42_scene3_day.heic"]
    found = paired(r"regex:(?P<scene>scene\d+)_(?P<light>day|night)", a, b)
    assert names(found) == [(a[0], b[0])]
    assert left(found.alone_a) == {a[1]: "none", a[2]: "unplaced"}


@pytest.mark.parametrize("how", [r"regex:scene(\d+)", r"regex:scene\d+"])
def test_a_pattern_without_names_counts_by_group_1_or_whole(paired: Callable[..., Pairs], how: str) -> None:
    assert len(paired(how, ["A/x-scene7.jpg"], ["B/scene7-y.jpg"]).pairs) == 1


def test_several_photos_of_one_key_make_no_pair(paired: Callable[..., Pairs]) -> None:
    found = paired(
        r"regex:scene\d", ["A/scene1.jpg", "A/scene1b.jpg", "A/scene2.jpg"], ["B/scene1.jpg", "B/scene2.jpg"]
    )
    assert names(found) == [("A/scene2.jpg", "B/scene2.jpg")]
    assert left(found.alone_a) == {"A/scene1.jpg": "several", "A/scene1b.jpg": "several"}
    assert left(found.alone_b) == {"B/scene1.jpg": "several"}


def test_times_pair_within_the_seconds_told_and_bursts_do_not(shot: Callable[..., PhotoReport]) -> None:
    a = Side.of(
        "a", [shot(f"A/{name}", seconds=at) for name, at in {"1": 0, "2": 60, "3": 120, "4": 300, "5": None}.items()]
    )
    b = Side.of("b", [shot(f"B/{name}", seconds=at) for name, at in {"1": 2, "2": 59, "3": 118, "4": 121}.items()])
    found = pairing_of("time:2").pairs(a, b)
    assert names(found) == [("A/1", "B/1"), ("A/2", "B/2")]
    assert left(found.alone_a) == {"A/3": "several", "A/4": "none", "A/5": "unplaced"}
    assert left(found.alone_b) == {"B/3": "several", "B/4": "several"}
    assert names(pairing_of("time:0").pairs(a, a)) == [(f"A/{n}", f"A/{n}") for n in "1234"]


def test_no_photo_is_in_two_pairs_and_none_is_lost(shot: Callable[..., PhotoReport]) -> None:
    a = Side.of("a", [shot(f"A/{n:03}", seconds=n * 7 % 100) for n in range(40)])
    b = Side.of("b", [shot(f"B/{n:03}", seconds=n * 11 % 100) for n in range(30)])
    found = pairing_of("time:1").pairs(a, b)
    for place, (side, alone) in enumerate(((a, found.alone_a), (b, found.alone_b))):
        together = [pair[place].source_file for pair in found.pairs] + [entry.source_file for entry, _ in alone]
        assert sorted(together) == [entry.source_file for entry in side.shots]


@pytest.mark.parametrize(
    "how", ["name", "regex:", "regex:(", "time:", "time:soon", "time:-1", "time:nan", "path:x", ""]
)
def test_a_rule_that_is_none_is_refused_with_a_hint(how: str) -> None:
    with pytest.raises(UsageError, match="--pair"):
        pairing_of(how)

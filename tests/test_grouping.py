"""By what photos are grouped."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from iqa_cli.errors import UsageError
from iqa_cli.grouping import KEYS, grouping_of
from iqa_cli.records import Capture


def values(by: str, path: str = "DCIM/100A/x.jpg", **settings: object) -> tuple[str, ...]:
    capture = Capture(**settings)  # type: ignore[arg-type]
    return tuple(value.text for value in grouping_of(by).values(path, capture))


@pytest.mark.parametrize(
    ("iso", "group"),
    [
        (100, "51-100"),
        (101, "101-200"),
        (200, "101-200"),
        (64, "51-100"),
        (50, "26-50"),
        (12800, "6401-12800"),
        (1, "1"),
    ],
)
def test_iso_in_doublings(iso: int, group: str) -> None:
    assert values("iso", iso=iso) == (group,)


def test_every_iso_is_in_the_group_that_names_it() -> None:
    for iso in range(1, 5_000):
        low, _, high = values("iso", iso=iso)[0].partition("-")
        assert int(low) <= iso <= int(high or low)


@pytest.mark.parametrize(
    ("seconds", "group"),
    [
        (1 / 125, "1/125 s"),
        (1 / 100, "1/125 s"),
        (1 / 60, "1/60 s"),
        (1, "1 s"),
        (30, "30 s"),
        (1 / 30000, "1/32768 s"),
        (64, "64 s"),
    ],
)
def test_exposure_time_in_whole_stops(seconds: float, group: str) -> None:
    assert values("exposure-time", exposure_time_s=seconds) == (group,)


@pytest.mark.parametrize(
    ("mm", "group"), [(4.25, "4-8 mm"), (8, "8-16 mm"), (1.5, "1-2 mm"), (0.7, "0.5-1 mm"), (50, "32-64 mm")]
)
def test_focal_length_in_doublings(mm: float, group: str) -> None:
    assert values("focal-length", focal_length_mm=mm) == (group,)


def test_the_other_keys() -> None:
    taken = dt.datetime(2026, 7, 4, 9, 5)  # noqa: DTZ001 - EXIF knows no zone
    capture = {"make": "Maker", "model": "Phone 1", "lens_model": "Main", "taken_at": taken, "flash_fired": False}
    assert values("camera,lens,flash,hour,month,folder", **capture) == (
        "Maker Phone 1", "Main", "not fired", "09", "2026-07", "DCIM/100A",
    )  # fmt: skip
    assert values("folder", "x.jpg") == (".",)
    assert values("folder", "/x.jpg") == ("/",)


@pytest.mark.parametrize(
    ("by", "group"),
    [
        (r"regex:scene(?P<scene>\d+)_(?P<light>day|night)", "7 day"),
        (r"regex:scene(\d+)", "7"),
        (r"regex:scene\d+", "scene7"),
        (r"regex:nothing,(of)?", ""),
    ],
)
def test_a_pattern_groups_by_what_it_finds(by: str, group: str) -> None:
    assert values(by, "A/scene7_day.jpg") == (group,)


def test_a_pattern_may_have_commas_behind_other_keys() -> None:
    grouping = grouping_of(r"iso,regex:x{1,2}")
    assert grouping.names == ("iso", "regex:x{1,2}")
    assert values(r"iso,regex:x{1,2}", "xx", iso=100) == ("51-100", "xx")


def test_what_is_not_known_is_a_group_of_its_own_and_the_last() -> None:
    for key in set(KEYS) - {"folder"}:
        (value,) = grouping_of(key).values("x.jpg", Capture())
        assert (value.text, value.order) == ("", math.inf)
    known, unknown = grouping_of("iso").values("", Capture(iso=100)), grouping_of("iso").values("", Capture())
    assert sorted([unknown, known]) == [known, unknown]


@pytest.mark.parametrize("by", ["", "isos", "iso,", "iso,iso", "regex:", "regex:(", "iso regex:x", "camera;lens"])
def test_what_names_no_grouping_is_refused(by: str) -> None:
    with pytest.raises(UsageError, match="--by"):
        grouping_of(by)

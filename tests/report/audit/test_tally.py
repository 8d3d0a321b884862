"""The tally: what a run comes to, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.records import Finding, Measured, PhotoReport
from iqa_cli.report.audit.tally import NAMES_KEPT, REASONS_KEPT, Tally

Make = Callable[..., PhotoReport]


def tallied(reports: list[PhotoReport], *, top: int = 20, min_level: int = 2) -> Tally:
    tally = Tally(top=top, min_level=min_level)
    for report in reports:
        tally.add(report)
    return tally


def test_every_photo_is_counted_once(judged: Make, unreadable: Make) -> None:
    reports = [
        judged("a"),
        judged("b", {"dark": 4, "high_contrast": 2}),
        judged("c", {"dark": 2}),
        judged("d", {"dark": 4}, status="uncertain", notes=("too small",)),
        unreadable("e"),
        judged("f", {"dark": 4}, status="damaged", notes=("the file is damaged",)),
    ]
    tally = tallied(reports)
    assert (tally.photos, tally.fine, dict(tally.problems)) == (6, 1, {4: 1, 2: 1})
    assert (tally.uncertain.total, tally.damaged.total, tally.unreadable.total, tally.judged) == (1, 1, 1, 3)
    assert {key: count for key, count in tally.levels.items() if key[0] == "dark"} == {
        ("dark", 1): 1,
        ("dark", 2): 1,
        ("dark", 4): 1,
    }


def test_a_level_is_reached_by_trusted_photos_only(judged: Make) -> None:
    small = judged("small", {"dark": 4}, status="uncertain", notes=("too small",))
    broken = judged("broken", {"dark": 4}, status="damaged", notes=("the file is damaged",))
    tally = tallied([judged("a", {"dark": 3}), small, broken])
    assert [tally.reaches(level) for level in (2, 3, 4)] == [True, True, False]


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([0.5, 0.7, 0.9])), max_size=30), st.integers(0, 5))
def test_the_worst_are_those_that_sorting_everything_finds(photos: list[tuple[int, float]], top: int) -> None:
    reports = [
        PhotoReport(f"{number}", "ok", findings=(Finding("dark", level, p, ""),))
        for number, (level, p) in enumerate(photos)
    ]
    expected = sorted(
        (report for report in reports if report.findings[0].level >= 3),
        key=lambda report: (-report.findings[0].level, -report.findings[0].probability),
    )
    tally = tallied(reports, top=top, min_level=3)
    assert tally.worst == expected[:top]
    assert tally.candidates == len(expected)


def test_names_and_reasons_are_kept_up_to_a_limit_and_all_counted(unreadable: Make) -> None:
    same = tallied([unreadable(f"{number}", "same") for number in range(100)]).unreadable
    assert (same.groups["same"].count, same.groups["same"].names) == (
        100,
        [f"{number}" for number in range(NAMES_KEPT)],
    )
    different = tallied([unreadable(f"{number}", f"reason {number}") for number in range(100)]).unreadable
    assert (len(different.groups), different.others, different.total) == (REASONS_KEPT, 100 - REASONS_KEPT, 100)


@pytest.mark.parametrize("top", [0, 1])
def test_only_the_wanted_number_of_reports_is_held(top: int, judged: Make) -> None:
    tally = tallied([judged(f"{number}", {"dark": 4}) for number in range(50)], top=top)
    assert len(tally.worst) == top
    assert tally.candidates == 50


def test_fine_photos_that_were_measured_otherwise_are_named() -> None:
    def told(measured: Measured | None, level: int = 1) -> PhotoReport:
        finding = Finding("dark", level, 0.1, "", measured=measured)
        return PhotoReport(f"{measured}", "ok", notes=("too dark, none",), findings=(finding,))

    tally = tallied([told(None), told("fits"), told("more"), told("more", 2), told("less", 3)])
    assert (tally.fine, tally.doubted.total) == (3, 1)
    assert tally.doubted.groups["too dark, none"].names == ["more"]

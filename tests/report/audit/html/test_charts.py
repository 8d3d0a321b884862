"""Distributions: every photo in its bin, and bars as high as their counts."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.records import Capture, Measurement, PhotoReport
from iqa_cli.report.audit.html.charts import _EDGES, BOTTOM, HEIGHT, MOST_MONTHS, MOST_YEARS, Distributions, _bin
from iqa_cli.report.audit.html.words import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable


def measuring(report: PhotoReport, **values: float) -> PhotoReport:
    measurements = tuple(
        Measurement(entry.name, values.get(entry.name, entry.value), entry.unit) for entry in report.measurements
    )
    return dataclasses.replace(report, measurements=measurements)


def taken(report: PhotoReport, *when: int) -> PhotoReport:
    return dataclasses.replace(report, capture=Capture(taken_at=dt.datetime(*when)))  # type: ignore[arg-type] # noqa: DTZ001


@pytest.mark.parametrize("name", sorted(_EDGES))
def test_bins_agree_with_numpy(name: str) -> None:
    edges = np.asarray(_EDGES[name])
    values = np.concatenate([edges, np.random.default_rng(0).uniform(edges[0], edges[-1], 500)])
    expected, _ = np.histogram(values, edges)
    found = np.bincount([_bin(_EDGES[name], value) for value in values], minlength=len(edges) - 1)
    np.testing.assert_array_equal(found, expected)


def test_bars_stand_on_one_line_and_are_as_high_as_their_counts(judged: Callable[..., PhotoReport]) -> None:
    distributions = Distributions()
    for number, value in enumerate([0.1] * 6 + [0.5] * 3):
        distributions.add(measuring(judged("a.jpg", {"dark": 2} if number < 2 else {}), luma_median=value))
    chart = distributions.charts(PAGE["en"])[0]
    first, second = chart.bars
    assert first.height == pytest.approx(2 * second.height, abs=0.02)
    assert first.flawed_height == pytest.approx(first.height / 3, abs=0.02)
    assert second.flawed_height == 0
    for bar in chart.bars:
        assert bar.y + bar.height == pytest.approx(HEIGHT - BOTTOM, abs=0.02)
    assert chart.said == (
        "Median luma, 0 to 1: 9 photos. 0.08-0.12: 6 photos, 2 with a problem; 0.48-0.52: 3 photos, 0 with a problem"
    )
    assert [tick.text for tick in chart.ticks] == ["0", "3", "6"]


def test_photos_that_are_not_judged_for_sure_do_not_count(
    judged: Callable[..., PhotoReport], unreadable: Callable[..., PhotoReport]
) -> None:
    distributions = Distributions()
    distributions.add(unreadable("a.jpg"))
    distributions.add(judged("b.jpg", {"dark": 4}, status="uncertain"))
    assert distributions.charts(PAGE["en"]) == []


def test_months_without_photos_have_their_place(judged: Callable[..., PhotoReport]) -> None:
    distributions = Distributions()
    for when in ((2025, 12, 31), (2026, 3, 1), (2026, 3, 2)):
        distributions.add(taken(judged("a.jpg"), *when))
    chart = distributions.charts(PAGE["en"])[-1]
    assert [name.text for name in chart.names] == ["2025-12", "2026-02", "2026-03"]
    assert [bar.said for bar in chart.bars] == [
        "2025-12: 1 photos, 0 with a problem",
        "2026-03: 2 photos, 0 with a problem",
    ]


def test_many_months_become_years_and_strange_clocks_do_no_harm(judged: Callable[..., PhotoReport]) -> None:
    distributions = Distributions()
    for year in (1, 1970, 2024, 2025, 9999):
        distributions.add(taken(judged("a.jpg"), year, 1, 1))
    chart = distributions.charts(PAGE["en"])[-1]
    assert [bar.said.split(":")[0] for bar in chart.bars] == ["0001", "1970", "2024", "2025", "9999"]
    assert MOST_MONTHS < 12 * MOST_YEARS


def test_no_photo_at_all() -> None:
    assert Distributions().charts(PAGE["en"]) == []

"""Photos counted by group: counts, intervals, and which groups differ from all others."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from iqa_cli.grouping import grouping_of
from iqa_cli.records import Capture, PhotoReport
from iqa_cli.report.audit import groups as module
from iqa_cli.report.audit.group_words import WORDS, group_table
from iqa_cli.report.audit.groups import Groups, most_telling
from iqa_cli.significance import fisher_exact, wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.hexgraph import HexGraph

    Make = Callable[..., PhotoReport]


@pytest.fixture
def counted(judged: Make, unreadable: Make) -> Groups:
    """ISO 100: 40 photos, 1 dark. ISO 1600: 20 photos, 12 dark, 6 of them severely. Unknown: 3, one unreadable."""
    groups = Groups(grouping_of("iso"))

    def add(count: int, iso: int | None, levels: dict[str, int]) -> None:
        for _ in range(count):
            groups.add(dataclasses.replace(judged("x.jpg", levels), capture=Capture(iso=iso)))

    add(39, 100, {})
    add(1, 100, {"dark": 2})
    add(8, 1600, {})
    add(6, 1600, {"dark": 2})
    add(6, 1600, {"dark": 3})
    add(2, None, {})
    groups.add(unreadable("y.jpg"))
    groups.add(judged("z.jpg", {"dark": 4}, status="uncertain"))
    return groups


def test_groups_are_counted_and_sorted_with_unknown_last(counted: Groups, graph: HexGraph) -> None:
    rows = counted.rows(graph)
    # The uncertain photo has the settings of the fixture: ISO 100.
    assert [(row.values, row.photos, row.judged) for row in rows] == [
        (("51-100",), 41, 40),
        (("801-1600",), 20, 20),
        (("",), 3, 2),
    ]
    assert [rate.count for rate in rows[1].rates["dark"]] == [12, 6, 0]
    assert rows[0].means["lstar_mean"] == pytest.approx(0.5)


def test_rates_have_wilson_intervals_and_fishers_test_against_the_rest(counted: Groups, graph: HexGraph) -> None:
    rate = counted.rows(graph)[1].rates["dark"][0]
    assert rate.interval == wilson_interval(12, 20)
    assert rate.p == fisher_exact(12, 20, 1, 42)
    # Three groups, and levels of dark that occur at two: six tests. This is the smallest of their p.
    assert rate.p_holm == pytest.approx(6 * rate.p)
    assert rate.differs == "more"


def test_both_sides_of_a_difference_are_marked(counted: Groups, graph: HexGraph) -> None:
    rows = counted.rows(graph)
    assert rows[0].rates["dark"][0].differs == "fewer"
    assert [row.differs for row in rows] == [True, True, False]
    assert all(rate.differs is None for row in rows for rate in row.rates["low_contrast"])


def test_groups_that_are_alike_are_not_marked(judged: Make, graph: HexGraph) -> None:
    groups = Groups(grouping_of("folder"))
    for folder in "abcdef":
        for number in range(20):
            groups.add(judged(f"{folder}/{number}.jpg", {"dark": 2} if number < 5 else {}))
    assert not any(row.differs for row in groups.rows(graph))


def test_memory_holds_so_many_groups_and_counts_the_rest(
    judged: Make, graph: HexGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUPS_KEPT", 3)
    groups = Groups(grouping_of("folder"))
    for number in range(10):
        groups.add(judged(f"{number}/x.jpg"))
    assert len(groups.rows(graph)) == 3
    assert (groups.beyond, groups.judged) == (7, 10)
    assert group_table(groups, graph, "en")["left"].startswith("0 more groups, and 7 photos")


def test_what_differs_is_among_the_groups_that_are_shown(counted: Groups, graph: HexGraph) -> None:
    rows = counted.rows(graph)
    assert [row.values[0] for row in most_telling(rows, 2)] == ["51-100", "801-1600"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_words_tell_what_differs_with_its_counts(counted: Groups, graph: HexGraph, lang: str) -> None:
    table = group_table(counted, graph, lang)  # type: ignore[arg-type]
    assert any("801-1600" in told and "12" in told and "2.4%" in told for told in table["told"])
    assert table["rows"][1]["cells"][1]["share"] == "60%"
    assert table["rows"][2]["name"] == {"en": "unknown", "zh": "未知"}[lang]
    assert [len(row["cells"]) + len(row["means"]) + 2 for row in table["rows"]] == [len(table["columns"])] * 3


def test_every_word_is_there_in_both_languages() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()

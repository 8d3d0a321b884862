"""Findings: one per label, with words that carry the measured numbers."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import numpy as np
import pytest

from iqa_cli.errors import CheckpointError
from iqa_cli.findings import (
    disagreement_notes,
    evidence_names,
    find,
    in_percent,
    no_photograph_note,
    read_usual,
    too_small_note,
)
from iqa_cli.hexgraph import HexGraph, Label, read_graph
from iqa_cli.paths import find_graph
from iqa_cli.photometry import MEASUREMENT_NAMES, Doubt, measure
from iqa_cli.records import Capture, Finding, Language, Measured, Measurement

GRAPH = read_graph(find_graph("smartphone-6"))
NONE = [1.0, 0.0, 0.0, 0.0]
PICTURE = np.zeros((10, 10, 3), np.uint8)
PICTURE[:4] = 255  # 40 % white, 60 % black
MEASURED = measure(PICTURE)


def test_one_finding_per_label_in_graph_order_with_level_and_probability() -> None:
    marginals = [NONE, [0.1, 0.2, 0.3, 0.4], NONE, [0.75, 0.25, 0.0, 0.0], NONE, NONE]
    found = find(GRAPH, marginals, [1, 4, 1, 1, 1, 1], MEASURED, Capture())
    assert tuple(finding.label for finding in found) == GRAPH.label_names
    assert [finding.level for finding in found] == [1, 4, 1, 1, 1, 1]
    assert [finding.probability for finding in found] == pytest.approx([0, 0.9, 0, 0.25, 0, 0])


def test_evidence_of_every_shipped_label_carries_what_was_measured() -> None:
    by_label = {finding.label: finding.evidence for finding in find(GRAPH, [NONE] * 6, [1] * 6, MEASURED, Capture())}
    assert by_label == {
        "bright": "median luma 0.00, 40% of pixels clipped",
        "dark": "median luma 0.00, 60% of pixels darker than 2% luma",
        "high_contrast": "L* spans 100 of 100, L* standard deviation 49",
        "low_contrast": "L* spans 100 of 100, L* standard deviation 49",
        "overexposed": "40% of pixels clipped (red 40%, green 40%, blue 40%)",
        "over_suppressed": "brightest tenth at L* 100, L* standard deviation 0.0 within the brightest tenth",
    }


def test_chinese_evidence_has_the_same_numbers() -> None:
    found = find(GRAPH, [NONE] * 6, [1] * 6, MEASURED, Capture(exposure_bias_ev=-1.0), "zh")
    assert found[1].evidence == "亮度中位数 0.00，60% 的像素亮度低于 2%，曝光补偿 -1.0 EV"
    assert all(finding.evidence for finding in found)


def test_exposure_compensation_speaks_about_brightness_only() -> None:
    found = find(GRAPH, [NONE] * 6, [1] * 6, MEASURED, Capture(exposure_bias_ev=1.7))
    assert ["+1.7 EV" in finding.evidence for finding in found] == [True, True, False, False, False, False]
    for nothing in (0.0, 0.04, -0.04):
        zero = find(GRAPH, [NONE] * 6, [1] * 6, MEASURED, Capture(exposure_bias_ev=nothing))
        assert not any("EV" in finding.evidence for finding in zero)


def test_a_label_nobody_measures_gets_no_evidence() -> None:
    graph = HexGraph("own", (Label("lens flare", (1, 2, 3)), Label("too dark", (1, 2))))
    flare, dark = find(graph, [[0.2, 0.3, 0.5], [1.0, 0.0]], [3, 1], MEASURED, Capture())
    assert (flare.evidence, flare.level, flare.probability) == ("", 3, 0.8)
    assert dark.evidence.startswith("median luma")


def test_levels_go_by_the_graph_s_numbers_also_where_one_is_left_out() -> None:
    graph = HexGraph("own", (Label("lens flare", (1, 2, 4)), Label("too dark", (1, 2, 4))))
    flare, dark = find(graph, [[0.1, 0.4, 0.5], [0.1, 0.6, 0.3]], [4, 2], MEASURED, Capture())
    assert (flare.level, flare.margin, dark.level, dark.margin) == (4, pytest.approx(0.1), 2, pytest.approx(0.3))
    close = find(graph, [[0.1, 0.44, 0.46], [0.1, 0.46, 0.44]], [4, 2], MEASURED, Capture())
    assert [finding.nearly for finding in close] == [2, 4]
    # Darker than all that was seen at the graph's last level is that level all the more.
    usual = {"too dark": {"luma_median": {1: (0.4, 0.5, 0.6), 4: (0.2, 0.25, 0.3)}}}
    rows = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert find(graph, rows, [1, 4], MEASURED, Capture(), usual=usual)[1].measured == "fits"


def test_the_seed_labels_get_evidence_under_their_chinese_names() -> None:
    names = ("整体偏亮", "整体偏暗", "整体对比度高", "整体对比度低", "高光过曝", "高光压制过度")
    graph = HexGraph("seed", tuple(Label(name, (1, 2, 3, 4)) for name in names))
    assert all(finding.evidence for finding in find(graph, [NONE] * 6, [1] * 6, MEASURED, Capture()))


def test_rounding_never_pushes_a_probability_out_of_range() -> None:
    above = find(GRAPH, [[1.0 + 1e-12, 0, 0, 0]] * 6, [1] * 6, MEASURED, Capture())
    assert {finding.probability for finding in above} == {0.0}


def test_rows_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        find(GRAPH, [NONE] * 5, [1] * 6, MEASURED, Capture())


@pytest.mark.parametrize(
    ("fraction", "words"),
    [
        (0, "0%"),
        (0.0005, "<0.1%"),
        (0.032, "3.2%"),
        (0.0996, "10%"),
        (0.5, "50%"),
        (0.99, "99%"),
        (0.994, ">99%"),
        (0.9999, ">99%"),
        (1, "100%"),
    ],
)
def test_a_share_never_claims_none_or_all_without_being_so(fraction: float, words: str) -> None:
    assert in_percent(fraction) == words


@pytest.mark.parametrize(("fraction", "words"), [(0.0005, "<0.1%"), (0.032, "3.2%"), (0.9999, ">99%")])
def test_shares_are_written_in_digits_that_mean_something(fraction: float, words: str) -> None:
    picture = np.full((100, 100, 3), 119, np.uint8)
    picture.reshape(-1, 3)[: round(fraction * 10_000)] = 255
    found = find(GRAPH, [NONE] * 6, [1] * 6, measure(picture), Capture())
    assert found[0].evidence.endswith(f", {words} of pixels clipped")


def test_every_doubt_has_words_in_both_languages() -> None:
    notes = [no_photograph_note(doubt, lang) for doubt in get_args(Doubt) for lang in get_args(Language)]
    assert len(set(notes)) == 2 * len(get_args(Doubt))
    assert all(notes)


def test_the_small_picture_note_names_both_sides() -> None:
    assert too_small_note(8, 31) == "only 8 x 31 pixels: too small to judge"
    assert "8 x 31" in too_small_note(8, 31, "zh")


@pytest.mark.parametrize(
    ("row", "level", "margin", "nearly"),
    [
        ([0.7, 0.2, 0.1, 0.0], 1, 0.5, None),
        ([0.48, 0.42, 0.1, 0.0], 1, 0.06, 2),
        ([0.1, 0.36, 0.44, 0.1], 3, 0.08, 2),
        ([0.1, 0.2, 0.36, 0.34], 3, 0.02, 4),
        ([0.44, 0.05, 0.05, 0.46], 4, 0.41, None),  # not beside it
        ([0.0, 0.0, 0.52, 0.48], 4, -0.04, 3),  # the rules between labels named the less likely one
    ],
)
def test_a_level_that_hangs_by_a_hair_names_its_neighbour(
    row: list[float], level: int, margin: float, nearly: int | None
) -> None:
    dark = find(GRAPH, [NONE, row, *[NONE] * 4], [1, level, *[1] * 4], MEASURED, Capture())[1]
    assert dark.margin == pytest.approx(margin)
    assert dark.nearly == nearly


def usual_of_dark(name: str = "lstar_mean", **more: object) -> dict[str, Any]:
    """A card's entry: at none L* 30 to 90, at blocking 5 to 25; the two levels between were not seen."""
    levels = {"1": [30, 50, 90], "4": [5, 14, 25]}
    return {"labels": {"dark": {name: {"separation": 0.9, "levels": levels}}, **more}}


def dark_finding(lstar: float, level: int, lang: Language = "en", entry: object = None) -> Finding:
    measurements = [entry for entry in MEASURED if entry.name != "lstar_mean"]
    measurements.append(type(measurements[0])("lstar_mean", lstar, "lstar"))
    row = [float(level == number) for number in range(1, 5)]
    usual = read_usual(entry or usual_of_dark(), GRAPH, "card.json")
    return find(GRAPH, [NONE, row, *[NONE] * 4], [1, level, *[1] * 4], measurements, Capture(), lang, usual=usual)[1]


@pytest.mark.parametrize(
    ("lstar", "level", "measured"),
    [
        (14, 4, "fits"),
        (29, 4, "fits"),  # beyond the range, but not far
        (31, 4, "less"),
        (0, 4, "fits"),  # darker than all that was seen: blocking all the more
        (50, 1, "fits"),
        (100, 1, "fits"),
        (24, 1, "more"),
        (14, 3, None),  # nobody knows what is usual there
    ],
)
def test_a_measurement_far_from_what_was_seen_speaks_against_the_level(
    lstar: float, level: int, measured: Measured | None
) -> None:
    assert dark_finding(lstar, level).measured == measured


@pytest.mark.parametrize(
    ("levels", "lstar", "level", "measured"),
    [
        ({1: 70, 2: 55, 3: 40}, 5, 3, None),  # blocking was not seen: it may be that
        ({1: 70, 2: 55, 3: 40}, 5, 2, "more"),
        ({1: 70, 2: 55, 3: 40}, 90, 3, "less"),
        ({1: 70, 2: 55, 3: 40}, 90, 1, "fits"),  # there is nothing below none
        ({2: 55, 3: 40, 4: 20}, 90, 2, None),
        ({2: 55, 3: 40, 4: 20}, 0, 4, "fits"),
        ({3: 40}, 42, 3, "fits"),
        ({3: 40}, 5, 3, None),  # of one level nobody knows which way more is
        ({3: 40}, 90, 3, None),
    ],
)
def test_nothing_is_said_where_the_level_that_may_fit_better_was_not_seen(
    levels: dict[int, int], lstar: float, level: int, measured: Measured | None
) -> None:
    ranges = {str(seen): [middle - 5, middle, middle + 5] for seen, middle in levels.items()}
    entry = {"labels": {"dark": {"lstar_mean": {"separation": 0.9, "levels": ranges}}}}
    assert dark_finding(lstar, level, entry=entry).measured == measured


def test_a_measurement_that_is_no_evidence_about_a_label_does_not_speak_against_its_level() -> None:
    levels = {"1": [70, 75, 80], "4": [0, 10, 15]}
    foreign = {"lstar_std": {"separation": 1, "levels": levels}}  # 49 in this picture
    dark = {"lstar_mean": {"separation": 0.5, "levels": {"1": [30, 50, 90], "4": [5, 14, 25]}}}
    assert dark_finding(50, 1, entry={"labels": {"dark": foreign}}).measured is None
    both = dark_finding(14, 4, entry={"labels": {"dark": {**foreign, **dark}}})
    assert (both.measured, both.evidence) == ("fits", "mean L* 14 (usual at this level: 5 to 25)")
    graph = HexGraph("own", (Label("sky too dark", (1, 2)),))
    usual = read_usual({"labels": {"sky too dark": dark}}, graph, "card.json")
    (sky,) = find(graph, [[0.9, 0.1]], [1], measure(np.full((8, 8, 3), 5, np.uint8)), Capture(), usual=usual)
    assert (sky.measured, sky.evidence) == (None, "")


def test_evidence_leads_with_what_tells_levels_apart_and_says_what_is_usual() -> None:
    assert dark_finding(14, 4).evidence == "mean L* 14 (usual at this level: 5 to 25)"
    assert dark_finding(14, 4, "zh").evidence == "平均 L* 14（此等级通常为 5 至 25）"
    assert dark_finding(14, 3).evidence == "mean L* 14"
    assert dark_finding(50, 1).evidence == "mean L* 50"


DARK_BY_TWO = {
    "labels": {
        "dark": {
            "lstar_mean": {"separation": 0.9, "levels": {"1": [30, 50, 90], "4": [5, 14, 40]}},
            "luma_median": {"separation": 0.8, "levels": {"1": [0.25, 0.5, 0.9], "4": [0, 0.1, 0.6]}},
        }
    }
}


def measured_but(**values: float) -> list[Measurement]:
    """What was measured of the picture, some of it replaced."""
    return [dataclasses.replace(entry, value=values.get(entry.name, entry.value)) for entry in MEASURED]


def dark_by_two(lstar: float, luma: float, level: int = 4, lang: Language = "en") -> Finding:
    """Too dark, with two measurements about it, the first of which tells levels apart better."""
    measurements = measured_but(lstar_mean=lstar, luma_median=luma)
    row = [float(level == number) for number in range(1, 5)]
    usual = read_usual(DARK_BY_TWO, GRAPH, "card.json")
    return find(GRAPH, [NONE, row, *[NONE] * 4], [1, level, *[1] * 4], measurements, Capture(), lang, usual=usual)[1]


def test_a_measurement_that_is_usual_without_the_problem_says_so() -> None:
    both = dark_by_two(31, 0.5)
    assert both.measured == "fits"
    assert both.evidence == (
        "mean L* 31 (usual at this level: 5 to 40; seen without the problem, too), median luma 0.50"
    )
    assert dark_by_two(30, 0.5).evidence.count("seen without the problem, too") == 1
    assert dark_by_two(29.9, 0.5).evidence == "mean L* 30 (usual at this level: 5 to 40), median luma 0.50"
    assert dark_by_two(31, 0.5, level=1).evidence == "mean L* 31, median luma 0.50"  # nothing is claimed
    assert dark_by_two(31, 0.5, lang="zh").evidence.startswith(
        "平均 L* 31（此等级通常为 5 至 40；没有此问题时也可能如此）"
    )


def test_a_measurement_as_in_most_pictures_without_the_problem_does_not_show_it() -> None:
    evidence = "mean L* 33 (usual at this level: 5 to 40; alone it would not show the problem), median luma 0.50"
    assert dark_by_two(33, 0.5).evidence == evidence
    assert dark_by_two(33, 0.5, lang="zh").evidence.startswith(
        "平均 L* 33（此等级通常为 5 至 40；仅凭此值看不出此问题）"
    )


@pytest.mark.parametrize(
    ("lstar", "luma", "first"),
    [
        (35, 0.2, "median luma 0.20 (usual at this level: 0.00 to 0.60), "),
        (20, 0.2, "mean L* 20 (usual at this level: 5 to 40), "),  # of two that show it the better
        (33, 0.27, "median luma 0.27 (usual at this level: 0.00 to 0.60; seen without the problem, too), "),
    ],
)
def test_the_measurement_that_shows_the_problem_best_leads(lstar: float, luma: float, first: str) -> None:
    assert dark_by_two(lstar, luma).evidence.startswith(first)


def test_a_measurement_that_a_note_is_about_leads_whatever_it_shows() -> None:
    less = dark_by_two(60, 0.2)
    assert less.measured == "less"
    assert less.evidence.startswith("mean L* 60 (usual at this level: 5 to 40; alone it would not show the problem)")


@pytest.mark.parametrize(
    ("lstar", "said"),
    [(5, "alone it"), (62, "alone it"), (63, "seen without"), (70, "seen without"), (71, None), (95, None)],
)
def test_the_side_of_a_problem_is_that_of_its_median(lstar: float, said: str | None) -> None:
    levels = {"1": [10, 50, 70], "2": [60, 75, 90]}
    usual = read_usual({"labels": {"bright": {"lstar_mean": {"levels": levels}}}}, GRAPH, "card.json")
    rows = [[0.0, 1.0, 0.0, 0.0], *[NONE] * 5]
    bright = find(GRAPH, rows, [2, *[1] * 5], measured_but(lstar_mean=lstar), Capture(), usual=usual)[0]
    assert ("without the problem" in bright.evidence or "alone" in bright.evidence) == (said is not None)
    assert said is None or said in bright.evidence


def test_channels_stand_outside_of_the_brackets_of_what_is_usual() -> None:
    levels = {"1": [0, 0, 0.1], "4": [0.2, 0.5, 1]}
    entry = {"labels": {"overexposed": {"clipped_fraction": {"separation": 1, "levels": levels}}}}
    rows = [*[NONE] * 4, [0.0, 0.0, 0.0, 1.0], NONE]
    found = find(GRAPH, rows, [1, 1, 1, 1, 4, 1], MEASURED, Capture(), usual=read_usual(entry, GRAPH, "card.json"))[4]
    assert found.evidence == "40% of pixels clipped (usual at this level: 20% to 100%), red 40%, green 40%, blue 40%"
    assert found.measured == "fits"


def test_a_disagreement_is_said_in_both_languages() -> None:
    less, more = dark_finding(60, 4), dark_finding(10, 1)
    assert disagreement_notes(GRAPH, [less]) == ("too dark, blocking: the measurements fit a milder level",)
    assert disagreement_notes(GRAPH, [more]) == ("too dark, none: the measurements fit a worse level",)
    assert disagreement_notes(GRAPH, [less], "zh") == ("整体偏暗（阻塞）：实测值更符合较轻的等级",)
    assert disagreement_notes(GRAPH, [dark_finding(14, 4)]) == ()


@pytest.mark.parametrize(("dark_level", "measured"), [(1, "more"), (4, None)])
def test_a_dark_picture_is_not_called_flat_by_its_measurements(dark_level: int, measured: Measured | None) -> None:
    levels = {"1": [30, 60, 100], "4": [0, 10, 20]}
    entry = {"labels": {"low_contrast": {"lstar_p5_p95_spread": {"separation": 0.9, "levels": levels}}}}
    picture = np.full((8, 8, 3), 20, np.uint8)
    found = find(
        GRAPH,
        [NONE] * 6,
        [1, dark_level, 1, 1, 1, 1],
        measure(picture),
        Capture(),
        usual=read_usual(entry, GRAPH, "card.json"),
    )
    assert found[3].measured == measured


def test_a_card_without_ranges_gives_none() -> None:
    assert read_usual(None, GRAPH, "card.json") == {}
    assert all(entry.measured is None for entry in find(GRAPH, [NONE] * 6, [1] * 6, MEASURED, Capture(), usual={}))


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {},
        {"labels": []},
        {"labels": {"dark": 3}},
        {"labels": {"dark": {"lstar_mean": {}}}},
        usual_of_dark("lstar_mode"),
        {"labels": {"dark": {"lstar_mean": {"levels": {"1": [3, 2, 1]}}}}},
        {"labels": {"dark": {"lstar_mean": {"levels": {"one": [1, 2, 3]}}}}},
        {"labels": {"dark": {"lstar_mean": {"levels": {"1": [1, 2]}}}}},
        {"labels": {"dark": {"lstar_mean": {"levels": {"1": [1, "x", 3]}}}}},
    ],
)
def test_ranges_that_nobody_wrote_so_are_an_error_of_the_card(entry: object) -> None:
    with pytest.raises(CheckpointError, match=r"card\.json: measured"):
        read_usual(entry, GRAPH, "card.json")


def test_evidence_names_measurements_that_exist() -> None:
    assert {name for label in GRAPH.label_names for name in evidence_names(label)} <= set(MEASUREMENT_NAMES)
    assert evidence_names("lens flare") == ()

"""Findings: one per label, with words that carry the measured numbers."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from iqa_cli.findings import find, in_percent, no_photograph_note, too_small_note
from iqa_cli.hexgraph import HexGraph, Label, read_graph
from iqa_cli.paths import find_graph
from iqa_cli.photometry import Doubt, measure
from iqa_cli.records import Capture, Language

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
        "high_contrast": "L* spread 100 of 100 (5th to 95th percentile), standard deviation 49",
        "low_contrast": "L* spread 100 of 100 (5th to 95th percentile), standard deviation 49",
        "overexposed": "40% of pixels clipped (red 40%, green 40%, blue 40%)",
        "over_suppressed": "brightest tenth at L* 100, standard deviation 0.0",
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

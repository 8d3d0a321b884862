"""The comparison on a screen, as JSON, as CSV and as a page: the same numbers, and texts that stay texts."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from iqa_cli.comparison import Comparison, Side, compare
from iqa_cli.records import Measurement
from iqa_cli.report.comparison.csv_file import comparison_csv
from iqa_cli.report.comparison.html.writer import write_page
from iqa_cli.report.comparison.json_file import comparison_json
from iqa_cli.report.comparison.sentences import Names, Sentences
from iqa_cli.report.comparison.table import print_comparison
from iqa_cli.report.comparison.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.records import Language, PhotoReport

MADE = dt.datetime(2026, 7, 4, 9, 5, tzinfo=dt.UTC)
HOSTILE = "=cmd|'x'!A1 <img src=x>\u202e.jpg"


@pytest.fixture
def found(judged: Callable[..., PhotoReport], unreadable: Callable[..., PhotoReport]) -> Comparison:
    """Ten pairs darker by two levels, three that are less bright, one that is not judged in B, and a photo alone."""
    a = [judged(f"A/{n:02}.jpg") for n in range(10)] + [judged(f"A/{n}.jpg", {"bright": 2}) for n in (20, 21, 22)]
    a += [judged("A/30.jpg"), judged(f"A/{HOSTILE}"), judged("A/alone.jpg")]
    b = [judged(f"B/{n:02}.jpg", {"dark": 3}) for n in range(10)] + [judged(f"B/{n}.jpg") for n in (20, 21, 22)]
    b += [unreadable("B/30.jpg"), judged(f"B/{HOSTILE}", {"dark": 2})]
    return compare(Side.of("A", a, "A/"), Side.of("B", b, "B/"), resamples=100)


@pytest.fixture
def say(found: Comparison, graph: HexGraph) -> Callable[..., Sentences]:
    def speak(lang: Language = "en") -> Sentences:
        return Sentences(found, Names.of(found.a.labels, graph, lang), lang)

    return speak


@pytest.fixture
def table(found: Comparison, graph: HexGraph) -> Callable[..., str]:
    def printed(lang: Language = "en", top: int = 10) -> str:
        file = io.StringIO()
        print_comparison(found, Names.of(found.a.labels, graph, lang), lang, top=top, file=file)
        return file.getvalue()

    return printed


def test_the_sentence_names_what_got_worse_with_its_counts_and_p(say: Callable[..., Sentences]) -> None:
    # 11 of 11 one way: 2 / 2^11 is 0.00098, seven times that by Holm.
    assert say().verdict() == "B is worse than A in too dark (11 of 14 pairs worse, 0 better, p = 0.007)."
    assert say("zh").verdict() == "B 比 A 差：整体偏暗（14 对中 11 对变差，0 对变好，p = 0.007）。"


def test_a_little_of_everything_is_said_of_photos_as_a_whole(
    judged: Callable[..., PhotoReport], graph: HexGraph
) -> None:
    sides = [
        Side.of("A", [judged(f"A/{n}") for n in range(9)]),
        Side.of("B", [judged(f"B/{n}", {("dark", "bright", "over_suppressed")[n % 3]: 3}) for n in range(9)]),
    ]
    said = Sentences(compare(*sides), Names.of(sides[0].labels, graph, "en"), "en").verdict()
    assert said.startswith("B is worse than A in the worst problem of a photo (9 of 9 pairs worse, 0 better, p = 0.0")


def test_no_difference_comes_with_what_could_have_been_shown(
    judged: Callable[..., PhotoReport], graph: HexGraph
) -> None:
    def verdict(pairs: int, lang: Language = "en") -> str:
        sides = [Side.of(name, [judged(f"{name}/{n:03}") for n in range(pairs)]) for name in "AB"]
        return Sentences(compare(*sides), Names.of(sides[0].labels, graph, lang), lang).verdict()

    said = verdict(100)
    assert said.startswith("No difference between A and B can be shown in 100 pairs. If in one problem 12 % more of")
    assert verdict(3).endswith("So few pairs could not show even a large one.")
    assert "无法证明" in verdict(100, "zh")


def test_what_was_measured_is_said_only_where_chance_cannot_explain_it(
    judged: Callable[..., PhotoReport], graph: HexGraph
) -> None:
    def verdict(shift: float, wobble: float) -> str:
        sides = []
        for name, by in (("A", 0.0), ("B", shift)):
            reports = [judged(f"{name}/{n:03}") for n in range(20)]
            for n, report in enumerate(reports):
                luma = 0.5 + by + (wobble if n % 2 and name == "B" else 0.0)
                object.__setattr__(report, "measurements", (Measurement("luma_median", luma, "luma"),))
            sides.append(Side.of(name, reports))
        return Sentences(compare(*sides), Names.of(sides[0].labels, graph, "en"), "en").verdict()

    assert re.search(r"Measured, B is 0\.\d\d EV darker \(95 %: 0\.\d\d to 0\.\d\d\)\.", verdict(-0.1, 0.02))
    assert re.search(r"Measured, B is 0\.\d\d EV brighter", verdict(0.1, 0.02))
    assert "Measured" not in verdict(-0.01, 0.02)
    assert "Measured" not in verdict(0.0, 0.0)


def test_the_table_has_the_counts_of_both_sides_and_of_what_was_left_over(table: Callable[..., str]) -> None:
    said = table()
    assert "A: A, 16 photos (16 judged)" in said
    assert "B: B, 15 photos (14 judged, 1 unreadable)" in said
    assert "14 pairs compared, by path; 1 pairs set apart" in said
    assert "1 in A without a partner" in said
    assert re.search(r"too dark +- +11 +3 +\+1\.50 \(\+\d\.\d\d to \+\d\.\d\d\) +0\.007 +worse", said)
    assert re.search(r"too bright +3 +- +11 ", said)
    assert "10 none → severe, 1 none → ordinary" in said
    assert said.rstrip().splitlines()[-1].startswith("B is worse than A")
    assert "\u202e" not in said


def test_top_limits_the_lists_and_says_so(table: Callable[..., str]) -> None:
    assert "Worse in B (2 of 11; --top N shows more)" in table(top=2)
    assert "Worse in B (11)" in table(top=11)
    assert "Worse in B" not in table(top=0)


def test_the_document_holds_what_the_comparison_does(found: Comparison, say: Callable[..., Sentences]) -> None:
    document = json.loads(comparison_json(say(), top=2, made=MADE))
    assert (document["format_version"], document["SourceFile"], document["verdict"]) == (1, "none", "worse")
    assert (document["regression"], document["severe_regression"]) == (True, True)
    dark = next(entry for entry in document["labels"] if entry["label"] == "dark")
    change = next(entry for entry in found.labels if entry.label == "dark")
    assert (
        dark["transitions"] == [[3, 1, 10, 0], [0] * 4, [0] * 4, [0] * 4] == [list(row) for row in change.transitions]
    )
    assert (dark["better"], dark["worse"], dark["same"], dark["shown"]) == (0, 11, 3, "worse")
    assert dark["p"] == pytest.approx(2 / 2**11)
    assert dark["p_holm"] == pytest.approx(14 / 2**11)
    assert (dark["severe"]["better"], dark["severe"]["worse"]) == (0, 10)
    assert document["pairs"] == {
        "found": 15,
        "compared": 14,
        "set_apart": [{"a": "A/30.jpg", "status_a": "ok", "b": "B/30.jpg", "status_b": "unreadable"}],
    }
    assert document["a"]["without_partner"] == ["A/alone.jpg"]
    assert [len(document[key]) for key in ("regressions", "gains")] == [2, 2]
    assert document["regressions"][0]["changes"] == [{"label": "dark", "level_a": 1, "level_b": 3}]


def test_the_rows_are_all_pairs_and_harmless(found: Comparison) -> None:
    text = b"".join(comparison_csv(found)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 15
    assert {row["file_a"][2:] for row in rows} == {row["file_b"][2:] for row in rows}
    assert sum(int(row["largest_rise"] or 0) for row in rows) == 21
    assert [row["dark_b"] for row in rows[:10]] == ["3"] * 10
    gone = next(row for row in rows if row["file_a"] == "A/30.jpg")
    assert (gone["status_b"], gone["largest_rise"], gone["dark_b"], gone["luma_mean_b"]) == ("unreadable", "", "", "")
    assert not any(name.startswith("SourceFile") for name in rows[0])


def test_a_formula_in_a_name_is_made_harmless(judged: Callable[..., PhotoReport]) -> None:
    sides = [Side.of(name, [judged("=1+1.jpg")], "") for name in "AB"]
    assert b"".join(comparison_csv(compare(*sides))).splitlines()[1].startswith(b"'=1+1.jpg,'=1+1.jpg,ok,ok,0,0,")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_stands_alone_and_shows_texts_as_texts(
    say: Callable[..., Sentences], tmp_path: Path, lang: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "A").mkdir()
    Image.new("RGB", (900, 600), (90, 120, 150)).save(tmp_path / "A" / "00.jpg")
    write_page(tmp_path / "c.html", say(lang), lang, top=20, made=MADE)
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>\n<!-- iqa comparison page, format_version 1 -->")
    assert say(lang).verdict() in page.replace("&lt;", "<")
    assert "<img src=x>" not in page
    assert not re.search(r"\b(?:src|href)=\"(?!data:|#)", page)
    assert not re.search(r"<[^>]* (?:style|on\w+)=", page)
    # The one photo that is there has a picture, the twenty-seven others say that they have none.
    assert page.count('src="data:image/jpeg;base64,') == 1
    assert page.count(WORDS[lang]["no_picture"]) == 2 * (11 + 3) - 1
    assert {"{", "}"} & set(re.sub(r"<(style|script)[\s\S]*?</\1>", "", page)) == set()


def test_every_word_is_there_in_both_languages_with_the_same_slots() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for key, english in WORDS["en"].items():
        slots: list[Any] = [sorted(re.findall(r"\{\w*\}", words)) for words in (english, WORDS["zh"][key])]
        assert slots[0] == slots[1] or key in ("photo", "pair"), key
        assert WORDS["zh"][key] != english or key in ("p", "p_below", "column_p", "column_a", "column_b", "brackets"), (
            key
        )


def test_labels_without_a_graph_are_called_as_they_are_spelled() -> None:
    names = Names.of(("sky_clipped",), None, "zh")
    assert names.labels == {"sky_clipped": "sky clipped"}
    assert (names.level(3), names.level(9)) == ("severe", "9")

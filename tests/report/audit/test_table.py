"""The table: readable on a terminal and in a pipe, in two languages, whatever the names are."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from iqa_cli.hexgraph import HexGraph, Label
from iqa_cli.records import Finding, Language, PhotoReport
from iqa_cli.report.audit.table import print_table
from iqa_cli.report.audit.tally import Tally
from iqa_cli.report.audit.words import closing_line

Make = Callable[..., PhotoReport]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(
    reports: list[PhotoReport],
    graph: HexGraph,
    *,
    file: io.StringIO | None = None,
    lang: Language = "en",
    top: int = 20,
    min_level: int = 2,
) -> str:
    tally = Tally(top=top, min_level=min_level)
    for report in reports:
        tally.add(report)
    file = file or io.StringIO()
    print_table(tally, graph, elapsed_s=2.0, lang=lang, file=file)
    return file.getvalue()


@pytest.fixture
def reports(judged: Make, unreadable: Make) -> list[PhotoReport]:
    return [
        judged("DCIM/fine.jpg"),
        judged("DCIM/both.jpg", {"dark": 4, "high_contrast": 2}, p=0.997),
        judged("DCIM/bright.jpg", {"bright": 3}, notes=("the file ends early: 98 % of the picture is there",)),
        judged("DCIM/icon.png", {"dark": 4}, status="uncertain", notes=("only 8 x 8 pixels",)),
        unreadable("DCIM/empty.jpg"),
    ]


GOLDEN = """\
Tone problems, by photo (3 of 5 photos judged)

 Problem                      ordinary    severe   blocking      none
 ────────────────────────────────────────────────────────────────────
 too bright                          -   1   33%          -   2   67%
 too dark                            -         -    1   33%   2   67%
 contrast too high             1   33%         -          -   2   67%
 contrast too low                    -         -          -   3  100%
 highlights clipped                  -         -          -   3  100%
 highlights over-suppressed          -         -          -   3  100%

Worst photos first (2)
  DCIM/both.jpg
    blocking  too dark           >99% sure  evidence of dark
    ordinary  contrast too high  >99% sure  evidence of high_contrast
  DCIM/bright.jpg
    the file ends early: 98 % of the picture is there
    severe    too bright          90% sure  evidence of bright

Uncertain, do not trust these (1)
  1  only 8 x 8 pixels
     DCIM/icon.png

Unreadable (1)
  1  the file is empty (0 bytes)
     DCIM/empty.jpg

5 photos in 2.0 s: 2 flawed (1 blocking, 1 severe), 1 fine, 1 uncertain, 1 unreadable
"""


def test_the_whole_report_reads_like_this(reports: list[PhotoReport], graph: HexGraph) -> None:
    # In a pipe: no colour codes, no padding, no line broken, however long.
    assert printed(reports, graph) == GOLDEN


def test_chinese_says_the_same_in_chinese(reports: list[PhotoReport], graph: HexGraph) -> None:
    text = printed(reports, graph, lang="zh")
    assert text.splitlines()[0] == "影调问题（已评判 3 张，共 5 张）"
    assert "    阻塞  整体偏暗      >99% 把握  evidence of dark\n" in text
    assert text.splitlines()[-1] == (
        "5 张，用时 2.0 秒：2 张有问题（1 张阻塞，1 张严重），1 张正常，1 张存疑，1 张无法读取"
    )


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_gets_colours_and_lines_of_its_width(
    columns: int, reports: list[PhotoReport], graph: HexGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = printed(reports, graph, file=Terminal())
    assert "\x1b[1;31mblocking" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= columns
    assert " ".join(plain.split()) == " ".join(GOLDEN.split())


def test_a_long_name_stays_in_one_piece_on_a_narrow_terminal(
    judged: Make, graph: HexGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "a folder with a long name/" * 6 + "photo.jpg"
    assert name in printed([judged(name, {"dark": 4})], graph, file=Terminal())


def test_names_are_neither_markup_nor_commands_for_the_terminal(
    judged: Make, unreadable: Make, graph: HexGraph
) -> None:
    names = ["[red]a[/red].jpg", ":smile:.jpg", "b\x1b[2J\n.jpg"]
    text = printed([judged(name, {"dark": 4}) for name in names] + [unreadable("[bold]", "[blink]")], graph)
    for shown in ("[red]a[/red].jpg", ":smile:.jpg", "b\\x1b[2J\\x0a.jpg", "[bold]", "[blink]"):
        assert shown in text


def test_top_and_severity_limit_the_list_and_the_heading_says_so(judged: Make, graph: HexGraph) -> None:
    photos = [judged(f"{number}.jpg", {"dark": 2 + number % 3}) for number in range(9)]
    text = printed(photos, graph, top=2, min_level=3)
    assert "Worst photos first (2 of 6; --top N shows more)" in text
    assert [line for line in text.splitlines() if line.endswith(".jpg")] == ["  2.jpg", "  5.jpg"]
    assert "Worst" not in printed(photos, graph, top=0)


def test_many_unreadable_files_are_counted_and_cut(unreadable: Make, graph: HexGraph) -> None:
    text = printed([unreadable(f"{number:02}.jpg", "cut off") for number in range(30)], graph)
    assert "  30  cut off\n     00.jpg\n" in text
    assert "     ... and 25 more: --csv FILE lists all\n" in text
    assert "Tone problems" not in text
    assert text.endswith("\n30 photos in 2.0 s: 0 flawed, 0 fine, 30 unreadable\n")


def test_one_photo_is_singular(judged: Make, graph: HexGraph) -> None:
    tally = Tally()
    tally.add(judged("a"))
    assert closing_line(tally, graph, 0.0, "en") == "1 photo in 0.0 s: 0 flawed, 1 fine"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_closing_line_fits_100_columns_with_counts_of_three_digits(
    lang: Language, judged: Make, unreadable: Make, graph: HexGraph
) -> None:
    tally = Tally()
    for number in range(111):
        for level in (3, 4):
            tally.add(judged(f"{level}-{number}", {"dark": level}))
        tally.add(judged(f"fine-{number}"))
        tally.add(judged(f"small-{number}", status="uncertain", notes=("too small",)))
        tally.add(unreadable(f"bad-{number}"))
    line = closing_line(tally, graph, 123.4, lang)
    assert "555" in line
    assert "123 " in line
    assert line.count("111") == 5
    assert cell_len(line) <= 100


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_narrow_terminal_loses_shares_but_no_word_and_no_count(
    lang: Language, judged: Make, graph: HexGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    photos = [judged(f"{number}.jpg", {"over_suppressed": 4} if number < 3 else {}) for number in range(247)]
    text = printed(photos, graph, file=Terminal(), lang=lang)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(cell_len, plain.splitlines())) <= 40
    squeezed = re.sub(r"\s", "", plain)
    for label in graph.labels[:2]:  # those that need no second line beside the counts
        assert f"{label.display(lang)}---247".replace(" ", "") in squeezed
    assert "3244" in squeezed
    for level in (1, 2, 3, 4):
        assert graph.level_name(level, lang) in plain
    assert "%" not in plain.split("\n\n")[1]
    assert "\n      evidence of over_suppressed\n" in plain


@pytest.mark.parametrize(("encoding", "rule"), [("ascii", "-"), ("latin-1", "-"), ("utf-8", "─"), ("gbk", "─")])
def test_the_rule_is_one_that_the_encoding_has(
    encoding: str, rule: str, reports: list[PhotoReport], graph: HexGraph
) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    tally = Tally()
    for report in reports:
        tally.add(report)
    print_table(tally, graph, elapsed_s=2.0, lang="en", file=file)
    text = file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]  # a BytesIO
    assert "\\u" not in text
    assert text.splitlines()[3].strip() == 68 * rule


def test_labels_with_fewer_levels_leave_the_cell_empty() -> None:
    graph = HexGraph("own", (Label("flare", (1, 2)), Label("dark", (1, 2, 3))), {})
    findings = (Finding("flare", 2, 0.8, ""), Finding("dark", 1, 0.1, ""))
    text = printed([PhotoReport("a.jpg", "ok", findings=findings)], graph)
    header, _, flare, dark = text.splitlines()[2:6]
    assert header.split() == ["Problem", "2", "3", "1"]
    assert flare.split() == ["flare", "1", "100%", "-"]
    assert dark.split() == ["dark", "-", "-", "1", "100%"]


@pytest.mark.parametrize(("lang", "words"), [("en", "nearly ordinary, mean L* 14"), ("zh", "接近普通，mean L* 14")])
def test_a_level_that_hangs_by_a_hair_is_marked(lang: Language, words: str, graph: HexGraph) -> None:
    finding = Finding("dark", 3, 0.9, "mean L* 14", margin=0.02, nearly=2)
    assert words in printed([PhotoReport("a.jpg", "ok", findings=(finding,))], graph, lang=lang)
    foreign = Finding("dark", 3, 0.9, "", margin=0.02, nearly=2)
    bare = printed([PhotoReport("a.jpg", "ok", findings=(foreign,))], graph, lang=lang)
    assert f"  {words.replace('，', ',').partition(',')[0]}\n" in bare


def test_fine_photos_that_were_measured_otherwise_are_listed_apart(graph: HexGraph) -> None:
    finding = Finding("dark", 1, 0.1, "mean L* 10", measured="more")
    note = "too dark, none: the measurements fit a worse level"
    text = printed([PhotoReport("DCIM/night.jpg", "ok", notes=(note,), findings=(finding,))], graph)
    assert f"Judged fine, but measured otherwise (1)\n  1  {note}\n     DCIM/night.jpg\n" in text

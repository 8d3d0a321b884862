"""The table of a split: every number, on any screen."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len

from iqa_cli.hexgraph import HexGraph, Label
from iqa_cli.labels.counts import LabelCounts, PartCounts
from iqa_cli.report.split.table import print_split_table

FOUR = (1, 2, 3, 4)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def part(total: int, *labels: LabelCounts, unknown: int = 0) -> PartCounts:
    """A part where a fifth of the photos has an issue."""
    return PartCounts(total, total // 5, total - total // 5 - unknown, unknown, labels)


def printed(parts: dict[str, PartCounts], graph: HexGraph, file: io.StringIO | None = None) -> str:
    file = file or io.StringIO()
    print_split_table(parts, graph, title="labels.csv: 1,290 photos, 12 scenes", file=file)
    return file.getvalue()


GRAPH = HexGraph(
    "two",
    (Label("bright", FOUR), Label("over_suppressed", FOUR)),
    {1: {"en": "none"}, 2: {"en": "some"}, 3: {"en": "much"}},
)
PARTS = {
    "train": part(1000, LabelCounts(120, (880, 100, 12, 8), 0, 0), LabelCounts(3, (997, 0, 3, 0), 0, 0)),
    "val": part(290, LabelCounts(20, (270, 20, 0, 0), 0, 0), LabelCounts(0, (290, 0, 0, 0), 0, 0)),
}

GOLDEN = """\
labels.csv: 1,290 photos, 12 scenes
of each label the positives, and of them some / much / 4

                               all             train           val
 ─────────────────────────────────────────────────────────────────
 photos                      1,290             1,000           290
 has issue           258       20%     200       20%    58     20%
 no issue          1,032       80%     800       80%   232     80%

 bright              140  120/12/8     120  100/12/8    20  20/0/0
 over_suppressed       3     0/3/0       3     0/3/0             -

val has no positive of over_suppressed
"""


def test_a_split_is_printed_with_shares_levels_and_what_a_part_lacks() -> None:
    assert printed(PARTS, GRAPH) == GOLDEN


def test_partial_labels_are_told_apart() -> None:
    unsure = part(10, LabelCounts(5, (2, 1, 0, 0), 4, 3), LabelCounts(0, (0, 0, 0, 0), 0, 10), unknown=6)
    text = printed({"train": unsure}, GRAPH)
    assert "; +n only known as a level or worse; ?n not looked at\n" in text
    assert [line.split() for line in text.splitlines() if line.startswith((" bright", " over", " not"))] == [
        ["not", "all", "looked", "at", "6", "60%", "6", "60%"],
        ["bright", "5", "1/0/0", "+4", "?3", "5", "1/0/0", "+4", "?3"],
        ["over_suppressed", "-", "?10", "-", "?10"],
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_number_is_cut_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    parts = {f"fold{number}": part(1000 + number, *PARTS["train"].labels) for number in range(6)}
    graph = HexGraph("long", (Label("a label of a great many words 整体偏亮", FOUR), GRAPH.labels[1]))
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed(parts, graph, Terminal()))
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for number in range(6):
        assert f"fold{number}" in text
        assert f"{1000 + number:,}" in text
    assert text.count("100/12/8") == 6
    assert "…" not in text


def test_a_name_cannot_move_the_cursor() -> None:
    graph = HexGraph("odd", (Label("[bold]", FOUR), Label("x\u202ey", FOUR)))
    text = printed({"a\x1bb": part(10, *PARTS["val"].labels)}, graph)
    assert "[bold]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text

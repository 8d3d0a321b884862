"""Issue lists: what is understood in both languages, and that every mistake is told with its line."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph import HexGraph, Label, read_graph
from iqa_cli.labels import read_labels
from iqa_cli.labels.issues import read_issues
from iqa_cli.labels.write import label_csv
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from pathlib import Path

CHINESE = (
    "图片,问题点,严重程度",
    "a.jpg,整体偏暗,严重",
    "a.jpg,高光过曝,普通",
    "b.jpg,,无",
    "c.jpg,整体对比度低,阻塞",
    "d.jpg,无,无",
)
ENGLISH = (
    "Device,Picture,Issue,Severity",
    "x,a.jpg,too dark,Severe",
    "x,./a.jpg,highlights clipped,ordinary",
    "y,b.jpg,none,",
    "y,c.jpg,low-contrast,blocking",
    "y,d.jpg,,none",
)
LEVELS = {
    "none": [[0, 2, 0, 0, 1, 0], [0] * 6, [0, 0, 0, 3, 0, 0], [0] * 6],
    "unknown": [[-1, 2, -1, -1, 1, -1], [0] * 6, [-1, -1, -1, 3, -1, -1], [0] * 6],
}


@pytest.fixture
def listed(tmp_path: Path):
    def write(*lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "issues.csv"
        path.write_bytes("\n".join(lines).encode(encoding))
        return path

    return write


def mistakes(path: Path, graph: HexGraph, **how: object) -> list[str]:
    with pytest.raises(LabelsError) as error:
        read_issues(path, graph, **how)  # type: ignore[arg-type]
    return list(error.value.problems)


@pytest.mark.parametrize("lines", [CHINESE, ENGLISH], ids=["Chinese", "English"])
@pytest.mark.parametrize("unlisted", ["none", "unknown"])
def test_a_row_for_each_finding_becomes_a_row_for_each_photo(listed, graph: HexGraph, lines, unlisted) -> None:
    table = read_issues(listed(*lines), graph, unlisted=unlisted)
    assert table.names == ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    assert table.positions.tolist() == LEVELS[unlisted]
    assert (table.lines, table.notes) == ((2, 4, 5, 6), ())


@pytest.mark.parametrize("unlisted", ["none", "unknown"])
def test_what_is_written_is_read_back_as_it_was(listed, graph: HexGraph, tmp_path: Path, unlisted) -> None:
    table = read_issues(listed(*CHINESE, '"e, ""f"".jpg",too bright,普通'), graph, unlisted=unlisted)
    out = tmp_path / "labels.csv"
    out.write_bytes(label_csv(table))
    again = read_labels(out, graph)
    assert again.names == table.names
    assert again.positions.tolist() == table.positions.tolist()


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [("utf-8-sig", ","), ("utf-16", "\t"), ("utf-8", ";")],
    ids=["mark", "unicode", "semicolon"],
)
def test_lists_are_read_as_spreadsheets_save_them(listed, graph: HexGraph, encoding: str, separator: str) -> None:
    path = listed(*(line.replace(",", separator) for line in CHINESE), encoding=encoding)
    assert read_issues(path, graph).positions.tolist() == LEVELS["none"]


def test_every_mistake_is_told_at_once_with_its_line(listed, graph: HexGraph) -> None:
    path = listed(
        "picture,issue,severity",
        "a.jpg,too drak,severe",
        "a.jpg,dark,sever",
        "a.jpg,bright,2",
        "b.jpg,dark,severe",
        "b.jpg,整体偏暗,ordinary",
        "b.jpg,too dark,严重",
        "c.jpg,dark,",
        "c.jpg,,severe",
        ",dark,severe",
        "d.jpg,dark",
        "e.jpg,bright,ordinary",
        "e.jpg,dark,ordinary",
        "f.jpg,无,",
        "f.jpg,dark,ordinary",
    )
    rule = '"bright" 1-3 excludes "dark" 1-3 (exclusions[0])'
    known = "none, 无, ordinary, 普通, severe, 严重, blocking, 阻塞, 堵塞"
    assert mistakes(path, graph) == [
        'line 2, "a.jpg": graph "smartphone-6" has no issue "too drak" (did you mean "too dark"?)',
        'line 3, "a.jpg": severity "sever" is not known (did you mean "severe"?)',
        f'line 4, "a.jpg": severity "2" is a number, which may count from 0 or from 1: write a word ({known})',
        'line 6, "b.jpg": "整体偏暗" has another severity in line 5',
        'line 8, "c.jpg": no severity of "dark"',
        'line 9, "c.jpg": severity "severe" of no issue',
        "line 10: no name of a picture",
        "line 11: 2 cells, the header has 3",
        f'line 12, "e.jpg": "bright" 1 and "dark" 1 cannot be together: {rule}',
        'line 14, "f.jpg": listed without an issue, and with one in line 15',
    ]


def test_an_issue_of_severity_none_is_no_finding(listed, graph: HexGraph) -> None:
    path = listed("image,issue,severity", "a.jpg,dark,无", "a.jpg,无,无", "b.jpg,bright,none")
    table = read_issues(path, graph, unlisted="unknown")
    assert table.positions.tolist() == [[0] * 6, [0, -1, -1, -1, -1, -1]]


def test_other_issues_can_be_passed_over_and_are_counted(listed, graph: HexGraph) -> None:
    path = listed(
        "filename,issue,severity", "a.jpg,noise,severe", "b.jpg,noise,ordinary", "b.jpg,dark,severe", "a.jpg,halo,x"
    )
    assert len(mistakes(path, graph)) == 3
    table = read_issues(path, graph, skip_unknown=True)
    assert table.positions[:, 1].tolist() == [0, 2]
    (note,) = table.notes
    assert note == 'passed over: 3 findings of issues that are no labels of the graph: "noise" (2), "halo" (1)'
    both = listed("filename,issue,severity", "a.jpg,noise,severe", "a.jpg,无,")
    assert "listed without an issue" in mistakes(both, graph, skip_unknown=True)[0]


def test_aliases_and_the_graph_s_own_names_of_levels_are_understood(listed) -> None:
    prism = read_graph(find_graph("prism-53"))
    table = read_issues(listed("image,issue,severity", "a.jpg,too dark,minor", "a.jpg,low clarity,critical"), prism)
    assert {name: k for name, k in zip(table.labels, table.positions[0].tolist(), strict=True) if k} == {
        "too dark": 1,
        "low clarity": 3,
    }
    two = HexGraph("two", (dataclasses.replace(Label("blur", (1, 2)), aliases=("unsharp",)),))
    assert read_issues(listed("image,issue,severity", "a.jpg,unsharp,ordinary"), two).positions.tolist() == [[1]]
    said = 'line 2, "a.jpg": "unsharp" has no severity "severe" (none, 无, ordinary, 普通)'
    assert mistakes(listed("image,issue,severity", "a.jpg,unsharp,severe"), two) == [said]


def test_a_severity_s_word_means_the_level_of_that_number(listed) -> None:
    gap = HexGraph("gap", (Label("blur", (1, 2, 4)), Label("noise", (2, 3))))
    rows = ("a.jpg,blur,blocking", "b.jpg,blur,普通", "c.jpg,noise,severe", "d.jpg,noise,none")
    assert read_issues(listed("image,issue,severity", *rows), gap).positions.tolist() == [
        [2, 0],
        [1, 0],
        [0, 1],
        [0, 0],
    ]
    assert mistakes(listed("image,issue,severity", "a.jpg,blur,severe", "b.jpg,noise,ordinary"), gap) == [
        'line 2, "a.jpg": "blur" has no severity "severe" (none, 无, ordinary, 普通, blocking, 阻塞, 堵塞)',
        'line 3, "b.jpg": "noise" has no severity "ordinary" (none, 无, severe, 严重)',
    ]
    named = HexGraph("named", (Label("blur", (1, 2, 4)),), level_names={4: {"en": "severe"}})
    assert read_issues(listed("image,issue,severity", "a.jpg,blur,severe"), named).positions.tolist() == [[2]]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("filename,bright,dark", "a.jpg,0,2"), 'header: no column "issue" or "problem" or "label" or "问题点"'),
        (("image,picture,issue,severity",), 'header: columns "image" and "picture" both hold the picture'),
        (("image,issue,severity",), "a header and no rows"),
    ],
)
def test_what_is_no_list_is_refused(listed, graph: HexGraph, lines: tuple[str, ...], said: str) -> None:
    assert mistakes(listed(*lines), graph)[0] == said


def test_an_empty_file_and_a_code_page_are_refused(listed, graph: HexGraph) -> None:
    with pytest.raises(LabelsError, match="the file is empty"):
        read_issues(listed(), graph)
    with pytest.raises(LabelsError, match="is not UTF-8"):
        read_issues(listed(*CHINESE, encoding="gb18030"), graph)


def test_numbers_are_no_severities_and_the_error_says_why(listed, graph: HexGraph) -> None:
    with pytest.raises(LabelsError, match="3 problems") as error:
        read_issues(listed("图片,问题点,严重程度", "a.jpg,整体偏暗,0", "b.jpg,整体偏暗,3", "c.jpg,oops,3"), graph)
    assert [" is a number, " in problem for problem in error.value.problems] == [True, True, False]
    assert error.value.hint == "severities are words; numbers are not taken, because 0..3 cannot be told from 1..4"


@pytest.mark.parametrize("lines", [CHINESE, ENGLISH, [line.replace(",", ";") for line in CHINESE]])
def test_a_list_that_is_taken_for_a_label_file_is_told_what_makes_one_of_it(
    listed, graph: HexGraph, lines: tuple[str, ...]
) -> None:
    path = listed(*lines)
    with pytest.raises(LabelsError, match="this is a list of issues, not a label file") as error:
        read_labels(path, graph)
    assert (error.value.problems, error.value.hint) == (
        (),
        f"iqa labels {path} --out labels.csv makes a label file of it",
    )

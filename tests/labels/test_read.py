"""Label files: what is understood, and that every mistake is told with its line."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_graphs import quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph import HexGraph, Label, read_graph
from iqa_cli.labels import read_labels
from iqa_cli.paths import find_graph
from iqa_cli.records import PhotoReport
from iqa_cli.report.audit.csv_file import CsvWriter
from iqa_cli.report.output import OutputStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.labels import LabelTable

    Read = Callable[..., LabelTable]
    Write = Callable[..., Path]


def mistakes(error: pytest.ExceptionInfo[LabelsError]) -> list[str]:
    return list(error.value.problems)


def test_columns_go_by_name_into_the_order_of_the_graph(read: Read) -> None:
    table = read("a.jpg,1,0,0,2,0,3", "b.jpg,0,1,2,0,3,0")
    assert table.labels == ("bright", "dark", "high_contrast", "low_contrast", "overexposed", "over_suppressed")
    assert table.positions.tolist() == [[1, 0, 2, 0, 0, 3], [0, 1, 0, 2, 3, 0]]
    assert table.positions.dtype == np.int64
    assert table.names == ("a.jpg", "b.jpg")
    assert table.lines == (2, 3)
    assert (table.split, table.scene, table.notes) == (None, None, ())


def test_a_cell_is_a_level_a_level_or_worse_or_nothing(read: Read, graph: HexGraph) -> None:
    table = read("a.jpg,-1,,2+, 0 ,3+,0+", "b.jpg,2.0,-1.0,0.0,0,1 +,0")
    assert table.positions.tolist() == [[-1, -1, 0, 2, 3, -1], [2, -1, 0, 0, 1, 0]]
    assert table.at_least.tolist() == [[False, False, False, True, False, False], [False] * 4 + [True, False]]
    everything, nothing = [True] * 4, [False] * 4
    assert table.allowed(graph)[0].reshape(6, 4).tolist() == [
        everything,
        everything,
        [True, False, False, False],
        [False, False, True, True],
        [False, False, False, True],
        everything,
    ]
    assert table.allowed(graph)[1].reshape(6, 4)[4].tolist() == [False, True, True, True]
    assert nothing not in table.allowed(graph).reshape(-1, 4).tolist()


@pytest.mark.parametrize(
    "header",
    [
        "IMAGE,Bright,DARK,low-contrast,high contrast,overexposed,over_suppressed",
        "image,too bright,too dark,contrast too low,contrast too high,highlights clipped,highlights over-suppressed",
        "Filename, 整体偏亮 ,整体偏暗,整体对比度低,整体对比度高,高光过曝,高光压制过度",
    ],
)
def test_names_of_columns_may_be_spelled_in_other_ways(read: Read, header: str) -> None:
    assert read("a.jpg,1,0,0,2,0,3", header=header).positions.tolist() == [[1, 0, 2, 0, 0, 3]]


def aliased(graph: HexGraph) -> HexGraph:
    """The graph, with two other spellings of its first label and one of its second."""
    bright, dark, *others = graph.labels
    return dataclasses.replace(
        graph,
        labels=(
            dataclasses.replace(bright, aliases=("overlit", "Over exposed EV")),
            dataclasses.replace(dark, aliases=("underlit",)),
            *others,
        ),
    )


def test_a_column_may_have_an_alias_for_its_name(write: Write, graph: HexGraph) -> None:
    for header in ("overlit,underlit", "over-exposed_ev,UnderLit", "整体偏亮,underlit", "bright,dark"):
        table = read_labels(write("a.jpg,2,0", header=f"filename,{header}"), aliased(graph))
        assert table.positions[0, :2].tolist() == [2, 0], header


def test_two_columns_of_one_label_are_refused_whatever_they_are_called(write: Write, graph: HexGraph) -> None:
    for first, second in (("bright", "overlit"), ("overlit", "Over exposed EV"), ("整体偏亮", "too bright")):
        with pytest.raises(LabelsError) as error:
            read_labels(write("a.jpg,2,2", header=f"filename,{first},{second}"), aliased(graph))
        assert mistakes(error)[0] == f'header: column "{second}" is there twice (as "{first}"), label "bright"'


def test_a_column_that_two_labels_may_be_meant_by_is_refused(write: Write, graph: HexGraph) -> None:
    bright, dark, *others = graph.labels
    both = dataclasses.replace(
        graph,
        labels=(dataclasses.replace(bright, aliases=("tone",)), dataclasses.replace(dark, aliases=("Tone",)), *others),
    )
    with pytest.raises(LabelsError, match='column "TONE" may be "bright" and "dark"'):
        read_labels(write("a.jpg,2", header="filename,TONE"), both)
    assert read_labels(write("a.jpg,2", header="filename,Tone"), both).positions[0].tolist()[:2] == [-1, 2]


def test_the_published_header_fits_both_shipped_graphs(write: Write) -> None:
    twelve = read_graph(find_graph("smartphone-12"))
    columns = (
        "bright,dark,low_contrast,high_contrast,overexposed,over_suppressed,white_balance_red,white_balance_blue,"
        "white_balance_green,white_balance_yellow,crushed_shadows,over_brightened_shadows"
    )
    table = read_labels(write("a.jpg,1,0,0,2,0,3,0,1,0,0,0,3", header=f"filename,{columns}"), twelve)
    assert table.notes == ()
    found = dict(zip(table.labels, table.positions[0].tolist(), strict=True))
    assert {name: level for name, level in found.items() if level} == {
        "bright": 1,
        "high_contrast": 2,
        "over_suppressed": 3,
        "blue_cast": 1,
        "lifted_shadows": 3,
    }


def test_the_published_files_go_with_the_published_graph_and_aliases(seed_files: list[Path], tmp_path: Path) -> None:
    document = json.loads((seed_files[0].parents[1] / "graphs" / "seed-6.json").read_text("utf-8"))
    english = ("bright", "dark", "high_contrast", "low_contrast", "overexposed", "over_suppressed")
    for node, name in zip(document["Nodes"], english, strict=True):
        node["aliases"] = [name]
    own = tmp_path / "own.json"
    own.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(LabelsError, match="the graph's `aliases`"):
        read_labels(seed_files[0], read_graph(seed_files[0].parents[1] / "graphs" / "seed-6.json"))
    table, usual = (
        read_labels(seed_files[0], read_graph(own)),
        read_labels(seed_files[0], read_graph(find_graph("smartphone-6"))),
    )
    assert table.labels[0] == "整体偏亮"
    assert np.array_equal(table.positions, usual.positions)
    assert (table.positions > 0).any()


@pytest.mark.parametrize("cell", ["N/A", "n/a", " NA ", "-1", ""])
def test_what_nobody_looked_at_may_be_written_in_words(read: Read, cell: str) -> None:
    assert read(f"a.jpg,{cell},0,0,2,0,0").positions.tolist() == [[-1, 0, 2, 0, 0, 0]]


def test_a_misspelt_column_is_told_whatever_was_not_looked_at_in_it(write: Write, graph: HexGraph) -> None:
    with pytest.raises(LabelsError, match='no label "glare"'):
        read_labels(write("a.jpg,0,N/A", "b.jpg,0,2", header="filename,bright,glare"), graph)
    table = read_labels(write("a.jpg,0,N/A", "b.jpg,0,NA", header="filename,bright,lens"), graph)
    assert table.others == {"lens": ("N/A", "NA")}


def test_a_mark_at_the_start_and_windows_line_ends_change_nothing(write: Write, graph: HexGraph) -> None:
    path = write("a.jpg,1,0,0,2,0,3", "", ",,,,,,", '"b,\nc.jpg",0,0,0,0,0,0', "d.jpg,0,0,0,0,0,0")
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    table = read_labels(path, graph)
    assert table.names == ("a.jpg", "b,\r\nc.jpg", "d.jpg")
    assert table.lines == (2, 5, 7)


def test_other_columns_are_kept_beside_and_a_missing_label_is_told(read: Read) -> None:
    header = "device,filename,bright,Scene,split,dark,_rank,iso"
    table = read("x,a.jpg,1, s1 ,train,0,1,100", "y,b.jpg,0,,test,2,2,3200", header=header)
    assert table.scene == ("s1", "")
    assert table.split == ("train", "test")
    assert table.others["device"] == ("x", "y")
    assert list(table.others) == ["device", "Scene", "split", "_rank", "iso"]
    assert (table.positions[:, 2:] == -1).all()
    assert table.notes == (
        'no column for "high_contrast", "low_contrast", "overexposed", "over_suppressed": unobserved in every row',
    )
    assert {part: rows.names for part, rows in table.parts().items()} == {"train": ("a.jpg",), "test": ("b.jpg",)}


def test_a_column_without_a_name_is_passed_over_and_told_of_if_it_holds_something(read: Read) -> None:
    table = read("0,a.jpg,1,0,", "1,b.jpg,2,3,", header=",filename,bright,overexposed,")
    assert table.notes[1:] == ("not read: 1 column without a name",)


def test_every_mistake_of_a_file_is_told_at_once_in_the_order_of_its_lines(write: Write, graph: HexGraph) -> None:
    path = write(
        "a.jpg,0,2,0,0,0,0,x",
        "a.jpg,0,1,0,0,0,0,x",
        "./a.jpg,0,2,0,0,0,0,x",
        "b.jpg,1,4,1,3,1+,,x",
        "c.jpg,true,nan,1",
        "d.jpg,0,0,1+,2+,true,,x",
        " ,0,0,0,0,0,0,x",
        'e.jpg,0,0,0,0,0,"0,x',
        header="filename,brigth,dark,low_contrast,high_contrast,overexposed,over_suppressed,device",
    )
    with pytest.raises(LabelsError) as error:
        read_labels(path, graph)
    assert error.value.message == f"{path}: 10 problems"
    rule = '"high_contrast" 1-3 excludes "low_contrast" 1-3 (exclusions[1])'
    expected = "expected 0..3, 1+..3+, -1 or blank"
    assert mistakes(error) == [
        'header: graph "smartphone-6" has no label "brigth" (did you mean "bright"?)',
        'line 3, "a.jpg": the same photo is in line 2, with other labels ("dark" 2 there, 1 here)',
        'line 4, "./a.jpg": the same photo is in line 2, with the same labels',
        f'line 5, "b.jpg": "dark" is "4", {expected}',
        f'line 5, "b.jpg": "high_contrast" 3 and "low_contrast" 1 cannot be together: {rule}',
        "line 6: 4 cells, the header has 8",
        f'line 7, "d.jpg": "overexposed" is "true", {expected}',
        f'line 7, "d.jpg": "high_contrast" 2+ and "low_contrast" 1+ cannot be together: {rule}',
        "line 8: no file name",
        "line 9: not CSV (unexpected end of data)",
    ]


@pytest.mark.parametrize(
    "cell", ["4", "-2", "1.5", "true", "nan", "0x1", "1e0", "4+", "-1+", "++", "2 2", "٢", "1_0", "1" * 400]
)
def test_a_cell_that_is_no_level_is_refused(read: Read, cell: str) -> None:
    with pytest.raises(LabelsError, match="1 problem") as error:
        read(f"a.jpg,{cell},0,0,0,0,0")
    assert mistakes(error)[0].startswith('line 2, "a.jpg": "bright" is "')


def test_a_level_above_the_highest_gets_a_hint(read: Read) -> None:
    with pytest.raises(LabelsError) as error:
        read("a.jpg,0,4,0,0,0,0")
    assert error.value.hint == "levels count from 0: 0 is none"


def test_of_many_mistakes_twenty_are_shown_and_the_rest_is_counted(read: Read) -> None:
    with pytest.raises(LabelsError, match=r"12,000 problems") as error:
        read(*(f"{number}.jpg,9,9,9,9,9,9" for number in range(2000)))
    assert len(mistakes(error)) == 21
    assert mistakes(error)[-1] == "... and 11,980 more"
    assert all('"0.jpg"' in line for line in mistakes(error)[:6])


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("name,bright", 'header: no column "filename" or "image" with the file names'),
        ("filename,image,bright", 'header: columns 1 ("filename") and 2 ("image") both hold file names'),
        ("filename,bright,too bright", 'header: column "too bright" is there twice (as "bright"), label "bright"'),
        ("filename,bright,device,device", 'header: column "device" is there twice'),
        ("filename,bright,white_balance", 'header: graph "smartphone-6" has no label "white_balance"'),
        ("filename,device", 'header: no column is a label of graph "smartphone-6" (bright, dark,'),
    ],
)
def test_a_header_that_means_nothing_or_two_things_is_refused(read: Read, header: str, problem: str) -> None:
    with pytest.raises(LabelsError) as error:
        read(",".join(["a.jpg", *["1"] * header.count(",")]), header=header)
    assert any(line.startswith(problem) for line in mistakes(error)), mistakes(error)


def test_a_name_of_two_labels_is_refused_unless_it_is_a_spelling(write: Write) -> None:
    names = {"en": "noise"}
    graph = HexGraph("twins", (Label("grain", (1, 2), names), Label("Noise", (1, 2)), Label("dust", (1, 2), names)))
    with pytest.raises(LabelsError) as error:
        read_labels(write("a.jpg,1", header="image,noise"), graph)
    assert mistakes(error)[0] == ('header: column "noise" may be "grain" and "dust"; use the label\'s own spelling')
    assert read_labels(write("a.jpg,1", header="image,Noise"), graph).positions.tolist() == [[-1, 1, -1]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"filename,bright\n", "a header and no rows"),
        (b"filename bright\na.jpg 0\n", "line 1: one column only\nhint: cells are separated by a comma, a semicolon"),
        (b"Datei;bright\na.jpg;0\n", "hint: cells are separated by a comma, a semicolon"),
        (b"file name;bright\na.jpg;0\n", 'no column "filename" or "image" with the file names (is it "file name"?)'),
        (b"filename,bright\na.jpg,0\n\xff.jpg,0\n", "line 3 is not UTF-8"),
        ("filename,bright\na.jpg,0\n".encode("utf-16")[:-1], "damaged: not all of it is text"),
        (b"filename,bright\na.jpg," + b"0" * (1 << 21), "line 2 has more than 1,048,576 characters"),
        (b'filename,bright\n"' + b"a\n" * 80_000, "line 2: not CSV"),
        (b"filename,bright\na\0.jpg,0\n", "no file name can hold a NUL character"),
    ],
)
def test_what_is_no_csv_is_refused_in_words(tmp_path: Path, graph: HexGraph, content: bytes, said: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(LabelsError) as error:
        read_labels(path, graph)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_that_cannot_be_opened_is_refused_in_words(tmp_path: Path, graph: HexGraph) -> None:
    for path in (tmp_path, tmp_path / "no.csv", tmp_path / "a\0b.csv", tmp_path / ("x" * 300)):
        with pytest.raises(LabelsError, match="cannot be read"):
            read_labels(path, graph)


def test_fifty_three_labels_with_an_image_column(write: Write) -> None:
    prism = read_graph(find_graph("prism-53"))
    labels = list(reversed(prism.label_names))
    row = ["0" if number % 5 else "-1" for number in range(53)]
    table = read_labels(write(",".join(["a.jpg", *row]), header=",".join(["image", *labels])), prism)
    assert table.positions.shape == (1, 53)
    assert table.positions[0].tolist() == [int(cell) for cell in reversed(row)]


def test_the_published_files_read_as_they_are(seed_files: list[Path], graph: HexGraph) -> None:
    tables = [read_labels(path, graph) for path in seed_files]
    assert [len(table) for table in tables] == [1635, 352, 352]
    assert not any(table.notes for table in tables)
    with seed_files[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tables[0].names == tuple(row["filename"] for row in rows)
    assert tables[0].positions.tolist() == [[int(row[label]) for label in graph.label_names] for row in rows]


CELLS = st.sampled_from(["", "-1", "0", "1", "2", "3"])


@given(
    names=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5),
    order=st.permutations(range(3)),
    data=st.data(),
)
@quick(60)
def test_whatever_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], order: list[int], data: st.DataObject
) -> None:
    graph = HexGraph("free", tuple(Label(f"label {number}", (1, 2, 3, 4)) for number in range(3)))
    names = [
        f"{number}{name}".encode("utf-8", "ignore").decode().replace("\0", "") for number, name in enumerate(names)
    ]
    names = [name.replace("/", "-") for name in names]
    cells = [[data.draw(CELLS) for _ in range(3)] for _ in names]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["filename", *(f"label {number}" for number in order)])
    writer.writerows([name, *(row[number] for number in order)] for name, row in zip(names, cells, strict=True))
    path = tmp_path_factory.mktemp("written") / "labels.csv"
    path.write_bytes(text.getvalue().encode())
    table = read_labels(path, graph)
    assert table.names == tuple(names)
    assert table.positions.tolist() == [[int(cell or "-1") for cell in row] for row in cells]


def test_the_example_of_the_documentation_reads_as_it_says(tmp_path: Path, graph: HexGraph) -> None:
    text = (Path(__file__).parents[2] / "docs" / "labels.md").read_text(encoding="utf-8")
    (tmp_path / "labels.csv").write_text(text.split("```text\n")[1].split("```")[0], encoding="utf-8")
    table = read_labels(tmp_path / "labels.csv", graph)
    assert table.positions.tolist() == [[0, 2, 0, 0, 0, 0], [0, 0, 0, -1, 1, 0], [-1, -1, -1, -1, 3, 0]]
    assert table.at_least.sum() == 1
    assert table.others == {"device": ("Pixel 8", "Pixel 8", "Xperia 1")}


def test_a_report_of_assess_is_called_by_its_name(tmp_path: Path, graph: HexGraph) -> None:
    path = tmp_path / "audit.csv"
    with path.open("wb") as file:
        CsvWriter(OutputStream(file), graph.label_names, bom=True).write(
            PhotoReport("a.jpg", "unreadable", error="empty")
        )
    with pytest.raises(LabelsError) as error:
        read_labels(path, graph)
    assert error.value.message == (
        f"{path}: this is a report of iqa assess (its header begins SourceFile,status,), not a label file"
    )
    assert error.value.problems == ()
    assert "a column filename, and one per label" in str(error.value.hint)

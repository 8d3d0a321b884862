"""Tables as spreadsheets save them: each says the same as the plain one, or is refused in words that help."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import LabelsError
from iqa_cli.labels import read_labels
from iqa_cli.labels.dialect import SEPARATORS, declared_separator, encoding_of, separator_of
from iqa_cli.labels.lines import read_csv
from iqa_cli.labels.split import Split
from iqa_cli.labels.write import part_files, write_split

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.hexgraph import HexGraph

PLAIN = "filename,dark,device\r\n照片.jpg,2,Pixel 8\r\nb.jpg,,\r\nc.jpg,0,x\r\n"
SEMICOLONS = PLAIN.replace(",", ";")
TABS = PLAIN.replace(",", "\t")

SAVED = {
    "with a mark": codecs.BOM_UTF8 + PLAIN.encode(),
    "with two marks": 2 * codecs.BOM_UTF8 + PLAIN.encode(),
    "semicolons": SEMICOLONS.encode("utf-8-sig"),
    "bars": PLAIN.replace(",", "|").encode(),
    "tabs": TABS.encode(),
    "Excel's Unicode text": TABS.encode("utf-16"),
    "UTF-16 of another byte order": codecs.BOM_UTF16_BE + SEMICOLONS.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16 of another byte order without a mark": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "sep=": b"sep=;\r\n" + SEMICOLONS.encode(),
    "sep= behind a mark": codecs.BOM_UTF8 + b"sep=;\r\n" + SEMICOLONS.encode(),
    "sep= saved once more": b'"sep=;",,\r\n' + SEMICOLONS.encode(),
    "sep= of another": b"sep=^\r\n" + PLAIN.replace(",", "^").encode(),
    "line feeds": PLAIN.replace("\r\n", "\n").encode(),
    "carriage returns": PLAIN.replace("\r\n", "\r").encode(),
    "line ends made twice": PLAIN.replace("\r\n", "\r\r\n").encode(),
    "quotes after blanks": "".join(
        ", ".join(f'"{cell}"' for cell in line.split(",")) + "\r\n" for line in PLAIN.splitlines()
    ).encode(),
    "blank columns behind": "".join(f"{line},,\r\n" for line in PLAIN.splitlines()).encode(),
    "blank cells behind some rows": PLAIN.replace("Pixel 8\r\n", "Pixel 8,,\r\n").encode(),
    "cells left out in columns without a name": PLAIN.replace("device\r\n", "device,,\r\n").encode(),
    "blank rows before and behind": f",,\r\n\r\n{PLAIN},,\r\n;;;\r\n,,,,,\r\n".replace(";", ",").encode(),
    "decimal commas": SEMICOLONS.replace(";2;", ";2,0;").replace(";0;", ";0,00;").encode(),
    "quoted decimal commas": PLAIN.replace(",2,", ',"2,0",').encode(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


@pytest.mark.parametrize("content", SAVED.values(), ids=SAVED)
def test_however_a_table_was_saved_it_says_the_same(path: Path, graph: HexGraph, content: bytes) -> None:
    path.write_bytes(content)
    table = read_labels(path, graph)
    assert table.names == ("照片.jpg", "b.jpg", "c.jpg")
    assert table.positions[:, graph.label_names.index("dark")].tolist() == [2, -1, 0]
    assert table.others == {"device": ("Pixel 8", "", "x")}
    assert not any("not read" in note for note in table.notes)


@pytest.mark.parametrize("content", SAVED.values(), ids=SAVED)
def test_the_parts_of_a_table_are_saved_as_it_was(path: Path, graph: HexGraph, content: bytes) -> None:
    path.write_bytes(content)
    files = part_files(("train", "test"), path.parent)
    table = read_labels(path, graph)
    write_split(table, Split(("train", "test"), ("test", "train", "test")), files)
    for part, rows in (("train", [1]), ("test", [0, 2])):
        read = read_labels(files[part], graph)
        assert read.names == table.take(rows).names
        assert read.positions.tolist() == table.take(rows).positions.tolist()
        assert read.others == table.take(rows).others
    header, *records = read_csv(path)
    assert files["test"].read_bytes() == header.raw + records[0].raw + records[2].raw


def test_lines_are_counted_as_an_editor_does(path: Path, graph: HexGraph) -> None:
    path.write_bytes(b'sep=;\r\nfilename;dark\r\n\r\n"a\r\nb.jpg";0\r\nc.jpg;0\r\n')
    assert read_labels(path, graph).lines == (4, 6)


def test_a_blank_that_begins_a_name_stays(path: Path, graph: HexGraph) -> None:
    path.write_bytes(b'filename,dark\n a.jpg,0\n  "b, c.jpg", 1\n')
    assert read_labels(path, graph).names == (" a.jpg", "b, c.jpg")


def test_a_cell_behind_the_last_column_is_refused_unless_it_is_blank(path: Path, graph: HexGraph) -> None:
    path.write_bytes(b"filename,dark\na.jpg,2,0\nb.jpg,0,,\nc.jpg\n")
    with pytest.raises(LabelsError) as error:
        read_labels(path, graph)
    assert error.value.problems == ("line 2: 3 cells, the header has 2", "line 4: 1 cell, the header has 2")


@pytest.mark.parametrize(
    ("encoding", "cell", "said"),
    [
        ("cp1252", "Kühe.jpg", '"Kühe.jpg" in Windows-1252'),
        ("gb18030", "照片.jpg", '"照片.jpg" in GBK'),
        ("cp932", "写真.jpg", '"写真.jpg" in Shift-JIS'),
        ("mac_roman", "Kühe.jpg", '"Kühe.jpg" in Mac Roman'),
    ],
)
def test_a_code_page_is_refused_with_what_the_name_may_be(
    path: Path, graph: HexGraph, encoding: str, cell: str, said: str
) -> None:
    path.write_bytes(f"filename;dark;note\r\na.jpg;0;\r\nb.jpg;0;{cell}\r\n".encode(encoding))
    with pytest.raises(LabelsError) as error:
        read_labels(path, graph)
    assert error.value.message.startswith(f"{path}: line 3 is not UTF-8 (byte 0x")
    assert said in error.value.message
    assert "\n" not in error.value.message
    assert "iconv" in str(error.value.hint)


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("filename,dark", ","),
        ("filename;dark", ";"),
        ("filename\tdark", "\t"),
        ("Image|dark", "|"),
        ('"filename";"bright, very"', ";"),
        ("filename,a;b;c;d", ","),
        ("a,b;filename;c", ";"),
        ("filename", ","),
        ("name;dark;bright", ";"),
        ("name", ","),
    ],
)
def test_the_separator_is_what_gives_the_header_a_column_of_names(header: str, separator: str) -> None:
    assert separator_of(header) == separator


@pytest.mark.parametrize(
    ("line", "separator"),
    [("sep=;\r\n", ";"), ("SEP=\t", "\t"), ('"sep=,"\n', ","), ("sep=x", None), ("sep=", None), ("sep=;;a", None)],
)
def test_a_line_may_name_the_separator(line: str, separator: str | None) -> None:
    assert declared_separator(line) == separator


def test_bytes_that_are_no_text_of_two_bytes_are_utf8() -> None:
    assert [encoding_of(start) for start in (b"", b"a", b"a,b", b"\0\0\0\0", b"a\0")] == ["utf-8"] * 5


def test_a_line_end_inside_the_header_is_the_readers_business() -> None:
    assert separator_of("filename;a\rb;c") in SEPARATORS

"""The files of a split: every row as it was."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest
from drawn_graphs import quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import LabelsError, OutputError, UsageError
from iqa_cli.labels import read_labels
from iqa_cli.labels.split import Split
from iqa_cli.labels.write import part_files, refuse_overwriting, write_split

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.hexgraph import HexGraph

HEADER = b'"filename",bright , "note"\n'
ROWS = [b'"a,1.jpg", 2.0,"x ""y"""\n', b"b.jpg,+,\n", b'"c\nd.jpg",1+,z\n', b"e.jpg,,last"]
ROWS[1] = b"b.jpg, -1 ,\n"
PARTS = ("train", "test")


def written(files: dict[str, Path]) -> list[bytes]:
    return [path.read_bytes() for path in files.values()]


def test_rows_keep_their_bytes_and_their_order(tmp_path: Path, graph: HexGraph) -> None:
    source = tmp_path / "labels.csv"
    source.write_bytes(codecs.BOM_UTF8 + HEADER.replace(b' "note"', b"note") + b"\n" + b"".join(ROWS))
    head = source.read_bytes().splitlines(keepends=True)[0]
    files = part_files(PARTS, tmp_path / "new" / "folder")
    write_split(read_labels(source, graph), Split(PARTS, ("test", "train", "test", "train")), files)
    assert written(files) == [head + ROWS[1] + ROWS[3] + b"\n", head + ROWS[0] + ROWS[2]]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["test.csv", "train.csv"]


def test_a_last_line_without_an_end_gets_the_files_own(tmp_path: Path, graph: HexGraph) -> None:
    source = tmp_path / "labels.csv"
    source.write_bytes(b"image,bright\r\na,0\r\nb,0")
    files = part_files(PARTS, tmp_path)
    write_split(read_labels(source, graph), Split(PARTS, ("test", "train")), files)
    assert written(files) == [b"image,bright\r\nb,0\r\n", b"image,bright\r\na,0\r\n"]


@given(st.lists(st.tuples(st.sampled_from(["train", "test"]), st.integers(0, 3)), min_size=1, max_size=8))
@quick(30)
def test_the_parts_hold_the_table(
    tmp_path_factory: pytest.TempPathFactory, graph: HexGraph, rows: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("split")
    source = folder / "labels.csv"
    source.write_text("image,dark\n" + "".join(f"{n},{level}\n" for n, (_, level) in enumerate(rows)), encoding="utf-8")
    of = tuple(part for part, _ in rows)
    files = {part: path for part, path in part_files(PARTS, folder).items() if part in of}
    write_split(read_labels(source, graph), Split(PARTS, of), files)
    back = {name: row for path in files.values() for name, row in zip(*_rows(read_labels(path, graph)), strict=True)}
    assert back == {str(n): level for n, (_, level) in enumerate(rows)}


def _rows(table: object) -> tuple[tuple[str, ...], list[int]]:
    return table.names, table.positions[:, 1].tolist()  # type: ignore[attr-defined]


def test_nothing_is_written_over_unless_forced_and_the_source_never(tmp_path: Path) -> None:
    source = tmp_path / "train.csv"
    source.touch()
    other = tmp_path / "test.csv"
    other.touch()
    with pytest.raises(UsageError, match=r"test\.csv: there already"):
        refuse_overwriting([other], source, force=False)
    refuse_overwriting([other], source, force=True)
    with pytest.raises(UsageError, match="a folder of that name is there"):
        refuse_overwriting([tmp_path], source, force=True)
    refuse_overwriting([tmp_path / "new.csv"], source, force=False)
    link = tmp_path / "val.csv"
    link.symlink_to(source)
    for path in (source, link):
        with pytest.raises(UsageError, match="the file that is read would be written over"):
            refuse_overwriting([path], source, force=True)


def test_a_file_that_changed_meanwhile_is_refused(tmp_path: Path, graph: HexGraph) -> None:
    source = tmp_path / "labels.csv"
    source.write_bytes(b"image,bright\na,0\nb,0\n")
    table = read_labels(source, graph)
    source.write_bytes(b"image,bright\na,0\n\nb,0\n")
    with pytest.raises(LabelsError, match="changed while it was being split"):
        write_split(table, Split(PARTS, ("test", "train")), part_files(PARTS, tmp_path))


def test_if_one_part_cannot_be_written_none_is(tmp_path: Path, graph: HexGraph) -> None:
    source = tmp_path / "labels.csv"
    source.write_bytes(b"image,bright\na,0\nb,0\n")
    files = {"train": tmp_path / "train.csv", "test": source / "test.csv"}
    with pytest.raises(OutputError):
        write_split(read_labels(source, graph), Split(PARTS, ("test", "train")), files)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]
    (tmp_path / "test.csv").mkdir()
    files["test"] = tmp_path / "test.csv"
    with pytest.raises(OutputError, match=r"test\.csv: cannot be written"):
        write_split(read_labels(source, graph), Split(PARTS, ("test", "train")), files)
    assert not (tmp_path / ".test.csv.new").exists()

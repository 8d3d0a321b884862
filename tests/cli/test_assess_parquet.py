"""`iqa assess --parquet`: the CSV's cells with types, for DuckDB, pandas and polars, and back to photos."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drawn_run import ENDING, RUN
from PIL import Image

from iqa_cli.errors import InvalidInput
from iqa_cli.picking.jsonl_rows import Runs
from iqa_cli.picking.photo_reports import read_photo_reports
from iqa_cli.records import PhotoReport
from iqa_cli.report.audit import parquet_file
from iqa_cli.report.audit.csv_file import CAPTURE_COLUMNS, CsvWriter
from iqa_cli.report.output import OutputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from in_process import Run


@pytest.fixture
def audit(iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One run, with settings in a photo, a name that is a formula, and a photo that cannot be read."""
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif.update({0x010F: "=Maker, of cameras", 0x0110: "Phone", 0x0112: 6})
    block = exif.get_ifd(0x8769)
    block.update({0x9003: "2024:05:01 12:30:15", 0x829A: 1 / 3, 0x829D: 1.8, 0x8827: 250, 0x9204: -0.3, 0x9209: 1})
    Image.new("RGB", (96, 64), (90, 80, 70)).save(roll / "=x.jpg", exif=exif)
    monkeypatch.chdir(roll)
    files = [part for kind in ("csv", "jsonl", "parquet") for part in (f"--{kind}", f"../a.{kind}")]
    assert iqa(".", *files).code == 0
    return tmp_path / "a.parquet"


def as_cell(name: str, value: object) -> str:
    """The value as the CSV has it."""
    decimals = {"luma": 4, "dark": 4, "clip": 4, "lsta": 2}
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and (name.endswith("_p") or name not in CAPTURE_COLUMNS):
        return f"{value:.{4 if name.endswith('_p') else decimals[name[:4]]}f}"
    if isinstance(value, float):
        return (
            f"{value:.9f}".rstrip("0").rstrip(".") if name == "ExposureTime" else f"{value:.3f}".rstrip("0").rstrip(".")
        )
    if name == "DateTimeOriginal":
        return f"{value:%Y:%m:%d %H:%M:%S}"
    return str(value)


def of_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_cell_is_that_of_the_csv(audit: Path) -> None:
    rows, cells = pq.read_table(audit).to_pylist(), of_csv(audit.with_suffix(".csv"))
    assert [*rows[0]] == [*cells[0], "marginals"]
    assert len(rows) == len(cells) == 9
    for row, expected in zip(rows, cells, strict=True):
        found = {name: as_cell(name, value) for name, value in row.items() if name != "marginals"}
        assert found == {name: cell.removeprefix("'") for name, cell in expected.items()}
    settings = next(row for row in rows if row["Make"])
    assert (settings["Make"], settings["ISO"], settings["Flash"]) == ("=Maker, of cameras", 250, True)


def test_probabilities_of_all_levels_are_those_of_the_json_lines(audit: Path) -> None:
    lines = audit.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()[1:-1]
    for row, line in zip(pq.read_table(audit).to_pylist(), lines, strict=True):
        marginals = json.loads(line)["marginals"]
        assert (row["marginals"] or {}).keys() == marginals.keys()
        for label, levels in marginals.items():
            assert row["marginals"][label] == pytest.approx(levels, abs=1e-6)


def test_duckdb_pandas_and_polars_read_the_same_with_types(audit: Path) -> None:
    worst = [int(row["worst_level"]) for row in of_csv(audit.with_suffix(".csv")) if row["status"] != "unreadable"]
    figures = "avg(worst_level), max(DateTimeOriginal), sum(marginals.dark[4])"
    query = f"select {figures} from '{audit}' where status <> 'unreadable'"  # noqa: S608 - a path of this test
    ((mean, taken, blocking),) = duckdb.sql(query).fetchall()
    frame = pd.read_parquet(audit).query("status != 'unreadable'")
    table = pl.read_parquet(audit).filter(pl.col("status").cast(pl.String) != "unreadable")
    assert mean == frame["worst_level"].mean() == table["worst_level"].mean() == pytest.approx(sum(worst) / len(worst))
    assert taken == frame["DateTimeOriginal"].max() == table["DateTimeOriginal"].max()
    assert taken.isoformat() == "2024-05-01T12:30:15"
    assert blocking == pytest.approx(sum(marginals["dark"][3] for marginals in frame["marginals"]))
    assert table.select(pl.col("marginals").struct.field("dark").list.get(3).sum()).item() == pytest.approx(blocking)
    assert (table.schema["dark_level"], table.schema["dark_p"], table.schema["Flash"]) == (
        pl.Int8,
        pl.Float64,
        pl.Boolean,
    )
    assert pd.read_parquet(audit)["SourceFile"].tolist() == pl.read_parquet(audit)["SourceFile"].to_list()


def test_the_run_and_its_end_are_in_the_files_metadata(audit: Path) -> None:
    metadata: Mapping[bytes, bytes] = pq.read_metadata(audit).metadata
    first, *_, last = map(json.loads, audit.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines())
    assert json.loads(metadata[b"iqa.run"]) == first["run"]
    assert json.loads(metadata[b"iqa.end"]) == {key: last[key] for key in ("ended", "seconds", "remembered", "photos")}


def test_an_earlier_file_is_replaced_and_another_one_is_not(iqa: Run, roll: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    for _ in range(2):
        assert iqa(roll, "--parquet", out).code == 0
    pl.DataFrame({"iqa.format_version": [1]}).write_parquet(out)
    before = out.read_bytes()
    code, _, err = iqa(roll, "--parquet", out)
    assert code == 2
    assert "was not written by iqa" in err
    assert out.read_bytes() == before


def test_an_interrupted_run_leaves_what_was_there(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.parquet"
    assert iqa(roll, "--parquet", out).code == 0
    before = out.read_bytes()
    asked = iter([False] * 3 + [True] * 100)
    monkeypatch.setattr("iqa_cli.cli.signals.is_asked", lambda: next(asked))
    assert iqa(roll, "--parquet", out).code == 130
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if "parquet" in path.name] == ["a.parquet"]


def test_without_the_extra_it_says_what_brings_it(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file.importlib.util, "find_spec", lambda _: None)
    code, out, err = iqa(roll, "--parquet", tmp_path / "a.parquet")
    assert (code, out) == (3, "")
    assert "--parquet needs pyarrow" in err
    assert "[parquet]" in err  # after the name of the package, or in a clone after a point
    assert not (tmp_path / "a.parquet").exists()


def test_who_does_not_ask_for_it_loads_no_library_for_it(roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    code = (
        "import sys\nfrom iqa_cli.cli.app import main\n"
        f"sys.argv = ['iqa', 'assess', {str(roll)!r}, '--checkpoint', {str(checkpoint_folder)!r}, '--csv', 'a.csv']\n"
        "try: main()\nexcept SystemExit: pass\nprint('pyarrow' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "False"


def test_it_goes_through_a_pipe(roll: Path, tmp_path: Path, checkpoint_folder: Path) -> None:
    command = [sys.executable, "-m", "iqa_cli", "assess", str(roll), "--checkpoint", str(checkpoint_folder)]
    done = subprocess.run([*command, "--parquet", "-"], capture_output=True, check=True)
    (tmp_path / "b.parquet").write_bytes(done.stdout)
    assert pl.read_parquet(tmp_path / "b.parquet").height == 8


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(*reports: PhotoReport, labels: tuple[str, ...] = ("dark",)) -> Path:
        with OutputFile(tmp_path / "w.parquet") as sink:
            writer = parquet_file.ParquetWriter(sink, labels, RUN)
            for report in reports:
                writer.write(report)
            writer.finish(ENDING)
            sink.commit()
        return tmp_path / "w.parquet"

    return write


def test_rows_go_out_in_groups(written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "ROWS", 10)
    path = written(*(PhotoReport(f"{number}.jpg", "unreadable", error="lost") for number in range(25)))
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [10, 10, 5]
    assert file.read(["SourceFile"])["SourceFile"].to_pylist() == [f"{number}.jpg" for number in range(25)]


def test_a_run_without_a_photo_has_the_columns(written: Callable[..., Path]) -> None:
    table = pl.read_parquet(written(labels=("dark", "夜")))
    assert table.height == 0
    assert {"夜_level", "marginals", "SourceFile"} <= {*table.columns}


def test_photos_come_back_from_it(audit: Path) -> None:
    runs = Runs()
    found = list(read_photo_reports(audit, runs))
    expected = list(read_photo_reports(audit.with_suffix(".jsonl")))
    assert [run.card_sha256 for run in runs.begun] != [""]
    assert not runs.is_cut_short
    for one, other in zip(found, expected, strict=True):
        exact = one.capture.exposure_time_s
        rounded = dataclasses.replace(one.capture, exposure_time_s=None if exact is None else round(exact, 6))
        assert (one.source_file, one.status, one.error) == (other.source_file, other.status, other.error)
        assert rounded == other.capture
        assert [(f.label, f.level) for f in one.findings] == [(f.label, f.level) for f in other.findings]
        assert [(m.name, m.unit) for m in one.measurements] == [(m.name, m.unit) for m in other.measurements]


@pytest.mark.parametrize("spoil", ["cut", "foreign", "version"])
def test_what_is_no_such_report_is_refused_in_words(audit: Path, spoil: str) -> None:
    if spoil == "cut":
        audit.write_bytes(audit.read_bytes()[:-100])
    elif spoil == "foreign":
        pl.DataFrame({"SourceFile": ["a.jpg"]}).write_parquet(audit)
    else:
        table = pq.read_table(audit)
        at = table.schema.get_field_index("iqa.format_version")
        version = pa.array([9] * len(table), pa.int32())
        pq.write_table(table.set_column(at, table.schema.field(at), version), audit)
    with pytest.raises(InvalidInput, match="another version" if spoil == "version" else "no report of iqa assess"):
        list(read_photo_reports(audit))


def test_the_writer_takes_what_the_one_of_the_csv_takes() -> None:
    assert {name for name in vars(CsvWriter) if not name.startswith("_")} <= {*vars(parquet_file.ParquetWriter)}

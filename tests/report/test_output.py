"""Output files: writable or refused at once, old content kept until there is new."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.report.output import OutputFile, OutputStream


def test_old_content_stays_until_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_bytes(b"a long report of yesterday")
    with OutputFile(path) as output:
        assert path.read_bytes() == b"a long report of yesterday"
        output.write(b"new\n")
        assert path.read_bytes() == b"new\n"
        output.write(b"rows\n")
    assert path.read_bytes() == b"new\nrows\n"


def test_a_file_that_got_no_row_is_not_left_behind(tmp_path: Path) -> None:
    with OutputFile(tmp_path / "audit.csv"):
        assert (tmp_path / "audit.csv").exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/audit.csv", ".", "x" * 300])
def test_what_cannot_be_written_is_refused_when_opened(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        OutputFile(tmp_path / name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_and_is_no_bug_of_ours() -> None:
    with OutputFile(Path("/dev/full")) as output, pytest.raises(OutputError, match=r"/dev/full: .* any further"):
        output.write(b"row\n")
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OutputError, match=r"stdout: .* any further"):
        OutputStream(full).write(b"row\n")  # type: ignore[arg-type]  # raw, so that closing it finds nothing left


def test_a_link_to_nothing_survives_a_run_without_rows(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "target.csv")
    with OutputFile(tmp_path / "link.csv"):
        assert (tmp_path / "target.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["link.csv"]
    with OutputFile(tmp_path / "link.csv") as output:
        output.write(b"row\n")
    assert (tmp_path / "target.csv").read_bytes() == b"row\n"


def test_two_names_of_one_file_have_one_identity(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").hardlink_to(tmp_path / "a.csv")
    with OutputFile(tmp_path / "a.csv") as a, OutputFile(tmp_path / "b.csv") as b, OutputFile(tmp_path / "c") as c:
        assert a.identity == b.identity != c.identity


def test_a_reader_that_left_is_a_broken_pipe() -> None:
    read_end, write_end = os.pipe()
    with OutputFile(Path(f"/dev/fd/{write_end}")) as output:
        os.close(read_end)
        with pytest.raises(BrokenPipeError):
            output.write(b"row\n")
    os.close(write_end)

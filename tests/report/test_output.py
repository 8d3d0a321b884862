"""Output files: writable or refused at once, old content kept until there is new."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iqa_cli.errors import UsageError
from iqa_cli.report.output import OutputFile


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


@pytest.mark.parametrize("name", ["missing/audit.csv", "."])
def test_what_cannot_be_written_is_refused_when_opened(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        OutputFile(tmp_path / name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_and_is_no_bug_of_ours() -> None:
    with OutputFile(Path("/dev/full")) as output, pytest.raises(UsageError, match=r"/dev/full: .* any further"):
        output.write(b"row\n")


def test_a_reader_that_left_is_a_broken_pipe() -> None:
    read_end, write_end = os.pipe()
    with OutputFile(Path(f"/dev/fd/{write_end}")) as output:
        os.close(read_end)
        with pytest.raises(BrokenPipeError):
            output.write(b"row\n")
    os.close(write_end)

"""Output files: writable or refused at once, old content kept until there is new."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.report.output import OutputFile, OutputStream


def test_a_file_takes_its_place_when_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_bytes(b"a long report of yesterday")
    with OutputFile(path) as output:
        output.write(b"new\n")
        output.write(b"rows\n")
        assert path.read_bytes() == b"a long report of yesterday"
        (part,) = tmp_path.glob(".iqa-audit.csv-*.part")
        assert part.read_bytes() == b"new\nrows\n"  # also if the process were killed now
        output.commit()
    assert path.read_bytes() == b"new\nrows\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rows", [[], [b"row\n"]])
def test_a_file_that_is_not_committed_is_not_left_behind(tmp_path: Path, rows: list[bytes]) -> None:
    with OutputFile(tmp_path / "audit.csv") as output:
        for row in rows:
            output.write(row)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/audit.csv", ".", "x" * 300])
def test_what_cannot_be_written_is_refused_when_opened(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        OutputFile(tmp_path / name)


def test_a_file_that_may_not_be_written_to_is_not_replaced_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.csv"
    path.write_bytes(b"theirs")
    real = os.open

    def protected(at: str | Path, flags: int, *rest: int, **more: int) -> int:
        if at == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(at, flags, *rest, **more)

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "open", protected)
    with pytest.raises(UsageError, match=r"audit\.csv: cannot be written \(Permission denied\)"):
        OutputFile(path)
    assert path.read_bytes() == b"theirs"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_and_is_no_bug_of_ours() -> None:
    with OutputFile(Path("/dev/full")) as output, pytest.raises(OutputError, match=r"/dev/full: .* any further"):
        output.write(b"row\n")
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OutputError, match=r"stdout: .* any further"):
        OutputStream(full).write(b"row\n")  # type: ignore[arg-type]  # raw, so that closing it finds nothing left


def test_a_link_to_nothing_survives_a_run_without_rows(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "target.csv")
    with OutputFile(tmp_path / "link.csv"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["link.csv"]
    with OutputFile(tmp_path / "link.csv") as output:
        output.write(b"row\n")
        output.commit()
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_bytes() == b"row\n"


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="needs /dev/fd")
def test_what_is_open_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    with path.open("w+b") as opened:
        (tmp_path / "link").symlink_to(f"/dev/fd/{opened.fileno()}")
        for name in (f"/dev/fd/{opened.fileno()}", tmp_path / "link"):
            with OutputFile(Path(name)) as output:
                output.write(b"row\n")
                assert opened.seek(0) == 0
                assert opened.read() == b"row\n"
                output.commit()
                assert output.set_aside(under_its_name=True) is None
        assert os.fstat(opened.fileno()).st_ino == path.stat().st_ino
    assert path.read_bytes() == b"row\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_gets_each_row_at_once_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read_end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with OutputFile(tmp_path / "pipe") as output:
        for row in (b"one\n", b"two\n"):
            output.write(row)
            assert os.read(read_end, 100) == row
        output.commit()
    os.close(read_end)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


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

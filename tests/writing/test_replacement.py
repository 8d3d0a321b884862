"""A file takes its place when it is complete; until then, and if it never is, nothing that was there is lost."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.writing import Replacement, replaceable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OLD = b"the report of yesterday\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "audit.csv"
    path.write_bytes(OLD)
    return path


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def failing(error: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


def test_old_content_stays_until_the_new_is_complete(old: Path, tmp_path: Path) -> None:
    with Replacement(old) as file:
        assert names(tmp_path) == ["audit.csv"]
        file.write(b"new\n")
        file.flush()
        (part,) = tmp_path.glob(".iqa-audit.csv-????????.part")
        assert part.read_bytes() == b"new\n"
        file.write(b"rows\n" * 50_000)
        assert old.read_bytes() == OLD
        file.commit()
    assert old.read_bytes() == b"new\n" + b"rows\n" * 50_000
    assert names(tmp_path) == ["audit.csv"]


def test_leaving_without_commit_leaves_no_trace(old: Path, tmp_path: Path) -> None:
    with Replacement(old) as file:
        file.write(b"new\n")
        file.flush()
        assert len(names(tmp_path)) == 2
    assert (names(tmp_path), old.read_bytes()) == (["audit.csv"], OLD)
    with Replacement(tmp_path / "never"):
        pass
    assert names(tmp_path) == ["audit.csv"]


def test_two_that_write_the_same_file_do_not_meet(old: Path, tmp_path: Path) -> None:
    with Replacement(old) as one, Replacement(old) as other:
        one.write(b"one")
        other.write(b"other")
        one.commit()
        assert old.read_bytes() == b"one"
        other.commit()
    assert (names(tmp_path), old.read_bytes()) == (["audit.csv"], b"other")


@pytest.mark.parametrize("name", ["missing/audit.csv", ".", "x" * 300])
def test_what_cannot_be_written_is_refused_when_opened(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        Replacement(tmp_path / name)


def test_a_name_that_leaves_no_room_for_more_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    for content in (b"one", b"two"):
        with Replacement(path) as file:
            file.write(content)
            file.commit()
    assert (names(tmp_path), path.read_bytes()) == ([path.name], b"two")


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(Path("elsewhere") / "target.csv")
    for content in (b"one", b"two"):  # first it leads nowhere
        with Replacement(link) as file:
            file.write(content)
            file.commit()
        assert (tmp_path / "elsewhere" / "target.csv").read_bytes() == content
    assert link.is_symlink()
    assert names(tmp_path) == ["elsewhere", "link.csv"]
    assert names(tmp_path / "elsewhere") == ["target.csv"]


def test_another_name_of_the_old_file_keeps_what_it_holds(old: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.csv").hardlink_to(old)
    with Replacement(old) as file:
        file.write(b"new")
        file.commit()
    assert ((tmp_path / "kept.csv").read_bytes(), old.read_bytes()) == (OLD, b"new")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such rights")
@pytest.mark.parametrize("rights", [0o600, 0o664, 0o444])
def test_rights_stay_and_those_of_a_new_file_are_as_usual(old: Path, tmp_path: Path, rights: int) -> None:
    old.chmod(rights)
    usual = tmp_path / "usual"
    usual.touch()
    for path in (old, tmp_path / "new"):
        with Replacement(path) as file:
            file.write(b"new")
            file.flush()
            (part,) = tmp_path.glob(".iqa-*.part")
            assert stat.S_IMODE(part.stat().st_mode) == 0o600
            file.commit()
    assert stat.S_IMODE(old.stat().st_mode) == rights
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_root_does_not_take_a_users_file(old: Path) -> None:
    os.chown(old, 12345, 54321)
    with Replacement(old) as file:
        file.write(b"new")
        file.commit()
    assert (old.stat().st_uid, old.stat().st_gid, old.read_bytes()) == (12345, 54321, b"new")


@pytest.mark.usefixtures("each_way_to_place")
def test_a_place_that_was_free_and_is_not_any_more_is_left_to_whoever_took_it(tmp_path: Path) -> None:
    for name, there in (("free", False), ("taken", True)):
        with Replacement(tmp_path / name) as file:
            file.write(b"ours")
            if there:
                (tmp_path / name).write_bytes(b"theirs")
                with pytest.raises(FileExistsError):
                    file.commit(only_if_free=True)
            else:
                file.commit(only_if_free=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"free": b"ours", "taken": b"theirs"}


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_whatever_fails_the_old_content_is_there_and_nothing_else(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with Replacement(old) as file, monkeypatch.context() as patch:
        file.write(b"new")
        patch.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(OutputError, match=r"audit\.csv: .* \(No space left on device\)") as error:
            file.commit()
    assert (error.value.hint or "").endswith("what was there before is as it was")
    assert (names(tmp_path), old.read_bytes()) == (["audit.csv"], OLD)


def test_a_file_that_another_program_holds_open_is_named_and_the_new_one_kept(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Replacement(old) as file:
        file.write(b"new\n")
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing(errno.EACCES))  # as Windows answers
            with pytest.raises(OutputError, match=r"audit\.csv: the new file cannot take its place") as error:
                file.commit()
        assert file.set_aside(under_its_name=True) == str(tmp_path / "audit.partial.csv")
    assert (error.value.hint or "").startswith("close what has it open")
    assert (tmp_path / "audit.partial.csv").read_bytes() == b"new\n"
    assert (names(tmp_path), old.read_bytes()) == (["audit.csv", "audit.partial.csv"], OLD)


@pytest.mark.parametrize(
    ("there", "under_its_name", "kept"),
    [
        ({}, True, "audit.csv"),
        ({}, False, "audit.partial.csv"),
        ({"audit.csv": b""}, True, "audit.csv"),  # as mktemp makes one
        ({"audit.csv": OLD}, True, "audit.partial.csv"),
        ({"audit.csv": OLD}, False, "audit.partial.csv"),
        ({"audit.csv": OLD, "audit.partial.csv": b"1"}, True, "audit.partial-2.csv"),
        ({"audit.partial.csv": b"1", "audit.partial-2.csv": b""}, False, "audit.partial-3.csv"),
    ],
)
@pytest.mark.usefixtures("each_way_to_place")
def test_what_was_whole_is_kept_where_nothing_is_lost_by_it(
    tmp_path: Path, there: dict[str, bytes], under_its_name: bool, kept: str
) -> None:
    for name, content in there.items():
        (tmp_path / name).write_bytes(content)
    with Replacement(tmp_path / "audit.csv") as file:
        for row in (b"one\n", b"two\n"):
            file.write(row)
            file.flush()
        file.write(b"a row that is cut " * 10_000)  # more than waits in memory: some of it is in the file
        assert file.set_aside(under_its_name=under_its_name) == str(tmp_path / kept)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {**there, kept: b"one\ntwo\n"}


def test_what_was_not_whole_is_not_kept(tmp_path: Path) -> None:
    with Replacement(tmp_path / "audit.csv") as file:
        assert file.set_aside(under_its_name=True) is None
    with Replacement(tmp_path / "audit.csv") as file:
        file.write(b"a row that is cut " * 10_000)
        assert file.set_aside(under_its_name=True) is None
    assert names(tmp_path) == []


def test_what_was_committed_is_kept_already(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    with Replacement(path) as file:
        file.write(b"row\n")
        file.commit()
        assert file.set_aside(under_its_name=True) == str(path)
    assert names(tmp_path) == ["audit.csv"]


def test_an_interrupt_while_it_takes_its_place_loses_nothing(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def interrupted(part: str, target: str) -> None:
        real(part, target)
        raise KeyboardInterrupt

    with Replacement(old) as file:
        file.write(b"row\n")
        monkeypatch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            file.commit()
        assert file.set_aside(under_its_name=True) == str(old)
    assert (names(tmp_path), old.read_bytes()) == (["audit.csv"], b"row\n")


@pytest.mark.parametrize("call", ["ftruncate", "chmod", "close"])
def test_a_second_interrupt_while_rows_are_kept_removes_none(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with Replacement(old) as file:
        file.write(b"row\n")
        file.flush()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, interrupted)
            with pytest.raises(KeyboardInterrupt):
                file.set_aside(under_its_name=True)
    (part,) = tmp_path.glob(".iqa-audit.csv-*.part")
    assert (part.read_bytes(), old.read_bytes()) == (b"row\n", OLD)


def test_the_kept_part_lies_beside_the_target_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "target.csv").write_bytes(OLD)
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere" / "target.csv")
    with Replacement(tmp_path / "link.csv") as file:
        file.write(b"row\n")
        file.flush()
        kept = file.set_aside(under_its_name=True)
    assert kept == str(tmp_path / "elsewhere" / "target.partial.csv")
    assert Path(kept).read_bytes() == b"row\n"


def test_a_part_that_no_name_fits_is_named_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".csv")
    path.write_bytes(OLD)
    with Replacement(path) as file:
        file.write(b"row\n")
        file.flush()
        kept = file.set_aside(under_its_name=True)
    assert kept is not None
    assert Path(kept).read_bytes() == b"row\n"
    assert path.read_bytes() == OLD


def test_a_relative_name_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("audit.csv").write_bytes(OLD)
    with Replacement(Path("audit.csv")) as file:
        file.write(b"row\n")
        file.flush()
        assert file.set_aside(under_its_name=True) == "audit.partial.csv"


def test_two_names_of_one_place_have_one_identity(old: Path, tmp_path: Path) -> None:
    (tmp_path / "hard.csv").hardlink_to(old)
    (tmp_path / "link.csv").symlink_to("new.csv")
    of = {name: Replacement(tmp_path / name).identity for name in [*names(tmp_path), "new.csv", "other.csv"]}
    assert of["audit.csv"] == of["hard.csv"]
    assert of["link.csv"] == of["new.csv"]
    assert len(set(of.values())) == 3


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder that everybody may enter, and a process without the rights of root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can take the place of another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        os.seteuid(0)


def test_a_file_whose_folder_may_not_be_written_to_is_refused_at_once(nobody: Path) -> None:
    path = nobody / "audit.csv"
    path.write_bytes(OLD)
    path.chmod(0o666)
    os.seteuid(65534)
    with pytest.raises(UsageError, match=r"cannot be replaced \(its folder may not be written to") as error:
        Replacement(path)
    assert "takes its place: name one in a folder that is yours" in (error.value.hint or "")
    with pytest.raises(UsageError, match=r"new\.csv: cannot be written \(Permission denied\)"):
        Replacement(nobody / "new.csv")
    assert (names(nobody), path.read_bytes()) == (["audit.csv"], OLD)


def test_somebody_elses_file_in_a_shared_folder_is_refused_at_once(nobody: Path) -> None:
    nobody.chmod(0o1777)
    path = nobody / "audit.csv"
    path.write_bytes(OLD)
    path.chmod(0o666)
    os.seteuid(65534)
    with pytest.raises(UsageError, match="only its owner may replace it"):
        Replacement(path)
    with Replacement(nobody / "mine.csv") as file:
        file.write(b"new")
        file.commit()
    with Replacement(nobody / "mine.csv") as file:
        file.write(b"newer")
        file.commit()
    assert (names(nobody), path.read_bytes()) == (["audit.csv", "mine.csv"], OLD)


def test_a_file_that_is_mounted_by_itself_is_refused_at_once(
    old: Path, tmp_path: Path, mount: Callable[..., None]
) -> None:
    target = tmp_path / "in a container.csv"
    target.touch()
    mount(target, "--bind", old)
    with pytest.raises(UsageError, match=r"cannot be replaced \(it is mounted by itself"):
        Replacement(target)
    assert names(tmp_path) == ["audit.csv", "in a container.csv"]


def test_where_the_system_does_not_tell_what_is_mounted_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, old: Path
) -> None:
    monkeypatch.setattr("builtins.open", failing(errno.ENOENT))
    assert not replaceable.is_mounted(str(old))

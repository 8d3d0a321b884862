"""The undo list of a move: what is about to be done, on the disk before it is done.

JSON lines. The first tells what the list is:

    format_version  1
    kind            "iqa undo list"
    iqa             the version that wrote it
    token           tells its unfinished copies from those of other moves, see `part_name`
    target          the folder that files were moved to
    made            folders that were made for it, the innermost first

Then in the order of the steps, each written before it is taken:

    {"folder": F}                                       a folder is made below the target
    {"move": N, "from": P, "to": F, "size": B, "mtime_ns": T}   a file is moved; N counts from 1
    {"kept": N}                                         that move was not possible: the file is where it was

P is absolute, F is relative to the target. A move that is written twice is as it was written last. Names keep all their
bytes: those that are no UTF-8 are spelled %NN, and the per cent sign itself %25. Whether a step was taken is not
written: the places of its file tell, see `undo`, and size and time tell whether it is that file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import errno
import json
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote_to_bytes

from iqa_cli._version import __version__
from iqa_cli.errors import InvalidInput
from iqa_cli.photos.discover import as_utf8
from iqa_cli.report.text import shown
from iqa_cli.writing.placing import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMAT_VERSION = 1
KIND = "iqa undo list"
_COARSEST_NS = 2_000_000_000
"""FAT counts in two seconds."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclasses.dataclass(frozen=True, slots=True)
class Moved:
    """A file that is moved, or was about to be."""

    number: int
    """Counts from 1 within its list."""
    source: str
    """Where it was, absolute."""
    to: str
    """Where it went, relative to the target."""
    size: int
    """In bytes, as it was."""
    mtime_ns: int
    """When it was last written to, as it was."""

    def has_time(self, mtime_ns: int) -> bool:
        """Whether that is its time, as exactly as every file system keeps one."""
        return abs(mtime_ns - self.mtime_ns) <= _COARSEST_NS

    def is_at(self, path: str) -> bool:
        """Whether a file is this one, by its size and time. What cannot be looked at is none."""
        try:
            status = os.lstat(path)
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == self.size and self.has_time(status.st_mtime_ns)


@dataclasses.dataclass(frozen=True, slots=True)
class UndoList:
    """A list that was read."""

    path: Path
    """Where it stands."""
    target: str
    """The folder that files were moved to, absolute."""
    token: str
    """See `part_name`."""
    made: tuple[str, ...]
    """Folders that were made for the target, the innermost first, absolute."""
    folders: tuple[str, ...]
    """Folders that were made below it, in that order, relative to it."""
    moves: tuple[Moved, ...]
    """In the order they were made in."""


def part_name(token: str) -> str:
    """What a copy is called that is not complete yet, in the folder that it is made in."""
    return f".iqa-{token}.part"


class UndoWriter:
    """Writes the list of a move.

    target  the folder, which is there
    made    the folders that were made for it, the innermost first
    raises  OSError  if the list cannot be written
    """

    def __init__(self, target: str, made: Sequence[str]) -> None:
        self.token = secrets.token_hex(4)
        self.path, self._descriptor = _new_file(target)
        self._size = 0
        self._number = 0
        try:
            self._append([_first_line(self.token, target, made)])
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            raise
        sync_folder(target)

    def announce(self, folders: Iterable[str], moves: Iterable[tuple[str, str]]) -> list[Moved]:
        """Have steps on the disk before they are taken.

        folders  that will be made, relative to the target
        moves    (absolute place, place relative to the target) of the files that will be moved
        raises   OSError  if they cannot be written, which leaves the list as it was; or a file is gone
        """
        announced = []
        for number, (source, to) in enumerate(moves, self._number + 1):
            status = os.lstat(source)
            announced.append(Moved(number, source, to, status.st_size, status.st_mtime_ns))
        self._append([*({"folder": spelled(folder)} for folder in folders), *map(_as_json, announced)])
        self._number += len(announced)
        return announced

    def correct(self, moved: Moved, mtime_ns: int) -> None:
        """Note the time that a file has at its new place. Raises OSError as writing does."""
        self._append([_as_json(dataclasses.replace(moved, mtime_ns=mtime_ns))])

    def keep(self, moves: Iterable[Moved]) -> None:
        """Take back moves that were not possible. Raises OSError as writing does."""
        self._append([{"kept": moved.number} for moved in moves])

    def _append(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write lines and wait for the disk; what could not be written whole is cut off again."""
        content = _lines(lines)
        try:
            at = 0
            while at < len(content):
                at += os.write(self._descriptor, content[at:])
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(content)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _new_file(target: str) -> tuple[Path, int]:
    """A file that was not there, named by the time; its path and descriptor."""
    now = dt.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    for ending in ("", *(f"-{number}" for number in range(2, 1000))):
        path = os.path.join(target, f"iqa-undo-{now}{ending}.jsonl")
        with contextlib.suppress(FileExistsError):
            return Path(path), os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o666)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def read_undo_list(path: str | os.PathLike[str]) -> UndoList:
    """A list as it was left, by a move that came to its end or did not.

    A last line without an end was never acted on: a step is taken once its line is on the disk.

    raises  InvalidInput  if it cannot be read, is no undo list, one of another version, or is damaged
    """
    name = shown(as_utf8(os.fspath(path)))
    try:
        content = Path(path).read_bytes()
    except IsADirectoryError:
        raise InvalidInput(f"{name}: this is a folder", hint=_lists_in(Path(path))) from None
    except OSError as error:
        raise InvalidInput(f"{name}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL inside the name
        raise InvalidInput(f"{name}: cannot be read ({error})") from None
    lines = content.split(b"\n")[:-1]
    token, target, made = _header(lines[0] if lines else b"", name)
    folders: list[str] = []
    moves: dict[int, Moved] = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            step = json.loads(line)
            if "folder" in step:
                folders.append(_below(step["folder"]))
            elif "move" in step:
                count, size, mtime_ns = (_whole(step[key]) for key in ("move", "size", "mtime_ns"))
                moves[count] = Moved(count, _absolute(step["from"]), _below(step["to"]), size, mtime_ns)
            else:
                del moves[step["kept"]]
        except _DAMAGED:
            raise InvalidInput(
                f"{name}: line {number} is damaged, nothing was done",
                hint="remove that line, and the moves of all others can be undone",
            ) from None
    return UndoList(Path(path), target, token, made, tuple(folders), tuple(moves.values()))


def _header(line: bytes, name: str) -> tuple[str, str, tuple[str, ...]]:
    """Token, target and made folders of the first line. Raises InvalidInput if it is not that of a list of ours."""
    try:
        header = json.loads(line)
        is_ours = header["kind"] == KIND
    except _DAMAGED:
        is_ours = False
    if not is_ours:
        raise InvalidInput(
            f"{name}: no undo list of iqa pick",
            hint="the list stands in the folder that photos were moved to, and has `undo` in its name",
        )
    version = header.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise InvalidInput(
            f"{name}: an undo list of another version of iqa "
            f"(format_version {version!r}, this one reads {FORMAT_VERSION})",
            hint=f"iqa {shown(str(header.get('iqa')))} wrote it and can undo it",
        )
    try:
        field = "token"
        token = _token(header[field])
        field = "target"
        target = _absolute(header[field])
        field = "made"
        made = tuple(map(_absolute, _list(header[field])))
    except _DAMAGED:
        raise InvalidInput(
            f"{name}: line 1 is damaged, nothing was done ({field})",
            hint="`from` and `to` in the lines below it tell where each file was and where it went",
        ) from None
    return token, target, made


def rewritten(undo_list: UndoList, moves: Sequence[Moved]) -> bytes:
    """The content of a list that holds these moves of another only."""
    first = _first_line(undo_list.token, undo_list.target, undo_list.made)
    return _lines([first, *({"folder": spelled(folder)} for folder in undo_list.folders), *map(_as_json, moves)])


def _first_line(token: str, target: str, made: Sequence[str]) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "iqa": __version__,
        "token": token,
        "target": spelled(target),
        "made": [spelled(folder) for folder in made],
    }


def spelled(path: str) -> str:
    """A path as JSON can hold it, all its bytes kept."""
    text = os.fsencode(path).decode("utf-8", errors="surrogateescape").replace("%", "%25")
    return _NOT_UTF8.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", text)


def unspelled(text: str) -> str:
    """The path that `spelled` was given. Raises AttributeError or TypeError for what is no text."""
    return os.fsdecode(unquote_to_bytes(text))


_DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a line raises that no list of ours has."""


def _below(text: str) -> str:
    """A path that stays below the target. Raises ValueError, AttributeError or TypeError for any other."""
    path = unspelled(text)
    if os.path.isabs(path) or os.pardir in path.split(os.sep) or "\0" in path:
        raise ValueError(path)
    return path


def _absolute(text: str) -> str:
    """A path from the root. Raises as `_below`."""
    path = unspelled(text)
    if not os.path.isabs(path) or "\0" in path:
        raise ValueError(path)
    return path


def _whole(value: object) -> int:
    """A number as JSON has it. Raises TypeError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value


def _list(value: object) -> list[Any]:
    """Raises TypeError for what is none: a text would be taken apart, letter by letter."""
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _token(value: object) -> str:
    """What `part_name` makes a name of. Raises ValueError for anything else."""
    if not (isinstance(value, str) and value.isascii() and value.isalnum()):
        raise ValueError(value)
    return value


def _as_json(moved: Moved) -> dict[str, Any]:
    places = {"from": spelled(moved.source), "to": spelled(moved.to)}
    return {"move": moved.number, **places, "size": moved.size, "mtime_ns": moved.mtime_ns}


def _lines(lines: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def _lists_in(folder: Path) -> str | None:
    """A hint that names the undo lists in a folder."""
    lists = sorted(folder.glob("iqa-undo-*.jsonl"))
    return f"name its undo list: {', '.join(shown(as_utf8(str(path))) for path in lists[:3])}" if lists else None

"""Where rows and documents go: files proven writable before the work starts, and streams."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, TextIO

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.writing import Replacement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

_DESCRIPTORS = re.compile(r"/dev/fd|/proc/\d+(?:/task/\d+)?/fd")
"""Folders whose files are what a process has open."""
_MOST_LINKS = 40
"""Links behind one another that Linux follows."""


class Sink(Protocol):
    """Where rows go: `OutputFile`, `OutputStream`."""

    def write(self, content: bytes) -> None:
        """Append, so that it is kept whatever happens next."""


class OutputFile:
    """What a user named to be written to; whatever is read by somebody else is with the system after every `write`.

    path    a file, there or not: it is written beside its place, which it takes by `commit`, and not before;
            or a pipe, a device, a name of something open such as `/dev/stdout`: it is written to directly
    raises  UsageError  if it cannot be written to

    Leaving the context without `commit` or `set_aside` leaves a file as it was.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._started = False
        self._stream: BinaryIO | None = None
        try:
            if is_direct(path):
                descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
                self._stream = os.fdopen(descriptor, "wb")
            elif os.path.exists(path) and not os.access(path, os.W_OK):  # noqa: PTH110 - Path's own raises for some
                os.close(os.open(path, os.O_WRONLY))  # says why
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written ({error.strerror})",
                hint="name a file in a folder that exists and is yours",
            ) from None
        self._file = None if self._stream is not None else Replacement(path)

    @property
    def identity(self) -> tuple[int, int] | str | None:
        """What the name leads to, whatever other names that has; see `identity_of`. Of no file yet its place."""
        if self._file is not None:
            return self._file.identity
        return None if self._stream is None else identity_of(self._stream)

    def write(self, content: bytes) -> None:
        """Append a whole piece, such as a row, and flush.

        raises  OutputError      if the disk is full or gone
                BrokenPipeError  if it is a pipe that nobody reads any more
        """
        if self._file is not None:
            self._file.write(content)
            self._file.flush()
        elif self._stream is not None:
            with told_as_output_error(self.name):
                if not self._started and stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode):
                    self._stream.truncate(0)
                self._started = True
                self._stream.write(content)
                self._stream.flush()

    def commit(self) -> None:
        """It is complete: put a file in its place.

        raises  OutputError  if that cannot be done; what was there before is as it was
        """
        if self._file is not None:
            self._file.commit()

    def set_aside(self, *, under_its_name: bool) -> str | None:
        """Keep the whole pieces of a file that will not be complete: see `Replacement.set_aside`."""
        return None if self._file is None else self._file.set_aside(under_its_name=under_its_name)

    def close(self) -> None:
        """Close it; a file that was neither committed nor set aside leaves no trace."""
        if self._file is not None:
            self._file.discard()
        elif self._stream is not None:
            # After a full disk or a broken pipe the buffer still holds the row that failed, and closing tries it
            # again.
            with contextlib.suppress(OSError):
                self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_direct(path: Path) -> bool:
    """Whether something is there that is no ordinary file or folder, or that is named by way of what is open."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - beside the calls below
    except OSError:
        return False  # not there yet, or making it says why it cannot be
    if not stat.S_ISREG(mode):
        return not stat.S_ISDIR(mode)
    # `/dev/stdout` leads to a file by name, but whoever opened it goes on with the file, not with the name.
    at = os.fspath(path)
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(os.path.dirname(at))  # noqa: PTH120 - a step of realpath, on plain strings
        if _DESCRIPTORS.fullmatch(folder):
            return True
        if not os.path.islink(at):  # noqa: PTH114 - see above
            break
        at = os.path.join(folder, os.readlink(at))  # noqa: PTH115, PTH118 - see above
    return False


class OutputStream:
    """An open binary stream with the same methods; closing it is its owner's business.

    stream  for instance `sys.stdout.buffer`
    """

    name = "stdout"

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    @property
    def identity(self) -> tuple[int, int] | None:
        """What the stream leads to; see `identity_of`."""
        return identity_of(self._stream)

    def write(self, content: bytes) -> None:
        """Append and flush.

        raises  OutputError      if the disk behind it is full or gone
                BrokenPipeError  if nobody reads any more
        """
        with told_as_output_error(self.name):
            self._stream.write(content)
            self._stream.flush()


def identity_of(stream: BinaryIO | TextIO) -> tuple[int, int] | None:
    """Device and number of the file behind a stream, the same for all its names; None for a stream in memory."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def told_as_output_error(name: str) -> Iterator[None]:
    """Writing that fails in here is an `OutputError` naming the output; a reader that left stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"{name}: cannot be written any further ({error.strerror})",
            hint="make room or write elsewhere; what was written before is there",
        ) from None

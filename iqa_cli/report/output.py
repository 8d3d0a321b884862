"""Output files: proven writable before the work starts, emptied only when there is something to write."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, TextIO

from iqa_cli.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType


class Sink(Protocol):
    """Where rows go: `OutputFile`, `OutputStream`."""

    def write(self, content: bytes) -> None:
        """Append, so that it is kept whatever happens next."""


class OutputFile:
    """A file that rows are appended to; what was written is on disk after every `write`.

    path    where to write; a file that is there keeps its content until the first `write`
    raises  UsageError  if it cannot be opened for writing
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._started = False
        # Of a link that leads nowhere the target is made, and removed again; the link stays. Not path.exists():
        # before Python 3.14 it raises for a locked folder or a name that is too long.
        self._created = None if os.path.exists(path) else os.path.realpath(path)  # noqa: PTH110 - see above
        try:
            # No O_TRUNC: a run that fails before its first row must not have destroyed yesterday's report.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written ({error.strerror})",
                hint="name a file in a folder that exists and is yours",
            ) from None
        self._stream: BinaryIO = os.fdopen(descriptor, "wb")

    @property
    def identity(self) -> tuple[int, int] | None:
        """What the name leads to, whatever other names that has; see `identity_of`."""
        return identity_of(self._stream)

    def write(self, content: bytes) -> None:
        """Append and flush.

        raises  OutputError      if the disk is full or gone
                BrokenPipeError  if it is a pipe that nobody reads any more
        """
        with told_as_output_error(self.name):
            if not self._started:
                self._started = True
                if stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode):
                    self._stream.truncate(0)
            self._stream.write(content)
            self._stream.flush()

    def close(self) -> None:
        """Close it; a file that this object created and never wrote to is removed again."""
        # After a full disk or a broken pipe the buffer still holds the row that failed, and closing tries it
        # again.
        with contextlib.suppress(OSError):
            self._stream.close()
        if self._created is not None and not self._started:
            with contextlib.suppress(OSError):  # somebody may have removed it, or closed the folder
                os.unlink(self._created)  # noqa: PTH108 - a plain string, as realpath gave it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Replacement:
    """A file that takes another's place when it is complete, and not before; made beside it.

    path    where it will stand; what is there stays as it is until `commit`
    raises  UsageError  if no file can be made in its folder

    Leaving the context without `commit` removes what was written.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._target = os.path.realpath(path)  # a link stays, and what it leads to is replaced
        folder = os.path.dirname(self._target)  # noqa: PTH120 - a plain string, as realpath gave it
        try:
            descriptor, self._part = tempfile.mkstemp(prefix=".iqa-", suffix=".part", dir=folder)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written ({error.strerror})",
                hint="name a file in a folder that exists and is yours",
            ) from None
        self._stream: BinaryIO = os.fdopen(descriptor, "wb")

    def write(self, content: bytes) -> None:
        """Append.

        raises  OutputError  if the disk is full or gone; the file that was there is as it was
        """
        with told_as_not_replaced(self.name):
            self._stream.write(content)

    def commit(self) -> None:
        """Put it in its place, with the rights of what it replaces, or those of any new file.

        raises  OutputError  if that cannot be done
        """
        with told_as_not_replaced(self.name):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            with contextlib.suppress(OSError):  # some drives know no rights
                os.chmod(self._part, self._mode())  # noqa: PTH101 - plain strings throughout, as realpath gave them
            os.replace(self._part, self._target)  # noqa: PTH105 - see above

    def _mode(self) -> int:
        with contextlib.suppress(OSError):
            return stat.S_IMODE(os.stat(self._target).st_mode)  # noqa: PTH116 - see above
        return 0o666 & ~umask()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        with contextlib.suppress(OSError):  # after `commit` it is not there any more
            os.unlink(self._part)  # noqa: PTH108 - see above


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


@contextlib.contextmanager
def told_as_not_replaced(name: object) -> Iterator[None]:
    """Writing that fails in here is an `OutputError` naming the output, of which what was there before is left."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{name}: cannot be written ({error.strerror})",
            hint="make room or write elsewhere; what was there before is as it was",
        ) from None


def umask() -> int:
    """The rights that this process withholds from what it makes."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


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

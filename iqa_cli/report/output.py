"""Output files: proven writable before the work starts, emptied only when there is something to write."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, BinaryIO, Self

from iqa_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class OutputFile:
    """A file that rows are appended to; what was written is on disk after every `write`.

    path    where to write; a file that is there keeps its content until the first `write`
    raises  UsageError  if it cannot be opened for writing
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = False
        self._created = not path.exists()
        try:
            # No O_TRUNC: a run that fails before its first row must not have destroyed yesterday's report.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written ({error.strerror})",
                hint="name a file in a folder that exists and is yours",
            ) from None
        self._stream: BinaryIO = os.fdopen(descriptor, "wb")

    def write(self, content: bytes) -> None:
        """Append and flush.

        raises  UsageError       if the disk is full or gone
                BrokenPipeError  if it is a pipe that nobody reads any more
        """
        try:
            if not self._started:
                self._started = True
                if stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode):
                    self._stream.truncate(0)
            self._stream.write(content)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written any further ({error.strerror})") from None

    def close(self) -> None:
        """Close it; a file that this object created and never wrote to is removed again."""
        # After a full disk or a broken pipe the buffer still holds the row that failed, and closing tries it
        # again.
        with contextlib.suppress(OSError):
            self._stream.close()
        if self._created and not self._started:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class OutputStream:
    """An open binary stream with the same two methods; closing it is its owner's business.

    stream  for instance `sys.stdout.buffer`
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, content: bytes) -> None:
        """Append and flush.

        raises  BrokenPipeError  if nobody reads any more
        """
        self._stream.write(content)
        self._stream.flush()

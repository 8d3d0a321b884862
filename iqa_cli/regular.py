"""Regular files of a bounded size, and nothing else: what a stranger's folder holds may be a pipe that waits for ever,
a device without an end, or a file of which a hundred gigabytes are claimed and none are there.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: Path) -> tuple[BinaryIO, int]:
    """A regular file, or a link to one, open for reading, and its size in bytes.

    raises  OSError  if it cannot be opened or is anything else; `strerror` says why in words
    """
    _refuse_others(os.stat(path))  # noqa: PTH116 - before it is opened: opening a device may already do something
    # Not waiting: between the two looks the file may have become a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        _refuse_others(status)
        return os.fdopen(descriptor, "rb"), status.st_size
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file, as many as its size says.

    most    bytes; a larger file is not read
    raises  OSError  as `open_regular`, and for a file that is larger
    """
    file, size = open_regular(path)
    with file:
        if size > most:
            raise OSError(errno.EFBIG, f"{size:,} bytes, more than the {most:,} that are read")
        return file.read(size)


def kind_of(mode: int) -> str:
    """What a file of this mode (`st_mode`) is, in words."""
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "a regular file")


def _refuse_others(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, f"it is {kind_of(status.st_mode)}, not a regular file")

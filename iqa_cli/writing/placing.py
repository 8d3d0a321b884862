"""Putting a file at a place that is free, never over anything, whoever else writes there at the same time.

A look whether the place is free would not do: between the look and the rename somebody else may come. The system is
asked to rename only if nothing is there; where its file system cannot, a hard link does the same. Where there are none
either (a few network drives), the look is all there is.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
"""Linux 3.15, <linux/fs.h>; FAT, exFAT, NTFS, ext4, btrfs, XFS and tmpfs know it."""
_RENAME_EXCL = 4
"""macOS 10.12, <sys/stdio.h>."""
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system answers that does not know how to."""
_NO_LINKS = _UNKNOWN | {errno.EPERM, errno.EMLINK}


def place(source: str, to: str) -> None:
    """Rename a file if nothing is at its new place.

    A process that is killed in here leaves the file at one of its two places or, where the file system knows no such
    rename, at both: `holds_nothing_else` tells.

    raises  FileExistsError  if something is there, a folder or a link that leads nowhere among it
            OSError          as renaming does; EXDEV between file systems
    """
    rename = _renamer()
    if rename is not None:
        error = rename(os.fsencode(source), os.fsencode(to))
        if not error:
            return
        if error not in _UNKNOWN:
            raise OSError(error, os.strerror(error), source, None, to)
    try:
        os.link(source, to)
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        if os.path.lexists(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), source, None, to) from None
        os.rename(source, to)
    else:
        os.unlink(source)


@functools.cache
def _renamer() -> Callable[[bytes, bytes], int] | None:
    """The system's rename that refuses to replace: it gives 0 or an error number. None where there is none."""
    if sys.platform == "win32":
        return None
    import ctypes  # few runs need it

    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        exclusive = getattr(library, "renamex_np", None)
        return None if exclusive is None else lambda source, to: _errno_of(exclusive(source, to, _RENAME_EXCL))
    renameat2 = getattr(library, "renameat2", None)  # glibc 2.28, musl 1.2.6
    if renameat2 is None:
        return None
    return lambda source, to: _errno_of(renameat2(_AT_FDCWD, source, _AT_FDCWD, to, _RENAME_NOREPLACE))


def _errno_of(answer: int) -> int:
    import ctypes

    return ctypes.get_errno() if answer else 0


def holds_nothing_else(path: str, original: str) -> bool:
    """Whether a file holds nothing that another does not: it is the same file, a copy, or the beginning of one.

    That is what a process leaves at a new place that is killed while it moves or copies the original there.

    raises  OSError  if one of them cannot be read
    """
    if os.path.samefile(path, original):
        return True
    if os.path.islink(path) or os.path.islink(original):
        return False
    with open(path, "rb") as part, open(original, "rb") as whole:
        while beginning := part.read(1 << 20):
            if beginning != whole.read(len(beginning)):
                return False
    return True


def sync_folder(folder: str) -> None:
    """Have the names in a folder on the disk, where the system lets one ask for that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder or os.curdir, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

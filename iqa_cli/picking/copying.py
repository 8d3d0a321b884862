"""Copies that are proven: written beside their place, on the disk, read back and compared, and only then named.

`bring` moves a file: by renaming it or, over the border of file systems, by such a copy.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

from iqa_cli.writing.placing import place, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_PIECE = 1 << 20


def copy(source: str, to: str, part: str, *, mtime_ns: int | None = None) -> None:
    """Copy a file with its times and rights to a place that is free. Links are followed.

    source    a regular file
    to        the place
    part      a free name in the same folder, under which the copy is made
    mtime_ns  the time of writing that the copy shall have; None for the source's
    raises    FileExistsError  if something is at the place or at `part`
              OSError          if it cannot be copied, differs from the source, or the source was changed meanwhile

    Nothing of it is left behind unless the process is killed: then `part`.
    """
    with open(source, "rb") as original:
        before = os.fstat(original.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", source)
        with _placed(part, to) as copied:
            _fill(copied, original, source)
            copied.flush()
            _imitate(source, part, before.st_mtime_ns if mtime_ns is None else mtime_ns)
            os.fsync(copied.fileno())
            after = os.stat(source)
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise OSError(errno.EAGAIN, "it was changed while it was copied", source)
    sync_folder(os.path.dirname(to))


def bring(source: str, to: str, part: str, *, mtime_ns: int | None = None) -> None:
    """Move a file to a place that is free, over the border of file systems, too.

    part      a free name in the folder of the new place, for a copy that is not complete
    mtime_ns  the time of writing that a copy shall have; None for the source's
    raises    FileExistsError  if something is at the place
              OSError          if it cannot be moved; it is where it was
    """
    try:
        place(source, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Proven, and its name on the disk: only then the source goes.
        copy(source, to, part, mtime_ns=mtime_ns)
        try:
            os.unlink(source)
        except OSError:  # as on a card that is write-protected
            os.unlink(to)
            raise
        sync_folder(os.path.dirname(source))


@contextlib.contextmanager
def _placed(part: str, to: str) -> Iterator[BinaryIO]:
    """A new file that gets its name when it is complete; whatever goes wrong before, nothing of it is left."""
    with open(part, "xb", opener=_private) as file:
        try:
            yield file
            file.close()
            place(part, to)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise


def _fill(copied: BinaryIO, original: BinaryIO, name: str) -> None:
    """Write the copy and prove it."""
    size, written = 0, hashlib.blake2b()
    while piece := original.read(_PIECE):
        copied.write(piece)
        written.update(piece)
        size += len(piece)
    copied.flush()
    os.fsync(copied.fileno())
    if hasattr(os, "posix_fadvise"):  # so that it is read from the disk, not from memory
        os.posix_fadvise(copied.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with open(copied.name, "rb") as again:
        read = hashlib.file_digest(again, "blake2b")
        if again.tell() != size or read.digest() != written.digest():
            raise OSError(errno.EIO, "its copy differs from it", name)


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else may read: a copy has the rights of its source only at the end."""
    return os.open(path, flags, 0o600)


def _imitate(source: str, copied: str, mtime_ns: int) -> None:
    """Give a copy what the file system there can keep of the source's owner, rights, attributes and times."""
    if hasattr(os, "chown"):
        owner = os.stat(source)
        with contextlib.suppress(OSError):  # only root may give files away
            os.chown(copied, owner.st_uid, owner.st_gid)
    with contextlib.suppress(OSError):
        shutil.copystat(source, copied)
    with contextlib.suppress(OSError):  # the line above gives up at the first that cannot be kept
        shutil.copymode(source, copied)
    with contextlib.suppress(OSError):
        os.utime(copied, ns=(os.stat(copied).st_atime_ns, mtime_ns))

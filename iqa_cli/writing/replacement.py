"""A file that takes another's place when it is complete: made beside it, safe on the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.writing.placing import place, sync_folder
from iqa_cli.writing.replaceable import why_irreplaceable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_BUFFER_BYTES = 1 << 16
_LONGEST_NAME = 200
"""Bytes of a file's name that still fit into the name of its part; file systems end at 255."""


class Replacement:
    """A file that takes another's place when it is complete, and not before.

    path    where it will stand, under the rights of what stands there; of a link the target is replaced, the link stays
    raises  UsageError  if no file can be made in its folder, or what is there cannot be replaced

    It is made with the first `write` as `.iqa-NAME-xxxxxxxx.part` in the same folder. Leaving the context removes it,
    unless it was put in its place by `commit` or kept by `set_aside`; after `kill -9` it is still there.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._target = os.path.realpath(path)
        self._folder, self._file = os.path.split(self._target)
        # How the user would name what lies beside the target.
        self._beside = self._folder if os.path.islink(path) else os.path.dirname(self.name)
        self._part: str | None = None
        self._descriptor: int | None = None
        self._pending = bytearray()
        self._written = 0
        self._whole = 0
        self._is_placed = False
        try:
            self._prove()
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written ({error.strerror})",
                hint="name a file in a folder that exists and is yours",
            ) from None

    def _prove(self) -> None:
        """Prove that the file can be made and put in its place. Raises OSError, or UsageError with the reason."""
        before = self._before()
        if before is not None and stat.S_ISDIR(before.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        try:
            descriptor, probe = self._new_part()
        except PermissionError as error:
            if before is None or not os.access(self._target, os.W_OK):
                raise
            # The file may be written to and its folder may not: writing in place could lose what is in the file.
            raise self._irreplaceable(f"its folder may not be written to: {error.strerror}") from None
        os.close(descriptor)
        os.unlink(probe)
        reason = None if before is None else why_irreplaceable(self._target, before)
        if reason is not None:
            raise self._irreplaceable(reason)

    def _irreplaceable(self, reason: str) -> UsageError:
        return UsageError(
            f"{self.name}: cannot be replaced ({reason})",
            hint="a new file is made beside it and takes its place: name one in a folder that is yours",
        )

    def _new_part(self) -> tuple[int, str]:
        name = f"{self._file}-" if len(os.fsencode(self._file)) <= _LONGEST_NAME else ""
        return tempfile.mkstemp(prefix=f".iqa-{name}", suffix=".part", dir=self._folder)

    def _before(self) -> os.stat_result | None:
        """What stands in its place; None if nothing does. Raises OSError for a name that cannot be one."""
        try:
            return os.stat(self._target)
        except FileNotFoundError:
            return None

    @property
    def identity(self) -> tuple[int, int] | str:
        """What stands in its place, whatever other names that has; or its place, if nothing does."""
        before = self._before()
        if before is not None:
            return before.st_dev, before.st_ino
        # Drives of these systems hardly ever tell capitals from small letters.
        return self._target.casefold() if sys.platform in ("win32", "darwin") else self._target

    def write(self, content: bytes) -> None:
        """Append.

        raises  OutputError  if the disk is full or gone; the file that was there is as it was
        """
        if len(self._pending) + len(content) < _BUFFER_BYTES:
            self._pending += content
        else:
            self._drain()
            self._put(content)

    def fill(self, write: Callable[[Path], None]) -> None:
        """Have somebody else write all of it.

        write   given the path of an empty file, which it writes over; raises OSError if it cannot
        raises  OutputError  if the disk is full or gone; the file that was there is as it was
        """
        with told_as_not_replaced(self.name):
            self._descriptor, self._part = self._new_part()
            write(Path(self._part))
            self._written = os.stat(self._part).st_size

    def flush(self) -> None:
        """Hand everything to the system, so that it is kept if this process is killed; it ends a whole piece, such as a
        row: no less is ever kept.

        raises  OutputError  if the disk is full or gone; the file that was there is as it was
        """
        self._drain()
        self._whole = self._written

    def _drain(self) -> None:
        self._put(self._pending)
        self._pending.clear()

    def _put(self, content: bytes | bytearray) -> None:
        """Hand bytes to the system; the first have the file made."""
        with told_as_not_replaced(self.name), memoryview(content) as left:
            if self._descriptor is None:
                self._descriptor, self._part = self._new_part()
            at = 0
            while at < len(left):
                at += os.write(self._descriptor, left[at:])
        self._written += at

    def sync(self) -> None:
        """Have everything on the disk.

        raises  OutputError  if the disk is full or gone; the file that was there is as it was
        """
        self.flush()
        if self._part is None or self._descriptor is None:
            return
        with told_as_not_replaced(self.name):
            self._imitate(self._part)
            os.fsync(self._descriptor)

    def commit(self, *, only_if_free: bool = False) -> None:
        """Put it in its place, with owner and rights of what it replaces, or those of any new file.

        only_if_free  replace nothing
        raises        OutputError      if that cannot be done
                      FileExistsError  if something is there that shall not be replaced
        """
        self.sync()
        self._close()
        if self._part is None:
            return
        try:
            if only_if_free:
                place(self._part, self._target)
            else:
                os.replace(self._part, self._target)
        except FileExistsError:
            raise
        except OSError as error:  # on Windows also if another program has the file open
            raise OutputError(
                f"{self.name}: the new file cannot take its place ({error.strerror})",
                hint="close what has it open, or write elsewhere; what was there before is as it was",
            ) from None
        self._part = None
        self._is_placed = True
        sync_folder(self._folder)

    def set_aside(self, *, under_its_name: bool) -> str | None:
        """Keep what was flushed of a file that will not be complete, and destroy nothing for it.

        under_its_name  whether it may stand where it was meant to, if that is free or an empty file
        returns         where it is: there, or beside it as NAME.partial.SUFFIX, NAME.partial-2.SUFFIX and so on; the
                        part as it was named before, if that is not possible; the file, if it was committed; None if
                        there is nothing to keep
        """
        if self._part is None or not self._whole:
            self.discard()
            return self.name if self._is_placed else None
        part, self._part = self._part, None  # from here on nothing removes it, whatever comes
        if not os.path.lexists(part):  # interrupted while it took its place
            return self.name
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._whole)  # a piece of a row is none
        self._imitate(part)
        # No fsync: nothing is replaced, and who interrupts twice does not want to wait for a slow disk.
        self._close()
        with contextlib.suppress(OSError):
            if under_its_name:
                self._put_where_it_was_meant_to_be(part)
                return self.name
        stem, suffix = os.path.splitext(self._file)
        with contextlib.suppress(OSError):
            for ending in itertools.chain(["partial"], (f"partial-{number}" for number in range(2, 1000))):
                name = f"{stem}.{ending}{suffix}"
                with contextlib.suppress(FileExistsError):
                    place(part, os.path.join(self._folder, name))
                    return os.path.join(self._beside, name)
        return os.path.join(self._beside, os.path.basename(part))

    def _put_where_it_was_meant_to_be(self, part: str) -> None:
        """Raises OSError if something is there that would be lost."""
        before = self._before()
        if before is not None and not before.st_size:
            os.replace(part, self._target)
        else:
            place(part, self._target)

    def discard(self) -> None:
        """Remove what was written, unless it is in its place."""
        self._close()
        if self._part is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._part)
            self._part = None

    def _close(self) -> None:
        """Close the part: Windows renames and removes no open file."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # whoever wants what was written has asked for it by `sync`
                os.close(self._descriptor)
            self._descriptor = None

    def _imitate(self, part: str) -> None:
        """Give the part owner and rights of what it replaces, as far as the drive and the system let us."""
        before = self._before()
        if before is not None and hasattr(os, "chown"):
            with contextlib.suppress(OSError):
                os.chown(part, before.st_uid, before.st_gid)
        with contextlib.suppress(OSError):  # after the owner: a new owner costs some rights
            os.chmod(part, 0o666 & ~umask() if before is None else stat.S_IMODE(before.st_mode))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


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

"""Whole files at once, alone or together, and folders to write them in."""

from __future__ import annotations

import contextlib
import glob
import os
from typing import TYPE_CHECKING, TypeAlias

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.writing.replacement import Replacement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Content: TypeAlias = "bytes | Callable[[Path], None]"
"""Of a file: bytes, or what writes them to a path, for files that are not to be in memory as a whole."""


def write_atomically(path: Path, content: Content) -> None:
    """Write a file so that a reader sees either the old content or the new, never a part.

    raises  OutputError  naming the file, if it cannot be written; the old content is still there
    """
    with staged({path: content}) as (file,):
        file.commit()


@contextlib.contextmanager
def staged(contents: Mapping[Path, Content]) -> Iterator[tuple[Replacement, ...]]:
    """New files, each complete and on the disk beside its place: a full disk costs none of the old ones. They take
    their places by `commit`; those that have not at the end are gone.

    contents  by path, in the order of what is given; they are made and written one after the other
    raises    OutputError  naming a file that cannot be written
    """
    with contextlib.ExitStack() as stack:
        files = []
        for path, content in contents.items():
            try:
                file = stack.enter_context(Replacement(path))
            except UsageError as error:  # nobody named this very file on the command line
                raise OutputError(error.message, hint="make room there, or name another folder") from None
            if isinstance(content, bytes):
                file.write(content)
            else:
                file.fill(content)
            file.sync()
            files.append(file)
        yield tuple(files)


def remove_leftovers(*paths: Path) -> None:
    """Remove what a process that was killed left of files that nobody else writes now."""
    for path in paths:
        for part in path.parent.glob(f".iqa-{glob.escape(path.name)}-????????.part"):
            with contextlib.suppress(OSError):
                part.unlink()


def make_writable(folder: Path) -> None:
    """Make a folder and prove, with a file that is removed again, that files can be written in it.

    raises  OutputError  naming the folder and the reason
    """
    probe = folder / f".iqa-probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"probe")
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error})", hint="make room there, or name another folder"
        ) from error

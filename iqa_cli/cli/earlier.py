"""What may be written over: our earlier results and nothing else, told before any work is done."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING

from iqa_cli.errors import UsageError
from iqa_cli.photos.discover import SUFFIXES
from iqa_cli.report.audit.html import MARK
from iqa_cli.report.comparison.html import MARK as COMPARISON_MARK
from iqa_cli.report.run import RUN_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iqa_cli.records import PhotoRef

_OURS = (
    b"SourceFile,status,",
    b"filename,pred_label,gt_label",
    b"filename,label,true,level,",
    b"label,n,",
    b"file_a,file_b,status_a,",
    *(f"<!doctype html>\n<!-- {mark} ".encode() for mark in (MARK, COMPARISON_MARK)),
)
"""How what we write begins. exiftool's tables have SourceFile, too."""
_OUR_JSON = re.compile(
    rb'\{\s*"format_version":\s*\d+,\s*"'
    rb'(?:SourceFile|source_file|source|files|checkpoints|evaluations|type":\s*"(?:run|photo|end|meta))"'
)
"""The same of our JSON. Label graphs and the cards of checkpoints have a format version as well, and are no reports."""
_HEAD = 256
_PARQUET = b"PAR1"
_RUN_KEY = RUN_KEY.encode()
_MOST_FOOTER = 1 << 28
"""Bytes; it has some ten thousand for each group of rows."""


def _is_ours(head: bytes) -> bool:
    """Whether a file that begins so was written by iqa."""
    return head.removeprefix(codecs.BOM_UTF8).startswith(_OURS) or _OUR_JSON.match(head) is not None


def _looks_like_ours(path: Path, head: bytes) -> bool:
    """The same, where the end has to be looked at as well. Raises OSError if it cannot be read."""
    return _is_ours(head) or (head.startswith(_PARQUET) and _RUN_KEY in _footer(path))


def _head(path: Path) -> bytes:
    """How a file begins, up to `_HEAD` bytes.

    raises  OSError  if it cannot be read
    """
    with path.open("rb") as file:
        return file.read(_HEAD)


def _footer(path: Path) -> bytes:
    """The metadata of a Parquet file, which stand before their length and its mark; empty if it has none of ours' size.

    raises  OSError  if it cannot be read
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        tail = file.read(8)
        length = int.from_bytes(tail[:4], "little")
        if not tail.endswith(_PARQUET) or length > min(size, _MOST_FOOTER):
            return b""
        file.seek(max(0, size - 8 - length))
        return file.read(length)


def refuse_foreign(option: str, path: Path) -> None:
    """An earlier result is replaced, somebody's notes or labels are not: a slip of the hand costs nothing.

    raises  UsageError  for a file that is write-protected, whoever asks, and for one that holds something else
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return
        head = _head(path)
        is_ours = _looks_like_ours(path, head)
    except OSError:
        return  # not there yet, or opening it to write says what is wrong
    if not status.st_mode & 0o222:
        raise UsageError(f"{option} {path}: the file is write-protected", hint="name another file")
    if head.strip() and not is_ours:
        raise UsageError(
            f"{option} {path}: the file is there and was not written by iqa, it would be lost",
            hint="name another file, or remove this one first",
        )


def _is_earlier_result(path: Path, status: os.stat_result) -> bool:
    """Whether a file is a result of ours and so no photo.

    Asked first, because on a network share it takes long to look at thousands of photos whenever a run is continued.
    """
    with contextlib.suppress(OSError):
        return stat.S_ISREG(status.st_mode) and _looks_like_ours(path, _head(path))
    return False


def refuse_photo(option: str, path: Path, photos: Sequence[PhotoRef]) -> None:
    """`--csv *.jpg` hands the first photo to the option: it would be overwritten without this."""
    try:
        status = path.stat()
    except OSError:
        return  # not there yet, or opening it says why it cannot be written
    is_photo = path.suffix.lower() in SUFFIXES
    if not is_photo and not _is_earlier_result(path, status):
        for photo in photos:
            with contextlib.suppress(OSError):
                other = photo.path.stat()
                if (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino):
                    is_photo = True
                    break
    if is_photo:
        raise UsageError(
            f"{option} {path}: this is a photo, it would be overwritten", hint=f"{option} names a new file"
        )

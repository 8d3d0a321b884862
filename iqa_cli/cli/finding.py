"""From what the command line names to photos: folders, files, paths on stdin, patterns."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.cli.streams import say
from iqa_cli.errors import InvalidInput, NothingReadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.photos.discover import Discovery
    from iqa_cli.photos.left_out import LeftOut


_READ = "photos in JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP, GIF, JPEG XL and raw files are read"


def find_photos(
    paths: Sequence[str], *, include_copies: bool = False, exclude: Sequence[str] = (), exclude_from: Path | None = None
) -> Discovery:
    """Photos of the paths; folders that cannot be searched are warned of.

    paths   files and folders; `-` stands for those that stdin names, one a line, or each followed by a NUL byte
    raises  InvalidInput     if a path or the file of patterns cannot be read
            NothingReadable  if there are no photos
            UsageError       if a pattern is none, or `-` waits for somebody to type
    """
    from iqa_cli.photos.discover import discover
    from iqa_cli.report.text import shown

    patterns = [*exclude, *(() if exclude_from is None else _lines(exclude_from))]
    named = [path for given in paths for path in (_from_stdin() if given == "-" else [given])]
    found = discover(named, include_copies=include_copies, exclude=patterns)
    for folder, reason in found.skipped:
        say(f"warning: {shown(folder)}: not searched ({reason})")
    for pattern in exclude:
        if pattern.removeprefix("./") in found.unused:
            say(f"note: --exclude {shown(pattern)}: nothing was passed over by it")
    if not found.photos:
        raise NothingReadable(_none_found(paths, found.left_out), hint=_READ if found.left_out.kinds else None)
    return found


def _from_stdin() -> list[str]:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "- takes paths from stdin, and nothing is sent there", hint="find DCIM -name '*.jpg' | iqa assess -"
        )
    data = sys.stdin.buffer.read()
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InvalidInput(f"--exclude-from {path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise InvalidInput(f"--exclude-from {path}: is no text in UTF-8") from None


def _none_found(paths: Sequence[str], left_out: LeftOut) -> str:
    from iqa_cli.report.audit.left_out import left_out_line
    from iqa_cli.report.text import shown

    message = f"no photos found in {', '.join(map(shown, paths)) or 'nothing'}"
    line = left_out_line(left_out, "en")
    return f"{message}; {line[0].lower()}{line[1:]}" if line else message

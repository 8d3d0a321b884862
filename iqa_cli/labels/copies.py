"""Photos that are the same file, byte for byte, whatever they are called."""

from __future__ import annotations

import collections
import hashlib
import os
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def content_keys(paths: Iterable[Path]) -> dict[Path, str]:
    """A key for every file that shares its content with another one: equal keys, equal bytes.

    raises  LabelsError  if a file cannot be read

    Only files of equal size are read.
    """
    by_size: dict[int, dict[str, list[Path]]] = {}
    try:
        for path in dict.fromkeys(paths):
            files = by_size.setdefault(path.stat().st_size, {})
            files.setdefault(os.path.realpath(path), []).append(path)
        keys: dict[Path, str] = {}
        for files in by_size.values():
            for real, named in files.items():
                if len(files) > 1 or len(named) > 1:
                    key = _sha256(real) if len(files) > 1 else real
                    keys.update(dict.fromkeys(named, key))
    except OSError as error:
        raise LabelsError(f"{error.filename}: cannot be read ({error.strerror})") from None
    times = collections.Counter(keys.values())
    return {path: key for path, key in keys.items() if times[key] > 1}


def _sha256(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - realpath gave a string
        return hashlib.file_digest(file, "sha256").hexdigest()

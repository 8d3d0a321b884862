"""Where the cache lies, and what its files are called."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FILE = "photos.sqlite3"
"""The cache in its folder; sqlite3 puts `-wal` and `-shm` beside it while it is open."""
SUFFIXES = ("", "-wal", "-shm")
"""Of the files that belong together; the database first, see `database.set_aside`."""


def default_folder() -> Path:
    """`$IQA_CACHE_DIR`, or `iqa` in the folder that the system has for caches.

    That is `$XDG_CACHE_HOME`, if it is absolute as the XDG base directory specification 0.8 asks, or `~/.cache`;
    `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on Windows.

    raises  RuntimeError  if the user has no home folder
    """
    chosen = os.environ.get("IQA_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "iqa"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "iqa"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / "iqa"  # noqa: PTH117 - "" is no path

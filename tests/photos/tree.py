"""Files that stand for photos, by their names alone."""

from __future__ import annotations

from pathlib import Path


def make(*names: str) -> None:
    """Make these files, and the folders that they are in, below the current folder."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")

"""Makes the modules beside it importable; photos that are known by their times, and a place for the cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

from remembered import LONG_AGO_NS  # noqa: E402 - found by the line above


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., PhotoRef]:
    """Writes a file and dates it back, so that its times can be trusted."""

    def write(name: str = "a.jpg", content: bytes = b"content", mtime_ns: int | None = LONG_AGO_NS) -> PhotoRef:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if mtime_ns is not None:
            os.utime(path, ns=(mtime_ns, mtime_ns))
        return PhotoRef(path, str(path))

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cache of a test lies."""
    return tmp_path / "cache"

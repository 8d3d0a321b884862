"""Makes `drawn`, `kills` and `moves` importable for the tests of picking, and stands in a folder of photos."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

from drawn import make_files  # noqa: E402 - found by the line above
from moves import COMPANIONS, OTHERS, PHOTOS, across  # noqa: E402


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder with photos, what belongs to them, and others."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path, *PHOTOS, *COMPANIONS, *OTHERS)
    return tmp_path


@pytest.fixture(params=["rename", "copy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a file system and between two."""
    if request.param == "copy":
        across(monkeypatch)

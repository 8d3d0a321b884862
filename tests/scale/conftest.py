"""Fixtures of scale: its tests need the libraries of the extra, and modules that lie beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)  # makes `drawn_runs` importable

from needs import need_libraries  # noqa: E402 - see above


@pytest.fixture(autouse=True)
def libraries() -> None:
    need_libraries("obstore", "pyarrow")

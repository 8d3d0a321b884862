"""Stores need their client."""

from __future__ import annotations

import pytest
from needs import need_libraries


@pytest.fixture(autouse=True)
def libraries() -> None:
    need_libraries("obstore")

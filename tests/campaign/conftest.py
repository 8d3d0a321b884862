"""Makes the package beside it importable as `python tests/campaign` has it; a campaign by a quick checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

_FOLDER = str(Path(__file__).parents[1])
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

from campaign import photographs  # noqa: E402 - found by the line above
from campaign.plan import Plan  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from campaign.photographs import Photograph


@pytest.fixture(scope="session")
def drawn() -> tuple[Photograph, ...]:
    """The photographs that attacks begin with."""
    return photographs.drawn()


@pytest.fixture
def plan(tmp_path: Path, checkpoint_folder: Path, drawn: tuple[Photograph, ...]) -> Callable[..., Plan]:
    """plan(seed) -> a campaign in the test's folder; what it tells is dropped."""

    def make(seed: int = 0, **how: object) -> Plan:
        folder = tmp_path / f"campaign {seed}"
        folder.mkdir()
        return Plan(seed, str(checkpoint_folder), folder, drawn, tell=lambda _line: None, **how)  # type: ignore[arg-type]

    return make

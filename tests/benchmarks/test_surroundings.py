"""The part about surroundings, on drawn photos and the hand-made checkpoint, which looks at the mean alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("scipy", reason="intervals need scipy, which the train extra brings")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts_are_importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a script of the folder ran; what it loaded goes again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "quality_parts"]:
        del sys.modules[name]


def test_good_photographs_stay_good_in_any_surroundings(
    checkpoint_folder: Path, tmp_path: Path, save_grey: Callable[..., Path]
) -> None:
    from quality_parts.judges import Judge
    from quality_parts.surroundings import cases, surroundings_part

    for name, grey in (("fine.png", 128), ("fine_too.png", 120), ("dark.png", 45)):
        save_grey(f"photos/{name}", grey, (320, 240))
    part = surroundings_part([tmp_path / "photos"], [Judge.load("mean", str(checkpoint_folder))])
    rows = {row[0]: row for row in part.tables[0].rows}
    assert set(rows) == {"as it is", *cases()}
    for case in ("as it is", "bars of 20 %, black", "bars at the sides, white", "border, white"):
        severe, ordinary, uncertain = rows[case][1:4]
        assert [(cell.hits, cell.of) for cell in (severe, ordinary, uncertain)] == [(0, 2)] * 3, case


def test_surroundings_have_the_share_they_are_named_for() -> None:
    from quality_parts.surroundings import WHITE, bars, border, caption, pillars

    photo = Image.new("RGB", (400, 300))
    assert bars(photo, 0.2, WHITE).size == (400, 500)
    assert pillars(photo, 0.1, WHITE).size == (500, 300)
    assert border(photo, 0.1, WHITE).size == (460, 360)
    assert caption(photo, 0.25, WHITE).size == (400, 400)

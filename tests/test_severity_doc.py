"""docs/severity.md holds what it says: its thresholds are the code's, its pictures are there and hold every label."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

torch = pytest.importorskip("torch", reason="severity is measured in torch: pip install 'iqa-cli[train]'")

from iqa_cli.training import natures, severity  # noqa: E402 - torch may be missing
from iqa_cli.training.tone import lstar_from_luminance  # noqa: E402

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "severity.md").read_text("utf-8")
PROSE = " ".join(TEXT.split())
STRIPS = re.findall(r"\]\(severity/(\w+)\.jpg\)", TEXT)
ROWS = [
    (label, words, [float(cell.strip(" %")) for cell in cells.split("|")])
    for label, words, cells in re.findall(
        r"^\| `(\w+)` \| ([^|]+) \| ([+-]?[\d.]+%? \| [+-]?[\d.]+%? \| [+-]?[\d.]+%?) \|$", TEXT, flags=re.MULTILINE
    )
]


def row(label: str, words: str) -> list[float]:
    """The three numbers of the one row of a table that begins so."""
    (numbers,) = (numbers for name, text, numbers in ROWS if name == label and text.startswith(words))
    return numbers


@pytest.mark.parametrize(
    ("label", "words", "written"),
    [
        ("bright", "exposure error", lambda value: value),
        ("dark", "exposure error", lambda value: -value),
        ("high_contrast", "spread of L* over", lambda value: value),
        ("low_contrast", "the same ratio", lambda value: 1 / value),
        ("overexposed", "share of pixels", lambda value: 100 * value),
        ("over_suppressed", "mean L* lost", lambda value: value),
    ],
)
def test_a_threshold_is_the_one_that_is_used(label: str, words: str, written: Callable[[float], float]) -> None:
    assert row(label, words) == pytest.approx([written(value) for value in severity.THRESHOLDS[label]])


def key_lstar(ev: float) -> float:
    """L* of a mean lightness so many EV above the middle one."""
    return float(lstar_from_luminance(torch.tensor(severity._KEY_LUMINANCE * 2**ev)))


@pytest.mark.parametrize(
    ("label", "words", "limit"),
    [
        ("bright", "mean L*", lambda value: key_lstar(value - severity._KEY_MARGIN_EV["bright"])),
        ("dark", "mean L*", lambda value: key_lstar(severity._KEY_MARGIN_EV["dark"] - value)),
        (
            "high_contrast",
            "spread of L* at least",
            lambda value: severity._HARD_SPREAD * value ** (1 / severity._HARD_POWER),
        ),
        (
            "high_contrast",
            "or, in place of",
            lambda value: 100 * (value - severity._CRUSHED_SLOPE[0]) / severity._CRUSHED_SLOPE[1],
        ),
        (
            "high_contrast",
            "or share of values",
            lambda value: 100 * (value - severity._BOTH_ENDS[0]) / severity._BOTH_ENDS[1],
        ),
        ("low_contrast", "spread of L* at most", lambda value: severity._FLAT_SPREAD / value),
        ("low_contrast", "spread within blocks", lambda value: severity._FLAT_DETAIL / value),
        ("low_contrast", "or, in the half of the blocks", lambda value: severity._FAR_DETAIL / value),
        ("over_suppressed", "mean L* of the", lambda value: severity._WHITE - value / severity._WHITE_SLOPE),
        (
            "over_suppressed",
            "and spread of L* within",
            lambda value: severity._PLAIN_SPREAD * (severity._PLAIN_LOSS / value) ** (1 / severity._PLAIN_POWER),
        ),
    ],
)
def test_a_further_condition_is_the_one_that_is_used(label: str, words: str, limit: Callable[[float], float]) -> None:
    to_the_digit = 0.5 if words.startswith("or") else 0.06  # whole percents
    assert row(label, words) == pytest.approx([limit(value) for value in severity.THRESHOLDS[label]], abs=to_the_digit)


@pytest.mark.parametrize(
    "sentence",
    [
        f"at {severity.CLIPPED} of 255 or above",
        f"that channel was below {severity.PLAIN} (L* 90), or below {severity.DETAIL} where",
        f"a standard deviation of {severity._TEXTURE:g} or more within 5 x 5",
        f"within {severity._END} of 0 or 255 and was not within {3 * severity._END} of it",
        "a ratio of {:g} + {:g} e".format(*severity._BOTH_ENDS),
        f"below L* {severity._CRUSHED_BELOW:g} now, at L* {severity._CRUSHED_FROM:g} or above in the reference",
        f"{severity._BLOCK} x {severity._BLOCK} pixels",
        f"up to {severity._KEY_MARGIN_EV['bright']:g} EV more than that for bright",
        f"up to {severity._KEY_MARGIN_EV['dark']:g} EV more for dark",
        f"(luminance {severity._KEY_LUMINANCE:g})",
        f"(spread / {severity._HARD_SPREAD:g})^{severity._HARD_POWER:g}",
        "a ratio of {:g} + {:g} c".format(*severity._CRUSHED_SLOPE),
        f"{severity._FLAT_SPREAD:g} / spread",
        f"{severity._FLAT_DETAIL:g} / spread within blocks",
        f"divided by {severity._DETAIL_MARGIN:g}",
        f"divided by {severity._FAR_MARGIN:g}",
        f"at most as {severity._FAR_DETAIL:g} / spread",
        f"something there (a spread of {severity._FAR_GOOD:g})",
        f"{severity._WHITE_SLOPE:g} ({severity._WHITE:g} - L*) of the brightest tenth",
        f"{severity._PLAIN_LOSS:g} ({severity._PLAIN_SPREAD:g} / spread)^{severity._PLAIN_POWER:g}",
        f"To both spreads of a ratio {severity._SPREAD_FLOOR:g} is added",
    ],
)
def test_a_constant_is_the_one_that_is_used(sentence: str) -> None:
    assert sentence in PROSE


def test_every_label_has_a_strip_and_every_strip_its_place() -> None:
    assert {path.stem for path in (DOCS / "severity").glob("*.jpg")} == set(STRIPS)
    assert [label for label in severity.THRESHOLDS if not any(name.startswith(label) for name in STRIPS)] == []


@pytest.mark.parametrize("name", STRIPS)
def test_a_strip_is_quick_to_load(name: str) -> None:
    path = DOCS / "severity" / f"{name}.jpg"
    assert path.stat().st_size <= 80_000
    with Image.open(path) as picture:
        assert picture.width == 1000


def test_every_nature_is_explained() -> None:
    assert [nature.__name__ for nature, _ in natures.NATURES if f"| `{nature.__name__}` |" not in TEXT] == []

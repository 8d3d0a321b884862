"""Sides made by hand."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from iqa_cli.comparison import Side
from iqa_cli.records import Capture, Finding, Measurement, PhotoReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LABELS = ("bright", "dark")
NOON = dt.datetime(2026, 7, 4, 12)  # noqa: DTZ001 - EXIF knows no zone


def _shot(
    name: str,
    levels: tuple[int, ...] = (1, 1),
    *,
    luma: float = 0.5,
    seconds: float | None = None,
    status: str = "ok",
    labels: tuple[str, ...] = LABELS,
    **settings: object,
) -> PhotoReport:
    """A photo with these levels, sure of them; taken so many seconds after noon."""
    taken = None if seconds is None else NOON + dt.timedelta(seconds=seconds)
    capture = Capture(taken_at=taken, **settings)  # type: ignore[arg-type]
    if status == "unreadable":
        return PhotoReport(name, "unreadable", error="the file is empty (0 bytes)", capture=capture)
    marginals = {
        label: tuple(0.97 if level == at else 0.01 for at in range(1, 5))
        for label, level in zip(labels, levels, strict=True)
    }
    return PhotoReport(
        name,
        status,  # type: ignore[arg-type]
        notes=() if status == "ok" else ("looks like noise",),
        findings=tuple(Finding(label, level, 0.5, "") for label, level in zip(labels, levels, strict=True)),
        marginals=marginals,
        measurements=(
            Measurement("luma_median", luma, "luma"),
            Measurement("clipped_fraction", 0.25 if levels[0] > 2 else 0.0, "fraction"),
        ),
        capture=capture,
    )


def _side(name: str, levels: Mapping[str, tuple[int, ...]], root: str | None = None) -> Side:
    """A side of photos by their path."""
    return Side.of(name, [_shot(path, given) for path, given in levels.items()], root)


@pytest.fixture(scope="session")
def shot() -> Callable[..., PhotoReport]:
    """Makes the report of a photo."""
    return _shot


@pytest.fixture(scope="session")
def side() -> Callable[..., Side]:
    """Makes a side."""
    return _side

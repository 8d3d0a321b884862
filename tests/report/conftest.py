"""Reports made by hand, for the tests of the renderers."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from iqa_cli.hexgraph import HexGraph, read_graph
from iqa_cli.paths import find_graph
from iqa_cli.photometry import MEASUREMENT_NAMES
from iqa_cli.records import Capture, Finding, Measurement, PhotoReport, Status

if TYPE_CHECKING:
    from collections.abc import Callable

GRAPH: HexGraph = read_graph(find_graph("smartphone-6"))
CAPTURE = Capture(
    make="=cmd|' /C calc'!A0",
    model="Pixel, 9",
    taken_at=dt.datetime(2026, 7, 4, 9, 5, 3),  # noqa: DTZ001 - EXIF knows no zone
    exposure_time_s=1 / 8000,
    f_number=1.8,
    iso=100,
    exposure_bias_ev=-0.333333,
    flash_fired=False,
    orientation=6,
    image_width=4000,
    image_height=3000,
)


def _judged(
    name: str,
    levels: dict[str, int] | None = None,
    *,
    status: Status = "ok",
    p: float = 0.9,
    notes: tuple[str, ...] = (),
) -> PhotoReport:
    """A photo with these levels; every other label is at level 1."""
    levels = levels or {}
    findings = tuple(
        Finding(label, levels.get(label, 1), p if label in levels else 0.01, f"evidence of {label}")
        for label in GRAPH.label_names
    )
    marginals = {finding.label: (1 - finding.probability, finding.probability, 0.0, 0.0) for finding in findings}
    measurements = tuple(
        Measurement(
            measurement, 0.5, "lstar" if "lstar" in measurement else "luma" if "luma" in measurement else "fraction"
        )
        for measurement in MEASUREMENT_NAMES
    )
    return PhotoReport(
        name, status, notes=notes, findings=findings, marginals=marginals, measurements=measurements, capture=CAPTURE
    )


def _unreadable(name: str, reason: str = "the file is empty (0 bytes)") -> PhotoReport:
    """A photo that was not judged."""
    return PhotoReport(name, "unreadable", error=reason)


@pytest.fixture(scope="session")
def graph() -> HexGraph:
    """The shipped graph."""
    return GRAPH


@pytest.fixture(scope="session")
def judged() -> Callable[..., PhotoReport]:
    """Makes a judged photo."""
    return _judged


@pytest.fixture(scope="session")
def unreadable() -> Callable[..., PhotoReport]:
    """Makes an unreadable photo."""
    return _unreadable

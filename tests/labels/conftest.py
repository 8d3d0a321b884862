"""Label files written in a line, and `drawn_graphs`, which lies with the tests of graphs, made importable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.hexgraph import HexGraph, read_graph
from iqa_cli.labels import read_labels
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.labels import LabelTable

_FOLDER = str(Path(__file__).parents[1] / "hexgraph")
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

HEADER = "filename,bright,dark,low_contrast,high_contrast,overexposed,over_suppressed"
"""The seed's columns, whose order is not the graph's."""


@pytest.fixture(scope="session")
def graph() -> HexGraph:
    """Six labels of four levels: bright, dark, high_contrast, low_contrast, overexposed, over_suppressed."""
    return read_graph(find_graph("smartphone-6"))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes lines under the six columns to a file; `header` for others, `name` for several files."""

    def write_lines(*lines: str, header: str = HEADER, name: str = "labels.csv") -> Path:
        path = tmp_path / name
        path.write_bytes("".join(f"{line}\n" for line in (header, *lines)).encode())
        return path

    return write_lines


@pytest.fixture
def read(write: Callable[..., Path], graph: HexGraph) -> Callable[..., LabelTable]:
    """The table of such lines."""

    def read_lines(*lines: str, **how: str) -> LabelTable:
        return read_labels(write(*lines, **how), graph)

    return read_lines


@pytest.fixture
def seed_files() -> list[Path]:
    """The published label files of the research project, or a skip."""
    folder = Path(__file__).parents[3] / "shared" / "seed"
    paths = [folder / f"{part}_6labels.csv" for part in ("train", "val", "test")]
    if not all(path.is_file() for path in paths):
        pytest.skip("the published label files are not here")
    return paths

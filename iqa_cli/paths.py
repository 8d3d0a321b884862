"""Where graphs and checkpoints are found.

A value with a slash or a suffix is a path; anything else is a name that is looked up among the shipped files: beside
the package in a checkout, inside the package in an installed wheel.
"""

from __future__ import annotations

import os
from pathlib import Path

from iqa_cli.errors import CheckpointError, GraphError

_PACKAGE = Path(__file__).resolve().parent


def _shipped_folder(name: str) -> Path:
    """A data folder: in the wheel it lies inside the package, in a checkout beside it."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def _is_path(value: str) -> bool:
    return os.sep in value or "/" in value or Path(value).suffix != ""


def graph_names() -> list[str]:
    """Names of the shipped graphs, sorted."""
    return sorted(path.stem for path in _shipped_folder("hex_graphs").glob("*.json"))


def checkpoint_names() -> list[str]:
    """Names of the shipped checkpoints, sorted."""
    return sorted(path.parent.name for path in _shipped_folder("checkpoints").glob("*/card.json"))


def find_graph(value: str) -> Path:
    """The file of a graph given by name or path.

    raises  GraphError  if there is no such file; the message lists the names there are
    """
    path = Path(value) if _is_path(value) else _shipped_folder("hex_graphs") / f"{value}.json"
    if os.path.isfile(path):  # noqa: PTH113 - Path's own raises for a locked folder before Python 3.14
        return path
    if _is_path(value):
        raise GraphError(f"{value}: no such graph file", hint=f"shipped graphs: {', '.join(graph_names())}")
    raise GraphError(f"no graph is called {value!r}", hint=f"use a path, or one of: {', '.join(graph_names())}")


def find_checkpoint(value: str) -> Path:
    """The folder of a checkpoint given by name or path.

    raises  CheckpointError  if there is no such folder; the message lists the names there are
    """
    path = Path(value) if _is_path(value) else _shipped_folder("checkpoints") / value
    if value and os.path.isdir(path):  # noqa: PTH112 - see find_graph
        return path
    names = ", ".join(checkpoint_names()) or "none"
    if _is_path(value):
        raise CheckpointError(f"{value}: no such checkpoint folder", hint=f"shipped checkpoints: {names}")
    hint = f"use a path, or one of: {names}"
    if value and os.path.isdir(value):  # noqa: PTH112 - see find_graph
        hint = f"did you mean ./{value}? A name without a slash is one of the shipped: {names}"
    raise CheckpointError(f"no checkpoint is called {value!r}", hint=hint)


def checkpoint_folder(value: str | os.PathLike[str]) -> Path:
    """The folder of a checkpoint given by name or path; a path object always means a folder, also when it has neither
    a slash nor a suffix.

    raises  CheckpointError  as `find_checkpoint`, for a text
    """
    return find_checkpoint(value) if isinstance(value, str) else Path(value)

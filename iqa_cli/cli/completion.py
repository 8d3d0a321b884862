"""What a shell offers for values that are names: shipped checkpoints and graphs, keys of `--by`.

A callback that offers nothing leaves files and folders to the shell. Values that are choices, options and commands are
offered by Typer itself.
"""

from __future__ import annotations


def checkpoints(incomplete: str) -> list[str]:
    """Names of shipped checkpoints that begin so."""
    from iqa_cli.paths import checkpoint_names

    return [name for name in checkpoint_names() if name.startswith(incomplete)]


def graphs(incomplete: str) -> list[str]:
    """Names of shipped graphs that begin so."""
    from iqa_cli.paths import graph_names

    return [name for name in graph_names() if name.startswith(incomplete)]


def groupings(incomplete: str) -> list[str]:
    """Keys of `--by` that go on from what is typed, behind those before the last comma."""
    from iqa_cli.grouping import KEYS

    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [f"{before}{comma}{key}" for key in KEYS if key.startswith(last) and key not in taken]

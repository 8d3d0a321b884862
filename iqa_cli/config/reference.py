"""The keys of a training config as Markdown tables: `python -m iqa_cli.config.reference`.

`docs/training.md` holds what this prints; a test holds the two together.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import typing
from pathlib import Path
from typing import Any

from iqa_cli.config.sections import TrainConfig


def reference() -> str:
    """A table per section of the config: key, what it may be, default, meaning."""
    tables = []
    for section, kind in typing.get_type_hints(TrainConfig).items():
        meanings = _meanings(kind)
        rows = [f"### [{section}]", "", "| key | default | meaning |", "|---|---|---|"]
        rows += [
            f"| `{field.name}` | {_default(field)} | {meanings[field.name]} |" for field in dataclasses.fields(kind)
        ]
        tables.append("\n".join(rows))
    return "\n\n".join(tables) + "\n"


def _meanings(kind: type) -> dict[str, str]:
    """The sentence under each field of a dataclass, as one line."""
    tree = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - the source of a class is a class
    meanings = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                meanings[statement.target.id] = " ".join(text.value.split()).replace("|", "\\|")
    return meanings


def _default(field: dataclasses.Field[Any]) -> str:
    """As it is written in TOML; what has none is needed, or may be left out."""
    if field.default is dataclasses.MISSING:
        return "needed"
    if field.default is None:
        return ""
    return f"`{_toml(field.default)}`"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str | Path) else f"{value}"


if __name__ == "__main__":
    sys.stdout.write(reference())

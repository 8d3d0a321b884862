"""How the help of a command is laid out."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Command(TyperCommand):
    """A command whose usage line reads `PATH...`, where Typer writes `{PATH...}`: nobody types braces."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # the type is another one in each version of Typer
        """The words behind the command's name."""
        return [
            piece[1:-1] if piece.startswith("{") and piece.endswith("}") else piece
            for piece in super().collect_usage_pieces(ctx)
        ]

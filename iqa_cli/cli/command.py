"""How the help of a command is laid out, and what a folder in the place of a command means."""

from __future__ import annotations

import os
from typing import Any

from typer.core import TyperCommand, TyperGroup

from iqa_cli.errors import UsageError


class Command(TyperCommand):
    """A command whose usage line reads `PATH...`, where Typer writes `{PATH...}`: nobody types braces."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # the type is another one in each version of Typer
        """The words behind the command's name."""
        return [
            piece[1:-1] if piece.startswith("{") and piece.endswith("}") else piece
            for piece in super().collect_usage_pieces(ctx)
        ]


class Commands(TyperGroup):
    """All commands: whoever names a photo or a folder in the place of one is told which command takes it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names.

        raises  UsageError  if it names none and is there as a file or folder
        """
        name = args[0]
        if self.get_command(ctx, name) is None and os.path.lexists(name):
            from iqa_cli.photos.discover import as_utf8
            from iqa_cli.report.text import shown

            name = shown(as_utf8(name))
            raise UsageError(f"{name} is no command of iqa", hint=f"iqa assess {name}")
        return super().resolve_command(ctx, args)

"""Stdout and stderr, either of which may be closed, full, or without a reader."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from typing import TextIO


def say(message: str) -> None:
    """A message on stderr; that nobody can see it changes neither the run nor its exit code."""
    with contextlib.suppress(OSError):
        typer.echo(message, err=True)


def settle(stream: TextIO | None) -> None:
    """Write out what a stream still holds; one that cannot take it leads to nowhere from then on.

    Python would try again at exit, complain, and leave with an exit code of its own.
    """
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""`iqa cache`: what is remembered of photos that were judged, and forgetting it."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.cache.upkeep import CacheInfo

cache = typer.Typer(
    help="Look at what is remembered of photos that were judged, or forget it. It lies in $IQA_CACHE_DIR if that is "
    "set, else where the system keeps caches.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@cache.command("info", short_help="Show where the cache is, and what it knows.")
def info() -> None:
    """Show where the cache is, how large, and for which models and settings it knows photos.

    Exit codes: 0 done, 3 there is no place for a cache, 70 a bug in iqa.
    """
    from iqa_cli.cache import cache_info
    from iqa_cli.report.output import told_as_output_error
    from iqa_cli.report.text import shown

    found = cache_info(_folder())
    lines = [shown(str(found.path)), f"  {_photos(found.photos)}, {_size(found.size_bytes)}"]
    if found.problem is not None:
        lines[1] = f"  {_size(found.size_bytes)}, not readable: {shown(found.problem)}"
    lines += [
        f"  {_photos(context.photos)}, last used {context.last_used or 'at an unknown time'}: {_in_words(context.name)}"
        for context in found.contexts
    ]
    with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
        print(*lines, sep="\n", flush=True)  # noqa: T201 - this is the report


@cache.command("clear", short_help="Forget every photo; the next run judges them anew.")
def clear(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")] = False,
) -> None:
    """Forget every photo; the next run judges them all anew. Photos themselves are not touched.

    Exit codes: 0 done, 2 nobody is there to be asked and --yes is missing, 3 the cache cannot be emptied, 70 a bug in
    iqa, 130 not meant or interrupted.
    """
    from iqa_cli.cache import cache_info
    from iqa_cli.cache import clear as forget
    from iqa_cli.cli.streams import say
    from iqa_cli.report.text import shown

    folder = _folder()
    found = cache_info(folder)
    if not found.size_bytes and found.problem is None:
        say(f"nothing to forget: there is no cache at {shown(str(found.path))}")
        return
    if not yes:
        _ask(found)
    freed = forget(folder)
    say(f"forgot {_photos(found.photos)}, {_size(freed)} freed: {shown(str(found.path))}")


def _ask(found: CacheInfo) -> None:
    """Leave unless a person says that the cache may go."""
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import ExitCode, UsageError
    from iqa_cli.report.text import shown

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", hint="iqa cache clear --yes does not ask")
    try:
        meant = typer.confirm(f"forget {_photos(found.photos)} in {shown(str(found.path))}?", err=True)
    except (typer.Abort, KeyboardInterrupt):
        meant = False
    if not meant:
        say("nothing was forgotten")
        raise typer.Exit(ExitCode.INTERRUPTED)


def _folder() -> Path:
    """Where the cache of this user lies.

    raises  OutputError  if the user has no home folder
    """
    from iqa_cli.cache import default_folder
    from iqa_cli.errors import OutputError

    try:
        return default_folder()
    except RuntimeError as error:
        raise OutputError(f"there is no place for a cache ({error})", hint="set IQA_CACHE_DIR to a folder") from None


def _in_words(context: str) -> str:
    """What reports are kept under, as a person would say it; as it is, where it is not ours."""
    from iqa_cli.report.text import shown

    try:
        parts = json.loads(context)
        words = [
            f"checkpoint {parts['checkpoint'][:8]}",
            f"--decode {parts['decode']}",
            *([f"--lang {parts['lang']}"] if parts["lang"] != "en" else []),
            *([f"strictness {parts['strictness']:+g}"] if parts.get("strictness") else []),
            *(["with explanations (--jsonl)"] if parts.get("explain") and not parts.get("thumbnails") else []),
            *(["with pictures (--html)"] if parts.get("thumbnails") else []),
            f"iqa {parts['iqa']}",
        ]
    except (ValueError, KeyError, TypeError):
        return shown(context)
    return shown(", ".join(words))


def _photos(count: int) -> str:
    return f"{count:,} photo{'' if count == 1 else 's'}"


def _size(size_bytes: int) -> str:
    """In decimal units, as `du --si` counts."""
    size, unit = float(size_bytes), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if unit in ("bytes", "kB") else f"{size:,.1f} {unit}"

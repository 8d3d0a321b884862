"""`iqa plan`: parse, list and freeze, say what there is."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from iqa_cli.cli.options import DecodeMode, Lang, Strictness, choice_of
from iqa_cli.cli.signals import end_quickly
from iqa_cli.errors import ExitCode

MANY = 200
"""Photos that one process alone takes some time for."""
MANY_SHARDS = 16
"""As many as keep some processes busy to the end."""


def plan(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Where the photos are: s3://, gs://, az://, file:// or a folder."),
    ],
    out: Annotated[
        str,
        typer.Option(metavar="RUN", help="Where the run is kept: a bucket and prefix, or a folder; workers see it."),
    ],
    checkpoint: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="The model: a shipped one by name, or a folder that every worker sees."),
    ] = "default",
    decode: Annotated[
        DecodeMode,
        typer.Option(
            metavar=choice_of(DecodeMode),
            help="As for `iqa assess`; thumbnail reads only the head of a photo that has a preview, the others all "
            "of it.",
        ),
    ] = DecodeMode.AUTO,
    strictness: Annotated[
        Strictness, typer.Option(metavar=choice_of(Strictness), help="How readily a problem is named.")
    ] = Strictness.NORMAL,
    pages: Annotated[
        bool,
        typer.Option("--pages", help="Also keep what `iqa gather --html` shows: small pictures, 10 to 20 KB each."),
    ] = False,
    shard: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Photos in a shard, which one task judges.")
    ] = 10_000,
    lang: Annotated[Lang, typer.Option(metavar=choice_of(Lang), help="Language of the reports.")] = Lang.EN,
) -> None:
    """Plan an audit of a bucket: list its photos once, in shards.

    The plan says which photos, which model and how; `iqa run` judges them. A plan that was interrupted goes on where it
    was. See docs/scale.md.

    Exit codes: 0 done, 2 wrong usage, 3 something cannot be read or written, 4 no photos, 70 a bug in iqa, 130
    interrupted.
    """
    from iqa_cli.cli.scale_view import counting
    from iqa_cli.cli.streams import say
    from iqa_cli.paths import find_checkpoint
    from iqa_cli.report.audit.left_out import left_out_line
    from iqa_cli.report.text import shown
    from iqa_cli.scale.planning import plan as make_plan
    from iqa_cli.scale.settings import settings_of
    from iqa_cli.stores.places import Place
    from iqa_cli.wording import counted, shortened

    end_quickly()
    settings = settings_of(
        source,
        checkpoint,
        find_checkpoint(checkpoint),
        decode=decode.code,
        strictness=strictness.value,
        lang=lang.code,
        pages=pages,
        shard_rows=shard,
        planned=dt.datetime.now().astimezone(),
    )
    frozen: int | None = None
    try:
        with counting("photos listed") as tell:

            def told(photos: int, shards: int) -> None:
                nonlocal frozen
                frozen = photos
                tell(photos, f"{shards} shards")

            run = make_plan(settings, Place(out), tell=told)
    except KeyboardInterrupt:
        say(f"interrupted: {counted(frozen or 0, 'photo')} planned; the same command goes on from there")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    for line in shortened([f"{shown(folder)}: not searched ({reason})" for folder, reason in run.skipped]):
        say(f"warning: {line}")
    if frozen is None:
        say(
            f"note: this was planned before, on {run.settings.planned[:16].replace('T', ' ')}: nothing is listed anew; "
            "another --out makes a new plan"
        )
    size = sum(entry.bytes for entry in run.shards)
    typer.echo(
        f"{counted(run.photos, 'photo')} ({size / 1e9:.2f} GB) in {counted(len(run.shards), 'shard')}: "
        f"iqa run {shown(out)}"
    )
    line = left_out_line(run.left_out, "en")
    if line:
        typer.echo(line)
    if len(run.shards) == 1 and run.photos >= MANY:
        say(
            "note: one process judges a shard, and begins it anew after an interrupt; "
            f"another plan with --shard {max(1, run.photos // MANY_SHARDS)} makes more of them"
        )

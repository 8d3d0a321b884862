"""`iqa verify`: parse, look, say what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

from iqa_cli.cli.signals import end_quickly
from iqa_cli.errors import ExitCode


def verify(place: Annotated[str, typer.Argument(metavar="RUN", help="What `iqa run` worked on.")]) -> None:
    """Prove that each planned photo has one row.

    Exit codes: 0 it is whole, 1 something is missing or wrong, 2 wrong usage, 3 there is no run, or it cannot be read,
    70 a bug in iqa, 130 interrupted.
    """
    from iqa_cli.cli.scale_view import counting
    from iqa_cli.cli.streams import say
    from iqa_cli.scale.verify import verify as look
    from iqa_cli.stores.places import Place
    from iqa_cli.wording import counted, shortened

    end_quickly()
    try:
        with counting("shards") as tell:
            found = look(Place(place), lambda done, total: tell(done, f"of {total}"))
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(found.states.items()))
    typer.echo(
        f"{found.rows:,} of {counted(found.photos, 'photo')} in {counted(found.shards, 'shard')}: "
        f"{states or 'none judged'}"
    )
    if found.is_whole:
        return
    if found.missing:
        names = shortened([str(number) for number in found.missing])
        typer.echo(f"no result yet: shard{'s' if len(found.missing) > 1 else ''} {', '.join(names)}")
    for problem in shortened(found.problems):
        typer.echo(problem)
    say("hint: iqa run --resume makes what is missing; move away what is damaged first")
    raise typer.Exit(ExitCode.FINDINGS)

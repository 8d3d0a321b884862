"""`iqa run`: parse, drive, say what came of it."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli.options import choice_of
from iqa_cli.cli.signals import end_quickly
from iqa_cli.errors import ExitCode, StoreError, UsageError

if TYPE_CHECKING:
    from iqa_cli.scale.driver import Result
    from iqa_cli.scale.engines import Engine


class EngineName(enum.StrEnum):
    """What starts the work."""

    LOCAL = "local"
    RAY = "ray"


_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4, "p": 1000**5}


def run(
    place: Annotated[str, typer.Argument(metavar="RUN", help="What `iqa plan` made.")],
    engine: Annotated[
        EngineName,
        typer.Option(metavar=choice_of(EngineName), help="Processes of this machine, or Ray, on this machine or many."),
    ] = EngineName.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of Ray: auto is the cluster that this machine belongs to, HOST:PORT another one, local (the default) "
            "starts one here.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run of which shards are done; without it that is refused.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Shards at a time on this machine; by default one per processor."),
    ] = None,
    max_bytes: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Begin no shard by which this command would probably read more bytes of the bucket, as in 500GB; "
            "--resume goes on.",
        ),
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=1.0, metavar="SECONDS", help="That a shard may take before it is begun anew.")
    ] = 3600.0,
    progress: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write how far it is, a JSON object a line about once a second; - is stdout."
        ),
    ] = None,
) -> None:
    """Judge the photos of a plan, shard by shard.

    What is done is done: kill it, and --resume goes on with the other shards. No photo is lost or doubled.

    Exit codes: 0 all shards are done, 1 --max-bytes left some, 2 wrong usage, 3 something cannot be read or written, or
    shards were given up, 70 a bug in iqa or workers that end again and again, 130 interrupted.
    """
    from iqa_cli.cli.scale_view import watching
    from iqa_cli.cli.streams import say
    from iqa_cli.report.text import shown
    from iqa_cli.scale.driver import Driver
    from iqa_cli.stores.places import Place
    from iqa_cli.wording import counted

    end_quickly()
    if address is not None and engine is not EngineName.RAY:
        raise UsageError("--address is about Ray", hint="--engine ray --address auto")
    where = Place(place)
    try:
        with watching(progress) as tell:
            driver = Driver(
                where,
                _engine(engine, place, address, jobs),
                resume=resume,
                max_bytes=None if max_bytes is None else _bytes("--max-bytes", max_bytes),
                deadline_s=deadline,
                tell=tell,
            )
            result = driver.drive()
    except KeyboardInterrupt:
        say("interrupted: shards that are done stay; --resume goes on with the others")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    counts = result.progress
    done = counts.shards_before + counts.shards
    if progress != "-":
        now = f"{counted(counts.photos, 'photo')} judged now ({counts.photos_per_s:.1f} a second"
        read = f", {counts.bytes_read / 1e9:.2f} GB read" if counts.bytes_read else ""
        said = f"{now}{read})" if counts.shards else "none of them now"
        then = f": iqa verify {shown(place)}" if result.is_complete else ""
        typer.echo(f"{done} of {counted(counts.shards_total, 'shard')} done, {said}{then}")
    _end(result, done)


def _bytes(option: str, text: str) -> int:
    """A number of bytes, such as 500000000 or 500MB; units are decimal. Raises UsageError for anything else."""
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)\s*([kMGTP]?)B?", text.strip(), flags=re.ASCII | re.IGNORECASE)
    count = 0 if found is None else round(float(found[1]) * _UNITS[found[2].lower()])
    if count < 1:
        raise UsageError(f"{option} {text}: this is no number of bytes", hint=f"{option} 500GB, or 500000000000")
    return count


def _engine(name: EngineName, url: str, address: str | None, jobs: int | None) -> Engine:
    from iqa_cli.machine import processors

    if name is EngineName.RAY:
        from iqa_cli.scale.engines.ray import RayEngine

        return RayEngine(url, address or "local", jobs or processors())
    from iqa_cli.scale.engines.local import LocalEngine

    return LocalEngine(url, jobs or processors())


def _end(result: Result, done: int) -> None:
    """Leave with what an incomplete run deserves."""
    from iqa_cli.cli.streams import say
    from iqa_cli.wording import counted, shortened

    total = result.progress.shards_total
    if result.failed:
        by_reason: dict[str, list[str]] = {}
        for number, reason in result.failed:
            by_reason.setdefault(reason, []).append(str(number))
        problems, hints = [], []
        for reason, numbers in by_reason.items():
            lines = [line.strip() for line in reason.splitlines()]
            hints += [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
            said = "; ".join(line for line in lines if not line.startswith("hint: "))
            problems.append(f"{counted(len(numbers), 'shard')} ({', '.join(shortened(numbers))}): {said}")
        raise StoreError(
            f"{counted(len(result.failed), 'shard')} could not be done",
            problems=shortened(problems),
            hint=f"{hints[0] if hints else 'look into the reason'}; then --resume goes on with the others",
        )
    if result.is_over_budget:
        say(
            f"note: --max-bytes: {total - done} of {counted(total, 'shard')} were not begun; --resume goes on with them"
            + ("" if result.progress.shards else ", and none fits in: allow more, or plan with a smaller --shard")
        )
        raise typer.Exit(ExitCode.FINDINGS)

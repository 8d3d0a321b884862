"""Photos judged for a command: the auditor that its options ask for, the user's cache, and a bar of progress."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from iqa_cli.cache import Cache
    from iqa_cli.cli.options import Device, Lang
    from iqa_cli.photos.discover import Discovery
    from iqa_cli.pipeline import Auditor
    from iqa_cli.provenance import Provenance
    from iqa_cli.records import Decode, PhotoReport


def load_auditor(
    model: Path,
    *,
    decode: Decode,
    jobs: int | None,
    lang: Lang,
    strictness: float,
    device: Device,
    explain: bool = False,
    thumbnails: bool = False,
) -> Auditor:
    """What judges, told of an interrupt. Commands that load it alike know the same photos from the cache.

    model       folder of the checkpoint
    strictness  in log-odds
    raises  CheckpointError  if its card is damaged
    """
    # Before numpy is imported: it would start a thread per processor for sums that nothing here computes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from iqa_cli.cli.signals import when_hurried
    from iqa_cli.pipeline import Auditor

    auditor = Auditor.load(
        model,
        decode=decode,
        jobs=jobs,
        lang=lang.code,
        strictness=strictness,
        explain=explain,
        thumbnails=thumbnails,
        use_processes=True,
        device=device.code,
    )
    when_hurried(auditor.hurry)
    return auditor


def provenance_of(auditor: Auditor, places: Iterable[str], *, is_written: bool) -> Provenance:
    """Where the judgements of this command, which begins now, come from.

    places      what is audited, as it was named
    is_written  whether a document will tell it: looking at the machine takes as long as judging a photo
    """
    from iqa_cli.machine import this_machine

    return auditor.provenance(places, command=command_line(), machine=this_machine() if is_written else None)


def command_line() -> tuple[str, ...]:
    """The words of this command, without the path of the program, which may tell who typed them."""
    from iqa_cli.photos.discover import as_utf8

    return ("iqa", *map(as_utf8, sys.argv[1:]))


def opened_cache(auditor: Auditor, wanted: bool) -> contextlib.AbstractContextManager[Cache | None]:
    """The user's cache, which tells what is wrong with it and never stops a run; None if it is not wanted."""
    if not wanted:
        return contextlib.nullcontext()
    from iqa_cli.cache import Cache
    from iqa_cli.cli.streams import say

    return Cache.open(None, auditor.context, tell=lambda note: say(f"warning: {note}"))


@contextlib.contextmanager
def judging(auditor: Auditor, found: Discovery, cache: Cache | None) -> Iterator[Iterator[PhotoReport]]:
    """The reports of all photos, one after the other, with a bar that goes on when the next one is asked for.

    raises  KeyboardInterrupt  also for one that got lost in the code of a library

    Closed at once if anything stops the loop: the decoding threads end before a message is printed.
    """
    from iqa_cli.cli.progress import progress
    from iqa_cli.cli.signals import is_asked

    with (
        contextlib.closing(auditor.run(found.photos, cache)) as reports,
        progress(len(found.photos), auditor.lang) as advance,
    ):

        def watched() -> Iterator[PhotoReport]:
            for report in reports:
                if is_asked():
                    raise KeyboardInterrupt
                yield report
                advance(0 if cache is None else cache.hits)

        yield watched()

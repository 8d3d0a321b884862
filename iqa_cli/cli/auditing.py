"""Photos judged for a command: the auditor that its options ask for, the user's cache, and a bar of progress."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from iqa_cli.cache import Cache
    from iqa_cli.cli.options import DecodeMode, Device, Lang, Strictness
    from iqa_cli.photos.discover import Discovery
    from iqa_cli.pipeline import Auditor
    from iqa_cli.provenance import Provenance
    from iqa_cli.records import PhotoReport


def load_auditor(
    model: Path,
    *,
    decode: DecodeMode,
    jobs: int | None,
    lang: Lang,
    strictness: Strictness,
    device: Device,
    explain: bool = False,
    thumbnails: bool = False,
) -> Auditor:
    """What judges, told of an interrupt. Commands that load it alike know the same photos from the cache.

    model   folder of the checkpoint
    raises  CheckpointError  if its card is damaged
    """
    # Before numpy is imported: it would start a thread per processor for sums that nothing here computes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from iqa_cli.cli.signals import when_hurried
    from iqa_cli.pipeline import Auditor

    auditor = Auditor.load(
        model,
        decode=decode.code,
        jobs=jobs,
        lang=lang.code,
        strictness=strictness.log_odds,
        explain=explain,
        thumbnails=thumbnails,
        use_processes=True,
        device=device.code,
    )
    when_hurried(auditor.hurry)
    return auditor


def provenance_of(
    auditor: Auditor, model: Path, places: Iterable[str], *, decode: DecodeMode, strictness: Strictness
) -> Provenance:
    """Where the judgements of a run that begins now come from.

    auditor             what judges
    model               folder of its checkpoint
    places              what is audited, as it was named
    decode, strictness  as the auditor was loaded
    """
    from iqa_cli.machine import this_machine
    from iqa_cli.photos.discover import as_utf8
    from iqa_cli.provenance import Provenance

    return Provenance(
        places=tuple(map(as_utf8, places)),
        checkpoint=as_utf8(model.name),
        decode=decode.code,
        strictness=strictness.value,
        made=dt.datetime.now().astimezone(),
        card_sha256=auditor.card_sha256,
        graph=auditor.graph.name,
        graph_sha256=auditor.graph.hash,
        lang=auditor.lang,
        command=command_line(),
        machine=this_machine(),
    )


def command_line() -> tuple[str, ...]:
    """The words of this command as they were typed; without the path of the program, which may tell who typed them."""
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

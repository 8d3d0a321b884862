"""Folders and reports to the two sides that are compared, and the comparison for programs."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from iqa_cli.cache import Cache
from iqa_cli.comparison import Side, pairing_of
from iqa_cli.comparison import compare as compare_sides
from iqa_cli.grouping import grouping_of
from iqa_cli.photos.discover import as_utf8, discover
from iqa_cli.picking.jsonl_rows import Runs
from iqa_cli.picking.photo_reports import read_photo_reports
from iqa_cli.pipeline import Auditor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.comparison import Comparison
    from iqa_cli.records import Decode, Device, Language

Source = str | os.PathLike[str]


def compare(
    a: Source,
    b: Source,
    *,
    pair: str = "path",
    by: Sequence[str] = (),
    checkpoint: Source = "default",
    decode: Decode = "scaled",
    strictness: float = 0.0,
    jobs: int | None = None,
    lang: Language = "en",
    cache: bool | Source = False,
    device: Device = "cpu",
) -> Comparison:
    """Whether B is better than A on the same scenes, as `iqa compare` says it.

    a, b     folders of photos, or reports that were made before (JSON lines, Parquet)
    pair     which photos belong together: "path", "regex:PATTERN" or "time:SECONDS"
    by       groupings to test by themselves, such as "iso" or "camera,lens"
    returns  every count, test and interval. Its `verdict` is "better", "worse", "mixed" or "unshown"
    raises   InvalidInput     if a path does not exist, a report is damaged, the labels differ, or there is no pair
             CheckpointError  if the checkpoint does not exist or its card is damaged
             UsageError       for a pairing or a grouping that is none

    All other arguments are those of `assess`, for sides that are folders.
    """
    pairing, groupings = pairing_of(pair), tuple(map(grouping_of, by))
    auditor: Auditor | None = None
    sides = []
    for source in (a, b):
        if not os.path.isdir(source):  # noqa: PTH112 - Path's own raises for a locked folder before Python 3.14
            sides.append(read_side(source))
            continue
        auditor = auditor or Auditor.load(
            checkpoint, decode=decode, jobs=jobs, lang=lang, strictness=strictness, device=device
        )
        sides.append(_judged(source, auditor, cache))
    return compare_sides(sides[0], sides[1], pairing, by=groupings)


def read_side(source: Source) -> Side:
    """What a report says, and of the runs that wrote it.

    raises  InvalidInput  as `read_photo_reports`
            MissingExtra  for Parquet where nothing reads it
    """
    runs = Runs()
    side = Side.of(as_utf8(os.fspath(source)), read_photo_reports(source, runs))
    side.runs, side.is_cut_short = runs.begun, runs.is_cut_short
    return side


def side_of_folder(source: Source) -> Side:
    """A side without photos yet, for those of a folder."""
    return Side(as_utf8(os.fspath(source)), as_utf8(os.path.join(source, "")))  # noqa: PTH118 - Path drops the slash


def _judged(source: Source, auditor: Auditor, cache: bool | Source) -> Side:
    side = side_of_folder(source)
    with contextlib.ExitStack() as stack:
        folder = None if isinstance(cache, bool) else cache
        known = None if cache is False else stack.enter_context(Cache.open(folder, auditor.context))
        for report in stack.enter_context(contextlib.closing(auditor.run(discover([source]).photos, known))):
            side.add(report)
    return side

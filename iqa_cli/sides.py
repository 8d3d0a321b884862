"""Folders and reports to the two sides that are compared, and the comparison for programs."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, get_args

from iqa_cli.cache import Cache
from iqa_cli.comparison import Side, pairing_of
from iqa_cli.comparison import compare as compare_sides
from iqa_cli.grouping import grouping_of
from iqa_cli.photos.discover import as_utf8, discover
from iqa_cli.picking.jsonl_rows import Runs
from iqa_cli.picking.photo_reports import read_photo_reports
from iqa_cli.pipeline import Auditor
from iqa_cli.provenance import log_odds_of
from iqa_cli.records import Decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iqa_cli.comparison import Comparison
    from iqa_cli.records import Device, Language

Source = str | os.PathLike[str]


def compare(
    a: Source,
    b: Source,
    *,
    pair: str = "path",
    by: Sequence[str] = (),
    checkpoint: Source = "default",
    decode: Decode | None = None,
    strictness: float | None = None,
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

    All other arguments are those of `assess`, for sides that are folders; where decode and strictness are None a folder
    is judged as the report beside it was, or else "scaled" and 0.
    """
    pairing, groupings = pairing_of(pair), tuple(map(grouping_of, by))
    sources = (a, b)
    # Path's own `is_dir` raises for a locked folder before Python 3.14.
    folders = [at for at, source in enumerate(sources) if os.path.isdir(source)]  # noqa: PTH112
    sides = {at: read_side(source) for at, source in enumerate(sources) if at not in folders}
    if folders:
        mode, log_odds = manner_of(sides.values(), decode, strictness)
        auditor = Auditor.load(checkpoint, decode=mode, jobs=jobs, lang=lang, strictness=log_odds, device=device)
        for at in folders:
            run = auditor.provenance([sources[at]])  # it begins now
            sides[at] = _judged(sources[at], auditor, cache)
            sides[at].runs.append(run)
    return compare_sides(sides[0], sides[1], pairing, by=groupings)


def manner_of(
    beside: Iterable[Side], decode: Decode | None = None, strictness: float | None = None
) -> tuple[Decode, float]:
    """How a folder is judged: as was asked for, else as the report beside it, else so that the picture is measured.

    beside              sides that were read from reports
    decode, strictness  what was asked for; strictness in log-odds
    """
    modes: tuple[Decode, ...] = get_args(Decode)
    for run in (side.runs[-1] for side in beside if side.runs):
        decode = decode or next((mode for mode in modes if mode == run.decode), None)
        strictness = log_odds_of(run.strictness) if strictness is None else strictness
    return decode or "scaled", strictness or 0.0


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

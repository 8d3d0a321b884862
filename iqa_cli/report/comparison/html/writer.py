"""The page put together. Pictures are read from the photos themselves, for the few pairs that are shown."""

from __future__ import annotations

import base64
import collections
import io
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from PIL import Image

from iqa_cli._version import __version__
from iqa_cli.photos import read_photo
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.records import PhotoRef, Unreadable
from iqa_cli.report.comparison.html import MARK
from iqa_cli.report.page import LANGUAGE_TAGS, policy, resource, script_json, style, template
from iqa_cli.report.text import shown, utf8
from iqa_cli.writing import Replacement

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from iqa_cli.comparison import Side
    from iqa_cli.comparison.records import LabelChange, PairChange
    from iqa_cli.comparison.shots import Shot
    from iqa_cli.records import Language
    from iqa_cli.report.comparison.sentences import Sentences

FORMAT_VERSION = 1
LONG_SIDE = 640
"""Pixels of a picture: large enough to see tone in, small enough to send a page of twenty pairs by mail."""
_QUALITY = 82
_PACKAGE = "iqa_cli.report.comparison.html"


def write_page(path: Path, say: Sentences, lang: Language, *, top: int, made: dt.datetime) -> None:
    """Write the page and put it in its place.

    path    of the page
    say     the comparison, in the page's language
    lang    of the page
    top     how many pairs to show that got worse, and that got better
    made    when
    raises  OutputError  if it cannot be written
    """
    with Replacement(path) as page:
        for text in template(_PACKAGE, "page.html.j2").generate(_context(say, lang, top=top, made=made)):
            page.write(text.encode())
        page.sync()
        page.commit()


def _context(say: Sentences, lang: Language, *, top: int, made: dt.datetime) -> dict[str, Any]:
    found, words = say.found, say.words
    css, js = style() + resource(_PACKAGE, "page.css"), resource(_PACKAGE, "page.js")
    columns = ("better", "worse", "same", "mean", "p", "holm", "shown")
    return {
        "mark": f"{MARK} {FORMAT_VERSION}",
        "language_tag": LANGUAGE_TAGS[lang],
        "policy": policy(css, js, images="data:"),
        "version": __version__,
        "title": words["title"].format(a=_safe(found.a.name), b=_safe(found.b.name)),
        "verdict": found.verdict,
        "sentence": say.verdict(),
        "sides": [_safe(say.side("A", found.a)), _safe(say.side("B", found.b)), *map(_safe, say.caveats())],
        "run": words["page_run"].format(
            version=__version__, made=made.isoformat(sep=" ", timespec="minutes"), pairing=_safe(say.pairs())
        ),
        "words": words,
        "css": Markup(css),  # noqa: S704 - our own files
        "js": Markup(js),  # noqa: S704 - our own files
        "columns": [words[f"column_{column}"] for column in columns],
        "rows": [_row(say, change) for change in (*found.labels, found.worst)],
        "measured": list(say.measured()),
        "groups": list(say.groups()),
        "tables": [_table(say, change) for change in found.labels if say.transitions(change)],
        "lists": _lists(say, top),
        "meta": script_json({"words": {key: words[key] for key in ("showing", "comma")}}),
    }


def _row(say: Sentences, change: LabelChange) -> dict[str, Any]:
    turn = change.level
    cells = [turn.better, turn.worse, change.same, say.mean(change.change), say.p(turn.p)]
    said = say.words[f"shown_{turn.shown}"] if turn.shown else ""
    return {
        "name": _safe(say.label(change)),
        "shown": turn.shown,
        "cells": [*cells, say.p(turn.p_holm), said],
    }


def _table(say: Sentences, change: LabelChange) -> dict[str, Any]:
    numbers = range(1, len(change.transitions) + 1)
    return {
        "caption": say.words["from_to"].format(label=_safe(say.label(change))),
        "levels": [say.names.level(level) for level in numbers],
        "rows": [
            {
                "level": say.names.level(before),
                "cells": [
                    {"count": count, "way": "same" if before == after else "worse" if after > before else "better"}
                    for after, count in zip(numbers, row, strict=True)
                ],
            }
            for before, row in zip(numbers, change.transitions, strict=True)
        ],
    }


def _lists(say: Sentences, top: int) -> list[dict[str, Any]]:
    found, words = say.found, say.words
    listed = []
    for heading, nothing, pairs, count in (
        ("regressions", "nothing_worse", found.regressions(top), found.n_worse),
        ("gains", "nothing_better", found.gains(top), found.n_better),
    ):
        said = words[heading if len(pairs) < count else f"{heading}_all"]
        listed.append(
            {
                "heading": said.format(shown=len(pairs), count=count),
                "nothing": "" if count else words[nothing],
                "pairs": [_pair(say, pair) for pair in pairs],
            }
        )
    return listed


def _pair(say: Sentences, pair: PairChange) -> dict[str, Any]:
    sides = (("A", say.found.a, pair.a), ("B", say.found.b, pair.b))
    return {
        "pictures": [
            {
                "side": letter,
                "data": _picture(shot, side),
                "alt": say.words["picture"].format(side=letter, name=_safe(shot.source_file)),
            }
            for letter, side, shot in sides
        ],
        "steps": [{"text": _safe(said), "way": "worse" if rise > 0 else "better"} for rise, said in say.steps(pair)],
        "names": list(collections.OrderedDict.fromkeys(_safe(shot.source_file) for _, _, shot in sides)),
    }


def _picture(shot: Shot, side: Side) -> str | None:
    """A JPEG in base64 of the picture as it was judged; None if its file is not there any more or cannot be read."""
    for base in _bases(side):
        for path in files_spelled(utf8(shot.source_file), base):
            photo, _ = read_photo(PhotoRef(Path(path), shot.source_file), mode="scaled")
            if not isinstance(photo, Unreadable):
                image = Image.fromarray(photo.rgb)
                image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.HAMMING)
                stream = io.BytesIO()
                image.save(stream, "JPEG", quality=_QUALITY)
                return base64.b64encode(stream.getvalue()).decode("ascii")
    return None


def _bases(side: Side) -> Sequence[str]:
    """Where relative paths may start: in the current folder, or in that of the report."""
    return ("",) if side.root is not None else ("", posixpath.dirname(side.name))


def _safe(text: str) -> str:
    return shown(utf8(text))

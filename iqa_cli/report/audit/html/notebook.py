"""One report as a piece of HTML: what a notebook shows of a `PhotoReport`.

Complete in itself: styles stand at the elements, the picture inside; no script, no link, nothing is fetched. Colours of
text and background are those of the notebook, light or dark; what has a colour of its own has both.
"""

from __future__ import annotations

import base64
import functools
import importlib.resources
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from iqa_cli.findings import in_percent
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.records import Severity
from iqa_cli.report.audit.html.words import SCRIPT
from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.records import Finding, PhotoReport

_LONG_SIDE = 240
"""Pixels of a picture that is made here."""
_CHIP = "border-radius:0.3em;padding:0 0.4em;white-space:nowrap"
_COLOURS = {
    1: "",
    2: f"{_CHIP};background:#f5c542;color:#1a1a1a",
    3: f"{_CHIP};background:#c2410c;color:#fff",
    4: f"{_CHIP};background:#a61e1e;color:#fff",
}
"""Of a problem's level: its contrast is at least 4.5 to 1 by itself (WCAG 2.2, 1.4.3)."""
_LEVELS = {level.value: level.name.lower() for level in Severity}
_CELL = "text-align:left;vertical-align:top;padding:0.15em 0.6em;border:0;border-bottom:1px solid rgba(128,128,128,0.4)"


def notebook_html(report: PhotoReport) -> str:
    """A report as an HTML fragment, in English but for its own evidence and notes.

    report   its thumbnail is shown if it has one; else its file, if that is there and quickly decoded
    returns  one element, with line feeds in between
    """
    words: Mapping[str, Any] = SCRIPT["en"]
    name = _safe(report.source_file)
    picture = _picture(report)
    return _template().render(
        name=name,
        alt=words["alt"].format(name=name),
        picture=None if picture is None else base64.b64encode(picture).decode("ascii"),
        status=words["statuses"][report.status],
        status_style=f"{_CHIP};border:1px solid rgba(128,128,128,0.6)",
        notes=[_safe(text) for text in (*([report.error] if report.error else []), *report.notes)],
        headings=[words[key] for key in ("label", "level", "probability", "evidence")],
        rows=[_row(finding, words) for finding in report.findings],
        cell=_CELL,
    )


def _row(finding: Finding, words: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": _safe(finding.label),
        "is_problem": finding.level > 1,
        "level": _level(finding.level),
        "style": _COLOURS[min(finding.level, max(_COLOURS))],
        "nearly": None if finding.nearly is None else words["nearly"].format(level=_level(finding.nearly)),
        "probability": in_percent(finding.probability),
        "evidence": _safe(finding.evidence),
    }


def _level(level: int) -> str:
    """A report knows no graph, which could call it otherwise; those that are shipped call it so."""
    return _LEVELS.get(level, str(level))


def _picture(report: PhotoReport) -> bytes | None:
    """A JPEG file."""
    if report.thumbnail is not None:
        return report.thumbnail.jpeg
    if report.status == "unreadable" or not report.source_file:
        return None
    # Imported here: decoders take a tenth of a second to load.
    from PIL import Image

    from iqa_cli.photos.glimpse import glimpse

    path = next(iter(files_spelled(utf8(report.source_file))), None)
    photo = None if path is None else glimpse(Path(path))
    if photo is None:
        return None
    image = Image.fromarray(photo.rgb)
    image.thumbnail((_LONG_SIDE, _LONG_SIDE), Image.Resampling.HAMMING)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def _safe(text: str) -> str:
    return shown(utf8(text))


@functools.cache
def _template() -> jinja2.Template:
    source = importlib.resources.files(__package__).joinpath("notebook.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(source)

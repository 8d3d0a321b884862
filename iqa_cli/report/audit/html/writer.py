"""The page put together: reports come one by one, and lie on disk until the worst of them is known.

Memory holds a line of numbers per photo that will be shown. Pictures and texts wait in a nameless file beside the page;
at the end they are read back in the order of the page. The page takes its place when it is complete, so a run that is
interrupted leaves the page that was there.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import sys
import tempfile
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Self

from markupsafe import Markup

from iqa_cli._version import __version__
from iqa_cli.errors import UsageError
from iqa_cli.findings import in_percent
from iqa_cli.photometry import MEASUREMENT_NAMES
from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.report.audit.group_words import group_table
from iqa_cli.report.audit.html import MARK
from iqa_cli.report.audit.html.charts import Distributions
from iqa_cli.report.audit.html.words import PAGE, SCRIPT
from iqa_cli.report.audit.tally import Tally
from iqa_cli.report.audit.words import closing_line
from iqa_cli.report.page import LANGUAGE_TAGS, harmless_in_script, policy, resource, script_json, style, template
from iqa_cli.report.text import shown, utf8
from iqa_cli.writing import Replacement, told_as_not_replaced, umask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from iqa_cli.grouping import Grouping
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.provenance import Provenance
    from iqa_cli.records import Language, PhotoReport

FORMAT_VERSION = 1
FINE_KEPT = 200
"""Photos without a problem that are on the page, picked evenly; they are what the others are compared with."""
INSIDE_BYTES = 50_000_000
"""Small pictures stay inside the page up to here, counted as they are written there; beyond it a folder holds them."""
_PACKAGE = "iqa_cli.report.audit.html"
_FOLDER_MARK = "made-by-iqa.txt"
_IN_FOLDER = re.compile(r"\d{6,}\.(?:jpg|png)")
_PER_CHUNK = 256
"""Photos per block of data."""
_PER_BLOCK = 16
"""Photos per block of pictures: what the script decodes at once."""


class _Kept(NamedTuple):
    """One photo that may be on the page: how it sorts, and where it lies in the spool."""

    rank: int
    """0 with a problem, 1 uncertain, 2 damaged, 3 unreadable, 4 fine."""
    level: int
    probability: float
    number: int
    """Running number: of equals the earlier comes first."""
    folder: str
    """That the photo lies in, as its path is written, with a slash at the end; one string for all of a folder."""
    start: int
    text_bytes: int
    jpeg_bytes: int
    areas_bytes: int

    @property
    def has_picture(self) -> bool:
        return self.jpeg_bytes > 0

    @property
    def order(self) -> tuple[int, int, float, int]:
        return self.rank, -self.level, -self.probability, self.number


class HtmlWriter:
    """Collects reports with thumbnails and writes the page at the end.

    path        of the page
    graph       whose labels, levels and rules the reports are about
    lang        of the page
    provenance  what the page says of itself
    by          groupings that it counts by
    raises      UsageError  if no file can be made there, or something that is not ours stands where the pictures may go

    A context manager: left without `finish` it leaves everything as it was.
    """

    def __init__(
        self, path: Path, graph: HexGraph, lang: Language, provenance: Provenance, *, by: Sequence[Grouping] = ()
    ) -> None:
        # A link stays, and all else is told from where the page really lies: its folder, and the way to the photos.
        self._path = path = Path(os.path.realpath(path))
        self._graph = graph
        self._lang: Language = lang
        self._provenance = provenance
        self._words = PAGE[lang]
        self._folder = path.with_name(f"{path.stem}_files")
        _refuse_foreign(self._folder)
        self._page = Replacement(path)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._page)
            self._spool: BinaryIO = _nameless_file(path)
            stack.callback(_close, self._spool)
            self._stack = stack.pop_all()
        self._spooled = 0
        self._kept: list[_Kept] = []
        self._fine: list[_Kept] = []
        self._chance = random.Random(0)  # noqa: S311 - an even pick, the same each time
        self._distributions = Distributions()
        self._tally = Tally(top=0, between=self._words["between"], by=by)

    def write(self, report: PhotoReport) -> None:
        """Take one photo.

        raises  OutputError  if the disk is full or gone
        """
        self._tally.add(report)
        self._distributions.add(report)
        worst = report.worst
        if report.status == "ok" and worst is None:
            # Reservoir sampling (Vitter 1985, algorithm R): every fine photo is as likely to stay.
            if len(self._fine) < FINE_KEPT:
                self._fine.append(self._spool_photo(report, 4))
            elif (place := self._chance.randrange(self._tally.fine)) < FINE_KEPT:
                self._fine[place] = self._spool_photo(report, 4)
            return
        rank = ("ok", "uncertain", "damaged", "unreadable").index(report.status)
        self._kept.append(self._spool_photo(report, rank))

    def _spool_photo(self, report: PhotoReport, rank: int) -> _Kept:
        thumbnail, worst = report.thumbnail, report.worst
        text = json.dumps(self._photo(report), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        jpeg, areas = (thumbnail.jpeg, thumbnail.areas) if thumbnail else (b"", b"")
        start = self._spooled
        with told_as_not_replaced(self._path):
            for part in (text, jpeg, areas):
                self._spool.write(part)
                self._spooled += len(part)
        level, probability = (worst.level, worst.probability) if worst else (1, 0.0)
        folder = sys.intern(report.source_file[: report.source_file.rfind("/") + 1])
        return _Kept(rank, level, probability, self._tally.photos, folder, start, len(text), len(jpeg), len(areas))

    def _photo(self, report: PhotoReport) -> dict[str, Any]:
        """What the page's script knows of a photo, but for its picture."""
        label_index = self._graph.index
        capture = dataclasses.asdict(report.capture)
        taken = report.capture.taken_at
        capture["taken_at"] = taken.replace(tzinfo=None, microsecond=0).isoformat() if taken else None
        return {
            "file": utf8(report.source_file),
            "href": self._link_to(report.source_file),
            "status": report.status,
            "error": None if report.error is None else utf8(report.error),
            "notes": [utf8(note) for note in report.notes],
            "findings": [
                {
                    "label": label_index(finding.label),
                    "level": finding.level,
                    "probability": round(finding.probability, 4),
                    "evidence": finding.evidence,
                    "nearly": finding.nearly,
                }
                for finding in report.findings
            ],
            "influence": [
                {
                    "label": label_index(entry.label),
                    "level": entry.level,
                    "without": round(entry.without, 4),
                    "after": round(entry.after, 4),
                    "rules": entry.rules,
                }
                for entry in report.influence
            ],
            "measurements": [round(measurement.value, 4) for measurement in report.measurements],
            "capture": {name: utf8(value) if isinstance(value, str) else value for name, value in capture.items()},
            "luma": base64.b64encode(report.thumbnail.luma).decode() if report.thumbnail else "",
        }

    def _link_to(self, source_file: str) -> str:
        r"""The photo's URL as seen from the page; bytes that are no UTF-8, shown as \xNN, become themselves again."""
        path = os.fsencode(next(iter(files_spelled(source_file)), source_file))
        try:
            path = os.path.relpath(path, os.fsencode(self._path.parent))
        except (ValueError, OSError):  # on another drive of Windows, or in a folder that is gone
            return Path(os.fsdecode(path)).absolute().as_uri()
        if os.sep != "/":
            path = path.replace(os.fsencode(os.sep), b"/")
        quoted = urllib.parse.quote_from_bytes(path)
        return quoted if quoted.startswith((".", "/")) else f"./{quoted}"

    def finish(self) -> None:
        """Write the page and put it in its place.

        raises  OutputError  if the disk is full or gone, or the folder of the pictures cannot be made
        """
        order = sorted(self._kept + self._fine, key=lambda kept: kept.order)
        pictures = [kept for kept in order if kept.has_picture]
        inside = sum(_base64_bytes(kept.jpeg_bytes) + _base64_bytes(kept.areas_bytes) + 2 for kept in pictures)
        is_inside = inside <= INSIDE_BYTES
        # Both complete before either takes its place: what may fail, a full disk above all, leaves the older two.
        part = None if is_inside else self._folder_of(pictures)
        for text in template(_PACKAGE, "page.html.j2").generate(self._context(order, pictures, is_inside=is_inside)):
            self._page.write(text.encode())
        self._page.sync()
        if part is None:
            self._page.commit()
            older = self._folder
        else:
            with self._in_place(part) as older:
                self._page.commit()
        with contextlib.suppress(OSError):  # the page is complete; an older folder that stays is waste and no harm
            _remove_ours(older)

    @contextlib.contextmanager
    def _in_place(self, part: Path) -> Iterator[Path]:
        """New pictures in the place of older ones, which come back if the page does not get its place. Gives where the
        older ones are.
        """
        older = part.with_name(f"{part.name}-older")
        with contextlib.ExitStack() as undo:
            with told_as_not_replaced(self._folder):
                if _is_ours(self._folder):
                    self._folder.rename(older)
                    undo.callback(older.rename, self._folder)
                part.rename(self._folder)
                undo.callback(self._folder.rename, part)
            yield older
            undo.pop_all()

    def _context(self, order: Sequence[_Kept], pictures: Sequence[_Kept], *, is_inside: bool) -> dict[str, Any]:
        words, lang, provenance = self._words, self._lang, self._provenance
        css, js = style(), resource(_PACKAGE, "page.js")
        images = "data:" if is_inside else "data: 'self' file:"
        kept = "kept_all" if self._tally.fine == len(self._fine) else "kept_some"
        return {
            "mark": f"{MARK} {FORMAT_VERSION}",
            "language_tag": LANGUAGE_TAGS[lang],
            "policy": policy(css, js, images=images),
            "title": words["title"].format(place=shown(self._place())),
            "closing": closing_line(self._tally, self._graph, None, lang),
            "run": {
                "version": __version__,
                "line": words["run"].format(
                    version=__version__,
                    checkpoint=shown(provenance.checkpoint),
                    decode=words[provenance.decode],
                    strictness=words[provenance.strictness],
                    made=provenance.made.isoformat(sep=" ", timespec="minutes"),
                ),
            },
            "words": words,
            "css": Markup(css),  # noqa: S704 - our own files
            "js": Markup(js),  # noqa: S704 - our own files
            "levels": [{"name": self._graph.level_name(level, lang)} for level in self._shown_levels()],
            "summary": self._summary(),
            "groups": [group_table(groups, self._graph, lang) for groups in self._tally.groups],
            "charts": self._distributions.charts(words),
            "kept": words[kept].format(kept=len(order), fine=self._tally.fine, fine_kept=len(self._fine)),
            "companion": None if is_inside else words["companion"].format(folder=shown(as_utf8(self._folder.name))),
            "meta": script_json(self._meta(order, is_inside=is_inside)),
            "chunks": self._chunks(order),
            "thumbnails": self._blocks(pictures) if is_inside else (),
        }

    def _place(self) -> str:
        first, *others = self._provenance.places
        return (
            self._words["more"].format(first=first, count=len(others))
            if len(others) > 1
            else ", ".join((first, *others))
        )

    def _level_numbers(self) -> range:
        return range(1, max(self._graph.n_levels) + 1)

    def _shown_levels(self) -> list[int]:
        """Levels in the order of the table on the terminal: none last, which nobody looks for."""
        return [*self._level_numbers()[1:], 1]

    def _summary(self) -> list[dict[str, Any]]:
        """A row per label, with the photos at each level."""
        rows = []
        for index, label in enumerate(self._graph.labels):
            cells = []
            for level in self._shown_levels():
                count = self._tally.levels[label.name, level]
                said = self._words["cell"].format(
                    label=label.display(self._lang), level=self._graph.level_name(level, self._lang), count=count
                )
                share = in_percent(count / self._tally.judged) if self._tally.judged else ""
                cells.append({"level": level, "count": count, "share": share, "said": said})
            rows.append({"index": index, "name": label.display(self._lang), "cells": cells})
        return rows

    def _meta(self, order: Sequence[_Kept], *, is_inside: bool) -> dict[str, Any]:
        graph, lang = self._graph, self._lang
        # Of the page, not of what it is about: all cameras call their folder DCIM, and a browser has one store.
        identity = json.dumps([str(self._path), graph.label_names]).encode()
        return {
            "format_version": FORMAT_VERSION,
            "id": hashlib.sha256(identity).hexdigest()[:16],
            "words": SCRIPT[lang],
            "labels": [
                {"key": label.name, "name": label.display(lang), "levels": len(label.levels)} for label in graph.labels
            ],
            "levels": [graph.level_name(level, lang) for level in self._level_numbers()],
            "rules": self._rules(),
            "measurements": MEASUREMENT_NAMES,
            "root": self._root(order),
            "folder": None if is_inside else urllib.parse.quote_from_bytes(os.fsencode(self._folder.name)),
            "block": _PER_BLOCK,
        }

    def _root(self, order: Sequence[_Kept]) -> str:
        """The folder that all photos of the page lie in, with a slash: label files name photos from there."""
        # By parts of the names as they are written: `./DCIM/` stays that, because the script cuts off what it is given.
        folders = {tuple(folder.split("/")[:-1]) for folder in {kept.folder for kept in order}}
        if not folders:
            return ""
        # What the first and the last in order share, all between them share too.
        pairs = zip(min(folders), max(folders), strict=False)
        return "".join(f"{one}/" for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    def _rules(self) -> dict[str, str]:
        """Every rule between labels in words, by its JSON pointer."""
        graph, lang, words = self._graph, self._lang, self._words

        def name(label: str) -> str:
            return graph.labels[graph.index(label)].display(lang)

        def levels(numbers: Sequence[int]) -> str:
            return words["comma"].join(graph.level_name(number, lang) for number in numbers)

        found = {}
        for index, rule in enumerate(graph.exclusions):
            found[f"/exclusions/{index}"] = words["exclusion"].format(
                a=name(rule.label_a),
                a_levels=levels(rule.a_levels),
                b=name(rule.label_b),
                b_levels=levels(rule.b_levels),
            )
        for index, implied in enumerate(graph.subsumptions):
            pairs = [
                words["implies"].format(
                    a=name(implied.label_a),
                    a_level=graph.level_name(a_level, lang),
                    b=name(implied.label_b),
                    b_level=graph.level_name(b_level, lang),
                )
                for a_level, b_level in implied.map
            ]
            found[f"/subsumptions/{index}"] = words["subsumption"].format(pairs=words["comma"].join(pairs))
        return found

    def _chunks(self, order: Sequence[_Kept]) -> Iterator[Markup]:
        """The photos as JSON arrays, a few hundred each."""
        picture = 0
        for start in range(0, len(order), _PER_CHUNK):
            texts = []
            for kept in order[start : start + _PER_CHUNK]:
                number = "null"
                if kept.has_picture:
                    number = str(picture)
                    picture += 1
                texts.append(f'{self._text(kept)[:-1]},"thumbnail":{number}}}')
            yield harmless_in_script(f"[{','.join(texts)}]")

    def _blocks(self, pictures: Sequence[_Kept]) -> Iterator[Markup]:
        """The pictures in base64, a line per photo: JPEG, blank, areas."""
        for start in range(0, len(pictures), _PER_BLOCK):
            lines = []
            for kept in pictures[start : start + _PER_BLOCK]:
                jpeg, areas = self._pictures(kept)
                lines.append(f"{base64.b64encode(jpeg).decode()} {base64.b64encode(areas).decode()}")
            yield Markup("\n".join(lines))  # noqa: S704 - base64 has no character that HTML means something by

    def _text(self, kept: _Kept) -> str:
        return self._read(kept.start, kept.text_bytes).decode()

    def _pictures(self, kept: _Kept) -> tuple[bytes, bytes]:
        both = self._read(kept.start + kept.text_bytes, kept.jpeg_bytes + kept.areas_bytes)
        return both[: kept.jpeg_bytes], both[kept.jpeg_bytes :]

    def _read(self, start: int, length: int) -> bytes:
        with told_as_not_replaced(self._path):
            self._spool.seek(start)
            return self._spool.read(length)

    def _folder_of(self, pictures: Sequence[_Kept]) -> Path:
        """A new folder with the pictures, beside the page; gone again unless it is renamed."""
        with told_as_not_replaced(self._folder):
            part = Path(tempfile.mkdtemp(prefix=".iqa-", suffix=".part", dir=self._folder.parent))
            self._stack.callback(shutil.rmtree, part, ignore_errors=True)
            text = f"Small pictures for {as_utf8(self._path.name)}, made by iqa.\n"
            (part / _FOLDER_MARK).write_text(text, encoding="utf-8")
            for number, kept in enumerate(pictures):
                jpeg, areas = self._pictures(kept)
                (part / f"{number:06}.jpg").write_bytes(jpeg)
                (part / f"{number:06}.png").write_bytes(areas)
            with contextlib.suppress(OSError):  # some drives know no rights
                part.chmod(0o777 & ~umask())
        return part

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _nameless_file(path: Path) -> BinaryIO:
    """A file on the page's disk that is gone when it is closed, whatever ends this process."""
    try:
        return tempfile.TemporaryFile(dir=path.parent)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None


def _close(file: BinaryIO) -> None:
    """Close a file that has served: what it still holds has no place on a disk that is full, and need not."""
    with contextlib.suppress(OSError):
        file.close()


def _refuse_foreign(folder: Path) -> None:
    """Raises UsageError if something that we did not make stands where the pictures may have to go."""
    if os.path.lexists(folder) and not _is_ours(folder):
        raise UsageError(
            f"{folder}: is there and was not made by iqa; the page may need a folder of that name for its pictures",
            hint="name another page, or move this away first",
        )


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds pictures of ours and nothing else."""
    try:
        names = set() if folder.is_symlink() else {entry.name for entry in folder.iterdir()}
    except OSError:
        return False
    return _FOLDER_MARK in names and all(name == _FOLDER_MARK or _IN_FOLDER.fullmatch(name) for name in names)


def _remove_ours(folder: Path) -> None:
    """Remove an older folder of pictures, and nothing that somebody put there meanwhile."""
    if os.path.lexists(folder) and _is_ours(folder):
        for entry in sorted(folder.iterdir()):  # the mark last: a half removed folder is still ours
            entry.unlink()
        folder.rmdir()


def _base64_bytes(length: int) -> int:
    return 4 * ((length + 2) // 3)

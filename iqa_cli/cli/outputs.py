"""The rows that `iqa assess` writes: their files refused, opened and proven writable before any work is done."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from iqa_cli.cli.earlier import refuse_foreign, refuse_photo
from iqa_cli.errors import OutputError, UsageError
from iqa_cli.report.audit.meta_file import SUFFIX, Hashed, meta_json
from iqa_cli.report.output import OutputFile, OutputStream, identity_of, is_direct
from iqa_cli.stores.places import is_of_bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from iqa_cli.grouping import Grouping
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.provenance import Ending, Provenance
    from iqa_cli.records import Language, PhotoRef, PhotoReport
    from iqa_cli.report.audit.html.writer import HtmlWriter

Sink = OutputFile | OutputStream


class RowWriter(Protocol):
    """Writes a row for each photo."""

    def write(self, report: PhotoReport) -> None:
        """Append one photo. Raises as its sink does."""

    def finish(self, ending: Ending, /) -> None:
        """Append what belongs to the end. Raises as its sink does."""


class Outputs:
    """Where the rows of this run go, and the document that is written at its end.

    sinks  by option, or `META`, where they go; None where one was not given
    html   the page of `--html`
    stack  takes what has to be closed
    """

    def __init__(self, sinks: Mapping[str, Sink | None], html: Path | None, stack: contextlib.ExitStack) -> None:
        self._sinks = sinks
        self._html = html
        self._stack = stack
        self._writers: list[tuple[Sink, RowWriter]] = []
        self._csv: Hashed | None = None
        self._page: HtmlWriter | None = None
        self._provenance: Provenance | None = None
        self._left: list[str] = []
        self._rows = 0
        self._kept: dict[str, str] = {}

    @property
    def on_stdout(self) -> bool:
        """Whether something of this goes to stdout, where the table then has no place."""
        return any(isinstance(sink, OutputStream) for sink in self._sinks.values())

    @property
    def is_deserted(self) -> bool:
        """Whether everything that this run could print has lost its reader."""
        return self.on_stdout and not self._writers and self._sinks["--json"] is None and self._page is None

    def start(
        self,
        graph: HexGraph,
        lang: Language,
        provenance: Provenance,
        *,
        csv_bom: bool = False,
        by: Sequence[Grouping] = (),
    ) -> None:
        """Make the renderers; what stands in the place of a file or of the page stays there until the end.

        graph       of the reports
        lang        of the page
        provenance  of the run
        csv_bom     whether the CSV begins with a byte order mark
        by          groupings that the page counts by
        """
        # Imported here: they need numpy, which a file that cannot be written should not have to wait for.
        from iqa_cli.report.audit.csv_file import CsvWriter
        from iqa_cli.report.audit.jsonl import JsonLinesWriter

        self._provenance = provenance
        if (sink := self._sinks["--csv"]) is not None:
            self._csv = Hashed(sink)
            self._writers.append((sink, CsvWriter(self._csv, graph.label_names, bom=csv_bom)))
        if (sink := self._sinks["--jsonl"]) is not None:
            self._writers.append((sink, JsonLinesWriter(sink, provenance)))
        if (sink := self._sinks["--parquet"]) is not None:
            from iqa_cli.report.audit.parquet_file import ParquetWriter

            parquet = ParquetWriter(sink, graph.label_names, provenance)
            self._stack.callback(parquet.discard)
            self._writers.append((sink, parquet))
        if self._html is not None:
            from iqa_cli.report.audit.html.writer import HtmlWriter

            self._page = self._stack.enter_context(HtmlWriter(self._html, graph, lang, provenance, by=by))

    def write(self, report: PhotoReport) -> None:
        """A row for every output; one whose reader left gets no more, the others go on.

        raises  OutputError  if a disk is full or gone
        """
        for entry in tuple(self._writers):
            with self._unless_its_reader_left(entry):
                entry[1].write(report)
        if self._page is not None:
            self._page.write(report)
        self._rows += 1

    def finish(self, document: Callable[[], bytes], ending: Ending) -> None:
        """Put files and page in their places, and say what was not delivered.

        document  makes what `--json` takes, if it was asked for
        ending    of the run
        raises  OutputError  if one of them cannot be, or the reader of a named output left before the end; of stdout it
                             may, as in `| head`
        """
        with contextlib.ExitStack() as each:  # whatever becomes of the others; the last one first
            each.callback(self._say_who_left)
            if self._page is not None:
                each.callback(self._page.finish)
            if (sink := self._sinks["--json"]) is not None:
                each.callback(self._write_document, sink, document)
            for entry in reversed(self._writers):
                each.callback(self._complete, entry, ending)

    def _complete(self, entry: tuple[Sink, RowWriter], ending: Ending) -> None:
        """Put a file of rows in its place, and behind the CSV what belongs beside it."""
        sink, writer = entry
        with self._unless_its_reader_left(entry):
            writer.finish(ending)
            if isinstance(sink, OutputFile):
                sink.commit()
            meta = self._sinks[META]
            if sink is self._sinks["--csv"] and meta is not None and self._csv is not None and self._provenance:
                deliver(meta, [meta_json(os.path.basename(sink.name), self._csv, self._provenance, ending)])  # noqa: PTH119

    @contextlib.contextmanager
    def _unless_its_reader_left(self, entry: tuple[Sink, RowWriter]) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self._writers.remove(entry)
            if isinstance(entry[0], OutputFile):
                self._left.append(entry[0].name)

    def _write_document(self, sink: Sink, document: Callable[[], bytes]) -> None:
        deliver(sink, [document()])

    def _say_who_left(self) -> None:
        if self._left:
            raise OutputError(f"{' and '.join(self._left)}: its reader left before the last row")

    def set_aside(self, *, was_asked_to: bool) -> None:
        """Keep the rows of a run that did not come to its end, and destroy no older ones for them.

        was_asked_to  whether somebody ended the run: then rows may stand where they were meant to, if nothing else does
        """
        for sink in (self._sinks["--csv"], self._sinks["--jsonl"]):
            if isinstance(sink, OutputFile) and self._rows:
                kept = sink.set_aside(under_its_name=was_asked_to)
                if kept is not None and (was_asked_to or kept != sink.name):  # else it is complete and no news
                    self._kept[sink.name] = kept

    @property
    def said_of_kept(self) -> str:
        """Where rows were kept by `set_aside`, and what is left of older ones, in words; empty if none were."""
        if not self._kept:
            return ""
        older = [name for name, kept in self._kept.items() if kept != name and os.path.lexists(name)]
        as_they_were = f", {' and '.join(older)} {'is as it was' if len(older) == 1 else 'are as they were'}"
        return f"rows kept in {' and '.join(self._kept.values())}{as_they_were if older else ''}"


META = "--csv's sidecar"
"""The file beside that of `--csv`, which says where its rows come from: how messages name it."""


@contextlib.contextmanager
def open_outputs(
    csv: str | None,
    jsonl: str | None,
    json: str | None,
    html: str | None,
    photos: Sequence[PhotoRef],
    *,
    parquet: str | None = None,
) -> Iterator[Outputs]:
    """Open what the options name; `-` is stdout, and so is any other name of it, but not for a page.

    photos  of this run: none of them is ever written to
    raises  UsageError    if a file cannot be written, is a photo, holds something that is not ours, or is named twice
            MissingExtra  if there is nothing to write Parquet with
    """
    if parquet is not None:
        from iqa_cli.report.audit.parquet_file import need_pyarrow

        need_pyarrow("--parquet")
        if parquet == "-" and sys.stdout.isatty():
            raise UsageError("--parquet -: a terminal cannot show it", hint="--parquet audit.parquet, or send it on")
    with contextlib.ExitStack() as stack:
        # A pipe or a device has nothing beside it.
        has_place = csv not in (None, "", "-") and not is_direct(Path(csv or ""))
        named = {
            "--csv": csv,
            META: f"{csv}{SUFFIX}" if has_place else None,
            "--jsonl": jsonl,
            "--json": json,
            "--parquet": parquet,
        }
        sinks = open_sinks(named, photos, stack)
        page = None if html is None else page_path("--html", html, named, photos)
        outputs = Outputs(sinks, page, stack)
        try:
            yield outputs
        except BaseException as error:
            outputs.set_aside(was_asked_to=isinstance(error, KeyboardInterrupt))
            raise


def page_path(option: str, name: str, others: Mapping[str, str | None], photos: Sequence[PhotoRef]) -> Path:
    """Where a page goes: it is made beside its place, so that nothing is opened yet.

    raises  UsageError  if it can be none, is a photo, holds something that is not ours, or is named twice
    """
    if name in ("", "-"):
        raise UsageError(f"{option} needs the name of a file", hint=f"{option} audit.html")
    refuse_bucket(option, name)
    path = Path(name)
    for other, its_name in others.items():
        if its_name is not None and os.path.realpath(its_name) == os.path.realpath(name):
            raise _named_twice(other, its_name, option, name)
    if path.is_dir():
        raise UsageError(f"{option} {path}: this is a folder", hint=f"{option} {path / 'audit.html'}")
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{option} {path}: this is no ordinary file", hint=f"{option} names a new file")
    refuse_photo(option, path, photos)
    refuse_foreign(option, path)
    folder = Path(os.path.realpath(path)).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        reason = "its folder may not be written to" if folder.exists() else "there is no such folder"
        raise UsageError(f"{option} {path}: {reason}", hint="name a file in a folder that exists and is yours")
    return path


def open_sinks(
    named: Mapping[str, str | None], photos: Sequence[PhotoRef], stack: contextlib.ExitStack
) -> dict[str, Sink | None]:
    """Open what options name, each its own file; None for an option that was not given.

    named   option: file name, or None; `-` is stdout, and so is any other name of it
    photos  of this run: none of them is ever written to
    stack   closes the files
    raises  UsageError  if a file cannot be written, is a photo, holds something that is not ours, or is named twice
    """
    pairs = [
        (first, one, second, other)
        for (first, one), (second, other) in itertools.combinations(named.items(), 2)
        if one is not None and other is not None
    ]
    for option, name in named.items():
        if name is not None:
            refuse_bucket(option, name)
    for first, one, second, other in pairs:
        if os.path.realpath(one) == os.path.realpath(other):
            raise _named_twice(first, one, second, other)
    sinks = {option: None if name is None else _open(option, name, photos, stack) for option, name in named.items()}
    for first, one, second, other in pairs:
        identities = [sink.identity if (sink := sinks[option]) else None for option in (first, second)]
        if identities[0] is not None and identities[0] == identities[1]:
            raise _named_twice(first, one, second, other)
    return sinks


def refuse_bucket(option: str, name: str) -> None:
    """Raise UsageError for the URL of an object: as a path it would be taken for a folder that is not there."""
    if is_of_bucket(name):
        raise UsageError(
            f"{option} {name}: reports are written to files of this machine",
            hint="name a file; the bucket's own tools copy it there (`aws s3 cp`)",
        )


def deliver(sink: Sink, pieces: Iterable[bytes]) -> None:
    """Write a whole file, which then takes its place.

    raises  OutputError  if it cannot be written, or the reader of a named pipe left; of stdout it may, as in `| head`
    """
    try:
        for piece in pieces:
            sink.write(piece)
        if isinstance(sink, OutputFile):
            sink.commit()
    except BrokenPipeError:
        if isinstance(sink, OutputFile):
            raise OutputError(f"{sink.name}: its reader left before the end") from None


def _named_twice(first: str, one: str, second: str, other: str) -> UsageError:
    both = one if one == other else f"{one}, which is also {other}"
    return UsageError(f"{first} and {second} both name {both}", hint="give each its own file")


def _open(option: str, name: str, photos: Sequence[PhotoRef], stack: contextlib.ExitStack) -> Sink:
    if name == "-":
        return OutputStream(sys.stdout.buffer)
    if not name:
        raise UsageError(f"{option} needs the name of a file", hint="- writes to stdout")
    refuse_photo(option, Path(name), photos)
    refuse_foreign(option, Path(name))
    file = stack.enter_context(OutputFile(Path(name)))
    # `--csv /dev/stdout > audit.csv`: two positions in one file, and the table would overwrite the first rows.
    if file.identity is not None and file.identity == identity_of(sys.stdout):
        file.close()
        return OutputStream(sys.stdout.buffer)
    return file

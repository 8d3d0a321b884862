"""The files that `iqa assess` writes: refused, opened and proven writable before any work is done."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from typing import TYPE_CHECKING

from iqa_cli.errors import UsageError
from iqa_cli.photos.discover import SUFFIXES
from iqa_cli.report.output import OutputFile, OutputStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from iqa_cli.records import PhotoRef
    from iqa_cli.report.csv_file import CsvWriter
    from iqa_cli.report.jsonl import JsonLinesWriter

Sink = OutputFile | OutputStream


@dataclasses.dataclass(frozen=True, slots=True)
class Outputs:
    """Where the rows of this run go."""

    csv: Sink | None
    """For `--csv`."""
    jsonl: Sink | None
    """For `--jsonl`."""

    @property
    def on_stdout(self) -> bool:
        """Whether rows go to stdout, where the table then has no place."""
        return any(isinstance(sink, OutputStream) for sink in (self.csv, self.jsonl))

    def writers(self, labels: Sequence[str]) -> list[CsvWriter | JsonLinesWriter]:
        """The renderers of this run; from here on the files lose their old content."""
        # Imported here: they need numpy, which a file that cannot be written should not have to wait for.
        from iqa_cli.report.csv_file import CsvWriter
        from iqa_cli.report.jsonl import JsonLinesWriter

        writers: list[CsvWriter | JsonLinesWriter] = []
        if self.csv is not None:
            writers.append(CsvWriter(self.csv, labels))
        if self.jsonl is not None:
            writers.append(JsonLinesWriter(self.jsonl))
        return writers


@contextlib.contextmanager
def open_outputs(csv: Path | None, jsonl: Path | None, photos: Sequence[PhotoRef]) -> Iterator[Outputs]:
    """Open what the options name; `-` is stdout.

    photos  of this run: none of them is ever written to
    raises  UsageError  if a file cannot be written, is a photo, or is named twice
    """
    if csv is not None and jsonl is not None and csv.absolute() == jsonl.absolute():
        raise UsageError(f"--csv and --jsonl both name {csv}", hint="give each its own file")
    with contextlib.ExitStack() as stack:
        sinks: list[Sink | None] = []
        for option, path in (("--csv", csv), ("--jsonl", jsonl)):
            if path is None:
                sinks.append(None)
            elif str(path) == "-":
                sinks.append(OutputStream(sys.stdout.buffer))
            else:
                _refuse_photo(option, path, photos)
                sinks.append(stack.enter_context(OutputFile(path)))
        yield Outputs(*sinks)


def _refuse_photo(option: str, path: Path, photos: Sequence[PhotoRef]) -> None:
    """`--csv *.jpg` hands the first photo to the option: it would be overwritten without this."""
    if not path.exists():
        return
    is_photo = path.suffix.lower() in SUFFIXES
    if not is_photo:
        status = path.stat()
        for photo in photos:
            with contextlib.suppress(OSError):
                other = photo.path.stat()
                if (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino):
                    is_photo = True
                    break
    if is_photo:
        raise UsageError(
            f"{option} {path}: this is a photo, it would be overwritten", hint=f"{option} names a new file"
        )

"""The checks of a checkpoint's folder. They are those that its readers make, each by the reader's own code, one after
the other and all of them, so that what is called sound here is taken there.
"""

from __future__ import annotations

import functools
import itertools
import os
import stat
from typing import TYPE_CHECKING, TypeVar

from iqa_cli.checkpoint import CARD, CARD_PAGE, MOST_PAGE_BYTES, ONNX, WEIGHTS, load_checkpoint
from iqa_cli.errors import CheckpointError, IqaError
from iqa_cli.findings import read_usual
from iqa_cli.hexgraph import compile_plan
from iqa_cli.inspection.contents import card_contents, model_contents, weights_contents
from iqa_cli.inspection.records import Check, CheckpointReport, FoundFile, Outcome
from iqa_cli.models.runner import OnnxModel, check_onnx
from iqa_cli.models.weights import BadWeightsError, check_weights
from iqa_cli.paths import find_checkpoint
from iqa_cli.regular import kind_of
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.models.onnx_check import Work
    from iqa_cli.models.onnx_file import OnnxFile
    from iqa_cli.models.weights import Stored

_MOST_FILES = 1000
"""That are listed; a checkpoint has four."""
_NO_PAGE = "delete it: a checkpoint needs none"
_Found = TypeVar("_Found")


def check_checkpoint(value: str) -> CheckpointReport:
    """Everything that is wrong with a checkpoint, and what it contains. Its model is not run before it was found
    harmless.

    value  a name or path, as `find_checkpoint` takes it
    """
    checks = _Checks()
    found = checks.make("folder", lambda: _listed(value), _told_of_folder)
    if found is None:
        return CheckpointReport(value, tuple(checks.made))
    folder, files = found
    checkpoint = checks.make("card", lambda: load_checkpoint(folder), _told_of_card)
    if checkpoint is None:
        for name in ("inference", ONNX, WEIGHTS):
            checks.skip(name, "what it has to be stands on the card")
        return CheckpointReport(value, tuple(checks.made), files)
    contents = card_contents(checkpoint)
    checks.make("inference", lambda: _inference(checkpoint), str)
    model = checks.make(ONNX, lambda: _model(checkpoint), _told_of_model)
    if model is None:
        checks.skip("trial", "the model would have to be run")
    else:
        contents |= model_contents(*model)
        checks.make("trial", lambda: _trial(checkpoint), str)
    on_card = checkpoint.card["files"]
    if WEIGHTS in on_card:
        weights = checks.make(WEIGHTS, lambda: _weights(checkpoint), _told_of_weights)
        contents |= {} if weights is None else weights_contents(weights)
    else:
        checks.note(WEIGHTS, "not part of it: it can be used, and training cannot go on from it")
    for name in sorted(on_card.keys() - {CARD, ONNX, WEIGHTS}):
        checks.make(name, functools.partial(checkpoint.read_verified, name), lambda content: f"{len(content):,} bytes")
    if CARD_PAGE not in on_card and os.path.lexists(folder / CARD_PAGE):
        checks.make(CARD_PAGE, lambda: _page(folder), lambda size: f"{size:,} bytes for people; iqa never reads it")
    _note_foreign(checks, files, {CARD, CARD_PAGE, *on_card})
    return CheckpointReport(value, tuple(checks.made), files, contents)


class _Checks:
    """The checks that were made so far."""

    def __init__(self) -> None:
        self.made: list[Check] = []

    def make(self, name: str, look: Callable[[], _Found], told: Callable[[_Found], str]) -> _Found | None:
        """What a reader gives, noted as sound; None, with what it says noted, if it refuses."""
        try:
            found = look()
        except IqaError as error:
            self.made.append(Check(name, Outcome.BAD, error.message, error.problems, error.hint or ""))
            return None
        self.made.append(Check(name, Outcome.OK, told(found)))
        return found

    def skip(self, name: str, why: str) -> None:
        """Note what could not be looked at."""
        self.made.append(Check(name, Outcome.SKIPPED, why))

    def note(self, name: str, what: str) -> None:
        """Note what is not wrong and worth knowing."""
        self.made.append(Check(name, Outcome.NOTE, what))


def _listed(value: str) -> tuple[Path, tuple[FoundFile, ...]]:
    """The folder, and what lies in it, by name; nothing of it is opened."""
    folder, found = find_checkpoint(value), []
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, _MOST_FILES + 1):
                status = entry.stat(follow_symlinks=False)
                kind = "a link" if stat.S_ISLNK(status.st_mode) else kind_of(status.st_mode)
                found.append(FoundFile(entry.name, kind, status.st_size))
    except OSError as error:
        raise CheckpointError(f"{value}: cannot be listed ({error.strerror})") from None
    return folder, tuple(sorted(found, key=lambda file: file.name))


def _told_of_folder(found: tuple[Path, tuple[FoundFile, ...]]) -> str:
    _, files = found
    if len(files) > _MOST_FILES:
        return f"more than {_MOST_FILES:,} files"
    return f"{counted(len(files), 'file')}, {sum(file.size for file in files):,} bytes"


def _told_of_card(checkpoint: Checkpoint) -> str:
    graph = checkpoint.graph
    return f"{counted(len(graph.labels), 'label')}; graph {graph.hash[:12]}; as this iqa reads it"


def _inference(checkpoint: Checkpoint) -> str:
    """What turns scores into levels: the graph, the operating point, what was measured."""
    problems: list[str] = []
    for look in (
        lambda: compile_plan(checkpoint.graph),
        lambda: checkpoint.offsets,
        lambda: checkpoint.preview_margins,
        lambda: read_usual(checkpoint.card.get("measured"), checkpoint.graph, CARD),
    ):
        try:
            look()
        except IqaError as error:
            problems.append(error.message)
    if problems:
        raise CheckpointError("cannot turn scores into levels", problems=problems)
    moved = sum(offset != 0 for offset in checkpoint.offsets)
    return f"the graph compiles; {counted(moved, 'label')} with an operating point of its own"


def _model(checkpoint: Checkpoint) -> tuple[OnnxFile, Work]:
    return check_onnx(checkpoint, checkpoint.read_verified(ONNX))


def _told_of_model(found: tuple[OnnxFile, Work]) -> str:
    file, work = found
    kinds = counted(len(work.operators), "kind")
    return (
        f"as the card states; {counted(len(file.nodes), 'node')} of {kinds}, all known and bounded; "
        f"nothing outside of the file"
    )


def _trial(checkpoint: Checkpoint) -> str:
    OnnxModel(checkpoint).try_out()
    return f"a black picture gets {checkpoint.graph.n_nodes} finite scores"


def _weights(checkpoint: Checkpoint) -> dict[str, Stored]:
    path = checkpoint.folder / WEIGHTS
    try:
        return check_weights(checkpoint.read_verified(WEIGHTS))
    except BadWeightsError as error:
        raise CheckpointError(f"{path}: damaged, or made to harm", problems=error.problems) from None


def _told_of_weights(stored: dict[str, Stored]) -> str:
    return f"as the card states; {counted(len(stored), 'tensor')} without gaps, all values finite"


def _page(folder: Path) -> int:
    """The size of the card for people, which is not opened here either: what it says is said by `CARD`."""
    path = folder / CARD_PAGE
    try:
        status = path.stat()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})", hint=_NO_PAGE) from None
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{path}: {kind_of(status.st_mode)}, not a regular file", hint=_NO_PAGE)
    if status.st_size > MOST_PAGE_BYTES:
        most = f"a page for people has up to {MOST_PAGE_BYTES:,}"
        raise CheckpointError(f"{path}: {status.st_size:,} bytes; {most}", hint=_NO_PAGE)
    return status.st_size


def _note_foreign(checks: _Checks, files: tuple[FoundFile, ...], known: set[str]) -> None:
    foreign = [file for file in files if file.name not in known]
    if foreign:
        named = ", ".join(f"{file.name!r:.60} ({file.kind})" for file in foreign[:10])
        more = f", and {len(foreign) - 10:,} more" if len(foreign) > 10 else ""
        checks.note("other files", f"not part of it, never opened: {named}{more}")

"""What a run is: its settings, which are fixed when planning begins, and its card, which is written when it is done."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any

from iqa_cli._version import __version__
from iqa_cli.cache.codec import records_key
from iqa_cli.errors import CheckpointError, RunError
from iqa_cli.machine import this_machine
from iqa_cli.photos.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.stores.places import Place

FORMAT_VERSION = 1
SETTINGS = "plan.json"
CARD = "run.json"
_PLAN_AGAIN = "plan again: iqa plan SOURCE --out ANOTHER"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the reports of a run depend on beside its photos."""

    source: str
    """As the user named it."""
    root: str | None
    """Of a source that is a folder: its absolute path."""
    checkpoint: str
    """Name or path, as the user gave it."""
    card_sha256: str
    """Of the checkpoint's card, which has the hashes of all its files."""
    graph_sha256: str
    """Of the graph on it."""
    decode: str
    """As of `Auditor`."""
    strictness: str
    """lenient, normal or strict."""
    lang: str
    """Of evidence and notes."""
    pages: bool
    """Whether reports hold what a page shows: small pictures, and what rules changed."""
    shard_rows: int
    """Photos in a shard, but for the last one."""
    iqa: str
    """Version of this program."""
    records: str
    """Key of the records that reports are made of, see `cache.codec`."""
    libraries: Mapping[str, str]
    """Versions of the libraries that a report may depend on."""
    planned: str
    """When planning began: ISO 8601 with its zone."""

    @property
    def fixed(self) -> dict[str, Any]:
        """All but the time: the same plan, begun again, has the same."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "planned"}


@dataclasses.dataclass(frozen=True, slots=True)
class Shard:
    """One shard of the manifest."""

    rows: int
    """Photos."""
    bytes: int
    """Of these photos."""
    sha256: str
    """Of the manifest's file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """The card of a run: its plan is complete."""

    settings: Settings
    shards: tuple[Shard, ...]
    left_out: LeftOut
    skipped: tuple[tuple[str, str], ...]
    """Folders that could not be searched, and why."""
    id: str = ""
    """Hash of the card as written: parts name it."""

    @property
    def photos(self) -> int:
        """How many there are."""
        return sum(shard.rows for shard in self.shards)


def settings_bytes(settings: Settings) -> bytes:
    """The file of the settings."""
    return _written({"format_version": FORMAT_VERSION, **dataclasses.asdict(settings)})


def run_bytes(run: Run) -> bytes:
    """The file of the card."""
    return _written(
        {
            "format_version": FORMAT_VERSION,
            **dataclasses.asdict(run.settings),
            "photos": run.photos,
            "bytes": sum(shard.bytes for shard in run.shards),
            "passed_over": left_out_json(run.left_out),
            "skipped": [list(pair) for pair in run.skipped],
            "shards": [[shard.rows, shard.bytes, shard.sha256] for shard in run.shards],
        }
    )


def left_out_json(left_out: LeftOut) -> dict[str, Any]:
    """Counts of what was passed over, as JSON holds them."""
    return {
        "kinds": dict(sorted(left_out.kinds.items())),
        "copies": dict(sorted(left_out.copies.items())),
        "hidden": left_out.hidden,
    }


def add_left_out(counts: LeftOut, more: Mapping[str, Any]) -> None:
    """Add what `left_out_json` made."""
    counts.kinds.update(more["kinds"])
    counts.copies.update(more["copies"])
    counts.hidden += more["hidden"]


def read_settings(content: bytes, where: str) -> Settings:
    """The settings of a plan that was begun.

    raises  RunError  if they are damaged, or in a format of another version
    """
    document = _read(content, where)
    try:
        return _settings(document)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(where, error) from None


def load_run(place: Place) -> Run:
    """The card of a run.

    raises  RunError    if there is none, because planning did not come to its end; or it is damaged
            StoreError  if the store does not answer
    """
    content = place.get(CARD)
    where = place.where(CARD)
    if content is None:
        if place.get(SETTINGS) is None:
            raise RunError(f"{place.url}: there is no run here", hint="iqa plan SOURCE --out RUN makes one")
        raise RunError(
            f"{place.url}: the plan of this run is not complete", hint="the same iqa plan goes on where it was"
        )
    document = _read(content, where)
    try:
        counts = LeftOut()
        add_left_out(counts, document["passed_over"])
        return Run(
            _settings(document),
            tuple(Shard(int(rows), int(size), str(digest)) for rows, size, digest in document["shards"]),
            counts,
            tuple((str(folder), str(reason)) for folder, reason in document["skipped"]),
            hashlib.sha256(content).hexdigest()[:16],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(where, error) from None


def load_model(settings: Settings, *, for_judging: bool = True) -> Checkpoint:
    """The checkpoint of a run, if this installation judges as the plan said.

    for_judging  False where reports are only read: other libraries do no harm then
    raises       RunError  if it would judge otherwise: another version, other libraries, another model
    """
    from iqa_cli.checkpoint import load_checkpoint
    from iqa_cli.paths import find_checkpoint

    check_version(settings)
    here = dict(this_machine().libraries)
    others = [
        f"{name} {here.get(name, 'none')}, the plan has {version}"
        for name, version in settings.libraries.items()
        if for_judging and here.get(name) != version
    ]
    if others:
        raise RunError(
            "this machine has other libraries than the run was planned with",
            problems=others,
            hint=f"install the same on all machines, or {_PLAN_AGAIN}",
        )
    try:
        checkpoint = load_checkpoint(find_checkpoint(settings.checkpoint))
    except CheckpointError as error:
        raise RunError(
            f"the model of this run cannot be loaded on this machine: {error.message}",
            problems=error.problems,
            hint=f"put the checkpoint {settings.checkpoint} under the same path on every machine",
        ) from None
    if checkpoint.card_sha256 != settings.card_sha256:
        raise RunError(
            f"{settings.checkpoint}: this is another model than the run was planned with "
            f"(card {checkpoint.card_sha256[:12]}, planned {settings.card_sha256[:12]})",
            hint=f"bring that checkpoint back, or {_PLAN_AGAIN}",
        )
    return checkpoint


def check_version(settings: Settings) -> None:
    """Raise RunError if the reports of a run were, or will be, made by another version than this."""
    if settings.iqa != __version__ or settings.records != records_key():
        raise RunError(
            f"the run was planned by iqa {settings.iqa}, this is {__version__}"
            f"{'' if settings.iqa != __version__ else ' with other records'}",
            hint=f"use that version, or {_PLAN_AGAIN}",
        )


def _settings(document: Mapping[str, Any]) -> Settings:
    """Raises KeyError for what is missing, TypeError for what is of another type."""
    values = {field.name: document[field.name] for field in dataclasses.fields(Settings)}
    for name, value in values.items():
        expected = _TYPES.get(name, (str,))
        if not isinstance(value, expected):
            raise TypeError(f"{name} is {value!r}")
    if not all(isinstance(version, str) for version in values["libraries"].values()):
        raise TypeError(f"libraries are {values['libraries']!r}")
    dt.datetime.fromisoformat(values["planned"])
    return Settings(**values)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "root": (str, type(None)),
    "pages": (bool,),
    "shard_rows": (int,),
    "libraries": (dict,),
}
"""Of the settings that are no text."""


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def _read(content: bytes, where: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise _damaged(where, error) from None
    if not isinstance(document, dict) or document.get("format_version") != FORMAT_VERSION:
        got = document.get("format_version") if isinstance(document, dict) else None
        raise RunError(f"{where}: a run of format {got}, this iqa reads {FORMAT_VERSION}", hint=_PLAN_AGAIN)
    return document


def _damaged(where: str, error: Exception) -> RunError:
    return RunError(f"{where} is damaged ({type(error).__name__}: {error})", hint=_PLAN_AGAIN)

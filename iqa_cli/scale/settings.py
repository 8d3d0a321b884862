"""The settings of a new run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iqa_cli._version import __version__
from iqa_cli.cache.codec import records_key
from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.machine import this_machine
from iqa_cli.scale.card import Settings
from iqa_cli.stores.places import folder_of, is_bucket

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path


def settings_of(
    source: str,
    checkpoint: str,
    folder: Path,
    *,
    decode: str,
    strictness: str,
    lang: str,
    pages: bool,
    shard_rows: int,
    planned: dt.datetime,
) -> Settings:
    """What a run that is planned now depends on.

    source      as the user named it
    checkpoint  likewise; in `folder` of this machine
    others      as of `Settings`
    raises      UsageError       if the source is none
                CheckpointError  if the checkpoint's card is damaged
    """
    model = load_checkpoint(folder)
    root = None if is_bucket(source) else os.path.abspath(folder_of(source))  # noqa: PTH100 - a plain string
    is_path = os.sep in checkpoint or "/" in checkpoint
    return Settings(
        source=_bare(source),
        root=root,
        checkpoint=os.path.abspath(checkpoint) if is_path else checkpoint,  # noqa: PTH100 - a plain string
        card_sha256=model.card_sha256,
        graph_sha256=model.graph.hash,
        decode=decode,
        strictness=strictness,
        lang=lang,
        pages=pages,
        shard_rows=shard_rows,
        iqa=__version__,
        records=records_key(),
        libraries=dict(this_machine().libraries),
        planned=planned.isoformat(timespec="seconds"),
    )


def _bare(source: str) -> str:
    """Without slashes at its end, which make no other run; `/` and `file:///` keep theirs."""
    bare = source.rstrip("/")
    return source if not bare or bare.endswith(":") else bare

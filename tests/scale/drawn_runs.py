"""Runs drawn without photos: sources that list what a test says, and settings that fit this installation."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from iqa_cli._version import __version__
from iqa_cli.cache.codec import records_key
from iqa_cli.machine import this_machine
from iqa_cli.scale.card import Settings
from iqa_cli.scale.listing import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from iqa_cli.photos.left_out import LeftOut
    from iqa_cli.records import PhotoRef


def settings_for(shard_rows: int = 10, **changed: object) -> Settings:
    values: dict[str, object] = {
        "source": "s3://photos/DCIM",
        "root": None,
        "checkpoint": "default",
        "card_sha256": "c" * 64,
        "graph_sha256": "9" * 64,
        "decode": "scaled",
        "strictness": "normal",
        "lang": "en",
        "pages": False,
        "shard_rows": shard_rows,
        "iqa": __version__,
        "records": records_key(),
        "libraries": dict(this_machine().libraries),
        "planned": dt.datetime(2026, 7, 4, tzinfo=dt.UTC).isoformat(),
    }
    return Settings(**{**values, **changed})  # type: ignore[arg-type]


class DrawnSource:
    """Lists keys; `at` is called with each before it is given."""

    name = "s3://photos/DCIM/"

    def __init__(self, keys: Sequence[str], at: Callable[[str], object] = str, kinds_after: int = 0) -> None:
        self.keys = sorted(keys)
        self.skipped: list[tuple[str, str]] = []
        self._at = at
        self._kinds_after = kinds_after

    def entries(self, after: Entry | None, left_out: LeftOut) -> Generator[Entry, None, None]:
        for key in self.keys:
            if after is None or key > after.key:
                self._at(key)
                left_out.kinds[".txt"] += 1  # one before each photo
                yield Entry(key, len(key), f"e-{key}", 1_000_000)
        left_out.kinds[".mov"] += self._kinds_after

    def photo(self, entry: Entry, *, whole: bool) -> PhotoRef:
        raise NotImplementedError

    def is_changed(self, entry: Entry) -> bool:
        raise NotImplementedError

"""A plan of keys that are made up: `python made_up.py KEYS FOLDERS RUN`, a process of its own so that memory is its."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "scale"))

from drawn_runs import settings_for

from iqa_cli.scale.listing import Entry, photos_of
from iqa_cli.scale.planning import plan
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from iqa_cli.photos.left_out import LeftOut
    from iqa_cli.records import PhotoRef

PAGE = 1000
ETAG = '"0123456789abcdef0123456789abcdef"'


class MadeUp:
    """Lists `folders` folders with the same number of photos each, one in twenty a film.

    keys     of all
    folders  0000/ to 9999/
    """

    def __init__(self, keys: int, folders: int) -> None:
        self._each = keys // folders
        self._folders = folders

    def pages(self, prefix: str, after: str | None) -> Iterator[Sequence[Entry]]:
        """See `Lister`."""
        first, last = (int(prefix[:4]), int(prefix[:4]) + 1) if prefix else (0, self._folders)
        number = first * self._each if after is None or after < f"{first:04}" else self._behind(after)
        while number < last * self._each:
            page = [self._entry(at) for at in range(number, min(number + PAGE, last * self._each))]
            number += len(page)
            yield page

    def _behind(self, key: str) -> int:
        """How many keys are not behind this one."""
        folder, _, name = key.partition("/")
        if not folder[:4].isdigit():
            return 0
        within = int(name[4:11]) + 1 if name[4:11].isdigit() else self._each
        return int(folder[:4]) * self._each + within

    def _entry(self, number: int) -> Entry:
        folder, within = divmod(number, self._each)
        suffix = "mp4" if within % 20 == 19 else "jpg"
        return Entry(f"{folder:04}/IMG_{within:07}.{suffix}", 3_000_000 + number, ETAG, 1_700_000_000_000_000 + number)

    def has(self, key: str) -> bool:  # noqa: ARG002 - see Lister
        """See `Lister`."""
        return False


class Source:
    """What is planned."""

    name = "s3://photos/DCIM/"

    def __init__(self, lister: MadeUp) -> None:
        self._lister = lister
        self.skipped: list[tuple[str, str]] = []

    def entries(self, after: Entry | None, left_out: LeftOut) -> Generator[Entry, None, None]:
        """See `iqa_cli.scale.sources.Source`."""
        return photos_of(self._lister, None if after is None else after.key, left_out, self.name)

    def photo(self, entry: Entry, *, whole: bool) -> PhotoRef:
        """Nobody reads them."""
        raise NotImplementedError

    def is_changed(self, entry: Entry) -> bool:
        """Nobody reads them."""
        raise NotImplementedError


def main() -> None:
    """Plan."""
    keys, folders, run = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    planned = plan(settings_for(10_000), Place(run), source=Source(MadeUp(keys, folders)))
    if planned.photos != keys - keys // 20:
        raise SystemExit(f"{planned.photos} photos planned")


if __name__ == "__main__":
    main()

"""What a search for photos passes over, and how much of it there was, so that nothing vanishes without a count.

Copies that programs keep (`copies.toml`), folders that say of themselves that they hold no photos to show (`.nomedia`),
hidden names, files of kinds that are not read, and what the caller excludes.
"""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import functools
import importlib.resources
import os
import re
import tomllib
from typing import TYPE_CHECKING

from iqa_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pathspec import GitIgnoreSpec

NO_MEDIA = ".nomedia"
"""A file that tells Android's galleries to pass over its folder and all below it."""
MARKED = "folders marked .nomedia"
"""Their keeper, as `LeftOut.copies` calls it."""


@dataclasses.dataclass(slots=True)
class LeftOut:
    """Counts of what was passed over."""

    kinds: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Files that are no photos by their names: by suffix, in small letters with its dot; empty for none."""
    copies: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Folders with copies or deleted photos, by who keeps them. What is in them is not counted: a NAS may keep a
    hundred snapshots of all it has."""
    hidden: int = 0
    """Folders, and files that are photos by their names, whose name begins with a dot."""
    excluded: int = 0
    """Folders and files that the caller excluded."""

    def __bool__(self) -> bool:
        """Whether anything was passed over."""
        return bool(self.kinds or self.copies or self.hidden or self.excluded)


_ON_THE_WAY = re.compile(r"!?(?!\*\*/).+/.")
"""Patterns with a slash inside, which name folders on the way; not those that begin anywhere."""
_Store = tuple[str, tuple[str, ...]]
"""Who keeps it, and its names from the last to the first, in small letters."""


@functools.cache
def _stores() -> tuple[dict[str, list[_Store]], list[_Store]]:
    """The folders in `copies.toml`: by how their last name is spelled, and those whose last name is a pattern."""
    text: str = importlib.resources.files("iqa_cli.photos").joinpath("copies.toml").read_text(encoding="utf-8")
    plain: dict[str, list[_Store]] = {}
    patterns: list[_Store] = []
    for store in tomllib.loads(text)["stores"]:
        for folder in store["folders"]:
            names = tuple(reversed(folder.lower().split("/")))
            (patterns if "*" in names[0] else plain.setdefault(names[0], [])).append((store["keeper"], names))
    return plain, patterns


def keeper_of(name: str, above: str) -> str | None:
    """Who keeps copies in a folder; None if nobody is known to.

    name   of the folder
    above  the resolved path of the folder it is in
    """
    name = name.lower()
    plain, patterns = _stores()
    for keeper, names in [*plain.get(name, []), *patterns]:
        if not fnmatch.fnmatchcase(name, names[0]):
            continue
        parents = above.lower().split(os.sep)[: -len(names) : -1] if len(names) > 1 else []  # noqa: PTH206 - hot path
        if len(parents) == len(names) - 1 and all(map(fnmatch.fnmatchcase, parents, names[1:])):
            return keeper
    return None


class Excluded:
    """Names that a caller does not want, by patterns as in a `.gitignore` file.

    patterns  lines of one; blank ones and comments are passed over, `!` takes back. A pattern that names folders on the
              way, such as `DCIM/101`, counts for the path below the folder that is searched and for the whole: what
              a report shows and a shell completes. `./` in front of it means nothing
    raises    UsageError  naming every line that is no pattern
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        lines = [line.removeprefix("./") for line in patterns]
        self._lines = lines
        self._used: set[int] = set()
        self._spec: GitIgnoreSpec | None = None
        self._whole: GitIgnoreSpec | None = None
        if not lines:
            return
        from pathspec import GitIgnoreSpec  # most searches exclude nothing

        problems = []
        for line in lines:
            try:
                GitIgnoreSpec.from_lines([line])
            except ValueError as error:
                problems.append(f"{line!r}: {error}")
        if problems:
            raise UsageError(
                "a pattern cannot be read",
                problems=problems,
                hint="write it as in a .gitignore file: *.png, old/, /2019",
            )
        self._spec = GitIgnoreSpec.from_lines(lines)
        # Others are kept as blank lines, so that both have the same numbers.
        self._whole = GitIgnoreSpec.from_lines([line if _ON_THE_WAY.match(line) else "" for line in lines])

    def __bool__(self) -> bool:
        """Whether there are any patterns."""
        return self._spec is not None

    def file(self, below: str, whole: str) -> bool:
        """Whether a file is excluded, by its path below the folder that is searched and by all of it, as given."""
        if self._spec is None or self._whole is None:
            return False
        for spec, path in ((self._spec, below), (self._whole, whole.removeprefix("./").lstrip("/"))):
            found = spec.check_file(path)
            if found.include and found.index is not None:
                self._used.add(found.index)
                return True
        return False

    def folder(self, below: str, whole: str) -> bool:
        """The same of a folder and all that is in it."""
        return self.file(f"{below}/", f"{whole}/")

    @property
    def unused(self) -> tuple[str, ...]:
        """Patterns by which nothing was excluded so far."""
        return tuple(
            line
            for index, line in enumerate(self._lines)
            if index not in self._used and line.strip() and not line.startswith(("#", "!"))
        )

"""Paths and folders to a sorted list of photos.

Which files count, inside a folder: by suffix, in any case (`SUFFIXES`). What is named on the command line is
always taken, whatever its name, unless the caller excludes it. Names that begin with a dot (`.trashed-...`,
`._IMG.jpg`) and folders in which programs keep copies are passed over and counted: see `left_out`.

What counts as the same photo: the same resolved path. Overlapping folders, a path given twice and a symbolic
link beside its target give one photo; links are followed after everything else, so the real name wins over
the link. Hard links stay apart: each is a full name of its own, like a copy. A linked folder that was already
walked is not walked again, which cuts loops.

Order: by the bytes of the name as shown, across all arguments.

Memory: of a photo only the path is kept, packed with those beside it (3 bytes if the names count up as a camera's do,
23 if they are random), and its `PhotoRef` is made when it is asked for.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import errno
import itertools
import os
import re
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from iqa_cli.errors import InvalidInput
from iqa_cli.photos.left_out import MARKED, NO_MEDIA, Excluded, LeftOut, keeper_of
from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# fmt: off
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".fff", ".iiq", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf",
    ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
SUFFIXES = RAW_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".avif", ".heic", ".heif", ".hif",
    ".tif", ".tiff", ".bmp", ".dib", ".gif", ".jxl",
}
# fmt: on

_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://")
_HINT_REMOTE = (
    "iqa reads files of this machine: mount the store (rclone mount) or copy it first (aws s3 sync, rclone copy)"
)

BLOCK = 256
"""Photos whose paths are packed together."""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Photos(Sequence[PhotoRef]):
    """Photos held as packed paths: each `PhotoRef` is made when it is asked for, and anew the next time."""

    blocks: tuple[bytes, ...]
    """From `_packed`, `BLOCK` photos in each but the last."""
    total: int
    """How many photos there are."""

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[PhotoRef]:
        for block in self.blocks:
            for path in _unpacked(block):
                yield PhotoRef(Path(path), as_utf8(path))

    @overload
    def __getitem__(self, index: int) -> PhotoRef: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PhotoRef, ...]: ...
    def __getitem__(self, index: int | slice) -> PhotoRef | tuple[PhotoRef, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(len(self))[index])
        block, place = divmod(range(len(self))[index], BLOCK)
        path = _unpacked(self.blocks[block])[place]
        return PhotoRef(Path(path), as_utf8(path))


def _packed(paths: list[str]) -> bytes:
    # The quickest level: paths that lie beside each other have so much in common that more saves nothing.
    return zlib.compress(os.fsencode("\0".join(paths)), level=1)


def _unpacked(block: bytes) -> list[str]:
    return os.fsdecode(zlib.decompress(block)).split("\0")


@dataclasses.dataclass(frozen=True, slots=True)
class Discovery:
    """What was found under the paths that were given."""

    photos: Sequence[PhotoRef]
    """Sorted by the bytes of `source_file`, no photo twice."""

    skipped: tuple[tuple[str, str], ...] = ()
    """(folder as shown, reason) for every folder, or link that may lead to one, that could not be searched, sorted."""

    left_out: LeftOut = dataclasses.field(default_factory=LeftOut)
    """What was passed over."""

    unused: tuple[str, ...] = ()
    """Patterns of `exclude` by which nothing was passed over."""


def as_utf8(path: str) -> str:
    r"""A path as it is written to reports: valid UTF-8, undecodable bytes as \xNN, `/` between folders.

    Control characters (a newline in a name) stay, so that the column joins with other tools; renderers quote
    them.
    """
    text = os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return text.replace(os.sep, "/") if os.sep != "/" else text


def discover(
    paths: Iterable[str | os.PathLike[str]], *, include_copies: bool = False, exclude: Iterable[str] = ()
) -> Discovery:
    """Find the photos in files and folders; folders are walked to the bottom.

    `source_file` continues the path as it was given: `DCIM` gives `DCIM/100/IMG.jpg`, `./DCIM` gives
    `./DCIM/100/IMG.jpg`, as exiftool prints it. A link to nothing inside a folder is listed: reading it says
    why it cannot be read.

    include_copies  look into folders in which programs keep copies or deleted photos, too
    exclude         patterns as in a `.gitignore` file, each for the names below the folder that is searched; they count
                    for files that are given, too
    raises  InvalidInput  if a path does not exist or cannot be reached; every such path is named at once
            UsageError    if a pattern is none
            TypeError     if `paths` is a single string or path: a list was meant
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise TypeError(f"expected a list of paths, got {paths!r}")
    excluded = Excluded(exclude)
    walk = _Walk(excluded, include_copies=include_copies)
    problems: list[str] = []
    for given in paths:
        name = os.fspath(given)
        try:
            is_folder = stat.S_ISDIR(os.stat(name).st_mode)  # noqa: PTH116 - Path drops the "./" that we keep
        except (OSError, ValueError) as error:  # ValueError: a NUL inside the name
            problems.append(f"{as_utf8(name)}: {_why(error)}")
            continue
        real = os.path.realpath(name)
        if is_folder:
            walk.folder(name, real)
        else:
            walk.given(name, real)
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise InvalidInput(
            f"{len(problems)} path{plural} cannot be read",
            problems=problems,
            hint=_HINT_REMOTE
            if any(map(_REMOTE.match, problems))
            else "check the spelling; a name with spaces needs quotes",
        )
    walk.follow_links()
    return Discovery(_in_order(walk.names), tuple(sorted(walk.skipped)), walk.left_out, excluded.unused)


def _in_order(names: dict[str, list[str]]) -> Photos:
    """Names by folder to photos sorted by `source_file`; the lists of names are sorted in place.

    The photos of a folder stay together but for those of other folders that come between them: `a-1/x.jpg`, `a.jpg`,
    `a/x.jpg`. All photos of such a folder come at one place, because names hold no separator. So every folder is cut
    at the places of those below it, and the pieces are sorted by their first photo.
    """
    by_shown = collections.defaultdict(list)
    for folder, inside in names.items():
        inside.sort(key=as_utf8)  # strings compare by code points, which is the order of their UTF-8 bytes
        by_shown[as_utf8(folder)].append(folder)
    cuts = {folder: {0, len(inside)} for folder, inside in names.items()}
    for shown, folders in by_shown.items():
        for above in _folders_above(shown):
            for folder in by_shown.get(above, ()):
                cuts[folder].add(bisect.bisect_left(names[folder], shown[len(above) :], key=as_utf8))
        if len(folders) > 1:  # one holds a byte that is shown as the other spells it: cut everywhere
            for folder in folders:
                cuts[folder].update(range(len(names[folder])))
    pieces = [
        (as_utf8(folder + names[folder][start]), folder, start, end)
        for folder, places in cuts.items()
        for start, end in itertools.pairwise(sorted(places))
    ]
    pieces.sort(key=lambda piece: piece[0])
    paths = (folder + name for _, folder, start, end in pieces for name in names[folder][start:end])
    blocks = []
    while block := list(itertools.islice(paths, BLOCK)):
        blocks.append(_packed(block))
    return Photos(tuple(blocks), sum(map(len, names.values())))


def _folders_above(shown: str) -> Iterator[str]:
    """Of `a/b/`: that of names without a folder, `a/`, and itself."""
    yield ""
    end = shown.find("/") + 1
    while end:
        yield shown[:end]
        end = shown.find("/", end) + 1


class _Walk:
    """What one call of `discover` has seen so far.

    A folder is walked once and holds no name twice, so what it holds needs no look at other photos. Only files that are
    named directly and linked ones may be there already.
    """

    def __init__(self, excluded: Excluded, *, include_copies: bool) -> None:
        self._excluded = excluded
        self._include_copies = include_copies
        self.left_out = LeftOut()
        self.names: dict[str, list[str]] = {}  # of photos, by folder as given up to and with its last separator
        self.skipped: list[tuple[str, str]] = []
        self._walked: dict[str, list[str]] = {}  # names of photos, by resolved folder
        self._taken: dict[str, set[str]] = {}  # the same as a set, and files taken singly; made where one was
        self._links: list[str] = []

    def given(self, path: str, real: str) -> None:
        """Take a file that the caller named, whatever its name, unless it is excluded."""
        if self._excluded and self._excluded.file(os.path.basename(path), as_utf8(path)):  # noqa: PTH119 - plain
            self.left_out.excluded += 1
        else:
            self.file(path, real)

    def file(self, path: str, real: str) -> None:
        """Take a file; the first name that reaches it stays."""
        folder, real_name = os.path.split(real)
        taken = self._taken.get(folder)
        if taken is None:
            taken = self._taken[folder] = set(self._walked.get(folder, ()))
        if real_name not in taken:
            taken.add(real_name)
            name = os.path.basename(path)  # noqa: PTH119 - a plain string, hot path
            self._add(path[: len(path) - len(name)], [name])

    def folder(self, name: str, real: str) -> None:
        """Walk a folder without following links; those are kept for later."""
        # Names below it, for patterns: what comes after `root` in the path of a folder.
        root = len(name if name.endswith(os.sep) else name + os.sep)
        stack = [(name, real)]
        while stack:
            name, real = stack.pop()
            if real in self._walked:
                continue
            base = name if name.endswith(os.sep) else name + os.sep
            entries, failure = _entries(name)
            if failure is not None:
                self.skipped.append((as_utf8(name), failure))
            found = self._walked[real] = []
            if len(base) > root and not self._include_copies and any(entry.name == NO_MEDIA for entry in entries):
                self.left_out.copies[MARKED] += 1
                continue
            for entry in entries:
                if self._is_left_out(entry, base, root, real):
                    continue
                if entry.is_symlink():
                    self._links.append(base + entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    stack.append((base + entry.name, os.path.join(real, entry.name)))  # noqa: PTH118 - see above
                elif _is_photo_name(entry.name):
                    found.append(entry.name)
                else:
                    self.left_out.kinds[_suffix(entry.name)] += 1
            taken = self._taken.get(real)
            if taken is not None:
                found[:] = [name for name in found if name not in taken]
                taken.update(found)
            self._add(base, found)

    def _linked_folder(self, name: str, real: str) -> None:
        """Walk a folder that a link leads to, unless either's name says that it holds copies."""
        for path in () if self._include_copies else (os.path.abspath(name), real):  # noqa: PTH100 - plain strings
            above, last = os.path.split(path)
            keeper = keeper_of(last, above)
            if keeper is not None:
                self.left_out.copies[keeper] += 1
                return
        self.folder(name, real)

    def _is_left_out(self, entry: os.DirEntry[str], base: str, root: int, real: str) -> bool:
        """Whether an entry of a folder is passed over; then it is counted.

        base  the folder that the entry is in, as given, with a separator at the end
        root  how much of it is the folder that is searched
        real  the same folder, resolved
        """
        is_hidden = entry.name.startswith(".")
        is_folder = entry.is_dir(follow_symlinks=False)
        keeper = keeper_of(entry.name, real) if is_folder else None
        if keeper is not None and not self._include_copies:
            self.left_out.copies[keeper] += 1
            return True
        if is_hidden and keeper is None:
            self.left_out.hidden += is_folder or _is_photo_name(entry.name)
            return True
        if self._excluded:
            names = as_utf8(base[root:] + entry.name), as_utf8(base + entry.name)
            if self._excluded.folder(*names) if is_folder else self._excluded.file(*names):
                self.left_out.excluded += 1
                return True
        return False

    def _add(self, folder: str, names: list[str]) -> None:
        if names:
            self.names.setdefault(folder, []).extend(names)

    def follow_links(self) -> None:
        """Follow the links in order of their names; what they lead to may hold links again."""
        while self._links:
            links, self._links = sorted(self._links, key=os.fsencode), []
            for name in links:
                real = os.path.realpath(name)
                if os.path.isdir(real):  # noqa: PTH112 - a plain string, hot path
                    self._linked_folder(name, real)
                elif _is_photo_name(name):
                    self.file(name, real)
                else:
                    self._note_unreached(name)

    def _note_unreached(self, link: str) -> None:
        """A link that may lead to a folder; one to nothing or in a circle hides no photo."""
        try:
            os.stat(link)  # noqa: PTH116 - a plain string, as all names here
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self.skipped.append((as_utf8(link), _why(error)))


def _entries(folder: str) -> tuple[list[os.DirEntry[str]], str | None]:
    """What is in a folder, and why that may not be all."""
    found: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as entries:
            found.extend(entries)
    except OSError as error:
        return found, _why(error)
    return found, None


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a plain string, hot path


def _is_photo_name(name: str) -> bool:
    return _suffix(name) in SUFFIXES


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, PermissionError):
        return "permission denied"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

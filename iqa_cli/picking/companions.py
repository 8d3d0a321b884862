"""Files that belong to photos and go where they go: a Live Photo's video, the raw picture, sidecars.

Whose a file is shows in its name: the photo's whole name and a suffix more (`IMG_1.JPG.xmp`), or the photo's name with
another suffix (`IMG_1.MOV`, `IMG_1.xmp`), in the same folder, in any case. A file may be that of several photos:
`IMG_1.xmp` beside `IMG_1.JPG` and `IMG_1.HEIC`. It goes along only if all of them go.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import RAW_SUFFIXES, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of companion."""

    what: str
    """In words, for the documents."""
    suffixes: frozenset[str]
    """Lower case, with the dot."""
    instead: bool
    """Whether the suffix stands in place of the photo's: `IMG_1.MOV`."""
    behind: bool
    """Whether it stands behind it: `IMG_1.JPG.xmp`."""


RAW_KINDS = RAW_SUFFIXES | {".crw", ".dcr", ".gpr", ".kdc", ".raw"}
"""Also those of raw files that are not judged."""

COMPANIONS = (
    Kind("the video of a Live Photo", frozenset({".mov", ".mp4"}), instead=True, behind=False),
    Kind("the raw picture of a pair", RAW_KINDS, instead=True, behind=False),
    Kind("XMP sidecars: Lightroom's, darktable's, digiKam's, ours", frozenset({".xmp"}), instead=True, behind=True),
    Kind("edits of Apple Photos", frozenset({".aae"}), instead=True, behind=True),
    Kind("edits of RawTherapee", frozenset({".pp3"}), instead=True, behind=True),
    Kind("edits of DxO PhotoLab", frozenset({".dop"}), instead=True, behind=True),
    Kind("what Google Takeout knows of a photo", frozenset({".json"}), instead=False, behind=True),
)
"""Everything that goes along. What stands behind a raw picture's or a video's name goes along with that."""

# A raw picture is a photo where it is picked itself; else it goes with the photo that the camera wrote beside it.
_PHOTOS = SUFFIXES - RAW_SUFFIXES

_INSTEAD = frozenset().union(*(kind.suffixes for kind in COMPANIONS if kind.instead))
_BEHIND = frozenset().union(*(kind.suffixes for kind in COMPANIONS if kind.behind))

# Takeout writes IMG_1.JPG.supplemental-metadata.json since 2024 and cuts the middle where the name gets too long.
_TAKEOUT = re.compile(r"\.s[a-z-]*$", re.IGNORECASE)
_TAKEOUT_WORD = ".supplemental-metadata"
# Of photos with one name it numbers the second before the suffix, IMG_1(1).JPG, and what it knows of that at the end:
# IMG_1.JPG(1).json, IMG_1.JPG.supplemental-metadata(1).json.
_NUMBERED = re.compile(r"(.+)(\([0-9]+\))")
# darktable keeps a second edit of IMG_1.JPG in IMG_1_01.JPG.xmp.
_DUPLICATE = re.compile(r"(.+)_\d\d(\.[^.]+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """A companion that stays, because it is that of photos that stay as well."""

    path: str
    """Where it is."""
    also_of: tuple[str, ...]
    """Names of those photos, sorted."""


class Companions:
    """Who goes with whom in the folders of some photos; each folder is listed once.

    photos  the paths of those that go
    """

    def __init__(self, photos: Iterable[str]) -> None:
        self._going: dict[str, set[str]] = collections.defaultdict(set)
        self._known: dict[str, dict[str, set[str]]] = {}
        for photo in photos:
            folder, name = os.path.split(photo)
            self._going[folder].add(name)

    def of(self, photos: Sequence[str]) -> tuple[tuple[str, ...], tuple[Shared, ...]]:
        """The companions that go with photos of one folder and one name (with any suffix), and those that stay.

        returns  paths, sorted
        raises   OSError  if the folder cannot be listed
        """
        folder = os.path.dirname(photos[0])
        names = {os.path.basename(photo) for photo in photos}
        going, staying = [], []
        for companion, owners in self._owners(folder).items():
            if not owners & names:
                continue
            path = os.path.join(folder, companion)
            left = owners - self._going[folder]
            if left:
                staying.append(Shared(path, tuple(sorted(left))))
            else:
                going.append(path)
        return tuple(sorted(going)), tuple(sorted(staying, key=lambda shared: shared.path))

    def _owners(self, folder: str) -> dict[str, set[str]]:
        """Of every companion in a folder the photos that it belongs to."""
        if folder not in self._known:
            with os.scandir(folder or os.curdir) as entries:
                names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
            self._known[folder] = _Folder(names, self._going[folder]).owners()
        return self._known[folder]


class _Folder:
    """The names in a folder.

    names  of its files
    going  of the photos among them that go, whatever their suffix
    """

    def __init__(self, names: Collection[str], going: Collection[str]) -> None:
        self._photos = {name for name in names if name in going or _suffix(name) in _PHOTOS}
        self._others = [name for name in names if name not in self._photos]
        self._alike: dict[str, list[str]] = collections.defaultdict(list)  # names by themselves in lower case
        self._stems: dict[str, list[str]] = collections.defaultdict(list)  # photos by their name without suffix
        for name in names:
            self._alike[name.casefold()].append(name)
        for name in self._photos:
            self._stems[_stem(name).casefold()].append(name)

    def owners(self) -> dict[str, set[str]]:
        """Of every companion its photos."""
        found = ((name, self._owners(name)) for name in self._others)
        return {name: owners for name, owners in found if owners}

    def _owners(self, name: str) -> set[str]:
        """The photos that a file belongs to."""
        if name in self._photos:
            return {name}
        whole = {owner for other in self._named_whole_in(name) for owner in self._owners(other)}
        if whole or _suffix(name) not in _INSTEAD:
            return whole
        alike = self._stems.get(_stem(name).casefold(), [])
        return {photo for photo in alike if _stem(photo) == _stem(name)} or set(alike)

    def _named_whole_in(self, name: str) -> Iterator[str]:
        """The files whose whole name a sidecar's name begins with."""
        if _suffix(name) not in _BEHIND:
            return
        front = _stem(name)
        fronts = [front]
        if _suffix(name) == ".json":
            fronts += _takeouts(front)
        duplicate = _DUPLICATE.fullmatch(front)
        if _suffix(name) == ".xmp" and duplicate is not None:
            fronts.append(duplicate[1] + duplicate[2])
        for front in fronts:
            alike = self._alike.get(front.casefold(), [])
            if alike:
                yield from [other for other in alike if other == front] or alike
                return


def _takeouts(front: str) -> Iterator[str]:
    """The names of photos that Takeout may write so before the `.json`, besides the one that is written out."""
    numbered = _NUMBERED.fullmatch(front)
    photo, number = (front, "") if numbered is None else (numbered[1], numbered[2])
    word = _TAKEOUT.search(photo)
    if word is not None and _TAKEOUT_WORD.startswith(word[0].lower()):
        photo = photo[: word.start()]
    stem, suffix = os.path.splitext(photo)
    yield stem + number + suffix


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()

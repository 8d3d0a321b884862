"""A checkpoint: a folder with `card.json`, `model.safetensors` and `model.onnx`, and `card.md` for people. Nothing in
it can run code.

The card is the model's passport: it carries the graph, the preprocessing, how and on what the model was trained, what
it reached on photographs it never saw, and the hash of every file beside it. Whoever opens a checkpoint gets the card
checked at once, and each weights file checked against its hash at the moment it is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import re
from typing import TYPE_CHECKING, Any, Literal, Self

from iqa_cli.errors import CheckpointError, GraphError
from iqa_cli.hexgraph.read import parse_graph
from iqa_cli.hexgraph.strictjson import JsonText, NotJsonError
from iqa_cli.regular import open_regular, read_regular
from iqa_cli.wording import counted
from iqa_cli.writing import staged, told_as_not_replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.writing import Content

CARD = "card.json"
CARD_PAGE = "card.md"
"""The card for people, if there is one: never read, and so not among the card's files either."""
PAGE_MARK = "<!-- made by iqa"
"""How a `CARD_PAGE` of iqa's own begins; one that does not is somebody's, who may want to keep it."""
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
FORMAT_VERSION = 1
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
"""Resampling filters that every Pillow has, by name, so that a card can be checked without it."""
OPERATING_POINT = "operating_point"
"""Key of the card under which a label has the log-odds that are added before its level is named."""
PREVIEW = "preview"
"""Key of the card under which `margins` says, for each label, how far the scores of a photo's preview may be from those
of the photo: log-odds. Without it no photo is judged from its preview where that has to be as good as the photo."""
CONVERTED = "converted"
"""Key of the card of a checkpoint that `iqa convert` made: of which file, and how it was read."""
GRAPH_KEY = "iqa_graph"
"""Metadata key under which `model.onnx` carries the hash of the graph it was trained on."""
MOST_BYTES = {CARD: 16 * 2**20, ONNX: 2**31 - 1, WEIGHTS: 2**32}
"""The largest file of each name that is read: a card with the names of half a million photographs, the most that ONNX
can be, and the weights of a model that can still be exported. A file of another name has the limit of the card."""
MOST_PAGE_BYTES = 2**20
"""Of a card for people: of the shipped one a hundred times as much."""
_LARGEST_SIZE = 4096
"""Pixels; far above any model, far below what would fill the memory before a message could say so."""
_MOST_CROPS = 16
"""Each is the work of a picture of its own."""
_LARGEST_SHIFT = 1000.0
"""Of means, and of deviations and what they divide by: beyond it single precision has nothing left of a picture."""


@dataclasses.dataclass(frozen=True, slots=True)
class Views:
    """Crops that are looked at beside the whole picture; its scores are the mean over all of them and the whole."""

    square: int
    """Pixels of the larger square that the picture is squashed to, of which crops in the model's size are cut."""
    crops: tuple[tuple[int, int], ...]
    """(left, top) of each crop in that square."""

    @classmethod
    def around(cls, size: int, crops: Literal[5, 9]) -> Self:
        """Crops of a square that is larger as 300 is than 224: its corners and middle, or a grid of three by three.
        They reach all edges, and lie the same in a mirrored picture.

        size  of the model's input
        """
        step = round(size * 19 / 112)  # 38 pixels for 224; an even difference has a middle
        rows = (0, step, 2 * step)
        grid = [(left, top) for top in rows for left in rows]
        return cls(size + 2 * step, tuple(grid if crops == 9 else grid[::2]))

    def __post_init__(self) -> None:
        """Refuse squares that are too large, no crops or too many, and crops at places that no square has."""
        if not 1 <= len(self.crops) <= _MOST_CROPS:
            raise ValueError(f"views.crops needs 1 to {_MOST_CROPS} crops, got {len(self.crops)}")
        if not 8 <= self.square <= _LARGEST_SIZE:
            raise ValueError(f"views.square must be at least 8 pixels and at most {_LARGEST_SIZE}, got {self.square}")


@dataclasses.dataclass(frozen=True, slots=True)
class Preprocessing:
    """From an upright sRGB picture of any size to what the model takes."""

    size: int
    """The picture is squashed to size x size pixels: tone is judged from the whole frame. Crops are looked at besides
    only if `views` says so."""
    interpolation: str
    """One of `INTERPOLATIONS`; when shrinking, all but nearest average over the covered area."""
    mean: tuple[float, float, float]
    """Subtracted per channel from values in 0..1."""
    std: tuple[float, float, float]
    """Divided by, per channel."""
    views: Views | None = None
    """How a picture that is judged is looked at several times; None is once, whole."""

    def seen_in(self, views: Literal["one", "five", "nine"]) -> Preprocessing:
        """The same with other views: the whole picture alone, or so many crops of `Views.around` beside it."""
        crops: dict[str, Literal[5, 9]] = {"five": 5, "nine": 9}
        several = None if views == "one" else Views.around(self.size, crops[views])
        return dataclasses.replace(self, views=several)

    @property
    def once(self) -> Preprocessing:
        """The same, looked at once: as in training."""
        return dataclasses.replace(self, views=None)

    @property
    def n_views(self) -> int:
        """How many views of a picture are scored, V."""
        return 1 if self.views is None else 1 + len(self.views.crops)

    @property
    def largest_side(self) -> int:
        """Pixels of the largest square that a picture is squashed to: with a shorter side it would be blown up."""
        return self.size if self.views is None else max(self.size, self.views.square)

    def __post_init__(self) -> None:
        """Refuse sizes that no model has, unknown filters, deviations that are not positive, and crops that reach over
        their square.
        """
        if not 8 <= self.size <= _LARGEST_SIZE:
            raise ValueError(f"size must be at least 8 pixels and at most {_LARGEST_SIZE}, got {self.size}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {self.interpolation!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"mean and std need three numbers each, std above 0; got {self.mean} and {self.std}")
        if max(map(abs, self.mean)) > _LARGEST_SHIFT or not all(
            1 / _LARGEST_SHIFT <= value <= _LARGEST_SHIFT for value in self.std
        ):
            most = f"{_LARGEST_SHIFT:g}, std from {1 / _LARGEST_SHIFT:g} to it"
            raise ValueError(f"mean can be up to {most}; got {self.mean} and {self.std}")
        if self.views is not None:
            most_at = self.views.square - self.size
            for place in self.views.crops:
                if not all(0 <= at <= most_at for at in place):
                    square = f"{self.views.square} x {self.views.square} pixels"
                    raise ValueError(f"views.crops: {list(place)} is no place of {self.size} pixels in {square}")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose card has been read and checked; weights are read on demand."""

    folder: Path
    """Where it lies."""
    graph: HexGraph
    """The graph it was trained on; its label order is the order of the model's outputs."""
    preprocessing: Preprocessing
    """How pictures are made ready."""
    card: Mapping[str, Any]
    """The whole card as read."""
    card_sha256: str = ""
    """Of the card's bytes; with the hashes on the card it stands for all of the checkpoint."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def offsets(self) -> tuple[float, ...]:
        """Log-odds per label, in graph order, that are added to its scores before levels are named; 0 is the likeliest
        level.

        raises  CheckpointError  if the card's entry is none, or is for a label that the graph does not have
        """
        entry = self.card.get(OPERATING_POINT, {})
        if not isinstance(entry, dict) or not all(_is_number(value) and abs(value) <= 10 for value in entry.values()):
            expected = f"{OPERATING_POINT}: expected a number from -10 to 10 per label"
            raise CheckpointError(f"{self.folder / CARD}: {expected}, got {_shown(entry)}", hint=_REINSTALL)
        foreign = [name for name in entry if name not in self.graph.label_names]
        if foreign:
            names = ", ".join(map(_shown, foreign))
            raise CheckpointError(
                f"{self.folder / CARD}: {OPERATING_POINT}: the card's graph has no label {names}", hint=_REINSTALL
            )
        return tuple(float(entry.get(name, 0.0)) for name in self.graph.label_names)

    @property
    def preview_margins(self) -> tuple[float, ...] | None:
        """Log-odds per label, in graph order, from `PREVIEW`; None for a card that has none.

        raises  CheckpointError  if the entry is none, or not for the labels of the graph
        """
        entry = self.card.get(PREVIEW)
        if entry is None:
            return None
        where = f"{self.folder / CARD}: {PREVIEW}.margins"
        margins = entry.get("margins") if isinstance(entry, dict) else None
        if not isinstance(margins, dict) or not all(
            _is_number(value) and 0 <= value <= 10 for value in margins.values()
        ):
            expected = "expected a number from 0 to 10 per label"
            raise CheckpointError(f"{where}: {expected}, got {_shown(entry)}", hint=_REINSTALL)
        # One that is missing would be a label whose level may be anything.
        for names, what in (
            (margins.keys() - set(self.graph.label_names), "the card's graph has no label"),
            (set(self.graph.label_names) - margins.keys(), "there is none for"),
        ):
            if names:
                listed = ", ".join(map(_shown, sorted(names)[:_MOST_SHOWN]))
                raise CheckpointError(f"{where}: {what} {listed}", hint=_REINSTALL)
        return tuple(float(margins[name]) for name in self.graph.label_names)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What every report of this model has to say, as training wrote it: photographs on two sides, hidden labels.
        Texts of whoever made the card, a few and of bounded length.
        """
        return caveats_of(self.card)

    def read_verified(self, file: str) -> bytes:
        """The bytes of one of the checkpoint's files, checked against the card's hash.

        raises  CheckpointError  if the file is missing, unreadable, not on the card, or not the one on the card
        """
        path = self.folder / file
        expected = self.card["files"].get(file)
        if expected is None:
            raise CheckpointError(f"{self.folder / CARD}: files has no entry for {file}", hint=_REINSTALL)
        try:
            stream, size = open_regular(path)
            with stream:
                # Before a byte is read: what is there may be a hundred gigabytes of nothing.
                content = stream.read(size) if size == expected["bytes"] else None
        except FileNotFoundError:
            raise CheckpointError(f"{path}: missing from the checkpoint", hint=_REINSTALL) from None
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})", hint=_REINSTALL) from None
        if content is None:
            raise CheckpointError(f"{path}: damaged, {size} bytes instead of {expected['bytes']}", hint=_REINSTALL)
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise CheckpointError(f"{path}: damaged, its SHA-256 differs from the card's", hint=_REINSTALL)
        return content

    def refuse_other_graph(self, recorded: str | None) -> None:
        """Compare the graph hash that `model.onnx` carries under `GRAPH_KEY` with the card's graph.

        recorded  what the model says, or None if it says nothing
        raises    CheckpointError  if the card's graph is not the one the model was trained on: its scores would be
                                   read as other labels
        """
        if recorded is not None and recorded != self.graph.hash:
            raise CheckpointError(
                f"{self.folder / ONNX}: was trained on another graph than the one on the card", hint=_REINSTALL
            )


_ANOTHER_FOLDER = "name the folder in which `iqa train` left a checkpoint"
_MOST_SHOWN = 50
"""Problems of a kind that are listed."""
_LONGEST_CAVEAT = 2000
_REINSTALL = "restore the checkpoint: reinstall iqa for a shipped one, copy or train it again for your own"


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read and check the card of a checkpoint folder.

    raises  CheckpointError  naming the card, the key and the value, all mistakes at once
    """
    path = folder / CARD
    card, digest = _read_card(path)
    version = card.get("format_version")
    if version is None:
        raise CheckpointError(
            f"{path}: has no format_version", hint="it is not a checkpoint of iqa; `iqa train` writes one"
        )
    if type(version) is not int or version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format_version is {_shown(version)}, this iqa reads {FORMAT_VERSION}",
            hint="a newer checkpoint needs a newer iqa",
        )
    problems: list[str] = []
    graph = _read_graph(card, problems)
    preprocessing = _read_preprocessing(card, problems)
    _check_files(card, problems)
    if problems or graph is None or preprocessing is None:
        raise _problems(path, problems)
    return Checkpoint(folder=folder, graph=graph, preprocessing=preprocessing, card=card, card_sha256=digest)


def _read_card(path: Path) -> tuple[dict[str, Any], str]:
    """The card as an object, whatever it says, and the hash of its bytes; CheckpointError if it is no object."""
    try:
        content = read_regular(path, MOST_BYTES[CARD])
        document = JsonText(content.decode("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path.parent}: not a checkpoint, it has no {CARD}", hint=_ANOTHER_FOLDER) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})", hint=_REINSTALL) from None
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not JSON (byte {error.start} is not UTF-8)", hint=_REINSTALL) from None
    except NotJsonError as error:
        where = f":{error.position.line}:{error.position.column}" if error.position else ""
        raise CheckpointError(f"{path}{where}: {error.message}", hint=_REINSTALL) from None
    if not isinstance(document.value, dict):
        raise CheckpointError(f"{path}: expected an object, got {type(document.value).__name__}", hint=_REINSTALL)
    if strange := [str(problem) for problem in itertools.islice(document.oddities(), _MOST_SHOWN)]:
        raise _problems(path, strange)
    return document.value, hashlib.sha256(content).hexdigest()


def _problems(path: Path, problems: list[str]) -> CheckpointError:
    return CheckpointError(f"{path}: {counted(len(problems), 'problem')}", problems=problems, hint=_REINSTALL)


def _read_graph(card: Mapping[str, Any], problems: list[str]) -> HexGraph | None:
    try:
        return parse_graph(card.get("graph"), source="graph")
    except GraphError as error:
        problems.extend(f"graph: {problem}" for problem in error.problems or [error.message])
        return None


def _read_preprocessing(card: Mapping[str, Any], problems: list[str]) -> Preprocessing | None:
    entry = card.get("preprocessing")
    if not isinstance(entry, dict):
        problems.append(f"preprocessing: expected an object, got {type(entry).__name__}")
        return None
    found = len(problems)
    size = entry.get("size")
    if type(size) is not int:
        problems.append(f"preprocessing.size: expected a whole number, got {_shown(size)}")
    interpolation = entry.get("interpolation")
    if not isinstance(interpolation, str):
        problems.append(f"preprocessing.interpolation: expected a text, got {_shown(interpolation)}")
    problems += [
        f"preprocessing.{key}: expected three numbers, got {_shown(entry.get(key))}"
        for key in ("mean", "std")
        if not (isinstance(entry.get(key), list) and len(entry[key]) == 3 and all(map(_is_number, entry[key])))
    ]
    views = _read_views(entry.get("views"), problems)
    if len(problems) > found:
        return None
    mean, std = ((float(red), float(green), float(blue)) for red, green, blue in (entry["mean"], entry["std"]))
    try:
        return Preprocessing(size=entry["size"], interpolation=entry["interpolation"], mean=mean, std=std, views=views)
    except ValueError as error:
        problems.append(f"preprocessing: {error}")
        return None


def _read_views(entry: object, problems: list[str]) -> Views | None:
    """Several views of a picture; None for cards that say nothing of them, as those before there were any."""
    if entry is None:
        return None
    if not isinstance(entry, dict):
        problems.append(f"preprocessing.views: expected an object or null, got {_shown(entry)}")
        return None
    square, crops = entry.get("square"), entry.get("crops")
    found = len(problems)
    if type(square) is not int:
        problems.append(f"preprocessing.views.square: expected a whole number, got {_shown(square)}")
    if not isinstance(crops, list) or not all(
        isinstance(place, list) and len(place) == 2 and all(type(at) is int for at in place) for place in crops
    ):
        problems.append(f"preprocessing.views.crops: expected pairs of whole numbers, got {_shown(crops)}")
    if len(problems) > found:
        return None
    try:
        return Views(square=entry["square"], crops=tuple((left, top) for left, top in entry["crops"]))
    except ValueError as error:
        problems.append(f"preprocessing: {error}")
        return None


def _is_number(value: object) -> bool:
    """A finite number of the usual size; `true` is none, and neither are texts and numbers beyond the floats."""
    if isinstance(value, float):
        return math.isfinite(value)
    return type(value) is int and abs(value) < 2**63


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_files(card: Mapping[str, Any], problems: list[str]) -> None:
    files = card.get("files")
    if not isinstance(files, dict):
        problems.append(f"files: expected an object, got {type(files).__name__}")
        return
    for name, entry in itertools.islice(files.items(), _MOST_SHOWN):
        what = f"files.{name if name in MOST_BYTES else _shown(name)}"
        if not (isinstance(entry, dict) and type(entry.get("bytes")) is int and isinstance(entry.get("sha256"), str)):
            problems.append(f"{what}: expected bytes and sha256, got {_shown(entry)}")
        elif not _FILE_NAME.fullmatch(name):
            problems.append(f"{what}: not the name of a file in the checkpoint's folder")
        elif not 0 <= entry["bytes"] <= MOST_BYTES.get(name, MOST_BYTES[CARD]):
            most = MOST_BYTES.get(name, MOST_BYTES[CARD])
            problems.append(f"{what}: a size of {_shown(entry['bytes'])} bytes; up to {most} are read")
        elif not _SHA256.fullmatch(entry["sha256"]):
            problems.append(f"{what}: {_shown(entry['sha256'])} is no SHA-256")
    if len(files) > _MOST_SHOWN:
        problems.append(f"files: {len(files)} files, more than {_MOST_SHOWN}")


_FILE_NAME = re.compile(r"(?!\.)[\w.+ -]{1,255}(?<![. ])")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def caveats_of(card: Mapping[str, Any]) -> tuple[str, ...]:
    """What a card says of every figure of its own: `data.caveats`, a few texts of bounded length. See `Checkpoint`."""
    data = card.get("data")
    entry = data.get("caveats") if isinstance(data, dict) else None
    texts = entry if isinstance(entry, list) else []
    return tuple(text[:_LONGEST_CAVEAT] for text in texts[:_MOST_SHOWN] if isinstance(text, str))


def write_checkpoint(
    folder: Path, files: Mapping[str, Content], card: Mapping[str, Any], page: str | None = None
) -> None:
    """Write a checkpoint over whatever lies in the folder: at every moment its card vouches for its files, or is not
    there.

    files   content by name, such as `ONNX`, made and written one after the other
    card    what the card says beside its format version and the size and SHA-256 of each file, which are added here
    page    the same for people, `CARD_PAGE`; None leaves none there, as an older one would be of another card
    raises  OutputError  if the folder cannot be written
    """
    described: dict[str, dict[str, Any]] = {}

    def describing(name: str, write: Callable[[Path], None]) -> Callable[[Path], None]:
        def describe(path: Path) -> None:
            write(path)
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            described[name] = {"bytes": path.stat().st_size, "sha256": digest}

        return describe

    def write_card(path: Path) -> None:
        document = {"format_version": FORMAT_VERSION, **card, "files": described}
        text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        # A file name that is no text in any encoding stays readable: what is left of it is a JSON escape.
        path.write_bytes(text.encode(errors="backslashreplace"))

    contents: dict[str, Content] = {}
    for name, content in files.items():
        if isinstance(content, bytes):
            contents[name] = content
            described[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        else:
            contents[name] = describing(name, content)
    contents[CARD] = write_card
    if page is not None:
        contents = {CARD_PAGE: page.encode(), **contents}
    # Everything lies on the disk before anything is replaced, so a disk that is full costs no older checkpoint.
    with staged({folder / name: content for name, content in contents.items()}) as staged_files:
        for name in (CARD, CARD_PAGE):
            with told_as_not_replaced(folder / name):
                (folder / name).unlink(missing_ok=True)
        for file in staged_files:
            file.commit()

"""A checkpoint: a folder with `card.json`, `model.safetensors` and `model.onnx`. Nothing in it can run code.

The card is the model's passport: it carries the graph, the preprocessing, how and on what the model was trained, what
it reached on photographs it never saw, and the hash of every file beside it. Whoever opens a checkpoint gets the card
checked at once, and each weights file checked against its hash at the moment it is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import CheckpointError, GraphError
from iqa_cli.hexgraph.read import parse_graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iqa_cli.hexgraph.graph import HexGraph

CARD = "card.json"
WEIGHTS = "model.safetensors"
ONNX = "model.onnx"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Preprocessing:
    """From an upright sRGB picture of any size to what the model takes."""

    size: int
    """The picture is squashed to size x size pixels: tone is judged from the whole frame, so nothing is cropped."""
    interpolation: str
    """A Pillow resampling filter in lower case; all of them average over the area when shrinking."""
    mean: tuple[float, float, float]
    """Subtracted per channel from values in 0..1."""
    std: tuple[float, float, float]
    """Divided by, per channel."""

    def __post_init__(self) -> None:
        """Refuse sizes below 8 pixels and deviations that are not positive."""
        if self.size < 8:
            raise ValueError(f"size must be at least 8 pixels, got {self.size}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"mean and std need three numbers each, std above 0; got {self.mean} and {self.std}")


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

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def read_verified(self, file: str) -> bytes:
        """The bytes of one of the checkpoint's files, checked against the card's hash.

        raises  CheckpointError  if the file is missing, unreadable, not on the card, or not the one on the card
        """
        path = self.folder / file
        expected = self.card["files"].get(file)
        if expected is None:
            raise CheckpointError(f"{self.folder / CARD}: files has no entry for {file}", hint=_REINSTALL)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise CheckpointError(f"{path}: missing from the checkpoint", hint=_REINSTALL) from None
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
        if len(content) != expected["bytes"]:
            raise CheckpointError(
                f"{path}: damaged, {len(content)} bytes instead of {expected['bytes']}", hint=_REINSTALL
            )
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise CheckpointError(f"{path}: damaged, its SHA-256 differs from the card's", hint=_REINSTALL)
        return content


_REINSTALL = "restore the checkpoint: reinstall iqa for a shipped one, copy or train it again for your own"


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read and check the card of a checkpoint folder.

    raises  CheckpointError  naming the card, the key and the value, all mistakes at once
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: not a checkpoint, it has no {CARD}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error})", hint=_REINSTALL) from None
    if not isinstance(card, dict):
        raise CheckpointError(f"{path}: expected an object, got {type(card).__name__}", hint=_REINSTALL)
    version = card.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format_version is {version!r}, this iqa reads {FORMAT_VERSION}",
            hint="a newer checkpoint needs a newer iqa",
        )
    problems: list[str] = []
    graph = _read_graph(card, path, problems)
    preprocessing = _read_preprocessing(card, problems)
    _check_files(card, problems)
    if problems or graph is None or preprocessing is None:
        raise CheckpointError(f"{path}: {len(problems)} problem(s)", problems=problems, hint=_REINSTALL)
    return Checkpoint(folder=folder, graph=graph, preprocessing=preprocessing, card=card)


def _read_graph(card: Mapping[str, Any], path: Path, problems: list[str]) -> HexGraph | None:
    try:
        return parse_graph(card.get("graph"), source=f"{path}: graph")
    except GraphError as error:
        problems.extend([error.message, *error.problems])
        return None


def _read_preprocessing(card: Mapping[str, Any], problems: list[str]) -> Preprocessing | None:
    entry = card.get("preprocessing")
    try:
        return Preprocessing(
            size=int(entry["size"]),  # type: ignore[index]  # anything but an object lands in the except below
            interpolation=str(entry["interpolation"]),  # type: ignore[index]
            mean=tuple(float(value) for value in entry["mean"]),  # type: ignore[index,arg-type]
            std=tuple(float(value) for value in entry["std"]),  # type: ignore[index,arg-type]
        )
    except (KeyError, TypeError, ValueError) as error:
        problems.append(f"preprocessing: {type(error).__name__}: {error}")
        return None


def _check_files(card: Mapping[str, Any], problems: list[str]) -> None:
    files = card.get("files")
    if not isinstance(files, dict):
        problems.append(f"files: expected an object, got {type(files).__name__}")
        return
    for name, entry in files.items():
        if not (
            isinstance(entry, dict) and isinstance(entry.get("bytes"), int) and isinstance(entry.get("sha256"), str)
        ):
            problems.append(f"files.{name}: expected bytes and sha256, got {entry!r}")


def describe_files(folder: Path, names: tuple[str, ...] = (WEIGHTS, ONNX)) -> dict[str, dict[str, int | str]]:
    """Size and SHA-256 of a checkpoint's files, as the card lists them."""
    described: dict[str, dict[str, int | str]] = {}
    for name in names:
        content = (folder / name).read_bytes()
        described[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return described


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees either the old content or the new, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write `card.json`, last of all files, so that a folder with a card is complete."""
    text = json.dumps({"format_version": FORMAT_VERSION, **card}, ensure_ascii=False, indent=2, allow_nan=False)
    write_atomically(folder / CARD, (text + "\n").encode())

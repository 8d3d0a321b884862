"""Training configs: TOML in, frozen dataclasses out, every mistake of a file reported at once.

Paths in a config are relative to the config file, so that a config can be run from anywhere.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, Literal

from iqa_cli.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What is learned from."""

    ladder: Path
    """A folder of good photographs; the tone ladder makes the faults. [data] ladder"""
    samples: int = 20_000
    """Pictures per epoch."""
    validation_samples: int = 2_000
    """Pictures judged after each epoch, made from held-out photographs once and kept in memory."""
    test_samples: int = 6_000
    """Pictures judged at the end for the checkpoint's card, made from held-out photographs with another seed."""
    holdout: float = 0.15
    """Share of the photographs that training never sees."""
    provenance: str = ""
    """Where the photographs come from and under which licences; copied into the card."""


@dataclasses.dataclass(frozen=True)
class GraphConfig:
    """Which labels, and how they relate."""

    name: str = "smartphone-6"
    """A shipped graph's name or a path."""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What is trained."""

    backbone: str = "iqa-small"
    """Any open_clip architecture, or one of our own model configs."""
    pretrained: str | Literal[False] = False
    """An open_clip tag, a local weights file, or false for a start from nothing."""
    head: Literal["coop", "fc"] = "coop"
    """coop: learned context before the label's words, through the text tower; fc: one linear layer."""
    context_tokens: int = 4
    """M, learned context tokens of the coop head."""


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What is minimised."""

    name: Literal["nll"] = "nll"
    """nll: negative log-likelihood of the labels under the CRF."""


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """How it is minimised: AdamW, linear warm-up, cosine decay to zero."""

    lr_visual: float = 1e-3
    """Peak learning rate of the visual tower."""
    lr_head: float = 2e-3
    """Peak learning rate of everything else: text tower, prompts, thresholds."""
    weight_decay: float = 0.02
    """Decoupled weight decay; not applied to biases, norms and thresholds."""
    epochs: int = 30
    """Passes of `samples` pictures."""
    batch_size: int = 128
    """Pictures per step."""
    warmup: float = 0.03
    """Share of all steps over which the learning rate rises from zero."""


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """Where it goes."""

    out: Path
    """The checkpoint folder that is written."""
    work: Path | None = None
    """Where the state for --resume and metrics.csv are kept; default: `out` with `-run` appended. `--out` puts it
    beside its own folder too, so that two runs of one config never share a state."""
    seed: int = 0
    """Makes a run on one machine repeatable, bit for bit on the CPU."""

    def __post_init__(self) -> None:
        """Refuse the root folder as a checkpoint: a checkpoint is called by its folder's name."""
        if not self.out.name:
            raise ConfigError(f"run.out: expected a folder with a name, got {str(self.out)!r}")

    def written_to(self, out: Path) -> RunConfig:
        """The same run with another checkpoint folder and its state beside that."""
        return dataclasses.replace(self, out=out, work=None)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A whole training config."""

    data: DataConfig
    run: RunConfig
    graph: GraphConfig = dataclasses.field(default_factory=GraphConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)

    @property
    def work(self) -> Path:
        """The folder of the run's state."""
        return self.run.work or self.run.out.with_name(self.run.out.name + "-run")

    def as_document(self, relative_to: Path) -> dict[str, Any]:
        """Plain values for the card; a path outside the config's folder is told by its last part alone."""

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: plain(entry) for key, entry in value.items()}
            if isinstance(value, Path | str) and Path(value).is_absolute():
                path = Path(value)
                return path.relative_to(relative_to).as_posix() if path.is_relative_to(relative_to) else path.name
            return value

        document: dict[str, Any] = plain(dataclasses.asdict(self))
        return document


_RANGES: dict[tuple[str, str], tuple[float, float]] = {
    ("data", "samples"): (2, 1e9),  # batch normalisation needs two
    ("data", "validation_samples"): (1, 1e5),
    ("data", "test_samples"): (1, 1e7),
    ("data", "holdout"): (0.01, 0.9),
    ("model", "context_tokens"): (0, 64),
    ("optim", "lr_visual"): (0.0, 1.0),
    ("optim", "lr_head"): (0.0, 1.0),
    ("optim", "weight_decay"): (0.0, 1.0),
    ("optim", "epochs"): (1, 100_000),
    ("optim", "batch_size"): (2, 65_536),
    ("optim", "warmup"): (0.0, 1.0),
    ("run", "seed"): (0, 2**31 - 1),
}

_NAMES = {("graph", "name"), ("model", "backbone"), ("model", "pretrained")}
"""Texts that may name a file."""

_NOT_YET = {("data", "labels"), ("data", "images")}
"""Keys of the format that this version cannot serve."""
_LOSSES_NOT_YET = ("focal", "focal-fidelity")

_LONGEST_NAME = 255
"""Bytes in one part of a path, on every common file system."""


def load_config(path: Path) -> TrainConfig:
    """Read a training config.

    raises  ConfigError  naming the file and, for every mistake in it, the key, the value and the nearest known key
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or a number of thousands of digits
        raise ConfigError(f"{path}: not TOML ({error})") from None
    problems: list[str] = []
    hints = typing.get_type_hints(TrainConfig)
    problems.extend(f"[{key}]: no such section{_nearest(key, hints)}" for key in sorted(set(document) - set(hints)))
    sections: dict[str, Any] = {}
    for section, kind in hints.items():
        table = document.get(section, {})
        if not isinstance(table, dict):
            problems.append(f"{section}: expected a section [{section}], got {_shown(table)}")
            continue
        values = _read_section(section, kind, table, path.parent, problems)
        if values is None:
            continue
        try:
            sections[section] = kind(**values)
        except ConfigError as error:
            problems.append(error.message)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ConfigError(f"{path}: {count}", problems=problems)
    config = TrainConfig(**sections)
    # Names and files share these two keys; a file is found from the config's folder like any other path.
    graph = dataclasses.replace(config.graph, name=_file_beside(path.parent, config.graph.name))
    pretrained = config.model.pretrained and _file_beside(path.parent, config.model.pretrained)
    return dataclasses.replace(config, graph=graph, model=dataclasses.replace(config.model, pretrained=pretrained))


def _read_section(
    section: str, kind: Any, table: dict[str, Any], base: Path, problems: list[str]
) -> dict[str, Any] | None:
    """Checked values of one section, or None if a required one is missing."""
    hints = typing.get_type_hints(kind)
    required = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    for key in sorted(set(table) - set(hints)):
        if (section, key) in _NOT_YET:
            problems.append(f"{section}.{key}: not yet supported, this version learns from data.ladder alone")
        else:
            problems.append(f"{section}.{key}: no such key{_nearest(key, hints)}")
    problems.extend(f"{section}.{key}: missing" for key in sorted(required - set(table)))
    values: dict[str, Any] = {}
    for key, hint in hints.items():
        if key not in table:
            continue
        given = table[key]
        if (section, key) == ("loss", "name") and given in _LOSSES_NOT_YET:
            problems.append(f"{section}.{key}: {given!r} is not yet supported, use 'nll'")
            continue
        try:
            values[key] = _converted(given, hint, base)
            if (section, key) in _NAMES and isinstance(given, str):
                _refuse_impossible_path(given)
        except TypeError as error:
            problems.append(f"{section}.{key}: expected {error}, got {_shown(given)}")
            continue
        low, high = _RANGES.get((section, key), (float("-inf"), float("inf")))
        if isinstance(values[key], int | float) and not low <= values[key] <= high:
            problems.append(f"{section}.{key}: expected {low:g} to {high:g}, got {_shown(given)}")
    return values if required <= set(values) else None


def _converted(value: Any, hint: Any, base: Path) -> Any:
    """`value` as `hint` wants it; TypeError says what was expected. bool is never taken for a number."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        expected = []
        for option in typing.get_args(hint):
            if option is type(None):
                continue
            try:
                return _converted(value, option, base)
            except TypeError as error:
                expected.append(str(error))
        raise TypeError(" or ".join(expected))
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if any(value == choice and type(value) is type(choice) for choice in choices):
            return value
        raise TypeError(" or ".join("false" if choice is False else repr(choice) for choice in choices))
    if hint is Path and isinstance(value, str):
        _refuse_impossible_path(value)
        return (base / value).resolve()
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        # A whole number beyond the floats is outside every range, as infinity is.
        return float(value) if abs(value) < 2**1023 else float("inf")
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str):
        return value
    raise TypeError({Path: "a path", float: "a number", int: "a whole number", str: "a text"}[hint])


def _refuse_impossible_path(value: str) -> None:
    """TypeError for what no file system takes, before some call of the system finds out."""
    if not value or "\0" in value:
        raise TypeError("a name or path, not empty and without NUL characters")
    if any(len(part.encode()) > _LONGEST_NAME for part in Path(value).parts):
        raise TypeError(f"names of at most {_LONGEST_NAME} bytes")


def _shown(value: object) -> str:
    """A value as Python would show it, short."""
    try:
        text = repr(value)
    except ValueError:  # Python does not spell out whole numbers of thousands of digits
        return "a very long number"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _file_beside(folder: Path, value: str) -> str:
    """`value` as an absolute path if it names a file, else as it is."""
    return str((folder / value).resolve()) if (folder / value).is_file() else value


def _nearest(key: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

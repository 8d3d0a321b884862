"""Reading a training config: every mistake of a file at once, with the key, the value and the nearest known key."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, Literal

from iqa_cli.config.sections import BucketUrl, TrainConfig, conflicts
from iqa_cli.errors import ConfigError, UsageError
from iqa_cli.stores.places import folder_of, is_bucket, is_url

_RANGES: dict[tuple[str, str], tuple[float, float]] = {
    ("data", "samples"): (2, 1e9),  # batch normalisation needs two
    ("data", "workers"): (0, 256),
    ("data", "validation_samples"): (1, 1e5),
    ("data", "test_samples"): (1, 1e7),
    ("data", "holdout"): (0.01, 0.9),
    ("data", "min_positives"): (0, 1e9),
    ("model", "context_tokens"): (0, 64),
    ("model", "train_visual"): (1, 1000),
    ("model", "statistics"): (0, 4096),
    ("model", "scene_width"): (1, 4096),
    ("loss", "gamma"): (0.0, 10.0),
    ("loss", "alpha"): (0.0, 1.0),
    ("optim", "lr_visual"): (0.0, 1.0),
    ("optim", "lr_text"): (0.0, 1.0),
    ("optim", "lr_head"): (0.0, 1.0),
    ("optim", "lr_scale"): (0.0, 1.0),
    ("optim", "lr_thresholds"): (0.0, 1.0),
    ("optim", "weight_decay"): (0.0, 1.0),
    ("optim", "epochs"): (1, 100_000),
    ("optim", "batch_size"): (2, 65_536),
    ("optim", "accumulate"): (1, 65_536),
    ("optim", "warmup"): (0.0, 1.0),
    ("optim", "clip_norm"): (1e-6, 1e6),
    ("optim", "patience"): (0, 100_000),
    ("run", "seed"): (0, 2**31 - 1),
}

_NAMES = {("graph", "name"), ("model", "backbone"), ("model", "pretrained")}
"""Texts that may name a file."""

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
        found = len(problems)
        values = _read_section(section, kind, table, path.parent, problems)
        if values is None or len(problems) > found:
            continue  # what a section needs as a whole is judged when each of its values is right
        try:
            sections[section] = kind(**values)
        except ConfigError as error:
            problems.extend(error.problems or [error.message])
    if "data" in sections and "graph" in sections:
        problems.extend(conflicts(sections["data"], sections["graph"]))
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
    problems.extend(f"{section}.{key}: no such key{_nearest(key, hints)}" for key in sorted(set(table) - set(hints)))
    problems.extend(f"{section}.{key}: missing" for key in sorted(required - set(table)))
    values: dict[str, Any] = {}
    for key, hint in hints.items():
        if key not in table:
            continue
        given = table[key]
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
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_converted(entry, typing.get_args(hint)[0], base) for entry in value)
    if hint is BucketUrl and isinstance(value, str) and _is_bucket(value):
        return BucketUrl(value)
    if hint is Path and isinstance(value, str):
        _refuse_impossible_path(value)
        if is_url(value) and not value.startswith("file://"):
            raise TypeError("a path")
        return (base / folder_of(value)).resolve()
    if hint is bool and isinstance(value, bool):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        # A whole number beyond the floats is outside every range, as infinity is.
        return float(value) if abs(value) < 2**1023 else float("inf")
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str):
        return value
    raise TypeError(_EXPECTED.get(hint, "a list of texts"))


_EXPECTED: dict[Any, str] = {
    BucketUrl: "a bucket (s3://, gs:// or az://, and its name)",
    Path: "a path",
    bool: "true or false",
    float: "a number",
    int: "a whole number",
    str: "a text",
}


def _is_bucket(value: str) -> bool:
    try:
        return is_bucket(value)
    except UsageError:
        return False


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
    """`value` as an absolute path if it names a file, or `checkpoint:` and a folder; else as it is.

    A link is not followed to where it leads: the hub's cache has weights under a hash there, without a suffix.
    """
    prefix, colon, rest = value.partition(":")
    if colon and prefix == "checkpoint":
        return f"{prefix}:{(folder / rest).resolve()}" if (folder / rest).is_dir() else value
    file = folder.resolve() / value
    return os.path.normpath(file) if file.is_file() else value


def _nearest(key: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

"""What a config names and this machine does not have, found before any library of training is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.config.sections import CHECKPOINT_PREFIX
from iqa_cli.errors import CheckpointError, ConfigError, InvalidInput
from iqa_cli.paths import find_checkpoint
from iqa_cli.stores.places import Place
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.config import TrainConfig

_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin")
"""How names of files of weights end, and no tag of open_clip."""


def refuse_missing(path: Path, config: TrainConfig) -> None:
    """Whoever copied a config hears of everything that it needs at once, and in seconds.

    path    of the config, for the message
    raises  ConfigError  naming every folder, bucket and file that is not there, with what `data.obtain` says
    """
    missing = list(_missing(config))
    if missing:
        raise ConfigError(
            f"{path}: {counted(len(missing), 'thing')} that it names {'is' if len(missing) == 1 else 'are'} not there",
            problems=missing,
            hint=config.data.obtain or "paths are relative to the config file",
        )


def _missing(config: TrainConfig) -> Iterator[str]:
    data = config.data
    for key, folder in (
        ("ladder", data.ladder),
        ("images", data.images if isinstance(data.images, Path) else None),
        *(("apart_from", f) for f in data.apart_from),
    ):
        if folder is not None and not folder.is_dir():
            yield f"data.{key}: {folder}: no such folder"
    if isinstance(data.images, str):
        try:
            if next(Place(data.images).listed(), None) is None:
                yield f"data.images: {data.images}: there are no objects with that prefix"
        except InvalidInput as error:
            yield f"data.images: {error.message}; {error.hint}"
    files = (
        ("data.labels", data.labels),
        ("data.validation", data.validation),
        ("data.test", data.test),
        ("model.scene_weights", config.model.scene_weights),
    )
    for key, file in files:
        if file is not None and not file.is_file():
            yield f"{key}: {file}: no such file"
    pretrained = config.model.pretrained or ""
    if pretrained.startswith(CHECKPOINT_PREFIX):
        try:
            find_checkpoint(pretrained.removeprefix(CHECKPOINT_PREFIX))
        except CheckpointError as error:
            yield f"model.pretrained: {error.message}"
    elif pretrained.endswith(_WEIGHTS) and not Path(pretrained).is_file():
        yield f"model.pretrained: {pretrained}: no such file"

"""What pretrained weights were trained with: their activation and how pictures were prepared for them.

Tensors do not tell. The same ones behind GELU instead of QuickGELU load without an error and see something else, so
this is taken from where it is written down, asked for, and never guessed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import open_clip

from iqa_cli.errors import ConfigError
from iqa_cli.models.hub import hub_folder, repository_of
from iqa_cli.models.torchscript import BadArchiveError, is_archive, read_archive
from iqa_cli.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BESIDE: Final = "open_clip_config.json"
"""What open_clip writes beside weights that it puts on the hub."""
_MOST_BESIDE = 2**20
_TWIN = "-quickgelu"
"""What open_clip adds to the name of an architecture that exists with both activations."""
_SAME_TOWER = ("layers", "width", "patch_size", "timm_model_name")
"""What the configuration beside a file must share with the architecture to be about it."""
_CLIP = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
}
"""What open_clip takes where nothing is known."""


@dataclasses.dataclass(frozen=True)
class Training:
    """How weights were trained."""

    quick_gelu: bool
    """Whether their activation is QuickGELU, `x sigmoid(1.702 x)`; else it is the architecture's, mostly GELU."""
    mean: tuple[float, float, float]
    """Subtracted from pictures in 0..1, per channel."""
    std: tuple[float, float, float]
    """Divided by."""
    interpolation: str
    """How pictures were made small."""


@dataclasses.dataclass(frozen=True)
class _Source:
    """Something that knows."""

    name: str
    quick_gelu: bool
    preprocessing: Mapping[str, Any]


def training_of_tag(architecture: str, tag: str, said: bool | None) -> Training:
    """What weights of an open_clip tag were trained with.

    said    what the config says of the activation, if it says anything
    raises  ConfigError  if the config says otherwise
    """
    entry = open_clip.get_pretrained_cfg(architecture, tag)
    return _training(architecture, _source_of(architecture, tag, entry), said)


def training_of_file(architecture: str, path: Path, said: bool | None) -> Training:
    """What weights in a file were trained with.

    It is told, in this order, by: the classes in a TorchScript archive; `BESIDE`; the folder of the hub's cache that
    the file is in; its hash, where open_clip knows it; the config; the architecture, if it exists with one activation.

    said    what the config says of the activation, if it says anything
    raises  ConfigError  if nothing tells, or the config and what is known disagree
    """
    source = _from_archive(path) or _from_beside(architecture, path) or _from_cache(architecture, path)
    if source is None and is_ambiguous(architecture):
        source = _from_hash(architecture, path)
        if source is None and said is None:
            raise _unknown(architecture, path)
    return _training(architecture, source, said)


def is_ambiguous(architecture: str) -> bool:
    """Whether an architecture's name alone leaves its activation open: open_clip has it with both, or tags say so."""
    if _own_activation(architecture):
        return False
    return f"{architecture}{_TWIN}" in open_clip.list_models() or any(
        entry.get("quick_gelu") for _, entry in _tags(architecture)
    )


def activation(quick_gelu: bool) -> str:
    """Its name."""
    return "QuickGELU" if quick_gelu else "GELU"


def _own_activation(architecture: str) -> bool:
    """Whether the architecture itself has QuickGELU."""
    return bool(open_clip.get_model_config(architecture).get("quick_gelu"))


def _tags(architecture: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for tag in open_clip.list_pretrained_tags_by_model(architecture):
        yield tag, open_clip.get_pretrained_cfg(architecture, tag)


def _training(architecture: str, source: _Source | None, said: bool | None) -> Training:
    own = _own_activation(architecture)
    if source is not None and said is not None and said != source.quick_gelu:
        raise ConfigError(
            f"model.quick_gelu: {json.dumps(said)}, but {source.name} says that these weights were trained with "
            f"{activation(source.quick_gelu)}",
            hint="leave model.quick_gelu out",
        )
    quick_gelu = source.quick_gelu if source is not None else own if said is None else said
    if own and not quick_gelu:
        other = architecture.removesuffix(_TWIN)
        raise ConfigError(
            f"model.backbone: {architecture} has QuickGELU, but {source.name if source else 'model.quick_gelu'} says "
            "that these weights were trained with GELU",
            hint=f'set model.backbone = "{other}"' if other != architecture else "leave model.quick_gelu out",
        )
    preprocessing = source.preprocessing if source is not None else {}
    usual = _usual(architecture, quick_gelu)
    return Training(
        quick_gelu=quick_gelu,
        mean=_three(preprocessing.get("mean") or usual["mean"]),
        std=_three(preprocessing.get("std") or usual["std"]),
        interpolation=str(preprocessing.get("interpolation") or usual["interpolation"]),
    )


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _usual(architecture: str, quick_gelu: bool) -> Mapping[str, Any]:
    """The preparation that most tags of the architecture and activation have; open_clip takes CLIP's for every file,
    also of weights that were trained with another one.
    """
    entries = [entry for _, entry in _tags(architecture)]
    alike = [entry for entry in entries if bool(entry.get("quick_gelu")) == quick_gelu] or entries
    kinds: list[Mapping[str, Any]] = [{name: entry[name] for name in _CLIP} for entry in alike]
    return max(kinds, key=kinds.count) if kinds else _CLIP


def _source_of(architecture: str, tag: str, entry: Mapping[str, Any]) -> _Source:
    # One architecture of open_clip has QuickGELU while its tags do not mention it.
    quick_gelu = bool(entry.get("quick_gelu")) or _own_activation(architecture)
    return _Source(f"open_clip's tag {tag!r}", quick_gelu, entry)


def _from_archive(path: Path) -> _Source | None:
    """OpenAI's archives: their classes have names, and no others of CLIP were published in this form."""
    if not is_archive(path):
        return None
    try:
        classes = read_archive(path, with_tensors=False).classes
    except (BadArchiveError, OSError):
        return None  # said when its tensors are read
    quick_gelu = any(name.rpartition(".")[2] == "QuickGELU" for name in classes)
    if not quick_gelu and not any(name.rpartition(".")[2] == "GELU" for name in classes):
        return None
    return _Source(f"{path.name}, by the classes in it,", quick_gelu, {})


def _from_beside(architecture: str, path: Path) -> _Source | None:
    """open_clip's configuration beside the file, if it is of this architecture."""
    beside = path.with_name(BESIDE)
    if not beside.is_file():
        return None
    try:
        document = json.loads(read_regular(beside, _MOST_BESIDE))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"model.pretrained: {beside}: cannot be read ({error})") from None
    model = document.get("model_cfg", document) if isinstance(document, dict) else None
    if not isinstance(model, dict) or not _is_of(model, open_clip.get_model_config(architecture)):
        return None
    quick_gelu = model.get("quick_gelu", False)
    prepared = document.get("preprocess_cfg", {})
    if not isinstance(quick_gelu, bool) or not isinstance(prepared, dict) or not _is_preparation(prepared):
        raise ConfigError(
            f"model.pretrained: {beside}: not a configuration that open_clip writes",
            hint="mend its quick_gelu, mean and std, or move it away and say model.quick_gelu",
        )
    return _Source(f"{BESIDE} beside it", quick_gelu, prepared)


def _is_of(model: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether two configurations are of one architecture, but for the activation."""
    theirs, ours = model.get("vision_cfg"), own["vision_cfg"]
    if not isinstance(theirs, dict) or model.get("embed_dim") != own["embed_dim"]:
        return False
    return all(theirs.get(key) == ours.get(key) for key in _SAME_TOWER)


def _is_preparation(prepared: Mapping[str, Any]) -> bool:
    """Whether mean and std, where they are given, are three numbers each."""
    return all(
        value is None
        or (
            isinstance(value, list)
            and len(value) == 3
            and all(type(number) in (int, float) and math.isfinite(number) for number in value)
        )
        for value in (prepared.get("mean"), prepared.get("std"))
    )


def _from_cache(architecture: str, path: Path) -> _Source | None:
    """The hub's cache has a folder for each repository, and open_clip knows the repositories of its tags."""
    for tag, entry in _tags(architecture):
        repository = repository_of(entry)
        if repository and hub_folder(repository) in path.parts:
            return _source_of(architecture, tag, entry)
    return None


def _from_hash(architecture: str, path: Path) -> _Source | None:
    """Addresses that weights were published at hold their SHA-256 or how it begins."""
    known = {digest: (tag, entry) for tag, entry in _tags(architecture) if (digest := _published_hash(entry))}
    if not known or not path.is_file():
        return None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return next((_source_of(architecture, *known[start]) for start in known if digest.startswith(start)), None)


def _published_hash(entry: Mapping[str, Any]) -> str:
    """As open_clip finds it: in OpenAI's addresses the folder, in its own the end of the name."""
    address = Path(str(entry.get("url") or ""))
    candidate = address.parent.name if len(address.parent.name) == 64 else address.stem.rpartition("-")[2]
    is_hash = len(candidate) in (8, 64) and all(letter in "0123456789abcdef" for letter in candidate)
    return candidate if is_hash else ""


def _unknown(architecture: str, path: Path) -> ConfigError:
    with_it = [tag for tag, entry in _tags(architecture) if entry.get("quick_gelu")]
    without = [tag for tag, entry in _tags(architecture) if not entry.get("quick_gelu")]
    return ConfigError(
        f"model.quick_gelu: missing: {architecture} exists with QuickGELU and with GELU, and the tensors in {path} do "
        "not tell which of them they were trained with; with the other one they load all the same and see wrongly",
        hint=f"write quick_gelu = true into [model] for weights such as {_some(with_it)}, quick_gelu = false for "
        f"{_some(without) if without else 'what was trained as plain ' + architecture}; or put the {BESIDE} that they "
        "were published with beside them",
    )


def _some(tags: list[str]) -> str:
    return ", ".join(tags[:4])

"""The two models of the published research code: what their state dicts hold, and how they score a picture.

    v1   features @ head.weight.T + head.bias                          features as CLIP's image encoder gives them
    v2   exp(log_alpha) * unit(features) @ text.T + bias               text: of learned prompts, of unit length

Both are a matrix (N, D) and offsets (N,) on features, once training is over. One row per label and level above none:
the label runs slowest. In v2 each of K templates has M context vectors of its own in front of its words; the unit
features of a node's K prompts are averaged and made unit again. The tokens of the words are in the file.

Source: github.com/zhaishuyan/Image-Quality-Assessment-Made-Practical-for-Smartphone-Photography, train.py of
2025-09-10 (v1), model.py and train_v2.py of 2025-09-19 (v2), model.py and eval_acc.py of 2025-11-10.

Axes: N nodes, K templates, M context vectors, T positions of a text, W width of the text tower, D embedding.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

from iqa_cli.errors import CheckpointError
from iqa_cli.models.backbone import encode_embedded_text
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from iqa_cli.models.backbone import Backbone

_CLIP = "clip_model."
_V1 = ("head.weight", "head.bias")
_PROMPT = "text_prompt."
_V2 = (
    "log_alpha",
    "bias",
    *(
        f"{_PROMPT}{name}"
        for name in ("ctx", "template_idx", "is_multi", "tokenized", "token_prefix", "token_suffix", "eot_idx")
    ),
)
_POSITIONS: Final = 77
"""The published code cuts prompts at CLIP's length, whatever the tower's."""
_FEW = 3

LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "bright": ("整体偏亮",),
    "dark": ("整体偏暗",),
    "low_contrast": ("整体对比度低",),
    "high_contrast": ("整体对比度高",),
    "overexposed": ("高光过曝",),
    "over_suppressed": ("高光压制过度",),
    "white_balance_red": ("red_cast", "整体白平衡偏红"),
    "white_balance_blue": ("blue_cast", "整体白平衡偏蓝"),
    "white_balance_green": ("green_cast", "整体白平衡偏绿"),
    "white_balance_yellow": ("yellow_cast", "整体白平衡偏黄"),
    "crushed_shadows": ("暗部死黑",),
    "over_brightened_shadows": ("lifted_shadows", "暗部提亮过度"),
}
"""Columns of the published label files, in their order, which is that of the nodes (the first six, all, or some of
them, by version); and what graphs call the same."""

_WORDS: Final[Mapping[str, str]] = {
    "overall too bright": "bright",
    "overall too dark": "dark",
    "low global contrast": "low_contrast",
    "high global contrast": "high_contrast",
    "blown highlights": "overexposed",
    "over-compressed highlights": "over_suppressed",
    "white balance shifted towards red": "white_balance_red",
    "white balance shifted towards blue": "white_balance_blue",
    "white balance shifted towards yellow": "white_balance_yellow",
}
"""What the published prompts call a column. Those of the other three columns were not published."""


@dataclasses.dataclass(frozen=True)
class Published:
    """A state dict that was recognised, with its shapes checked against each other."""

    version: Literal["v1", "v2"]
    """Which of the two models."""
    clip: Mapping[str, Tensor]
    """CLIP's state, in the names of OpenAI's code."""
    head: Mapping[str, Tensor]
    """The rest, by its names in the file."""
    nodes: int
    """N."""


def recognise(tensors: Mapping[str, Tensor], path: Path) -> Published:
    """Which model a state dict is of.

    path    for messages
    raises  CheckpointError  for a state of neither, one with parts missing, and one with numbers that are not finite
    """
    clip = {name.removeprefix(_CLIP): value for name, value in tensors.items() if name.startswith(_CLIP)}
    head = {name: value for name, value in tensors.items() if not name.startswith(_CLIP)}
    if "image_encoder.proj" in head or "prompt_learner.ctx" in head:
        raise CheckpointError(
            f"{path}: a checkpoint of PrISM-IQA, which does not hold the words of its prompts; it is not converted"
        )
    version: Literal["v1", "v2"]
    expected: tuple[str, ...]
    if any(name in head for name in _V1):
        version, expected = "v1", _V1
    elif any(name in head for name in _V2):
        version, expected = "v2", _V2
    else:
        raise CheckpointError(
            f"{path}: not a model of the published code: of its {counted(len(tensors), 'tensor')} none is "
            f"{_V1[0]} (v1) or {_PROMPT}ctx (v2); it has {_named(tensors)}"
        )
    missing, unknown = [name for name in expected if name not in head], [name for name in head if name not in expected]
    if not clip:
        missing.append(f"{_CLIP}*")
    if missing or unknown:
        found = [f"lacks {_named(missing)}"] if missing else []
        found += [f"has {_named(unknown)} beside it"] if unknown else []
        raise CheckpointError(f"{path}: looks like {version} of the published code, but {' and '.join(found)}")
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path}: {name:.80} holds values that are not finite")
    bias = head["head.bias" if version == "v1" else "bias"]
    nodes = bias.numel()
    if bias.ndim != 1 or not nodes:
        raise CheckpointError(f"{path}: its bias has shape {list(bias.shape)}, expected one number per node")
    return Published(version, clip, {name: head[name] for name in expected}, nodes)


def load_clip(backbone: Backbone, clip: Mapping[str, Tensor], path: Path) -> None:
    """Put a CLIP's state into a model of the same architecture, whole, or say in a sentence why not.

    raises  CheckpointError  for the state of another architecture
    """
    own: Mapping[str, Tensor] = backbone.clip.state_dict()
    missing = [name for name in own if name not in clip]
    unknown = [name for name in clip if name not in own]
    differ = [name for name, value in own.items() if name in clip and clip[name].shape != value.shape]
    found = []
    if differ:
        first = differ[0]
        sizes = f"{list(clip[first].shape)} in the file, {list(own[first].shape)} in {backbone.architecture}"
        found.append(f"{len(differ)} of another size ({first}: {sizes})")
    found += [f"lacks {_named(missing)}"] if missing else []
    found += [f"has {_named(unknown)} beside it"] if unknown else []
    if found:
        raise CheckpointError(
            f"{path}: its CLIP is not {backbone.architecture}: {'; '.join(found)}",
            hint="--backbone names the architecture that it was trained with",
        )
    backbone.clip.load_state_dict({name: clip[name].to(value.dtype) for name, value in own.items()})


def directions(published: Published, backbone: Backbone, path: Path) -> tuple[Tensor, Tensor]:
    """(N, D) weights and (N,) offsets on the features, float32; of unit length in v2, as they come in v1.

    backbone  with the file's CLIP, see `load_clip`
    raises    CheckpointError  if the head's parts do not fit each other or the CLIP
    """
    head, nodes = published.head, published.nodes
    if published.version == "v1":
        _expect(head, {"head.weight": (nodes, backbone.embedding)}, path)
        return head["head.weight"].float(), head["head.bias"].float()
    scale = head["log_alpha"].float().exp()
    return _text_features(published, backbone, path) * scale, head["bias"].float()


@torch.no_grad()
def _text_features(published: Published, backbone: Backbone, path: Path) -> Tensor:
    """Text features (N, D) of unit length of v2's prompts."""
    head, nodes = published.head, published.nodes
    context, tokens = head[f"{_PROMPT}ctx"], head[f"{_PROMPT}tokenized"]
    templates, length = len(context) if context.ndim else 0, tokens.shape[-1] if tokens.ndim else 0
    width, count = backbone.clip.ln_final.weight.shape[0], context.shape[1] if context.ndim == 3 else 0
    texts = nodes * templates
    shapes = {"ctx": (templates, count, width), "template_idx": (texts,), "is_multi": (), "tokenized": (texts, length)}
    shapes |= {"token_prefix": (texts, 1, width), "token_suffix": (texts, length - 1, width), "eot_idx": (texts,)}
    expected: dict[str, tuple[int, ...]] = {f"{_PROMPT}{name}": shape for name, shape in shapes.items()}
    _expect(head, {**expected, "log_alpha": ()}, path)
    positions = min(_POSITIONS, 1 + count + length - 1)
    if positions > len(backbone.clip.positional_embedding):
        raise CheckpointError(f"{path}: its prompts have {positions} positions, more than its text tower")
    template = _indices(head, "template_idx", templates, path)
    end = (_indices(head, "eot_idx", length, path) + count).clamp(max=positions - 1)
    parts = (head[f"{_PROMPT}token_prefix"], context[template], head[f"{_PROMPT}token_suffix"])
    embedded = torch.cat([part.float() for part in parts], 1)[:, :positions]
    features = functional.normalize(encode_embedded_text(backbone.clip, embedded, end), dim=-1)
    # The published code tells by `is_multi` whether to average; with one template both ways are the same.
    return functional.normalize(features.reshape(nodes, templates, -1).mean(1), dim=-1)


def _indices(head: Mapping[str, Tensor], name: str, below: int, path: Path) -> Tensor:
    values = head[f"{_PROMPT}{name}"]
    if values.is_floating_point() or bool((values < 0).any()) or bool((values >= below).any()):
        raise CheckpointError(f"{path}: {_PROMPT}{name} holds other numbers than 0 to {below - 1}")
    return values.long()


def prompts(published: Published, backbone: Backbone) -> list[str]:
    """The words of each node's first prompt, as tokenized in the file; nothing for v1, or if they are no words.

    What stands in the file may be from a stranger: it is for people to read, and made safe where it is shown.
    """
    if published.version == "v1":
        return []
    tokens = published.head[f"{_PROMPT}tokenized"].reshape(published.nodes, -1, published.head[_V2[5]].shape[-1])[:, 0]
    tokenizer = backbone.tokenizer()
    marks = {0, tokenizer.sot_token_id, tokenizer.eot_token_id}
    try:
        return [tokenizer.decode([token for token in row if token not in marks]).strip() for row in tokens.tolist()]
    except (KeyError, UnicodeError):
        return []


def published_order(names: Sequence[str]) -> list[str] | None:
    """A graph's labels in the order of the published columns; None if it has one that they do not."""
    places = {called: place for place, (column, more) in enumerate(LABELS.items()) for called in (column, *more)}
    if not all(name in places for name in names):
        return None
    return sorted(names, key=lambda name: places[name])


def contradicted(label: str, prompt: str) -> str | None:
    """What a published prompt calls a problem that is not the label's; None if it says nothing against it."""
    column = next((column for column, more in LABELS.items() if label in (column, *more)), None)
    # The tokenizer puts blanks around a hyphen and says nothing of those that were there.
    said = prompt.replace(" ", "")
    words = next((words for words in _WORDS if words.replace(" ", "") in said), None)
    return words if column is not None and words is not None and _WORDS[words] != column else None


def _expect(head: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    for name, shape in shapes.items():
        if tuple(head[name].shape) != shape:
            raise CheckpointError(f"{path}: {name} has shape {list(head[name].shape)}, expected {list(shape)}")


def _named(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - _FEW} more" if len(listed) > _FEW else ""
    return ", ".join(f"{name:.60}" for name in listed[:_FEW]) + more

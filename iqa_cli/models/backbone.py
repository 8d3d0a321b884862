"""open_clip models: any architecture, with pretrained weights that really load, or one of our own configs from nothing.

Axes: B photos, D embedding, S input side in pixels.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import difflib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from iqa_cli.checkpoint import Preprocessing
from iqa_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OWN_CONFIGS = Path(__file__).parent / "model_configs"
open_clip.add_model_config(_OWN_CONFIGS)

_OWN_MEAN = (0.45, 0.45, 0.45)
_OWN_STD = (0.27, 0.27, 0.27)
"""For models that start from nothing: about the mean and spread of good photographs, and the same for all channels, as
a colour-dependent offset would be one more thing to unlearn for a judge of tone."""


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A CLIP with what belongs to it."""

    clip: Any
    """The open_clip model, untyped as open_clip is: `visual` maps (B, 3, S, S) to (B, D); the text tower is in it."""
    tokenizer: Callable[[list[str]], Tensor]
    """Texts to (texts, context length) int64 tokens."""
    preprocessing: Preprocessing
    """What the visual tower expects."""
    embedding: int
    """D."""


def build_backbone(architecture: str, pretrained: str | Literal[False]) -> Backbone:
    """An open_clip model by architecture name.

    architecture  a name open_clip knows, or one of `model_configs/`
    pretrained    a tag, a local weights file, or False for random weights
    raises        ConfigError  for an unknown architecture or tag, and for weights that cannot be had; weights that
                               were asked for are never replaced by random ones
    """
    config = open_clip.get_model_config(architecture)
    if config is None:
        near = difflib.get_close_matches(architecture, open_clip.list_models(), n=3)
        raise ConfigError(
            f"model.backbone: open_clip has no architecture {architecture!r}",
            hint=f"near ones: {', '.join(near)}"
            if near
            else "python -c 'import open_clip; print(open_clip.list_models())'",
        )
    try:
        with _root_logger_kept():
            clip = open_clip.create_model(
                architecture,
                pretrained=pretrained or None,
                require_pretrained=bool(pretrained),
                pretrained_image=False,
                pretrained_text=False,
            )
    except Exception as error:
        # open_clip and the hub client raise a dozen types here; each of them means that the weights are not there.
        if not pretrained:
            raise
        raise ConfigError(
            f"model.pretrained: weights {pretrained!r} for {architecture} could not be loaded "
            f"({type(error).__name__}: {error})",
            hint="name a tag of this architecture, put the file into the hub cache, or give its path",
        ) from error
    return Backbone(
        clip=clip,
        tokenizer=_tokenizer(architecture, config),
        preprocessing=_preprocessing(clip, bool(pretrained)),
        embedding=int(config["embed_dim"]),
    )


def model_config(architecture: str) -> dict[str, Any]:
    """The architecture as data, for the card."""
    config: dict[str, Any] = copy.deepcopy(open_clip.get_model_config(architecture))
    return config


@contextlib.contextmanager
def _root_logger_kept() -> Iterator[None]:
    """open_clip logs through the root logger, which would give the caller's process a handler it did not ask for, and
    warns of random weights also where they were asked for.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _tokenizer(architecture: str, config: dict[str, Any]) -> Callable[[list[str]], Tensor]:
    text = config["text_cfg"]
    vocabulary = (text.get("tokenizer_kwargs") or {}).get("bpe_path")
    tokenizer: Callable[[list[str]], Tensor]
    if vocabulary is None:
        tokenizer = open_clip.get_tokenizer(architecture)
    else:
        # A path in one of our configs is relative to the config, which open_clip's factory does not know about.
        tokenizer = SimpleTokenizer(bpe_path=str(_OWN_CONFIGS / vocabulary), context_length=text["context_length"])
    return tokenizer


def _preprocessing(clip: Any, pretrained: bool) -> Preprocessing:
    visual = clip.visual
    size = visual.image_size[0] if isinstance(visual.image_size, tuple | list) else visual.image_size
    mean, std = (visual.image_mean, visual.image_std) if pretrained else (_OWN_MEAN, _OWN_STD)
    return Preprocessing(size=int(size), interpolation="bilinear", mean=tuple(mean), std=tuple(std))


def text_tower(clip: Any) -> Any:
    """The part of a CLIP that holds its text transformer: CLIP itself, or `text` in open_clip's newer classes.

    raises  ConfigError  for a text tower that is not CLIP's own transformer
    """
    tower = getattr(clip, "text", clip)
    if not hasattr(tower, "token_embedding") or not hasattr(tower, "attn_mask"):
        raise ConfigError("model.head: coop needs CLIP's own text tower", hint='use head = "fc" with this backbone')
    return tower


def encode_embedded_text(clip: Any, embedded: Tensor, end: Tensor) -> Tensor:
    """The text tower applied to token embeddings instead of tokens, as prompt learning needs it.

    embedded  (T, context length, width)  token embeddings without positions
    end       (T,) int64                  position of the end-of-text token, where the tower's output is read
    returns   (T, D)
    """
    tower = text_tower(clip)
    states = tower.transformer(embedded + tower.positional_embedding, attn_mask=tower.attn_mask)
    read = tower.ln_final(states)[torch.arange(len(end)), end]
    projection = tower.text_projection
    if projection is not None:
        read = projection(read) if isinstance(projection, nn.Linear) else read @ projection
    features: Tensor = read
    return features

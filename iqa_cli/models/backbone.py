"""open_clip models: any architecture, with pretrained weights that really load, or one of our own configs from nothing.

Axes: B photos, D embedding, S input side in pixels.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import difflib
import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from iqa_cli.checkpoint import INTERPOLATIONS, Preprocessing
from iqa_cli.errors import ConfigError
from iqa_cli.models.hub import tag_file
from iqa_cli.models.pretrained import Training, training_of_file, training_of_tag
from iqa_cli.models.weights_file import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    architecture: str
    """Its name in open_clip or `model_configs/`."""
    preprocessing: Preprocessing
    """What the visual tower expects."""
    embedding: int
    """D."""
    quick_gelu: bool
    """Whether its activation is QuickGELU."""

    @property
    def config(self) -> dict[str, Any]:
        """The architecture as data, for the card."""
        config = model_config(self.architecture)
        return {**config, "quick_gelu": True} if self.quick_gelu else config

    def tokenizer(self) -> SimpleTokenizer:
        """CLIP's byte-pair tokenizer, with this architecture's vocabulary and context length.

        raises  ConfigError  if the architecture reads its texts with another tokenizer
        """
        text = model_config(self.architecture)["text_cfg"]
        vocabulary = (text.get("tokenizer_kwargs") or {}).get("bpe_path")
        if vocabulary is not None:
            # A path in one of our configs is relative to the config, which open_clip's factory does not know about.
            return SimpleTokenizer(bpe_path=str(_OWN_CONFIGS / vocabulary), context_length=text["context_length"])
        if text.get("hf_tokenizer_name"):
            raise _no_coop(f"{self.architecture} has another tokenizer")
        with _root_logger_kept():
            tokenizer: SimpleTokenizer = open_clip.get_tokenizer(self.architecture)
        return tokenizer


def build_backbone(architecture: str, pretrained: str | Literal[False], quick_gelu: bool | None = None) -> Backbone:
    """An open_clip model by architecture name.

    architecture  a name open_clip knows, or one of `model_configs/`
    pretrained    a tag, a local weights file, or False for random weights
    quick_gelu    whether its activation is QuickGELU, if somebody said so
    raises        ConfigError  for an unknown architecture or tag, for weights that cannot be had, and for a file of
                               which nothing tells what activation it needs; weights that were asked for are never
                               replaced by random ones
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
    if config["text_cfg"].get("hf_model_name") and importlib.util.find_spec("transformers") is None:
        raise ConfigError(
            f"model.backbone: {architecture} needs transformers, which is not installed",
            hint="pip install transformers, or choose a backbone with CLIP's own text tower",
        )
    if quick_gelu and config["vision_cfg"].get("timm_model_name"):
        raise ConfigError(
            f"model.quick_gelu: true, but the visual tower of {architecture} is timm's, with an activation of its own",
            hint="leave model.quick_gelu out",
        )
    if pretrained is False:
        clip = _built(architecture, quick_gelu=bool(quick_gelu))
        return Backbone(
            clip=clip,
            architecture=architecture,
            preprocessing=Preprocessing(size=_size(clip), interpolation="bilinear", mean=_OWN_MEAN, std=_OWN_STD),
            embedding=int(config["embed_dim"]),
            quick_gelu=bool(quick_gelu or config.get("quick_gelu")),
        )
    path, training = _found(architecture, pretrained, quick_gelu)
    clip = _built(architecture, quick_gelu=training.quick_gelu)
    load_file(clip, path, architecture)
    return Backbone(
        clip=clip,
        architecture=architecture,
        preprocessing=_preprocessing(clip, training),
        embedding=int(config["embed_dim"]),
        quick_gelu=training.quick_gelu,
    )


def _found(architecture: str, pretrained: str, quick_gelu: bool | None) -> tuple[Path, Training]:
    """The file of weights, and what they were trained with."""
    entry = open_clip.get_pretrained_cfg(architecture, pretrained)
    if entry:
        training = training_of_tag(architecture, pretrained, quick_gelu)
        return tag_file(architecture, pretrained, entry), training
    path = Path(pretrained)
    if not path.is_file():
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        known = f"its tags: {', '.join(tags)}" if tags else "open_clip knows no pretrained weights for it"
        raise ConfigError(
            f"model.pretrained: weights {pretrained!r} for {architecture} could not be loaded: no such tag or file",
            hint=f"{known}; or give the path of a weights file (.safetensors)",
        )
    return path, training_of_file(architecture, path, quick_gelu)


def _built(architecture: str, *, quick_gelu: bool) -> Any:
    """The model with random weights."""
    with _root_logger_kept():
        clip = open_clip.create_model(
            architecture, force_quick_gelu=quick_gelu, pretrained_image=False, pretrained_text=False
        )
    if getattr(clip.visual, "output_tokens", False):
        clip.visual.output_tokens = False  # CoCa's tower would give what its decoder reads beside the features
    return clip


def is_own(architecture: str) -> bool:
    """Whether the architecture is one of `model_configs/`."""
    return (_OWN_CONFIGS / f"{architecture}.json").is_file()


def model_config(architecture: str) -> dict[str, Any]:
    """The architecture as data, for the card."""
    config: dict[str, Any] = copy.deepcopy(open_clip.get_model_config(architecture))
    return config


@contextlib.contextmanager
def _root_logger_kept() -> Iterator[None]:
    """open_clip logs through the root logger's functions, which give a process that has no handler one that prints. A
    handler that does nothing prevents that; a process that set up logging of its own gets open_clip's lines as ever,
    but for the one that weights are random: here they are loaded after the model is made.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(_is_no_alarm)
    try:
        yield
    finally:
        root.removeFilter(_is_no_alarm)
        root.removeHandler(handler)


def _is_no_alarm(record: logging.LogRecord) -> bool:
    return "initialized randomly" not in record.getMessage()


def _size(clip: Any) -> int:
    """Input side in pixels."""
    size = clip.visual.image_size
    return int(size[0] if isinstance(size, tuple | list) else size)


def _preprocessing(clip: Any, training: Training) -> Preprocessing:
    """What pretrained weights were trained with.

    open_clip would resize and crop. Tone is judged from the whole frame, so the picture is squashed instead.
    """
    known = training.interpolation in INTERPOLATIONS
    return Preprocessing(
        size=_size(clip),
        interpolation=training.interpolation if known else "bicubic",
        mean=training.mean,
        std=training.std,
    )


def text_tower(clip: Any) -> Any:
    """The part of a CLIP that holds its text transformer: CLIP itself, or `text` in open_clip's newer classes.

    raises  ConfigError  for a text tower that `encode_embedded_text` would not compute as the tower itself does
    """
    tower = getattr(clip, "text", clip)
    if not hasattr(tower, "token_embedding") or not hasattr(tower, "attn_mask"):
        raise _no_coop("it is another kind of network")
    pool = getattr(tower, "pool_type", None) or getattr(tower, "text_pool_type", None)
    if pool != "argmax":
        raise _no_coop(f"it pools its output by {pool!r}, not at the end of the text")
    if getattr(tower, "cls_emb", None) is not None:
        raise _no_coop("it reads its output at a token of its own")
    if getattr(tower, "use_pad_mask", False):
        raise _no_coop("it masks the padding")
    return tower


def _no_coop(reason: str) -> ConfigError:
    return ConfigError(
        f"model.head: coop needs CLIP's own text tower ({reason})", hint='use head = "fc" with this backbone'
    )


def encode_embedded_text(clip: Any, embedded: Tensor, end: Tensor) -> Tensor:
    """The text tower applied to token embeddings instead of tokens, as prompt learning needs it.

    embedded  (T, positions, width)  token embeddings without positions, up to the tower's context length
    end       (T,) int64             position of the end-of-text token, where the tower's output is read
    returns   (T, D)

    In a tower whose tokens see those before them only, what stands behind the last end changes nothing and is left out.
    The prompts of tone labels have some ten tokens of CLIP's 77, so that is most of the work.
    """
    tower = text_tower(clip)
    mask = tower.attn_mask
    if mask is not None:
        positions = int(end.max()) + 1
        embedded, mask = embedded[:, :positions], mask[:positions, :positions]
    states = tower.transformer(embedded + tower.positional_embedding[: embedded.shape[1]], attn_mask=mask)
    read = tower.ln_final(states)[torch.arange(len(end)), end]
    projection = tower.text_projection
    if projection is not None:
        read = projection(read) if isinstance(projection, nn.Linear) else read @ projection
    features: Tensor = read
    return features

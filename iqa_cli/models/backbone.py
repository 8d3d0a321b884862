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
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import huggingface_hub
import open_clip
import safetensors
import torch
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from iqa_cli.checkpoint import INTERPOLATIONS, Preprocessing
from iqa_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_CONFIGS = Path(__file__).parent / "model_configs"
open_clip.add_model_config(_OWN_CONFIGS)

_OWN_MEAN = (0.45, 0.45, 0.45)
_OWN_STD = (0.27, 0.27, 0.27)
"""For models that start from nothing: about the mean and spread of good photographs, and the same for all channels, as
a colour-dependent offset would be one more thing to unlearn for a judge of tone."""


_UNREADABLE_WEIGHTS = (
    RuntimeError,  # open_clip: unknown tag, failed download, shapes that do not fit; torch: a broken archive
    OSError,
    ValueError,
    LookupError,
    EOFError,
    AssertionError,  # open_clip, for weights of another width
    pickle.UnpicklingError,
    safetensors.SafetensorError,
)
"""What open_clip and the readers beneath it raise when weights cannot be had."""


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
    if config["text_cfg"].get("hf_model_name") and importlib.util.find_spec("transformers") is None:
        raise ConfigError(
            f"model.backbone: {architecture} needs transformers, which is not installed",
            hint="pip install transformers, or choose a backbone with CLIP's own text tower",
        )
    hub = _Hub(architecture, pretrained)
    try:
        with _root_logger_kept(), hub.asked_once():
            clip = open_clip.create_model(
                architecture,
                pretrained=pretrained or None,
                require_pretrained=pretrained is not False,
                pretrained_image=False,
                pretrained_text=False,
            )
    except _UNREADABLE_WEIGHTS as error:
        if pretrained is False:
            raise
        # torch's own words would tell the user to load it as a pickle, which runs whatever code is in it.
        foreign = isinstance(error, pickle.UnpicklingError)
        reason = "not a file of weights" if foreign else hub.silence_behind(error) or f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"model.pretrained: weights {pretrained!r} for {architecture} could not be loaded ({reason})",
            hint=_where_weights_go(architecture, pretrained),
        ) from error
    return Backbone(
        clip=clip,
        architecture=architecture,
        preprocessing=_preprocessing(clip, pretrained is not False),
        embedding=int(config["embed_dim"]),
    )


class _Hub:
    """The hub that a tag's weights come from, if they come from one.

    Its library asks for half a minute and logs every try, and open_clip then asks for the same weights in another form.
    Here it is asked once whether it answers; if it does not, what its cache holds is all there is.
    """

    def __init__(self, architecture: str, pretrained: str | Literal[False]) -> None:
        entry = open_clip.get_pretrained_cfg(architecture, pretrained) if pretrained else None
        self._is_needed = bool(entry and entry.get("hf_hub"))
        self._silence = ""

    def silence_behind(self, error: Exception) -> str:
        """Why the hub was asked for nothing, if that is what open_clip's error comes from; else nothing."""
        return self._silence if "Failed to download" in str(error) else ""

    @contextlib.contextmanager
    def asked_once(self) -> Iterator[None]:
        """For a download within."""
        if not self._is_needed:
            yield
            return
        constants, logger = huggingface_hub.constants, logging.getLogger("huggingface_hub")
        was_offline, level = constants.HF_HUB_OFFLINE, logger.level
        if was_offline:
            self._silence = "the environment says that the hub is not to be asked, and its cache lacks them"
        elif not _answers(constants.ENDPOINT):
            self._silence = f"{constants.ENDPOINT} does not answer, and the hub's cache lacks them"
        bars = are_progress_bars_disabled()
        try:
            constants.HF_HUB_OFFLINE = bool(self._silence)
            logger.setLevel(logging.ERROR)
            if not sys.stderr.isatty():
                disable_progress_bars()
            yield
        finally:
            constants.HF_HUB_OFFLINE = was_offline
            logger.setLevel(level)
            if not bars and are_progress_bars_disabled():
                enable_progress_bars()


def _answers(endpoint: str) -> bool:
    """Whether anything at all comes back from a host within ten seconds."""
    try:
        huggingface_hub.get_session().head(endpoint, timeout=10)
    except Exception:  # noqa: BLE001 - each release of the hub's library has another HTTP client with errors of its own
        return False
    return True


def _where_weights_go(architecture: str, pretrained: str) -> str:
    """The file that is needed and the place for it, or the tags that there are."""
    entry = open_clip.get_pretrained_cfg(architecture, pretrained)
    if not entry:
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        known = f"its tags: {', '.join(tags)}" if tags else "open_clip knows no pretrained weights for it"
        return f"{known}; or give the path of a weights file (.safetensors)"
    if entry.get("hf_hub"):
        repository, _, file = entry["hf_hub"].rpartition("/")
        file = file or "open_clip_model.safetensors"
        cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
        folder = cache / huggingface_hub.file_download.repo_folder_name(repo_id=repository, repo_type="model")
        return (
            f"on a machine with a network, `hf download {repository} {file}` fetches it; then copy {file} here and set "
            f"model.pretrained to its path, or copy the hub cache's folder to {folder}"
        )
    return f"fetch {entry.get('url')} and set model.pretrained to the file's path"


def freeze(clip: Any, *, visual: Literal["all", "none"] | int, text: bool) -> None:
    """Take parts of a CLIP out of training: their parameters get no gradient, their batch statistics stay.

    visual  all; none; or the last N groups of layers, counted as open_clip does (1 is the final projection)
    text    whether the text tower learns
    raises  ConfigError  for an architecture that open_clip cannot freeze in part
    """
    if visual != "all":
        groups = 0 if visual == "none" else visual
        try:
            clip.lock_image_tower(unlocked_groups=groups, freeze_bn_stats=True)
        except (AssertionError, NotImplementedError, RuntimeError) as error:
            raise ConfigError(
                f"model.train_visual: this architecture cannot be frozen in part ({error})",
                hint='use "all" or "none", or a vision transformer',
            ) from error
    for name, parameter in clip.named_parameters():
        # CLIP's own scale and bias belong to its contrastive loss, which is not used here.
        if name in ("logit_scale", "logit_bias") or (not text and not name.startswith("visual.")):
            parameter.requires_grad_(requires_grad=False)


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
    handler that does nothing prevents that; a process that set up logging of its own gets open_clip's lines as ever.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _preprocessing(clip: Any, pretrained: bool) -> Preprocessing:
    """What pretrained weights were trained with, as open_clip tells it; ours for a start from nothing.

    open_clip would resize and crop. Tone is judged from the whole frame, so the picture is squashed instead.
    """
    visual = clip.visual
    size = visual.image_size[0] if isinstance(visual.image_size, tuple | list) else visual.image_size
    if not pretrained:
        return Preprocessing(size=int(size), interpolation="bilinear", mean=_OWN_MEAN, std=_OWN_STD)
    interpolation = (getattr(visual, "preprocess_cfg", None) or {}).get("interpolation") or "bicubic"
    return Preprocessing(
        size=int(size),
        interpolation=interpolation if interpolation in INTERPOLATIONS else "bicubic",
        mean=tuple(visual.image_mean),
        std=tuple(visual.image_std),
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

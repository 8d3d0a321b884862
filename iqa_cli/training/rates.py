"""Learning rates: what the config leaves out, how they rise and fall, and which destroy what weights know."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from iqa_cli.models.backbone import is_own

if TYPE_CHECKING:
    from iqa_cli.config import ModelConfig, OptimConfig, TrainConfig

_FROM_NOTHING = 1e-3
_PRETRAINED = 1e-5
"""What CLIP is usually fine-tuned with, see docs/decisions/0131."""
_DESTROYING = 1e-4


def with_rates(config: TrainConfig) -> TrainConfig:
    """The config with the learning rates of the towers said."""
    optim = config.optim
    usual = _PRETRAINED if _is_pretrained(config.model) else _FROM_NOTHING
    visual = usual if optim.lr_visual is None else optim.lr_visual
    text = optim.lr_text
    if text is None and _learns_text(config.model) and _is_pretrained(config.model):
        text = visual
    return dataclasses.replace(config, optim=dataclasses.replace(optim, lr_visual=visual, lr_text=text))


def rate_warnings(model: ModelConfig, optim: OptimConfig) -> tuple[str, ...]:
    """A warning for every pretrained tower that learns too quickly to keep what it knows.

    optim  from `with_rates`
    """
    if not _is_pretrained(model):
        return ()
    rates = {
        # The projection alone is a layer that may be learned anew.
        "lr_visual": optim.lr_visual if model.train_visual not in ("none", 1) else None,
        "lr_text": optim.lr_text if _learns_text(model) else None,
    }
    return tuple(
        f"optim.{key} = {rate:g} is a rate for a tower that starts from nothing: it is likely to destroy what the "
        "pretrained weights know; 1e-6 to 1e-5 is usual for them"
        for key, rate in rates.items()
        if rate is not None and rate > _DESTROYING
    )


def learning_rate(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate, 0..1: linear rise, then a cosine to zero."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _is_pretrained(model: ModelConfig) -> bool:
    """Whether towers of an open_clip architecture come with weights; ours are small and learn quickly in any case."""
    return bool(model.pretrained) and not is_own(model.backbone)


def _learns_text(model: ModelConfig) -> bool:
    return model.head == "coop" and model.train_text

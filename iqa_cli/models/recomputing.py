"""Gradient checkpointing: what the blocks of a tower give is computed again for the gradient instead of being kept.

Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016. open_clip's and timm's towers do it block by block;
here it is found out whether one really does, and switched off outside of training, so that nothing else sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.modules.batchnorm import _BatchNorm

from iqa_cli.errors import ConfigError
from iqa_cli.models.backbone import text_tower
from iqa_cli.models.heads import CoopHead

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from iqa_cli.models.tone_model import ToneModel


def recomputing_of(model: ToneModel, architecture: str) -> tuple[Callable[[bool], None], ...]:
    """What switches it on and off, for every tower through which a gradient flows.

    architecture  for messages
    raises        ConfigError  if a tower has none, if it would change batch statistics, and if there is no such tower
    """
    model.train()
    towers: list[tuple[str, nn.Module, Callable[[bool], None]]] = []
    visual = model.clip.visual
    if any(parameter.requires_grad for parameter in visual.parameters()):
        towers.append(("visual", visual, _switch_of(visual)))
    if isinstance(model.head, CoopHead):
        blocks = text_tower(model.clip).transformer
        towers.append(("text", blocks, lambda on: setattr(blocks, "grad_checkpointing", on)))
    if not towers:
        raise _refused('no tower learns; leave it out, or set [model] train_visual to "all" or a number')
    for name, tower, switch in towers:
        if any(isinstance(part, _BatchNorm) and part.training for part in tower.modules()):
            raise _refused(f"the {name} tower of {architecture} keeps batch statistics, which would count twice")
        switch(True)
        if not any(getattr(part, "grad_checkpointing", False) for part in tower.modules()):
            raise _refused(f"the {name} tower of {architecture} cannot compute its blocks again")
    return tuple(switch for _, _, switch in towers)


def _switch_of(visual: Any) -> Callable[[bool], None]:
    """A visual tower's own switch; timm's behind it, as open_clip would only log that there is none."""
    inner = getattr(visual, "trunk", visual)

    def switch(on: bool) -> None:
        try:
            inner.set_grad_checkpointing(on)
        except (AttributeError, AssertionError):  # as timm says no
            return

    return switch


def _refused(why: str) -> ConfigError:
    return ConfigError(f"run.grad_checkpointing: {why}", hint="leave run.grad_checkpointing out")

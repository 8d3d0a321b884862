"""Parts of a CLIP that do not learn: by the names of their parameters, whatever the architecture's own methods do.

Two things move a tower: the optimiser, kept off by taking the gradient away, and batch statistics, kept off by the
evaluation mode, in which `keep_still` puts what is frozen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from timm.models import group_parameters

from iqa_cli.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn


def freeze(clip: Any, *, visual: Literal["all", "none"] | int, text: bool) -> None:
    """Take the gradient from the parts of a CLIP that do not learn.

    visual  all; none; or the last N groups of layers, see `layer_groups`
    text    whether the text tower learns
    raises  ConfigError  for an architecture whose layers have no order that is known here, or not so many groups
    """
    learns: set[str] | None = None if visual == "all" else set()
    if isinstance(visual, int):
        groups = layer_groups(clip.visual)
        if visual > len(groups):
            raise ConfigError(
                f"model.train_visual: {visual}, but this architecture has {len(groups)} groups of layers",
                hint=f'give a number up to {len(groups)}, "all" or "none"',
            )
        learns = {f"visual.{name}" for group in groups[-visual:] for name in group}
    for name, parameter in clip.named_parameters():
        # CLIP's own scale and bias belong to its contrastive loss, which is not used here.
        if name in ("logit_scale", "logit_bias"):
            frozen = True
        elif name.startswith("visual."):
            frozen = learns is not None and name not in learns
        else:
            frozen = not text
        parameter.requires_grad_(requires_grad=not frozen)


def layer_groups(visual: nn.Module) -> list[list[str]]:
    """Names of a visual tower's parameters, in groups from the first layer to the last.

    The last group makes the features of what the last block gives: projection, pooling. Before it come the blocks, each
    a group (the last one with the norm after it), and first what comes before any block.

    raises  ConfigError  for an architecture whose order of layers is not known
    """
    names = [name for name, _ in visual.named_parameters()]
    if isinstance(visual, VisionTransformer):
        blocks = len(visual.transformer.resblocks)
        groups: list[list[str]] = [[] for _ in range(blocks + 2)]
        for name in names:
            groups[_place(name, blocks)].append(name)
    elif isinstance(visual, TimmModel) and hasattr(visual.trunk, "group_matcher"):
        trunk = group_parameters(visual.trunk, visual.trunk.group_matcher())
        groups = [[f"trunk.{name}" for name in trunk[layer]] for layer in sorted(trunk)]
        head = [name for name in names if name.startswith("head.")]
        if _is_block(groups[-1]):
            groups.append(head)
        else:
            groups[-1] += head
    else:
        raise ConfigError(
            "model.train_visual: this architecture cannot be frozen in part, the order of its layers is not known",
            hint='use "all" or "none", or a vision transformer',
        )
    return [group for group in groups if group]


def _place(name: str, blocks: int) -> int:
    """The group of a parameter of CLIP's vision transformer: 0 before the blocks, blocks + 1 after them."""
    if found := re.match(r"transformer\.resblocks\.(\d+)\.", name):
        return 1 + int(found[1])
    if name.startswith("ln_post."):
        return blocks
    return blocks + 1 if name == "proj" or name.startswith("attn_pool") else 0


def _is_block(names: list[str]) -> bool:
    """Whether parameters are of a numbered block or stage."""
    return any(re.search(r"(?:^|\.)\d+\.", name.removeprefix("trunk.")) for name in names)


def keep_still(part: nn.Module) -> None:
    """Put what is frozen as a whole into evaluation mode, so that neither batch statistics nor drop-out move it."""
    parameters = list(part.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        part.eval()
        return
    for child in part.children():
        keep_still(child)

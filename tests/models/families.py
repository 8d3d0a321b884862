"""A tiny architecture of every family of CLIP that open_clip builds: seconds instead of minutes."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import open_clip
import timm
from timm.models import register_model
from timm.models.convnext import ConvNeXt
from timm.models.eva import Eva
from timm.models.fastvit import FastVit
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer

if TYPE_CHECKING:
    import torch
    from torch import nn

SIDE = 64
__all__: list[str] = []  # timm adds what is registered


@dataclasses.dataclass(frozen=True)
class Family:
    """One kind of tower."""

    name: str
    vision: dict[str, Any]
    last: tuple[str, ...] | None
    """How names of the parameters begin that make the features of the last block's output; None if it has no order."""
    block: tuple[str, ...] = ()
    """The same of the last block and the norm after it."""
    more: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Of the whole configuration."""
    text: dict[str, Any] = dataclasses.field(default_factory=dict)


def _without_timms_own(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments that timm's factory adds."""
    for key in ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        kwargs.pop(key, None)
    return kwargs


def _trunk(network: nn.Module) -> nn.Module:
    network.default_cfg = {}  # type: ignore[assignment] - data, where torch's type knows modules
    return network


@register_model
def test_family_vit(**kwargs: Any) -> nn.Module:
    kwargs = {"global_pool": "avg", "class_token": False, "fc_norm": False, **_without_timms_own(kwargs)}
    return _trunk(VisionTransformer(img_size=SIDE, patch_size=16, embed_dim=32, depth=3, num_heads=2, **kwargs))


@register_model
def test_family_eva(**kwargs: Any) -> nn.Module:
    own = {"use_rot_pos_emb": True, "swiglu_mlp": True, "scale_mlp": True, "qkv_fused": False}
    kwargs = {**own, **_without_timms_own(kwargs)}
    return _trunk(Eva(img_size=SIDE, patch_size=16, embed_dim=32, depth=3, num_heads=2, **kwargs))


@register_model
def test_family_convnext(**kwargs: Any) -> nn.Module:
    return _trunk(ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), **_without_timms_own(kwargs)))


@register_model
def test_family_fastvit(**kwargs: Any) -> nn.Module:
    own = {"layers": (1, 1, 1, 1), "embed_dims": (16, 16, 32, 32), "se_downsamples": (False,) * 4}
    return _trunk(FastVit(**own, token_mixers=("repmixer",) * 4, **_without_timms_own(kwargs)))


@register_model
def test_family_swin(**kwargs: Any) -> nn.Module:
    own = {"img_size": SIDE, "window_size": 4, "embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2)}
    return _trunk(SwinTransformer(**own, **_without_timms_own(kwargs)))


_VIT = {"image_size": SIDE, "layers": 3, "width": 32, "head_width": 16, "patch_size": 16}
_LAST_BLOCK = ("transformer.resblocks.2.", "ln_post.")


def _timm(name: str, pool: str, proj: str | None) -> dict[str, Any]:
    return {"timm_model_name": name, "timm_pool": pool, "timm_proj": proj, "image_size": SIDE}


FAMILIES = {
    family.name: family
    for family in (
        Family("test-vit", _VIT, ("proj",), _LAST_BLOCK),
        Family("test-vit-quickgelu", _VIT, ("proj",), _LAST_BLOCK, {"quick_gelu": True}),
        Family(
            "test-clipa",
            {**_VIT, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
            ("proj",),
            _LAST_BLOCK,
        ),
        Family(
            "test-coca",
            {**_VIT, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
            ("proj", "attn_pool."),
            _LAST_BLOCK,
            {
                "custom_text": True,
                "multimodal_cfg": {"width": 32, "heads": 2, "layers": 1, "context_length": 76, "attn_pooler_heads": 2},
            },
            {"context_length": 76, "embed_cls": True, "output_tokens": True},
        ),
        Family("test-rn", {"image_size": SIDE, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}, None),
        Family(
            "test-siglip",
            _timm("test_family_vit", "map", "none"),
            ("trunk.attn_pool.",),
            ("trunk.blocks.2.", "trunk.norm."),
            {"custom_text": True, "init_logit_bias": -10},
            {"no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
        ),
        Family("test-timm-vit", _timm("test_family_vit", "", "linear"), ("head.",), ("trunk.blocks.2.", "trunk.norm.")),
        Family(
            "test-eva02",
            _timm("test_family_eva", "token", None),
            ("trunk.head.",),
            ("trunk.blocks.2.", "trunk.norm."),
            {"custom_text": True},
        ),
        Family(
            "test-convnext", _timm("test_family_convnext", "", "linear"), ("head.", "trunk.head."), ("trunk.stages.3.",)
        ),
        Family(
            "test-mobileclip2",
            _timm("test_family_fastvit", "avg", None),
            ("trunk.head.", "trunk.final_conv."),
            ("trunk.stages.3.",),
            {"custom_text": True},
            {"no_causal_mask": True},
        ),
        Family("test-swin", _timm("test_family_swin", "", "linear"), ("head.",), ("trunk.layers.1.", "trunk.norm.")),
    )
}


def register() -> None:
    """Make the families known to open_clip."""
    folder = Path(tempfile.mkdtemp(prefix="iqa-families-"))
    for family in FAMILIES.values():
        text = {"context_length": 77, "vocab_size": 512, "width": 32, "heads": 2, "layers": 1, **family.text}
        config = {"embed_dim": 32, "vision_cfg": family.vision, "text_cfg": text, **family.more}
        (folder / f"{family.name}.json").write_text(json.dumps(config), encoding="utf-8")
    open_clip.add_model_config(folder)


def randomised(module: nn.Module, generator: torch.Generator) -> None:
    """Every number of a network, other than it is at the start: what is zero there would hide a mistake."""
    import torch

    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        # open_clip leaves a projection of CoCa's decoder as the memory happened to be.
        value.copy_(value.nan_to_num(0.0, 0.0, 0.0).clamp(-100, 100))
        value.copy_(1 + 0.1 * noise.abs() if name.endswith("running_var") else value + 0.1 * noise)


assert timm.is_model("test_family_vit")

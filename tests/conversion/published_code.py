"""The published research code's two models, written anew from its description: OpenAI's CLIP in its names, small, and
the heads. Nothing of iqa or open_clip computes here, so that it can be compared with.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pathlib import Path

ARCHITECTURE = "tiny-for-conversion-quickgelu"
SIDE, PATCH, WIDTH, TEXT_WIDTH, EMBEDDING, LAYERS = 32, 16, 64, 64, 24, 2
CONFIG = {
    "embed_dim": EMBEDDING,
    "quick_gelu": True,
    "vision_cfg": {"image_size": SIDE, "layers": LAYERS, "width": WIDTH, "patch_size": PATCH},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": TEXT_WIDTH, "heads": 1, "layers": LAYERS},
}
ATTRS = (
    "overall too bright",
    "overall too dark",
    "low global contrast",
    "high global contrast",
    "blown highlights",
    "over-compressed highlights",
)
COLUMNS = ("bright", "dark", "low_contrast", "high_contrast", "overexposed", "over_suppressed")
TEMPLATES = (
    "{attr}, {level}",
    "overall {attr}, {level}",
    "a photo with {attr}, {level}",
    "image showing {attr}, {level}",
    "highlights are {attr}, {level}",
)


def register(folder: Path) -> None:
    """Make the architecture known to open_clip."""
    import open_clip

    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    open_clip.add_model_config(folder)


class QuickGELU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width: int, mask: Tensor | None) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, 1)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        self.mask = mask

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=self.mask)[0]
        return x + self.mlp(self.ln_2(x))


class Blocks(nn.Module):
    def __init__(self, width: int, mask: Tensor | None = None) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width, mask) for _ in range(LAYERS)))

    def forward(self, x: Tensor) -> Tensor:  # places first, as in the published code
        return self.resblocks(x.permute(1, 0, 2)).permute(1, 0, 2)


class Visual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH) / 8)
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH) / 8)
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Blocks(WIDTH)
        self.proj = nn.Parameter(torch.randn(WIDTH, EMBEDDING) / 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x).flatten(2).permute(0, 2, 1)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visual = Visual()
        self.transformer = Blocks(TEXT_WIDTH, torch.full((77, 77), float("-inf")).triu(1))
        self.token_embedding = nn.Embedding(49408, TEXT_WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(77, TEXT_WIDTH) / 8)
        self.ln_final = nn.LayerNorm(TEXT_WIDTH)
        self.text_projection = nn.Parameter(torch.randn(TEXT_WIDTH, EMBEDDING) / 8)
        self.logit_scale = nn.Parameter(torch.tensor(4.6))


class V1(nn.Module):
    """`CLIPWithHead`: a linear layer on the features as they come."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.clip_model = Clip()
        self.head = nn.Linear(EMBEDDING, nodes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.clip_model.visual(pictures))


class Prompt(nn.Module):
    """`CoOpTextPrompt`: a context for each template, in front of a text for each label and level."""

    def __init__(self, clip: Clip, texts: list[list[str]], n_ctx: int) -> None:
        super().__init__()
        import open_clip

        tokens = open_clip.get_tokenizer("ViT-B-32")([text for several in texts for text in several])
        self.templates, self.n_ctx = len(texts[0]), n_ctx
        self.ctx = nn.Parameter(torch.randn(self.templates, n_ctx, TEXT_WIDTH))
        embedded = clip.token_embedding(tokens).detach()
        self.register_buffer("template_idx", torch.arange(self.templates).repeat(len(texts)))
        self.register_buffer("is_multi", torch.tensor(int(self.templates > 1)))
        self.register_buffer("tokenized", tokens)
        self.register_buffer("token_prefix", embedded[:, :1])
        self.register_buffer("token_suffix", embedded[:, 1:])
        self.register_buffer("eot_idx", tokens.argmax(-1))

    def forward(self, clip: Clip) -> Tensor:
        x = torch.cat([self.token_prefix, self.ctx[self.template_idx], self.token_suffix], 1)[:, :77]
        x = clip.ln_final(clip.transformer(x + clip.positional_embedding[: x.shape[1]]))
        end = (self.eot_idx + self.n_ctx).clamp(max=x.shape[1] - 1)
        features = nn.functional.normalize(x[torch.arange(len(x)), end] @ clip.text_projection, dim=-1)
        if self.is_multi.item() == 1:
            features = features.view(-1, self.templates, EMBEDDING).mean(1)
            features = nn.functional.normalize(features, dim=-1)
        return features


class V2(nn.Module):
    """`ClipPromptClassifier`."""

    def __init__(self, texts: list[list[str]], n_ctx: int = 4) -> None:
        super().__init__()
        self.clip_model = Clip()
        self.text_prompt = Prompt(self.clip_model, texts, n_ctx)
        self.log_alpha = nn.Parameter(torch.tensor(1.3))
        self.bias = nn.Parameter(torch.randn(len(texts)))

    def forward(self, pictures: Tensor) -> Tensor:
        features = nn.functional.normalize(self.clip_model.visual(pictures), dim=-1)
        return self.log_alpha.exp() * features @ self.text_prompt(self.clip_model).t() + self.bias


def texts(templates: tuple[str, ...] = TEMPLATES, attrs: tuple[str, ...] = ATTRS) -> list[list[str]]:
    """A text per template for each label and level, labels slowest."""
    levels = ("slight", "strong", "extreme")
    return [[t.format(attr=attr, level=level) for t in templates] for attr in attrs for level in levels]


def saved(model: nn.Module, epoch: int = 49) -> dict[str, Any]:
    """What the published code saves, with the state of an optimiser that took a step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    model(torch.zeros(1, 3, SIDE, SIDE)).sum().backward()
    optimizer.step()
    return {"epoch": epoch, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}

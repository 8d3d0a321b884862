"""Heads: features to one latent score per label, and ordered cut points that turn it into threshold scores.

Axes: B photos, L labels, N = sum(levels - 1) nodes, M context tokens, D embedding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from iqa_cli.models.backbone import encode_embedded_text, text_tower

if TYPE_CHECKING:
    from collections.abc import Callable


class Head(Protocol):
    """What turns features into latents: a linear map once training is over."""

    def weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """(L, D) weights and (L,) biases; latents are `normalised features @ weight.T + bias`."""


class FcHead(nn.Module):
    """v1: one linear layer on the normalised visual features."""

    def __init__(self, embedding: int, n_labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding, n_labels)

    def weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """See `Head`."""
        return self.linear.weight, self.linear.bias


class CoopHead(nn.Module):
    """v2: M learned context tokens before the label's words, through the text tower; cosine times a learned scale.

    clip       the CLIP whose text tower is used; it stays owned by the model, not by the head
    tokenizer  texts to tokens
    words      one text per label, in graph order
    context    M; 0 uses the words as they are

    raises     ConfigError  for a text tower that is not CLIP's own

    Zhou et al., Learning to Prompt for Vision-Language Models, IJCV 2022 (generic context, class token at the end).
    """

    tokens: Tensor
    end: Tensor

    def __init__(self, clip: Any, tokenizer: Callable[[list[str]], Tensor], words: list[str], context: int) -> None:
        super().__init__()
        # In a tuple, so that the tower's weights are not registered twice.
        self._clip = (clip,)
        tokens = tokenizer([" ".join(["x"] * context + [word]) for word in words])
        self.register_buffer("tokens", tokens, persistent=False)
        # CLIP's vocabulary gives end-of-text the highest number.
        self.register_buffer("end", tokens.argmax(1), persistent=False)
        width = text_tower(clip).token_embedding.embedding_dim
        self.context = nn.Parameter(0.02 * torch.randn(context, width))
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.zeros(len(words)))

    def weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """See `Head`; the weights are the text features of the prompts, scaled."""
        clip = self._clip[0]
        embedded = text_tower(clip).token_embedding(self.tokens)  # (L, context length, width)
        count = len(self.context)
        context = self.context.expand(len(embedded), -1, -1)
        # start of text, M learned tokens in place of the placeholders, words, end, padding
        embedded = torch.cat([embedded[:, :1], context, embedded[:, 1 + count :]], 1)
        features = functional.normalize(encode_embedded_text(clip, embedded, self.end), dim=-1)
        return features * self.log_scale.exp(), self.bias


class OrdinalThresholds(nn.Module):
    """Cumulative ordinal thresholds: K-1 ordered cut points per label.

    The score of node (label, k) is latent - cut_k; ordered cuts keep the level distribution of a label single-peaked.
    McCullagh, Regression Models for Ordinal Data, JRSS B 1980.

    levels  K of each label, in graph order; labels may differ
    """

    label_of_node: Tensor
    """(N,) int64, the label of each node."""

    def __init__(self, levels: list[int]) -> None:
        super().__init__()
        self._levels = tuple(levels)
        label_of_node = [label for label, count in enumerate(levels) for _ in range(count - 1)]
        self.register_buffer("label_of_node", torch.tensor(label_of_node), persistent=False)
        self.first = nn.Parameter(torch.ones(len(levels)))
        # softplus of this is the distance to the next cut: 1 at the start
        self.steps = nn.Parameter(torch.full((sum(levels) - 2 * len(levels),), math.log(math.e - 1)))

    def cuts(self) -> Tensor:
        """All cut points, (N,), ascending within a label."""
        steps = torch.split(functional.softplus(self.steps), [count - 2 for count in self._levels])
        per_label = [torch.cat([self.first[i : i + 1], self.first[i] + step.cumsum(0)]) for i, step in enumerate(steps)]
        return torch.cat(per_label)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, L) to node scores (B, N)."""
        return latents[:, self.label_of_node] - self.cuts()

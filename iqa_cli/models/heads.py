"""Heads: features to one latent score per label, and ordered cut points that turn it into threshold scores.

Axes: B photos, L labels, N = sum(levels - 1) nodes, M context tokens, D embedding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from iqa_cli.errors import ConfigError
from iqa_cli.models.backbone import encode_embedded_text, text_tower

if TYPE_CHECKING:
    from collections.abc import Sequence

    from open_clip.tokenizer import SimpleTokenizer

    from iqa_cli.models.backbone import Backbone


_SCALE = 10.0
"""What cosines are multiplied by at the start, learned from there on."""


class Head(Protocol):
    """What turns features into latents: a linear map once training is over."""

    def weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """(L, D) weights and (L,) biases; latents are `normalised features @ weight.T + bias`. N of them instead of L
        for a head with a direction per node.
        """


class FcHead(nn.Module):
    """v1: one linear layer on the normalised visual features.

    embedding  D
    n_labels   L
    start      (L, D) directions of unit length to begin with, such as `word_features`, or None for random ones

    The weights begin at the length that the coop head's scale begins at: with features of unit length and weights as
    small as a linear layer usually starts with, it would take thousands of steps to say anything with confidence.
    """

    def __init__(self, embedding: int, n_labels: int, start: Tensor | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding, n_labels)
        with torch.no_grad():
            direction = functional.normalize(self.linear.weight, dim=-1) if start is None else start
            self.linear.weight.copy_(_SCALE * direction)
            self.linear.bias.zero_()

    def weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """See `Head`."""
        return self.linear.weight, self.linear.bias


class CoopHead(nn.Module):
    """v2: M learned context tokens before the label's words, through the text tower; cosine times a learned scale.

    backbone   the CLIP whose text tower is used; it stays owned by the model, not by the head
    words      one text per label, in graph order; or one per node
    context    M; 0 uses the words as they are
    per_label  whether each label learns its own context (class-specific in the paper) or all share one
    per_template  whether each template learns its own context; not together with `per_label`
    templates  texts around the words, `{}` stands for them; the normalised features of several are averaged
    start      words that the context starts as, or None for small random numbers
    bias       (number of words,) what is added to each latent at first; None is 0

    raises    ConfigError  for a text tower or tokenizer that is not CLIP's own, and for words that do not fit into the
                           tower's context together with M tokens

    Zhou et al., Learning to Prompt for Vision-Language Models, IJCV 2022 (class token at the end).
    """

    tokens: Tensor
    end: Tensor

    def __init__(
        self,
        backbone: Backbone,
        words: list[str],
        context: int,
        *,
        per_label: bool = False,
        per_template: bool = False,
        templates: Sequence[str] = ("{}",),
        start: str | None = None,
        bias: Tensor | None = None,
    ) -> None:
        super().__init__()
        # In a tuple, so that the tower's weights are not registered twice.
        self._clip: tuple[Any] = (backbone.clip,)
        self._templates = len(templates)
        embedding = text_tower(backbone.clip).token_embedding
        tokenizer = backbone.tokenizer()
        texts = [template.replace("{}", word) for template in templates for word in words]
        tokens, end = _prompts(tokenizer, texts, context)
        self.register_buffer("tokens", tokens, persistent=False)
        self.register_buffer("end", end, persistent=False)
        # One per template has four axes, so that it is not taken for one per label.
        shape = (len(templates), 1, context) if per_template else (context,)
        shared = (
            0.02 * torch.randn(*shape, embedding.embedding_dim)
            if start is None
            else _embedded(tokenizer, embedding, start, context).expand(*shape, -1).clone()
        )
        self.context = nn.Parameter(shared.expand(len(words), -1, -1).clone() if per_label else shared)
        self.log_scale = nn.Parameter(torch.tensor(math.log(_SCALE)))
        self.bias = nn.Parameter(torch.zeros(len(words)) if bias is None else bias.clone())

    def weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """See `Head`; the weights are the text features of the prompts, scaled."""
        clip = self._clip[0]
        embedded = text_tower(clip).token_embedding(self.tokens)  # (templates L, context length, width)
        count = self.context.shape[-2]
        context = self.context if self.context.ndim == 4 else self.context.expand(1, len(self.bias), -1, -1)
        context = context.expand(self._templates, len(self.bias), -1, -1).flatten(0, 1)
        # start of text, M learned tokens in place of the placeholders, words, end, padding
        embedded = torch.cat([embedded[:, :1], context, embedded[:, 1 + count :]], 1)
        features = functional.normalize(encode_embedded_text(clip, embedded, self.end), dim=-1)
        averaged = features.reshape(self._templates, len(self.bias), -1).mean(0)
        return functional.normalize(averaged, dim=-1) * self.log_scale.exp(), self.bias


@torch.no_grad()
def word_features(backbone: Backbone, words: list[str], templates: Sequence[str]) -> Tensor:
    """Text features of the labels' words as they are, (L, D) of unit length: CLIP's zero-shot classifier.

    raises  ConfigError  see `CoopHead`
    """
    head = CoopHead(backbone, words, 0, templates=templates)
    weight, _ = head.weight_and_bias()
    return functional.normalize(weight, dim=-1)


@torch.no_grad()
def _embedded(tokenizer: SimpleTokenizer, embedding: nn.Embedding, text: str, count: int) -> Tensor:
    """Token embeddings (count, width) of a text, repeated or cut to `count` tokens.

    raises  ConfigError  for a text without a token
    """
    ids = [token for token in tokenizer.encode(text) if token < tokenizer.sot_token_id]
    if not ids and count:
        raise ConfigError(f"model.start_words: {text!r} has no words")
    chosen = [ids[position % len(ids)] for position in range(count)]
    vectors: Tensor = embedding(torch.tensor(chosen, dtype=torch.int64))
    return vectors.detach().clone()


def _prompts(tokenizer: SimpleTokenizer, words: list[str], context: int) -> tuple[Tensor, Tensor]:
    """Start of text, M placeholders, the words, end of text, padding.

    returns  (L, context length) int64 tokens, (L,) int64 positions of the end of text
    raises   ConfigError  for words that do not fit or that hold CLIP's own mark for the end of a text

    CLIP's tokenizer cuts what is too long and says nothing, so the prompts are put together here.
    """
    encoded = [tokenizer.encode(word) for word in words]
    length = int(tokenizer.context_length)
    longest = max(range(len(words)), key=lambda label: len(encoded[label]))
    room = length - 2 - len(encoded[longest])  # 2: start and end of text
    if room < context:
        raise ConfigError(
            f"model.context_tokens: {context} and the {len(encoded[longest])} tokens of {words[longest]!r} do not fit "
            f"into the {length} positions of the text tower",
            hint=f"at most {room} fit" if room >= 0 else "give the label a shorter English name in the graph",
        )
    tokens = torch.zeros(len(words), length, dtype=torch.int64)
    end = torch.tensor([1 + context + len(ids) for ids in encoded])
    for row, ids in enumerate(encoded):
        if max(ids, default=0) >= tokenizer.eot_token_id:
            raise ConfigError(f"model.head: coop cannot read {words[row]!r}: it holds the mark for the end of a text")
        tokens[row, 0] = tokenizer.sot_token_id
        tokens[row, 1 + context : 1 + context + len(ids)] = torch.tensor(ids, dtype=torch.int64)
        tokens[row, end[row]] = tokenizer.eot_token_id
    return tokens, end


class OrdinalThresholds(nn.Module):
    """Cumulative ordinal thresholds: K-1 ordered cut points per label.

    The score of node (label, k) is latent - cut_k; ordered cuts keep the level distribution of a label single-peaked.
    McCullagh, Regression Models for Ordinal Data, JRSS B 1980.

    levels  K of each label, in graph order; labels may differ
    """

    label_of_node: Tensor
    """(N,) int64, the label of each node."""
    latent_of_node: Tensor
    """(N,) int64, the latent of each node: that of its label."""

    def __init__(self, levels: list[int]) -> None:
        super().__init__()
        self._levels = tuple(levels)
        label_of_node = [label for label, count in enumerate(levels) for _ in range(count - 1)]
        self.register_buffer("label_of_node", torch.tensor(label_of_node), persistent=False)
        self.register_buffer("latent_of_node", torch.tensor(label_of_node), persistent=False)
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
        return latents[:, self.latent_of_node] - self.cuts()


class FreeNodes(nn.Module):
    """A latent for each node and nothing between the nodes of a label, as the seed system has it: stands where
    `OrdinalThresholds` stands. It learns nothing, the biases are the head's.

    levels  K of each label, in graph order
    """

    label_of_node: Tensor
    """(N,) int64, the label of each node."""
    latent_of_node: Tensor
    """(N,) int64, the latent of each node: 0..N-1."""

    def __init__(self, levels: list[int]) -> None:
        super().__init__()
        label_of_node = [label for label, count in enumerate(levels) for _ in range(count - 1)]
        self.register_buffer("label_of_node", torch.tensor(label_of_node), persistent=False)
        self.register_buffer("latent_of_node", torch.arange(len(label_of_node)), persistent=False)

    def cuts(self) -> Tensor:
        """(N,) zeros: there are no cut points."""
        return torch.zeros(len(self.label_of_node), device=self.label_of_node.device)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, N), which are the node scores (B, N)."""
        return latents

"""The trainable model: CLIP visual tower, head, ordinal thresholds. Pictures in, unary scores out.

Axes: B photos, L labels, N nodes, D embedding, S input side in pixels.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from iqa_cli.models.backbone import build_backbone, model_config
from iqa_cli.models.heads import CoopHead, FcHead, OrdinalThresholds

if TYPE_CHECKING:
    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.config import ModelConfig
    from iqa_cli.hexgraph.graph import HexGraph


class ToneModel(nn.Module):
    """A model of one graph's labels.

    config  which backbone and head
    graph   the labels; their English names are the words of the coop head
    raises  ConfigError  see `build_backbone` and `CoopHead`
    """

    def __init__(self, config: ModelConfig, graph: HexGraph) -> None:
        super().__init__()
        backbone = build_backbone(config.backbone, config.pretrained)
        self.clip: Any = backbone.clip
        self.preprocessing: Preprocessing = backbone.preprocessing
        words = [label.display("en") for label in graph.labels]
        self.head: FcHead | CoopHead
        if config.head == "coop":
            self.head = CoopHead(backbone, words, config.context_tokens)
        else:
            self.head = FcHead(backbone.embedding, len(words))
        self.thresholds = OrdinalThresholds([len(label.levels) for label in graph.labels])
        self._description = {**dataclasses.asdict(config), "config": model_config(config.backbone)}

    def forward(self, pictures: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) float32 to node scores (B, N) float32."""
        weight, bias = self.head.weight_and_bias()
        features = functional.normalize(self.clip.visual(pictures), dim=-1)
        scores: Tensor = self.thresholds(features @ weight.T + bias)
        return scores

    def prepared(self, pictures: Tensor) -> Tensor:
        """uint8 pictures (B, 3, S, S) as the model takes them; the torch twin of `prepare.normalise`."""
        mean = torch.tensor(self.preprocessing.mean, device=pictures.device).view(1, 3, 1, 1)
        std = torch.tensor(self.preprocessing.std, device=pictures.device).view(1, 3, 1, 1)
        return (pictures.float() / 255 - mean) / std

    def parameter_groups(self, lr_visual: float, lr_head: float, weight_decay: float) -> list[dict[str, Any]]:
        """Groups for an optimiser: visual tower and rest, with and without weight decay."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad or name in ("clip.logit_scale", "clip.logit_bias"):
                continue  # CLIP's own scale belongs to its contrastive loss, which is not used here
            visual = name.startswith("clip.visual.")
            # Scales, biases, norms and cut points are not drawn to zero.
            decays = parameter.ndim >= 2
            groups.setdefault((visual, decays), []).append(parameter)
        return [
            {
                "params": parameters,
                "peak_lr": lr_visual if visual else lr_head,
                "weight_decay": weight_decay if decays else 0.0,
            }
            for (visual, decays), parameters in sorted(groups.items())
        ]

    def description(self) -> dict[str, Any]:
        """The model as the card tells it: configuration, architecture, number of parameters."""
        visual = sum(int(parameter.numel()) for parameter in self.clip.visual.parameters())
        total = sum(parameter.numel() for parameter in self.parameters())
        return {**self._description, "parameters": total, "parameters_visual": visual}


class ExportedModel(nn.Module):
    """What assessment needs of a trained model: the visual tower and a matrix; the text features are constants."""

    weight: Tensor
    offset: Tensor

    def __init__(self, model: ToneModel) -> None:
        super().__init__()
        self.visual: Any = model.clip.visual
        with torch.no_grad():
            weight, bias = model.head.weight_and_bias()
            self.register_buffer("weight", weight[model.thresholds.label_of_node].detach().clone())
            offset = bias[model.thresholds.label_of_node] - model.thresholds.cuts()
            self.register_buffer("offset", offset.detach().clone())

    def forward(self, pictures: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) float32 to node scores (B, N) float32."""
        features = functional.normalize(self.visual(pictures), dim=-1)
        scores: Tensor = features @ self.weight.T + self.offset
        return scores

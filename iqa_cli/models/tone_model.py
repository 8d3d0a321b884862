"""The trainable model: CLIP visual tower, head, ordinal thresholds. Pictures in, unary scores out.

Axes: B photos, V views of each, L labels, N nodes, D embedding, S input side in pixels.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from iqa_cli.config.sections import CHECKPOINT_PREFIX
from iqa_cli.models.backbone import build_backbone
from iqa_cli.models.freezing import freeze, keep_still
from iqa_cli.models.heads import CoopHead, FcHead, FreeNodes, OrdinalThresholds, word_features
from iqa_cli.models.mirror import mirrored_twins
from iqa_cli.models.scene import DEFAULT_WIDTH, SceneFeatures, load_weights
from iqa_cli.models.statistics import ToneStatistics
from iqa_cli.models.warm_start import (
    checkpoint_of,
    is_mirrored,
    quick_gelu_of,
    scene_of,
    scene_width,
    statistics_width,
    take_over,
)

if TYPE_CHECKING:
    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.config import ModelConfig, OptimConfig
    from iqa_cli.hexgraph.graph import HexGraph


class ToneModel(nn.Module):
    """A model of one graph's labels.

    config  which backbone and head
    graph   the labels; their English names are the words of the coop head
    raises  ConfigError  see `build_backbone` and `CoopHead`
    """

    temperature: Tensor
    """(L,) float32, the scores of a label are divided by it; 1 unless it was fitted."""

    def __init__(self, config: ModelConfig, graph: HexGraph) -> None:
        super().__init__()
        source = None
        pretrained, quick_gelu = config.pretrained, config.quick_gelu
        if pretrained and pretrained.startswith(CHECKPOINT_PREFIX):
            source, pretrained = checkpoint_of(pretrained, config.backbone), False
            quick_gelu = quick_gelu_of(source, quick_gelu)
        backbone = build_backbone(config.backbone, pretrained, quick_gelu)
        self.inherited: tuple[str, ...] = () if source is None else source.caveats
        """What every report of the checkpoint gone on from says; it holds for what becomes of it."""
        if source is not None:
            backbone = dataclasses.replace(backbone, preprocessing=source.preprocessing)
        if config.views is not None:
            preprocessing = backbone.preprocessing.seen_in(config.views)
            backbone = dataclasses.replace(backbone, preprocessing=preprocessing)
        self.clip: Any = backbone.clip
        self.preprocessing: Preprocessing = backbone.preprocessing
        words = [label.display("en") for label in graph.labels]
        levels = [len(label.levels) for label in graph.labels]
        self.thresholds: OrdinalThresholds | FreeNodes = OrdinalThresholds(levels)
        bias = None
        if config.prompts == "level":
            words = [
                f"{label.display('en')}, {graph.level_name(level, 'en')}"
                for label in graph.labels
                for level in label.levels[1:]
            ]
            bias = -self.thresholds.cuts().detach()  # as rare at first as with cut points
            self.thresholds = FreeNodes(levels)
        self.head: FcHead | CoopHead
        if config.head == "coop":
            self.head = CoopHead(
                backbone,
                words,
                config.context_tokens,
                per_label=config.context == "per-label",
                per_template=config.context_per_template,
                templates=config.templates,
                start=config.start_words if config.start == "words" else None,
                bias=bias,
            )
        else:
            zero_shot = word_features(backbone, words, config.templates) if config.start == "words" else None
            self.head = FcHead(backbone.embedding, len(words), zero_shot)
        width = config.statistics
        if width is None:
            width = 0 if source is None else statistics_width(source)
        self.statistics = ToneStatistics(width, backbone.embedding, backbone.preprocessing) if width else None
        scene = config.scene if source is None else config.scene or scene_of(source)
        self.scene = None
        if scene is not None:
            mirror = config.mirror or (source is not None and is_mirrored(source))
            width = config.scene_width or (source and scene_width(source)) or DEFAULT_WIDTH
            self.scene = SceneFeatures(scene, width, backbone.embedding, backbone.preprocessing, mirror=mirror)
            if config.scene_weights is not None:
                load_weights(self.scene, config.scene_weights)
        self._twins = mirrored_twins(self.clip.visual) if config.mirror else ()
        self.register_buffer("temperature", torch.ones(len(graph.labels)))
        if source is not None:
            take_over(source, self, graph)
        self.keep_symmetric()
        # In a tuple, so that the compiled tower is no second module with the same weights.
        self._compiled: tuple[Any, ...] = ()
        freeze(backbone.clip, visual=config.train_visual, text=config.train_text and config.head == "coop")
        if self.statistics is not None:
            self.statistics.requires_grad_(config.train_visual != "none")
        if self.scene is not None and config.train_visual == "none":
            self.scene.requires_grad_(requires_grad=False)
        self.frozen_visual = config.train_visual == "none"
        """Whether the visual tower is a constant, so that features may be computed once."""
        self.architecture = backbone.config
        """The backbone's architecture as data."""
        self.quick_gelu = backbone.quick_gelu
        """Whether the backbone's activation is QuickGELU."""

    def train(self, mode: bool = True) -> Self:
        """Training mode; what makes features stays as it is where frozen, drop-out and batch statistics included."""
        super().train(mode)
        keep_still(self.clip)
        if self.frozen_visual:
            for part in (self.statistics, self.scene):
                if part is not None:
                    part.eval()
        return self

    def features(self, pictures: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) float32 to visual features (B, D) float32 of unit length."""
        visual: Tensor = (self._compiled[0] if self._compiled else self.clip.visual)(pictures)
        return _joined(visual, (self.statistics, self.scene), pictures)

    @torch.no_grad()
    def keep_symmetric(self) -> None:
        """Make weights and gradients of a mirror-blind tower the same as their mirror images; nothing for others.

        Called at the start and before every step of the optimiser: AdamW moves equal weights with equal gradients
        equally, so they stay equal.
        """
        for parameter, mirrored in self._twins:
            parameter.copy_((parameter + mirrored(parameter)) / 2)
            if parameter.grad is not None:
                parameter.grad.copy_((parameter.grad + mirrored(parameter.grad)) / 2)

    def compile_visual(self) -> None:
        """Run the visual tower through torch.compile from now on; its weights keep their names."""
        self._compiled = (torch.compile(self.clip.visual),)

    def scores(self, features: Tensor, directions: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Visual features (B, D) to node scores (B, N) float32.

        directions  of the head, if they were found before and it has not learned since: see `Head.weight_and_bias`
        """
        weight, bias = self.head.weight_and_bias() if directions is None else directions
        # The towers may run in bfloat16; a score of 10 in its eight bits would be 0.03 off.
        with torch.autocast(features.device.type, enabled=False):
            scores: Tensor = self.thresholds(features.float() @ weight.float().T + bias)
        return scores / self.temperature[self.thresholds.label_of_node]

    def forward(self, inputs: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) or views (B, V, 3, S, S) float32, or their features (B, D), to node scores
        (B, N) float32.
        """
        return self.scores(self.encoded(inputs))

    def encoded(self, inputs: Tensor) -> Tensor:
        """Features (B, D) of prepared pictures (B, 3, S, S) float32, the mean of those of several views
        (B, V, 3, S, S) of each, or what already is features.

        Scores are a matrix on features, so those of the mean are the mean of the views' scores.
        """
        if inputs.ndim == 5:
            # One view after the other: V times the pictures at once would be V times the memory.
            return torch.stack([self.features(view) for view in inputs.unbind(1)]).mean(0)
        return inputs if inputs.ndim == 2 else self.features(inputs)

    def ready(self, inputs: Tensor) -> Tensor:
        """What `forward` takes of a batch's inputs: uint8 pictures or views prepared, features (B, D) as they are."""
        return self.prepared(inputs) if inputs.dtype == torch.uint8 else inputs

    def prepared(self, pictures: Tensor) -> Tensor:
        """uint8 pictures (B, 3, S, S), or views (B, V, 3, S, S), as the model takes them; the torch twin of
        `prepare.normalise`.
        """
        if pictures.ndim == 5:
            prepared = self.prepared(pictures.flatten(0, 1))
            return prepared.view(*pictures.shape[:2], *prepared.shape[1:])
        mean = torch.tensor(self.preprocessing.mean, device=pictures.device).view(1, 3, 1, 1)
        std = torch.tensor(self.preprocessing.std, device=pictures.device).view(1, 3, 1, 1)
        # Channels last is how convolutions read pictures fastest: a step of the small backbone takes 0.6 of the time.
        return ((pictures.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)

    def parameter_groups(self, optim: OptimConfig) -> list[dict[str, Any]]:
        """Groups for an optimiser: towers, scale, thresholds and the rest, with and without weight decay.

        optim  its `lr_visual` is a number
        """
        rates = {
            "head": optim.lr_head,
            "scale": optim.lr_scale,
            "text": optim.lr_text,
            "thresholds": optim.lr_head if optim.lr_thresholds is None else optim.lr_thresholds,
            "visual": optim.lr_visual,
        }
        groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            part = _learning_part(name)
            # What has no rate of its own is in the head's group: the order of groups is the order in a run's state.
            part = "head" if rates[part] is None else part
            # Scales, biases, norms and cut points are not drawn to zero.
            groups.setdefault((part, parameter.ndim >= 2), []).append(parameter)
        return [
            {
                "params": parameters,
                "peak_lr": rates[part],
                "weight_decay": optim.weight_decay if decays else 0.0,
            }
            for (part, decays), parameters in sorted(groups.items())
        ]

    def description(self) -> dict[str, Any]:
        """What the card tells of the model beside its configuration: architecture, number of parameters."""
        visual = sum(int(parameter.numel()) for parameter in self.clip.visual.parameters())
        total = sum(parameter.numel() for parameter in self.parameters())
        width = 0 if self.statistics is None else self.statistics.width
        return {
            "config": self.architecture,
            "quick_gelu": self.quick_gelu,
            "statistics": width,
            "scene": None if self.scene is None else self.scene.architecture,
            "scene_width": None if self.scene is None else self.scene.width,
            "parameters": total,
            "parameters_visual": visual,
        }


def _learning_part(name: str) -> str:
    """Which learning rate a parameter has."""
    if name.startswith(("clip.visual.", "statistics.", "scene.")):
        return "visual"
    if name.startswith("clip."):
        return "text"
    if name == "head.log_scale":
        return "scale"
    return "thresholds" if name.startswith("thresholds.") else "head"


def _joined(visual: Tensor, beside: tuple[nn.Module | None, ...], pictures: Tensor) -> Tensor:
    """Features (B, D) float32 of unit length from what the visual tower made of pictures, and what is beside it."""
    features = functional.normalize(visual.float(), dim=-1)
    for part in beside:
        if part is not None:
            features = features + part(pictures).float()
    return functional.normalize(features, dim=-1)


class ExportedModel(nn.Module):
    """What assessment needs of a trained model: the visual tower and a matrix; the text features are constants.

    visual      prepared pictures (B, 3, S, S) to (B, D)
    weight      (N, D) float32, a direction per node
    offset      (N,) float32, added to its score
    beside      what adds to the features beside the tower, or None for each
    normalised  whether scores are read from features of unit length; only converted models read them as they come
    """

    weight: Tensor
    offset: Tensor

    def __init__(
        self,
        visual: Any,
        weight: Tensor,
        offset: Tensor,
        beside: tuple[nn.Module | None, nn.Module | None] = (None, None),
        *,
        normalised: bool = True,
    ) -> None:
        super().__init__()
        self.visual: Any = visual
        self.statistics, self.scene = beside
        self._normalised = normalised
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("offset", offset.detach().clone())

    @classmethod
    @torch.no_grad()
    def of(cls, model: ToneModel) -> Self:
        """A trained model's; its parts are shared, its matrix is a copy."""
        weight, bias = model.head.weight_and_bias()
        latent = model.thresholds.latent_of_node
        temperature = model.temperature[model.thresholds.label_of_node]
        offset = (bias[latent] - model.thresholds.cuts()) / temperature
        beside = (model.statistics, model.scene)
        return cls(model.clip.visual, weight[latent] / temperature[:, None], offset, beside)

    def forward(self, pictures: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) float32 to node scores (B, N) float32."""
        features: Tensor = self.visual(pictures)
        if self._normalised:
            features = _joined(features, (self.statistics, self.scene), pictures)
        scores: Tensor = features @ self.weight.T + self.offset
        return scores

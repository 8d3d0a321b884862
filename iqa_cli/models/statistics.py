"""Full-frame statistics of tone: what histograms know, beside what the visual tower sees.

Axes: B photos, S input side in pixels, T bins, W width, D embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from iqa_cli.checkpoint import Preprocessing

_STRIDE = 3
"""Every third pixel of every third row, the middle one of three: a ninth of the cost, the frame's distribution all the
same, and the same pixels of a mirrored picture wherever S is a multiple of three."""
_EDGES = (*(0.01, 0.025, 0.045, 0.07), *(step / 20 for step in range(2, 19)), *(0.93, 0.955, 0.975, 0.99))
"""Encoded values between bins: every twentieth of the scale, and finer where shadows and highlights end."""
_REC709 = (0.2126, 0.7152, 0.0722)


class ToneStatistics(nn.Module):
    """Cumulative histograms of luma, highest and lowest channel, through a small network to the features.

    A convolutional tower can count pixels too, but only by spending its channels on it. The highest channel shows
    clipping; the lowest one is the dark channel that haze lifts (He et al., CVPR 2009).

    width          W
    embedding      D
    preprocessing  how pictures were prepared, to be undone
    """

    mean: Tensor
    std: Tensor
    edges: Tensor
    slopes: Tensor
    weights: Tensor

    def __init__(self, width: int, embedding: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.width = width
        for name, values in (
            ("mean", preprocessing.mean),
            ("std", preprocessing.std),
            ("weights", _REC709),
        ):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        edges = torch.tensor(_EDGES)
        self.register_buffer("edges", edges.view(1, 1, -1, 1), persistent=False)
        # A bin's border is a ramp to the next edge, so that a level of brightness more is never a jump.
        ramps = (edges[1:] - edges[:-1]).clamp_min(0.02)
        self.register_buffer("slopes", (1 / torch.cat([ramps[:1], ramps])).view(1, 1, -1, 1), persistent=False)
        bins = 3 * len(_EDGES)
        self.norm = nn.BatchNorm1d(bins)
        self.network = nn.Sequential(
            nn.Linear(bins, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, embedding)
        )

    def histograms(self, pictures: Tensor) -> Tensor:
        """Shares of pixels above each edge. Prepared pictures (B, 3, S, S) float32 to (B, 3 T), 0..1."""
        encoded = pictures[:, :, 1::_STRIDE, 1::_STRIDE] * self.std + self.mean
        luma = (encoded * self.weights).sum(1, keepdim=True)
        maps = torch.cat([luma, encoded.amax(1, keepdim=True), encoded.amin(1, keepdim=True)], 1)
        above = ((maps.flatten(2).unsqueeze(2) - self.edges) * self.slopes + 0.5).clamp(0.0, 1.0)
        return above.mean(3).flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) float32 to (B, D)."""
        with torch.no_grad():
            shares = self.histograms(pictures.float())
        features: Tensor = self.network(self.norm(shares))
        return features

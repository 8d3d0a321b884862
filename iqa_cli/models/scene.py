"""What a picture shows: features of a network that learned to tell things apart, beside the tower that judges tone.

A small tower that learns from the tone ladder alone knows tone, but not the world: fog and a white wall look alike to
it. A network trained on a million photographs of a thousand things has met both. Its early stages are taken as they are
and do not learn; a small network reads from them what is worth knowing about tone.

Axes: B photos, S input side in pixels, C channels, D embedding.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Self

import safetensors
import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from iqa_cli.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.checkpoint import Preprocessing

DEFAULT_WIDTH = 128
"""Of the small network that reads the maps."""
_REDUCTIONS = (8, 16)
"""Stages that are read: maps of an eighth and a sixteenth of the picture's side. Earlier ones know no more than the
tower, later ones have forgotten tone: by a linear probe for haze on 182 real photographs, see docs/decisions/0093."""


_MOST_PARAMETERS = 2**27
"""Of a network, half a gigabyte: what stands beside a tower of a few megabytes has no use for more."""


class SceneFeatures(nn.Module):
    """Means and deviations of the maps of a frozen timm network, through a small network to the features.

    architecture   a timm network with feature maps
    width          of the small network
    embedding      D
    preprocessing  how pictures were prepared, to be undone
    mirror         whether, outside training, a picture and its mirror image are seen as one
    raises         ConfigError  for an architecture that timm does not know or that has no such maps
    """

    def __init__(
        self, architecture: str, width: int, embedding: int, preprocessing: Preprocessing, *, mirror: bool = False
    ) -> None:
        super().__init__()
        self._mirror = mirror
        self.architecture = architecture
        self.width = width
        self.network = _cut(architecture)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in _normalisation(self.network, preprocessing))
        self.register_buffer("scale", std, persistent=False)
        self.register_buffer("shift", mean, persistent=False)
        self.norm = nn.BatchNorm1d(2 * sum(self.network.feature_info.channels()))
        self.reader = nn.Sequential(
            nn.Linear(self.norm.num_features, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, embedding),
        )
        self.network.requires_grad_(requires_grad=False)

    scale: Tensor
    shift: Tensor

    def train(self, mode: bool = True) -> Self:
        """Training mode for what reads; the network stays what it was."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        """Prepared pictures (B, 3, S, S) float32 to (B, D)."""
        with torch.no_grad():
            # The features are a constant of the picture: half the precision is half the time, where autocast is on.
            pooled = self._pooled(pictures)
            if self._mirror and not self.training:
                pooled = (pooled + self._pooled(pictures.flip(-1))) / 2
        features: Tensor = self.reader(self.norm(pooled))
        return features

    def _pooled(self, pictures: Tensor) -> Tensor:
        """Means and deviations of all maps. Prepared pictures (B, 3, S, S) to (B, 2 C)."""
        maps = self.network(pictures * self.scale + self.shift)
        return torch.cat([part for values in maps for part in _mean_and_deviation(values.float())], 1)


def _mean_and_deviation(values: Tensor) -> tuple[Tensor, Tensor]:
    """Over the places of a map, (B, C, H, W) to two (B, C)."""
    mean = values.mean((2, 3))
    variance = (values * values).mean((2, 3)) - mean * mean
    return mean, variance.clamp_min(1e-8).sqrt()


def _cut(architecture: str) -> Any:
    """The network up to the last stage that is read."""
    if architecture not in timm.list_models():
        raise ConfigError(f"model.scene: timm has no architecture {architecture!r:.60}")
    whole: Any
    network: Any
    try:
        # Without memory for its weights: the name may come from a stranger's card, and stand for thousands of millions.
        with torch.device("meta"):
            whole = timm.create_model(architecture, pretrained=False, features_only=True)
        if (count := sum(parameter.numel() for parameter in whole.parameters())) > _MOST_PARAMETERS:
            raise ConfigError(f"model.scene: {architecture} has {count:,} parameters, more than {_MOST_PARAMETERS:,}")
        reductions = whole.feature_info.reduction()
        network = timm.create_model(
            architecture,
            pretrained=False,
            features_only=True,
            out_indices=tuple(reductions.index(reduction) for reduction in _REDUCTIONS),
        )
    except (RuntimeError, ValueError, AttributeError) as error:
        raise ConfigError(f"model.scene: {architecture} gives no feature maps ({error})") from None
    stages = getattr(network, "blocks", None)
    last = network.feature_info.module_name()[-1].split(".")
    if stages is not None and last[0] == "blocks":
        del stages[int(last[1]) + 1 :]  # what comes after is computed by timm, and not looked at
    return network.eval()


def _normalisation(network: Any, preprocessing: Preprocessing) -> tuple[list[float], list[float]]:
    """Shift and scale from our prepared pictures to those that the network was trained on."""
    config = network.pretrained_cfg if hasattr(network, "pretrained_cfg") else network.default_cfg
    scale = [own / other for own, other in zip(preprocessing.std, config["std"], strict=True)]
    shift = [
        (own - other) / spread
        for own, other, spread in zip(preprocessing.mean, config["mean"], config["std"], strict=True)
    ]
    return shift, scale


def load_weights(scene: SceneFeatures, path: Path) -> None:
    """Put pretrained weights of the whole network into the part that is used.

    path    .safetensors, or a file that torch reads without running code in it. Names are timm's, or those of another
            port whose tensors stand in the same order with the same shapes
    raises  ConfigError  if it cannot be read, or does not fit
    """
    try:
        kept = (
            safetensors.torch.load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, "cpu", weights_only=True)
        )
    except FileNotFoundError:
        raise ConfigError(f"model.scene_weights: {path}: no such file") from None
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError, safetensors.SafetensorError, EOFError) as error:
        raise ConfigError(f"model.scene_weights: {path}: not a file of weights ({type(error).__name__})") from None
    kept = kept.get("state_dict", kept) if isinstance(kept, dict) else kept
    if not isinstance(kept, dict) or not all(isinstance(value, Tensor) for value in kept.values()):
        raise ConfigError(f"model.scene_weights: {path}: not a file of weights (no tensors by name)")
    whole = timm.create_model(scene.architecture, pretrained=False).state_dict()
    if set(whole) <= set(kept):
        named = {name: kept[name] for name in whole}
    elif [tuple(value.shape) for value in kept.values()] == [tuple(value.shape) for value in whole.values()]:
        named = dict(zip(whole, kept.values(), strict=True))
    else:
        named = {}
    own = scene.network.state_dict()
    if any(name not in named or named[name].shape != value.shape for name, value in own.items()):
        raise ConfigError(f"model.scene_weights: {path}: its weights do not fit {scene.architecture}")
    scene.network.load_state_dict({name: named[name] for name in own})

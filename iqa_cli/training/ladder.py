"""The tone ladder: good photographs put through known faults, labelled by what is visible afterwards.

A recipe of knobs is drawn for every picture: about half are left alone or moved so little that nothing is wrong; the
others get one to three faults whose strengths are drawn without gaps, from unnoticeable to beyond repair. The labels
come from `severity.deviation` of the result against the photograph, so a knob that did nothing visible gives no label.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from iqa_cli.training import tone
from iqa_cli.training.severity import deviation

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULTS = ("bright", "dark", "contrast_up", "contrast_down", "haze", "backlight", "clip", "suppress")
_FAULT_WEIGHTS = (1.3, 1.5, 1.5, 0.7, 0.8, 0.7, 1.1, 2.8)
_OPPOSITES = (
    ("bright", "dark"),
    ("contrast_up", "contrast_down"),
    ("contrast_up", "haze"),
    ("backlight", "haze"),
    ("backlight", "contrast_down"),
    ("clip", "suppress"),
    ("bright", "suppress"),
)
"""Pairs never drawn together: they undo each other, or the graph excludes what they lead to."""


@dataclasses.dataclass(frozen=True)
class Ladder:
    """How recipes are drawn.

    clean_share      share of pictures that get no fault at all; mild faults bring the share without a problem to half
    untouched_share  share of the clean ones that stay exactly as they were
    crop             smallest share of the photograph's sides that is kept; 1 keeps the whole frame
    varied_share     share of photographs whose good rendering is itself varied a little before anything else: exposure
                     by a fraction of an EV, highlights up to natural clipping. What is there from the start is no
                     fault, and a model that never saw a sunlit white wall calls each of them overexposed
    """

    clean_share: float = 0.40
    untouched_share: float = 0.35
    crop: float = 0.75
    varied_share: float = 0.5

    def draw(
        self, photographs: Tensor, labels: tuple[str, ...], size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """One picture and its labels for each photograph.

        photographs  (B, 3, P, P) uint8, good renderings, P >= size
        labels       the graph's labels, in order
        size         S, side of the pictures
        returns      (B, 3, S, S) uint8 pictures, (B, L) int64 zero-based levels
        """
        reference = tone.quantised(self._varied(self._framed(photographs.float() / 255, size, generator), generator))
        pictures = tone.quantised(_apply(reference, self._knobs(len(photographs), generator), generator))
        return pictures, deviation(reference, pictures).positions(labels)

    def _framed(self, photographs: Tensor, size: int, generator: torch.Generator) -> Tensor:
        """A random frame of each photograph, mirrored at random, resampled to (B, 3, S, S)."""
        count = len(photographs)
        scale = self.crop + (1 - self.crop) * torch.rand(count, 2, generator=generator)
        shift = (1 - scale) * (2 * torch.rand(count, 2, generator=generator) - 1)
        mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
        transform = torch.zeros(count, 2, 3)
        transform[:, 0, 0] = scale[:, 0] * mirror
        transform[:, 1, 1] = scale[:, 1]
        transform[:, :, 2] = shift
        grid = functional.affine_grid(transform, [count, 3, size, size], align_corners=False)
        framed = functional.grid_sample(photographs, grid, padding_mode="border", align_corners=False)
        return framed.clamp(0.0, 1.0)

    def _varied(self, photographs: Tensor, generator: torch.Generator) -> Tensor:
        """Good renderings as different photographers and cameras would have them. (B, 3, S, S) encoded to the same."""
        uniform = functools.partial(_uniform, len(photographs), generator)
        varied = (uniform(0, 1) < self.varied_share).float()
        lifted = (uniform(0, 1) < 0.5).float()
        light = tone.linear_from_srgb(photographs) * torch.exp2(varied * uniform(-0.35, 0.35))
        encoded = tone.srgb_from_linear(light.clamp_max(1.0))
        return tone.highlights_lifted(encoded, varied * lifted * uniform(0.1, 0.6), uniform(0.5, 0.85))

    def _knobs(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Strengths of all operators, (B, 1, 1, 1) each; see `_apply` for their meaning."""
        uniform = functools.partial(_uniform, count, generator)

        def normal(sigma: float) -> Tensor:
            return sigma * torch.randn(count, 1, 1, 1, generator=generator)

        clean = torch.rand(count, generator=generator) < self.clean_share
        untouched = clean & (torch.rand(count, generator=generator) < self.untouched_share)
        fault = {name: mask.view(-1, 1, 1, 1) for name, mask in zip(FAULTS, _faults(~clean, generator), strict=True)}
        touched = (~untouched).view(-1, 1, 1, 1)
        zero = torch.zeros(count, 1, 1, 1)
        one = torch.ones(count, 1, 1, 1)
        ev = torch.where(fault["bright"], uniform(0.3, 3.6), normal(0.2))
        ev = torch.where(fault["dark"], -uniform(0.4, 4.6), ev)
        factor = torch.where(fault["contrast_up"], torch.exp(uniform(0.1, 1.5)), torch.exp(normal(0.06)))
        factor = torch.where(fault["contrast_down"], torch.exp(-uniform(0.1, 1.6)), factor)
        hard_clip = torch.rand(count, 1, 1, 1, generator=generator) < 0.4
        noise = torch.where(ev < -0.5, uniform(0.0, 0.03), uniform(0.0, 0.006))
        return {
            "knee": torch.where(hard_clip.logical_or(~touched), one, uniform(0.5, 0.9)),
            "ev": torch.where(touched, ev, zero),
            "haze": torch.where(fault["haze"], uniform(0.05, 0.85), zero),
            "airlight": uniform(0.35, 0.95) * (1 + 0.04 * torch.randn(count, 3, 1, 1, generator=generator)),
            "slope": uniform(-0.1, 0.5),
            "backlight": torch.where(fault["backlight"], uniform(0.5, 5.0), zero),
            "factor": torch.where(touched, factor, one),
            "softness": uniform(0.0, 1.0),
            "lift": torch.where(fault["clip"], uniform(0.05, 1.2), zero),
            "lift_start": uniform(0.25, 0.7),
            "squeeze": torch.where(fault["suppress"], uniform(0.2, 1.0), zero),
            "squeeze_start": uniform(0.35, 0.7),
            "noise": torch.where(touched, noise, zero),
        }


def _uniform(count: int, generator: torch.Generator, low: float, high: float) -> Tensor:
    """A strength for each of `count` pictures, (count, 1, 1, 1), low..high."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)


def _faults(faulty: Tensor, generator: torch.Generator) -> Tensor:
    """Which faults each picture gets: (F, B) bool, one to three where `faulty`, never a pair of opposites."""
    count = len(faulty)
    weights = torch.tensor(_FAULT_WEIGHTS).expand(count, -1)
    order = torch.multinomial(weights, 3, generator=generator)
    how_many = 1 + torch.multinomial(torch.tensor([0.55, 0.35, 0.10]), count, replacement=True, generator=generator)
    chosen = torch.zeros(len(FAULTS), count, dtype=torch.bool)
    for turn in range(3):
        pick = functional.one_hot(order[:, turn], len(FAULTS)).bool().T
        blocked = torch.zeros(len(FAULTS), count, dtype=torch.bool)
        for one, other in _OPPOSITES:
            a, b = FAULTS.index(one), FAULTS.index(other)
            blocked[a] |= chosen[b]
            blocked[b] |= chosen[a]
        chosen |= pick & ~blocked & (how_many > turn) & faulty
    return chosen


def _apply(reference: Tensor, knobs: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    """The recipe, in the order in which light meets weather, lens, sensor and processing. 8-bit in, encoded out."""
    knee = knobs["knee"]
    scene = tone.scene_from_linear(tone.linear_from_srgb8(reference), knee)
    scene = tone.hazed(scene, knobs["haze"], knobs["airlight"], knobs["slope"])
    scene = tone.backlit(scene, knobs["backlight"])
    scene = scene * torch.exp2(knobs["ev"])
    encoded = tone.srgb_from_linear(tone.linear_from_scene(scene, knee))
    encoded = tone.contrast_scaled(encoded, knobs["factor"], knobs["softness"])
    encoded = tone.highlights_lifted(encoded, knobs["lift"], knobs["lift_start"])
    encoded = tone.highlights_suppressed(encoded.clamp(0.0, 1.0), knobs["squeeze"], knobs["squeeze_start"])
    return tone.noisy(encoded, knobs["noise"], generator)


def batches(
    ladder: Ladder,
    photographs: Tensor,
    labels: tuple[str, ...],
    *,
    size: int,
    batch_size: int,
    samples: int,
    seed: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """`samples` pictures in batches: the same ones for the same seed, whoever asks.

    photographs  (M, 3, P, P) uint8
    yields       (B, 3, S, S) uint8 pictures and (B, L) int64 zero-based levels; the last batch may be short
    """
    generator = torch.Generator().manual_seed(seed)
    remaining = samples
    while remaining > 0:
        count = min(batch_size, remaining)
        chosen = torch.randint(len(photographs), (count,), generator=generator)
        yield ladder.draw(photographs[chosen], labels, size, generator)
        remaining -= count

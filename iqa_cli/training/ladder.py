"""The tone ladder: good photographs put through known faults, labelled by what is visible afterwards.

A photograph is framed, perhaps turned into a scene of another nature (`natures`), and rendered a little differently:
that is the good rendering. Then a recipe of knobs is drawn: about half of the pictures are left alone or moved so
little that nothing is wrong; the others get one to three faults whose strengths are drawn without gaps, from
unnoticeable to beyond repair. The labels come from `severity.deviation` of the result against the good rendering, so a
knob that did nothing visible gives no label, and what was dark or clipped from the start is no fault.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from iqa_cli.training import layout, tone
from iqa_cli.training.framing import framed
from iqa_cli.training.natures import with_natures
from iqa_cli.training.severity import deviation

if TYPE_CHECKING:
    from collections.abc import Callable

_FAULTS = {
    "bright": 1.4,
    "dark": 1.5,
    "contrast_up": 1.9,
    "contrast_down": 0.6,
    "haze": 1.8,
    "flare": 0.4,
    "backlight": 2.4,
    "clip": 1.0,
    "suppress": 4.0,
    "flatten": 0.4,
}
"""Every fault with the weight it is drawn with; rare labels need more."""
FAULTS = tuple(_FAULTS)
_TOGETHER = {
    # They undo each other, or the graph excludes what they lead to.
    ("bright", "dark"): 0.0,
    ("contrast_up", "contrast_down"): 0.0,
    ("contrast_up", "haze"): 0.0,
    ("contrast_up", "flatten"): 0.0,
    ("backlight", "haze"): 0.0,
    ("backlight", "contrast_down"): 0.0,
    ("backlight", "flatten"): 0.0,
    ("clip", "suppress"): 0.0,
    ("bright", "suppress"): 0.0,
    # They come together: a face against the sky is dark and the sky blown, a cheap HDR is flat and grey.
    ("bright", "clip"): 3.0,
    ("bright", "haze"): 1.5,
    ("backlight", "clip"): 3.0,
    ("backlight", "dark"): 2.0,
    ("contrast_up", "clip"): 2.0,
    ("contrast_up", "dark"): 1.5,
    ("suppress", "flatten"): 3.0,
    ("suppress", "contrast_down"): 1.5,
}
"""How much likelier than by chance two faults are drawn together; 0 is never."""


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """Pictures of the ladder with what they were made from."""

    pictures: Tensor
    """(B, 3, S, S) uint8, as a camera would have written them."""
    positions: Tensor
    """(B, L) int64 zero-based levels."""
    photographs: Tensor
    """(B, 3, S, S) uint8, the framed scenes before their good rendering was varied: all that a judge could know who has
    seen the scene but not how it was to be rendered."""


@dataclasses.dataclass(frozen=True)
class Ladder:
    """How recipes are drawn.

    clean_share      share of pictures that get no fault at all; mild faults bring the share without a problem to half
    untouched_share  share of the clean ones that stay exactly as they were
    crop             smallest share of the photograph's sides that is kept; 1 keeps the whole frame
    varied_share     share of photographs whose good rendering is itself varied a little before anything else: exposure
                     by a fraction of an EV, highlights up to natural clipping, shadows lifted as phones do. What is
                     there from the start is no fault
    jpeg_share       share of pictures that went through a JPEG file of quality 50 to 95
    """

    clean_share: float = 0.40
    untouched_share: float = 0.35
    crop: float = 0.75
    varied_share: float = 0.5
    jpeg_share: float = 0.15

    def draw(self, photographs: Tensor, labels: tuple[str, ...], size: int, generator: torch.Generator) -> Drawn:
        """One picture and its labels for each photograph.

        photographs  (B, 3, P, P) uint8, good renderings, P >= size
        labels       the graph's labels, in order
        size         S, side of the pictures
        """
        scenes = with_natures(framed(photographs.float() / 255, size, self.crop, generator), generator)
        reference = tone.quantised(self._varied(scenes, generator))
        pictures = tone.quantised(_apply(reference, self._knobs(len(photographs), generator), generator))
        through_jpeg = torch.rand(len(pictures), generator=generator) < self.jpeg_share
        quality = torch.randint(50, 96, (len(pictures),), generator=generator)
        for row in through_jpeg.nonzero()[:, 0].tolist():
            pictures[row] = _saved(pictures[row], int(quality[row]))
        positions = deviation(reference, pictures).positions(labels)
        return Drawn(pictures, positions, tone.quantised(scenes))

    def _varied(self, scenes: Tensor, generator: torch.Generator) -> Tensor:
        """Good renderings as different photographers and cameras would have them. (B, 3, S, S) encoded to the same."""
        uniform = functools.partial(layout.uniform, len(scenes), generator)
        varied = (uniform(0, 1) < self.varied_share).float()
        lifted = (uniform(0, 1) < 0.5).float()
        evened = (uniform(0, 1) < 0.3).float()
        light = tone.linear_from_srgb(scenes) * torch.exp2(varied * uniform(-0.35, 0.35))
        light = _where(varied * evened * uniform(0.1, 0.8), _evened, light)
        encoded = tone.srgb_from_linear(light.clamp_max(1.0))
        gain = varied * lifted * uniform(0.05, 0.3)
        return _where(gain, tone.highlights_lifted, encoded, uniform(0.5, 0.85))

    def _knobs(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Strengths of all operators, (B, 1, 1, 1) each; see `_apply` for their meaning."""
        uniform = functools.partial(layout.uniform, count, generator)

        def normal(sigma: float) -> Tensor:
            return sigma * torch.randn(count, 1, 1, 1, generator=generator)

        clean = torch.rand(count, generator=generator) < self.clean_share
        untouched = clean & (torch.rand(count, generator=generator) < self.untouched_share)
        fault = {name: mask.view(-1, 1, 1, 1) for name, mask in zip(FAULTS, _faults(~clean, generator), strict=True)}
        touched = (~untouched).view(-1, 1, 1, 1)
        zero = torch.zeros(count, 1, 1, 1)
        one = torch.ones(count, 1, 1, 1)
        ev = torch.where(fault["bright"], uniform(0.3, 3.8), normal(0.2))
        ev = torch.where(fault["dark"], -uniform(0.4, 4.6), ev)
        factor = torch.where(fault["contrast_up"], torch.exp(uniform(0.1, 1.7)), torch.exp(normal(0.06)))
        factor = torch.where(fault["contrast_down"], torch.exp(-uniform(0.1, 1.6)), factor)
        hard_clip = torch.rand(count, 1, 1, 1, generator=generator) < 0.4
        noise = torch.where(ev < -0.5, uniform(0.0, 0.03), uniform(0.0, 0.006))
        return {
            "knee": torch.where(hard_clip.logical_or(~touched), one, uniform(0.5, 0.9)),
            "ev": torch.where(touched, ev, zero),
            "haze": torch.where(fault["haze"], uniform(0.08, 0.95), zero),
            # Most veils thicken with distance; some lie over everything.
            "haze_uneven": (uniform(0.0, 1.0) * 2).clamp_max(1.0),
            "airlight": uniform(0.3, 0.95) * _veil_colour(count, generator),
            "flare": torch.where(fault["flare"], uniform(0.05, 0.9), zero),
            "flare_behind": (uniform(0, 1) < 0.5).float(),
            "backlight": torch.where(fault["backlight"], uniform(0.5, 5.5), zero),
            # Most cameras expose for the sky, or for something in between.
            "backlight_ev": uniform(-1.0, 0.3),
            "backlight_kind": uniform(0, 1),
            "sharpness": uniform(2.0, 12.0),
            "flatten": torch.where(fault["flatten"], uniform(0.5, 4.0), zero),
            "factor": torch.where(touched, factor, one),
            "softness": uniform(0.0, 1.0),
            "lift": torch.where(fault["clip"], uniform(0.05, 1.2), zero),
            "lift_start": uniform(0.25, 0.7),
            "squeeze": torch.where(fault["suppress"], 1 - 0.8 * uniform(0.0, 1.0) ** 1.5, zero),
            "squeeze_start": uniform(0.35, 0.7),
            "squeeze_partly": (uniform(0, 1) < 0.3).float(),
            "noise": torch.where(touched, noise, zero),
        }


def _veil_colour(count: int, generator: torch.Generator) -> Tensor:
    """Colours of veils, (count, 3, 1, 1) around 1: fog is grey, smoke and dust are yellow to red, far air is blue."""
    warmth = 0.12 * torch.randn(count, 1, 1, 1, generator=generator)
    axis = torch.tensor([1.0, 0.1, -1.2]).view(1, 3, 1, 1)
    return (1 + warmth * axis + 0.04 * torch.randn(count, 3, 1, 1, generator=generator)).clamp_min(0.3)


def _faults(faulty: Tensor, generator: torch.Generator) -> Tensor:
    """Which faults each picture gets: (F, B) bool, one to three where `faulty`, together as `_TOGETHER` says."""
    count = len(faulty)
    affinity = torch.ones(len(FAULTS), len(FAULTS))
    for (one, other), factor in _TOGETHER.items():
        a, b = FAULTS.index(one), FAULTS.index(other)
        affinity[a, b] = affinity[b, a] = factor
    affinity.fill_diagonal_(0.0)
    how_many = 1 + torch.multinomial(torch.tensor([0.55, 0.35, 0.10]), count, replacement=True, generator=generator)
    weights = torch.tensor(tuple(_FAULTS.values())).expand(count, -1)
    chosen = torch.zeros(count, len(FAULTS), dtype=torch.bool)
    for turn in range(3):
        pick = torch.multinomial(weights, 1, generator=generator)[:, 0]
        chosen |= functional.one_hot(pick, len(FAULTS)).bool() & ((how_many > turn) & faulty)[:, None]
        weights = weights * affinity[pick]
    return chosen.T


def _where(
    strength: Tensor, operator: Callable[..., Tensor], pictures: Tensor, *arguments: Tensor, neutral: float = 0.0
) -> Tensor:
    """An operator on those pictures alone whose strength is not neutral: most are left alone by most operators.

    operator  called with pictures, their strength and their rows of the further arguments
    """
    rows = (strength.flatten() != neutral).nonzero()[:, 0]
    if not len(rows):
        return pictures
    changed = operator(pictures[rows], strength[rows], *(argument[rows] for argument in arguments))
    return pictures.index_copy(0, rows, changed)


def _apply(reference: Tensor, knobs: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    """The recipe, in the order in which light meets weather, lens, sensor and processing. 8-bit in, encoded out."""

    def hazed(scene: Tensor, amount: Tensor, uneven: Tensor, airlight: Tensor) -> Tensor:
        # Beer and Lambert: what is left of the light falls exponentially with the way through the veil.
        far = layout.depth(tone.srgb_from_linear(scene), generator)
        return tone.hazed(scene, 1 - (1 - amount) ** (1 - uneven * (1 - far)), airlight)

    def flared(scene: Tensor, amount: Tensor, behind: Tensor) -> Tensor:
        glow = layout.spots(len(scene), scene.shape[-1], generator, low=0.15, high=0.5, most=1)
        # Light that comes through leaves or past a head: the lens spreads it, what stands in front keeps its edge.
        front = layout.near(tone.srgb_from_linear(scene), generator)
        return tone.flared(scene, amount, glow * (1 - 0.8 * behind * front))

    def backlit(scene: Tensor, stops: Tensor, ev: Tensor, kind: Tensor, sharpness: Tensor) -> Tensor:
        drawn = layout.upper_side(len(scene), scene.shape[-1], generator, sharpness)
        bright = tone.bright_side(scene)
        side = torch.where(kind < 0.4, 0.7 * drawn + 0.3 * bright, bright)
        front = layout.near(tone.srgb_from_linear(scene), generator)
        side = torch.where(kind > 0.7, 0.75 * (1 - 2 * front) + 0.25 * bright, side)
        return tone.relit(scene, stops, side) * torch.exp2(0.5 * stops * ev)

    def suppressed(encoded: Tensor, squeeze: Tensor, start: Tensor, partly: Tensor) -> Tensor:
        # A sky greyed by a mask of its own: what stands in front keeps its highlights.
        front = layout.near(encoded, generator) * partly
        return tone.highlights_suppressed(encoded, squeeze * (1 - front), start)

    knee = knobs["knee"]
    scene = tone.scene_from_linear(tone.linear_from_srgb8(reference), knee)
    scene = _where(knobs["haze"], hazed, scene, knobs["haze_uneven"], knobs["airlight"])
    scene = _where(knobs["flare"], flared, scene, knobs["flare_behind"])
    scene = _where(
        knobs["backlight"], backlit, scene, knobs["backlight_ev"], knobs["backlight_kind"], knobs["sharpness"]
    )
    scene = _where(knobs["flatten"], _evened, scene)
    scene = scene * torch.exp2(knobs["ev"])
    encoded = tone.srgb_from_linear(tone.linear_from_scene(scene, knee))
    encoded = _where(knobs["factor"], tone.contrast_scaled, encoded, knobs["softness"], neutral=1.0)
    encoded = _where(knobs["lift"], tone.highlights_lifted, encoded, knobs["lift_start"])
    encoded = _where(
        knobs["squeeze"], suppressed, encoded.clamp(0.0, 1.0), knobs["squeeze_start"], knobs["squeeze_partly"]
    )
    lifted = (knobs["ev"].clamp_min(0.0) + 0.5 * knobs["flatten"]) * 0.004
    return _where(knobs["noise"] + lifted, lambda rows, sigma: tone.noisy(rows, sigma, generator), encoded)


def _evened(scene: Tensor, stops: Tensor) -> Tensor:
    """Local tone mapping as phones do it: large areas brought nearer to each other by `stops`."""
    return tone.relit(scene, -stops, tone.bright_side(scene))


def _saved(picture: Tensor, quality: int) -> Tensor:
    """A picture (3, S, S) uint8 as it comes back from a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(stream, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(stream))).permute(2, 0, 1)

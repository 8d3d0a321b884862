"""From a decoded picture to the array a model takes, without torch.

Assessment uses all of it. Training squashes its photographs and cuts views here too, then makes its pictures in torch
and has the twin of `normalise` in `ToneModel.prepared`; a test holds the two together.

Axes: B photos, V views of a photo, H, W pixels, S the model's input size.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.checkpoint import Preprocessing


def squash(rgb: NDArray[np.uint8], size: int, interpolation: str = "bilinear") -> NDArray[np.uint8]:
    """The whole picture in a square; the aspect is given up, the tone is not.

    rgb            (H, W, 3) uint8
    size           S, pixels
    interpolation  a Pillow filter name; when shrinking, all but nearest average over the covered area
    returns        (S, S, 3) uint8
    raises         ValueError  for a filter that Pillow does not know
    """
    try:
        resample = Image.Resampling[interpolation.upper()]
    except KeyError:
        known = ", ".join(name.lower() for name in Image.Resampling.__members__)
        raise ValueError(f"unknown interpolation {interpolation!r}; one of {known}") from None
    return np.asarray(Image.fromarray(rgb).resize((size, size), resample))


def views(rgb: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """What the model is shown of a picture that is judged: it squashed whole, then the crops that the card asks for.

    rgb      (H, W, 3) uint8
    returns  (V, S, S, 3) uint8
    """
    size, several = preprocessing.size, preprocessing.views
    whole = squash(rgb, size, preprocessing.interpolation)
    if several is None:
        return whole[None]
    square = squash(rgb, several.square, preprocessing.interpolation)
    return np.stack([whole, *(square[top : top + size, left : left + size] for left, top in several.crops)])


def normalise(pictures: Sequence[NDArray[np.uint8]], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Squashed pictures as one model input.

    pictures  B arrays (S, S, 3) uint8
    returns   (B, 3, S, S) float32, (value / 255 - mean) / std
    """
    tables = _tables(preprocessing)
    model_input = np.empty((len(pictures), 3, *pictures[0].shape[:2]), np.float32)
    for picture, planes in zip(pictures, model_input, strict=True):
        for channel, (table, plane) in enumerate(zip(tables, planes, strict=True)):
            np.take(table, picture[..., channel], out=plane, mode="wrap")
    return model_input


@functools.lru_cache(maxsize=8)
def _tables(preprocessing: Preprocessing) -> NDArray[np.float32]:
    """(3, 256) what each value of each channel becomes: a look-up is half of the arithmetic, for the same bits."""
    values = np.arange(256, dtype=np.float32) / np.float32(255.0)
    mean = np.asarray(preprocessing.mean, np.float32)
    std = np.asarray(preprocessing.std, np.float32)
    return (values - mean[:, None]) / std[:, None]

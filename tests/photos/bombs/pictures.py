"""What the files show: one small picture, and how large a flat one is."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image

MEGAPIXEL = 1_000_000


def scene(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A ramp across and down with some texture."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    rgb = np.stack([200 * across, 180 * down, 90 + 60 * across * down], axis=2)
    rgb += 12 * np.sin(np.arange(width) / 3.0)[None, :, None] * np.cos(np.arange(height) / 4.0)[:, None, None]
    return Image.fromarray(np.clip(rgb + 20, 0, 255).astype(np.uint8)).convert(mode)


@functools.cache
def encoded(kind: str, width: int = 96, height: int = 64, mode: str = "RGB", **options: int | bool) -> bytes:
    """`scene` as a file."""
    buffer = io.BytesIO()
    if kind == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(scene(width, height, mode)).save(buffer, **options)
    else:
        scene(width, height, mode).save(buffer, kind, **options)
    return buffer.getvalue()


def side(megapixels: int) -> int:
    """Of a square picture with so many megapixels, in whole blocks of 16."""
    return int((megapixels * MEGAPIXEL) ** 0.5) // 16 * 16

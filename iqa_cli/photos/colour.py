"""Embedded colour profiles to sRGB.

Phones write Display P3, cameras Adobe RGB, prepress CMYK: the numbers mean other colours there, and a photo
judged without its profile looks flatter than it is. Pictures without a profile are taken as sRGB, which is
what every viewer does. Adobe RGB that is declared only by EXIF (interoperability index R03) is not converted:
it lies within a few units of sRGB on the neutral axis, which is what tone is judged on.
"""

from __future__ import annotations

import functools
import io
import logging
import threading

import numpy as np
from PIL import Image, ImageCms

from iqa_cli.photos.limits import MAX_PROFILE_BYTES

logger = logging.getLogger(__name__)

PROFILE_UNUSABLE = "the colour profile cannot be used; the colours are taken as sRGB"

_MOST_KEPT = 8  # by each thread; a camera writes one or two profiles


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """The picture in sRGB, and a note if its profile was of no use.

    image    mode L, RGB or CMYK, 8 bit
    profile  an ICC profile for that mode, or None
    returns  (RGB image, perhaps the same one; note or None)

    Rendering is perceptual, as browsers do it. CMYK without a profile is converted by arithmetic (Pillow's
    formula).
    """
    if not profile:
        return image if image.mode == "RGB" else image.convert("RGB"), None
    if len(profile) > MAX_PROFILE_BYTES:  # and remembered for the next photos
        return image.convert("RGB"), PROFILE_UNUSABLE
    try:
        transform = _of_thread.transform(profile, image.mode)
        converted = image if transform is None else transform.apply(image)
    except Exception as error:  # noqa: BLE001 - PyCMSError, OSError, ValueError: a profile never costs the photo
        logger.debug("colour profile of %d bytes, mode %s: %r", len(profile), image.mode, error)
        return image.convert("RGB"), PROFILE_UNUSABLE
    return converted, None


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile to sRGB.

    None if it does nothing: many cameras embed sRGB itself, and to find that out pixel by pixel takes a tenth of the
    time of decoding.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    return None if mode == "RGB" and _does_nothing(transform) else transform


class _Kept(threading.local):
    """Transforms of a thread, kept as long as it lives: building one takes 3 ms, and a folder has few profiles.

    Each thread has its own, because LittleCMS does not promise that a transform may be used by several at once, and
    its own bound, so that no number of threads drives out what another will need.
    """

    def __init__(self) -> None:
        self.transform = functools.lru_cache(maxsize=_MOST_KEPT)(_transform)


_of_thread = _Kept()


def _does_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether every grey stays as it is, and other colours within 1 of 255.

    Not every colour: LittleCMS rounds the red of a pure bright green from 0 to 1 for the commonest sRGB profile.
    """
    greys = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    steps = np.array([*range(0, 256, 8), 255], np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(len(steps), -1, 3)
    moved = [
        int(np.abs(np.asarray(transform.apply(Image.fromarray(chart))).astype(np.int16) - chart).max())
        for chart in (greys, colours)
    ]
    return moved[0] == 0 and moved[1] <= 1

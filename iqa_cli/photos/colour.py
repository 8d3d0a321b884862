"""Embedded colour profiles to sRGB.

Phones write Display P3, cameras Adobe RGB, prepress CMYK: the numbers mean other colours there, and a photo
judged without its profile looks flatter than it is. Pictures without a profile are taken as sRGB, which is
what every viewer does. Adobe RGB that is declared only by EXIF (interoperability index R03) is not converted:
it lies within a few units of sRGB on the neutral axis, which is what tone is judged on.
"""

from __future__ import annotations

import io
import logging

from PIL import Image, ImageCms

logger = logging.getLogger(__name__)

PROFILE_UNUSABLE = "the colour profile cannot be used; the colours are taken as sRGB"


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """The picture in sRGB, and a note if its profile was of no use.

    image    mode L, RGB or CMYK, 8 bit
    profile  an ICC profile for that mode, or None
    returns  (RGB image, note or None)

    Rendering is perceptual, as browsers do it. CMYK without a profile is converted by arithmetic (Pillow's
    formula).
    """
    if not profile:
        return image.convert("RGB"), None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # Built for each picture: a shared transform would be used by several threads at once.
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except Exception as error:  # noqa: BLE001 - PyCMSError, OSError, ValueError: a profile never costs the photo
        logger.debug("colour profile of %d bytes, mode %s: %r", len(profile), image.mode, error)
        return image.convert("RGB"), PROFILE_UNUSABLE
    if converted is None:  # only with inPlace, which is not used
        return image.convert("RGB"), PROFILE_UNUSABLE
    return converted, None

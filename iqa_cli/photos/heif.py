"""HEIF pictures by libheif, in as many bits as they need."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from iqa_cli.photos.pixels import hdr_note, in_standard

if TYPE_CHECKING:
    from PIL import Image

    from iqa_cli.photos.cicp import ColourCoding


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded picture, as `pixels.finish` takes it."""

    image: Image.Image
    """As decoded, or small and in sRGB already."""
    coding: ColourCoding | None
    """Which light its numbers stand for, if that is still to be regarded."""
    notes: tuple[str, ...] = ()
    """How it was read."""


class HeifPicture:
    """A HEIF file that was opened but not decoded yet.

    data    the file
    coding  which light its numbers stand for, as the file says
    raises  what libheif raises for files that it cannot read

    PQ and HLG are decoded in 16 bit, which Pillow has no colours for, and made small and standard at once: 8 bit of PQ
    are steps of 2 % in light.
    """

    def __init__(self, data: bytes, coding: ColourCoding | None) -> None:
        import pillow_heif  # takes as long to load as two photos to judge, and most folders have no such picture

        self._coding = coding
        self._curve = coding.hdr_curve if coding is not None and coding.is_convertible else None
        self._file: Any = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=self._curve is None)
        self.size: tuple[int, int] = self._file.size
        """(across, down) pixels, as the container turns it."""

    def load(self, short_side: int = 0) -> Loaded:
        """Decode it; `short_side` is as in `pixels.working_size`."""
        if self._coding is None or self._curve is None:
            return Loaded(self._file.to_pillow(), self._coding)
        samples = np.asarray(self._file)
        bits = self._file.info["bit_depth"]
        image = in_standard(samples, self._coding, bits=bits, short_side=short_side)
        return Loaded(image, None, (hdr_note(self._curve),))

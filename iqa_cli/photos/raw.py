"""Raw files by the preview that the camera put inside: LibRaw finds it, nothing is developed.

How bright a raw file looks is decided by whoever develops it. The preview is the camera's own rendition, and what other
programs show first.
"""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

from iqa_cli.photos import tiff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DNG_VERSION, _COMPRESSION, _PHOTOMETRIC = 0xC612, 0x0103, 0x0106
_RAW_PHOTOMETRIC = frozenset({32803, 34892})  # colour filter array, linear raw (DNG 1.7, table 1)
_RAW_COMPRESSION = frozenset({32767, 34713, 65535})  # of Sony, Nikon and Pentax
_WANTED = frozenset({_DNG_VERSION, _COMPRESSION, _PHOTOMETRIC})

_EXIF_ORIENTATION = {3: 3, 5: 8, 6: 6}
"""By how LibRaw says that the picture is to be turned: 5 is a quarter to the left, 6 one to the right."""

NO_PREVIEW = "a raw file without a preview"


@dataclasses.dataclass(frozen=True, slots=True)
class RawPreview:
    """What LibRaw gives without developing."""

    picture: bytes | NDArray[np.uint8]
    """A JPEG file, or (H, W, 3) sRGB; as stored, not turned."""
    orientation: int
    """EXIF orientation that is still to be applied."""
    size: tuple[int, int]
    """Pixels of the developed picture across and down, before it is turned."""


def is_raw(data: bytes) -> bool:
    """Whether a file with the first bytes of a TIFF is a raw file."""
    if data[8:10] == b"CR":  # Canon's CR2
        return True
    for entries in tiff.directories(data, _WANTED):
        if _DNG_VERSION in entries:
            return True
        if entries.get(_PHOTOMETRIC) in _RAW_PHOTOMETRIC or entries.get(_COMPRESSION) in _RAW_COMPRESSION:
            return True
    return False


def read_raw(data: bytes) -> RawPreview | None:
    """The preview of a raw file; None if it has none.

    raises  rawpy.LibRawError  for what LibRaw does not know
    """
    import rawpy  # most folders have no such files

    with rawpy.imread(io.BytesIO(data)) as file:
        try:
            found = file.extract_thumb()
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
            return None
        sizes = file.sizes
        return RawPreview(found.data, _EXIF_ORIENTATION.get(sizes.flip, 1), (sizes.width, sizes.height))

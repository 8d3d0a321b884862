"""Whether each format of pictures can be read here: a small one is written, and read as `assess` reads photos."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING

from iqa_cli.inspection.install.libraries import version_of
from iqa_cli.inspection.install.records import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import Image

    from iqa_cli.inspection.records import Check

SIZE = (96, 64)
TOLERANCE = 4.0
"""Of 255: how far the mean of a format that loses something may be off."""


def formats() -> Iterator[Check]:
    """A check for each format; the library that reads it is named."""
    for name, (write, library, distribution) in _FORMATS.items():
        look = functools.partial(_read_back, write, library)
        yield checked(name, look, f'pip install --force-reinstall "{distribution}"')
    yield checked("raw", _libraw, 'pip install --force-reinstall "rawpy"')


def drawn() -> Image.Image:
    """A picture that is brighter to the right, and warmer below."""
    from PIL import Image

    across = Image.linear_gradient("L").rotate(90).resize(SIZE)
    down = Image.linear_gradient("L").resize(SIZE)
    return Image.merge("RGB", (across, across, down))


def _read_back(write: Callable[[Image.Image], bytes], library: Callable[[], str]) -> str:
    import numpy as np

    from iqa_cli.photos import read_photo
    from iqa_cli.records import Unreadable

    picture = drawn()
    photo, _ = read_photo(write(picture))
    if isinstance(photo, Unreadable):
        raise ValueError(photo.reason)
    wanted = np.asarray(picture).mean((0, 1))
    if (photo.width, photo.height) != SIZE or np.abs(photo.rgb.mean((0, 1)) - wanted).max() > TOLERANCE:
        raise ValueError("another picture came out than was written")
    return library()


def _saved(kind: str, **options: object) -> Callable[[Image.Image], bytes]:
    def write(picture: Image.Image) -> bytes:
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        return buffer.getvalue()

    return write


def _heic(picture: Image.Image) -> bytes:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, quality=90)
    return buffer.getvalue()


def _jxl(picture: Image.Image) -> bytes:
    import pillow_jxl  # noqa: F401 - it registers itself with Pillow

    return _saved("JXL", quality=95)(picture)


def _of_pillow(feature: str, name: str) -> Callable[[], str]:
    def said() -> str:
        from PIL import features

        return f"{name} {features.version(feature)}"

    return said


def _libheif() -> str:
    import pillow_heif

    return f"libheif {pillow_heif.libheif_version()}"


def _itself(distribution: str) -> Callable[[], str]:
    return lambda: f"{distribution} {version_of(distribution)}"


def _libraw() -> str:
    import rawpy

    return f"LibRaw {'.'.join(map(str, rawpy.libraw_version))}, the camera's preview in raw files"


_FORMATS: dict[str, tuple[Callable[[Image.Image], bytes], Callable[[], str], str]] = {
    "JPEG": (_saved("JPEG", quality=95), _itself("simplejpeg"), "simplejpeg"),
    "HEIC": (_heic, _libheif, "pillow-heif"),
    "AVIF": (_saved("AVIF", quality=90), _of_pillow("avif", "libavif"), "pillow"),
    "JPEG XL": (_jxl, _itself("pillow-jxl-plugin"), "pillow-jxl-plugin"),
    "PNG": (_saved("PNG"), _of_pillow("zlib", "zlib"), "pillow"),
    "WebP": (_saved("WEBP", quality=95), _of_pillow("webp", "libwebp"), "pillow"),
    "TIFF": (_saved("TIFF"), _itself("pillow"), "pillow"),
    "GIF": (_saved("GIF"), _itself("pillow"), "pillow"),
    "BMP": (_saved("BMP"), _itself("pillow"), "pillow"),
}

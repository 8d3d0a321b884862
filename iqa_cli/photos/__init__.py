"""Files to pixels and capture settings.

    paths --discover--> PhotoRef --read_photo--> (Photo | Unreadable, Capture)

`discover` needs the standard library only (and `left_out` a library if there are patterns); Pillow
and exifread are imported with `read_photo`, on first use, so that a mistyped path is reported before anything heavy is
loaded; pillow-heif, LibRaw and Pillow's rarer formats with the first picture of their kind.

One opening of a file serves both halves: `files` reads the bytes, `headers` (with `jpeg`, `png`, `jxl` and `isobmff`)
finds size, EXIF and XMP (`metadata`) without a decoder, `exif` (with `tiff`, `xmp` and `settings`) reads the settings,
`decode` makes the picture (`jpeg_decoder` for JPEG, `truncated` for files that end early, `damage` for those that are
broken inside, `raw` for the preview in a raw file, `colour` and `pixels` for what follows the decoder, `surroundings`
for bars and borders around the picture). `cicp` knows what the numbers of a picture stand for, `rendition` makes sRGB
of PQ and HLG, `heif` decodes them in 16 bit. `preview` gets by with the head of a file (`heif_thumbnail` makes the
picture libheif can open). `limits` says what one file may take, `costs` reckons it before a decoder is called.
`glimpse` is for those who want a picture only if it costs little.
Orientation, colour profile and surroundings are handled here, once, and nowhere else. No global of Pillow or
pillow-heif is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iqa_cli.photos.decode import read_photo

__all__ = ["read_photo"]


def __getattr__(name: str) -> Any:
    """Resolve `read_photo` on first use."""
    if name == "read_photo":
        from iqa_cli.photos.decode import read_photo

        return read_photo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

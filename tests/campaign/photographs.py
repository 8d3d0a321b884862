"""Photographs of every format and kind, drawn in code, that attacks begin with."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from iqa_cli.photos.discover import discover

if TYPE_CHECKING:
    from pathlib import Path

GAIN_MAP = b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
XMP = b"http://ns.adobe.com/xap/1.0/\0"
MOST_BYTES = 300_000
"""Of a given photograph: mutants of large ones take long and say no more."""


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A sound file."""

    name: str
    """What it is, without a suffix."""
    suffix: str
    data: bytes


def scene(width: int = 320, height: int = 240, light: float = 1.0, seed: int = 0) -> Image.Image:
    """Hills before a sky, with texture and grain, so that nobody takes it for a drawing."""
    grain = np.random.default_rng(seed).normal(0, 6, (height, width, 1))
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    land = down > 0.55 + 0.12 * np.sin(7 * across) + 0.05 * np.sin(23 * across)
    sky = np.stack([120 + 70 * down, 150 + 60 * down, 215 - 10 * down], axis=2)
    meadow = np.stack([60 + 50 * across, 90 + 40 * down, 40 + 10 * across], axis=2)
    pixels = np.where(land[..., None], meadow + 18 * np.sin(60 * across * down)[..., None], sky) * light + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def drawn() -> tuple[Photograph, ...]:
    """One of each kind."""
    picture = scene()
    info = exif(thumbnail=encoded(scene(160, 120), "JPEG", quality=70))
    jpegs = {
        "baseline": {"exif": info},
        "progressive": {"progressive": True, "exif": info},
        "restarts": {"restart_marker_blocks": 7, "subsampling": 0},
        "profile": {
            "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
            "comment": b"drawn",
        },
        "gain map in words": {"xmp": GAIN_MAP, "exif": info},
    }
    pngs = {
        "colour": ({}, picture),
        "palette": ({}, picture.quantize(64)),
        "opacity": ({"exif": info}, _transparent(picture)),
    }
    webps: dict[str, dict[str, Any]] = {"lossy": {"exif": info}, "lossless": {"lossless": True}}
    small = scene(160, 120)
    found = [Photograph(f"jpeg {name}", ".jpg", encoded(picture, "JPEG", **how)) for name, how in jpegs.items()]
    found.append(Photograph("jpeg grey", ".jpg", encoded(picture.convert("L"), "JPEG")))
    found.append(Photograph("jpeg cmyk", ".jpg", encoded(picture.convert("CMYK"), "JPEG")))
    found.append(Photograph("jpeg dark", ".jpg", encoded(scene(light=0.12), "JPEG", exif=info)))
    found.append(Photograph("mpo", ".mpo", encoded(picture, "MPO", save_all=True, append_images=[scene(seed=1)])))
    ultra = encoded(picture, "MPO", save_all=True, append_images=[small.convert("L")], xmp=GAIN_MAP)
    found.append(Photograph("ultra hdr", ".jpg", ultra))
    found.append(Photograph("motion photo", ".jpg", found[0].data + _film()))
    found += [Photograph(f"png {name}", ".png", encoded(image, "PNG", **how)) for name, (how, image) in pngs.items()]
    found.append(Photograph("png 16 bit", ".png", png_by_hand(np.asarray(small).astype(">u2") * 257)))
    found.append(Photograph("png interlaced", ".png", png_by_hand(np.asarray(small), interlaced=True)))
    found += [Photograph(f"webp {name}", ".webp", encoded(small, "WEBP", **how)) for name, how in webps.items()]
    frames = [scene(96, 72, light) for light in (0.9, 0.8)]
    found.append(
        Photograph("webp animated", ".webp", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    )
    found.append(Photograph("heic", ".heic", heic(picture, exif=info)))
    found.append(Photograph("heic with a preview", ".heic", heic(scene(400, 300), thumbnails=[160])))
    found.append(Photograph("avif", ".avif", encoded(picture, "AVIF", exif=info)))
    return tuple(found)


def given(folder: Path) -> tuple[Photograph, ...]:
    """Photographs of somebody's folder, the smaller ones."""
    paths = (ref.path for ref in discover([folder]).photos)
    chosen = (path for path in paths if 0 < path.stat().st_size <= MOST_BYTES)
    return tuple(Photograph(path.stem, path.suffix, path.read_bytes()) for path in chosen)


def encoded(image: Image.Image, kind: str, **how: Any) -> bytes:
    """The bytes of a file that Pillow writes."""
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 80} | how if kind in ("JPEG", "MPO") else how))
    return stream.getvalue()


def heic(image: Image.Image, **how: Any) -> bytes:
    """The bytes of a file that libheif writes."""
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=60, **how)
    return stream.getvalue()


def exif(make: str = "Maker", model: str = "Model 1", lens: str = "A lens", thumbnail: bytes | None = None) -> bytes:
    """An EXIF block with settings of a camera, and with its preview if there is one (EXIF 2.32, 4.6)."""
    entries = [(0x010F, 2, make.encode()), (0x0110, 2, model.encode()), (0x0112, 3, struct.pack("<H", 1))]
    settings = [
        (0x829A, 5, struct.pack("<II", 1, 60)),
        (0x829D, 5, struct.pack("<II", 18, 10)),
        (0x8827, 3, struct.pack("<H", 100)),
        (0x9003, 2, b"2024:05:06 07:08:09"),
        (0x9204, 10, struct.pack("<ii", -1, 3)),
        (0xA434, 2, lens.encode()),
    ]
    first = _directory([*entries, (0x8769, 4, b"\0\0\0\0")], 8)
    second = _directory(settings, 8 + len(first))
    third_at = 8 + len(first) + len(second)
    first = _directory([*entries, (0x8769, 4, struct.pack("<I", 8 + len(first)))], 8, third_at if thumbnail else 0)
    third = b""
    if thumbnail:
        place = third_at + 2 + 2 * 12 + 4
        fields = [(0x0201, 4, struct.pack("<I", place)), (0x0202, 4, struct.pack("<I", len(thumbnail)))]
        third = _directory(fields, third_at) + thumbnail
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + third


def _directory(entries: list[tuple[int, int, bytes]], at: int, following: int = 0) -> bytes:
    """A TIFF directory and the values behind it (TIFF 6.0, section 2)."""
    sizes = {2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
    head, values = struct.pack("<H", len(entries)), b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        body = value + b"\0" if kind == 2 else value
        field = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", behind + len(values))
        if len(body) > 4:
            values += body + b"\0" * (len(body) % 2)
        head += struct.pack("<HHI", tag, kind, len(body) // sizes[kind]) + field
    return head + struct.pack("<I", following) + values


def png_by_hand(pixels: np.ndarray, *, interlaced: bool = False) -> bytes:
    """A colour PNG as Pillow writes none: 16 bits a sample, or interlaced (PNG third edition, 8.2).

    pixels  (H, W, 3) of uint8, or of big-endian uint16
    """
    height, width, _ = pixels.shape
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    parts = [pixels[down::high, across::wide] for down, across, high, wide in passes] if interlaced else [pixels]
    lines = b"".join(b"\0" + line.tobytes() for part in parts if part.size for line in part)
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, 2, 0, 0, interlaced)
    body = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, content) for kind, content in body)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """With its length and its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _transparent(image: Image.Image) -> Image.Image:
    with_opacity = image.convert("RGBA")
    with_opacity.putalpha(Image.linear_gradient("L").resize(image.size))
    return with_opacity


def _film() -> bytes:
    """What stands behind a motion photo."""
    return b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x10mdat" + bytes(range(8))

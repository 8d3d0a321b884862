#!/usr/bin/env python3
# ruff: noqa: T201 - a script that says what it made
"""Make two builds of a camera that took the same scenes: `python demo/make_builds.py [FOLDER]`.

Twenty scenes are cut from the photograph of a temple that scikit-learn ships (china.jpg), at two ISO settings. build41
renders them as they are. build42 has a fault: at ISO 800 it exposes two stops too little. The commands of
docs/for-camera-engineers.md find it.

Needs scikit-learn, numpy and Pillow. The same libraries write the same bytes every time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational
from sklearn.datasets import load_sample_image

SCENES = 20
SIZE = (640, 480)
FAULT_EV = -2.0
"""What build42 does to the scenes at ISO 800, in stops of linear light."""


def scene(number: int) -> Image.Image:
    """A part of the photograph, not the same one twice."""
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    width = 300 + 13 * number
    left, top = 11 * number % (photograph.width - width + 1), 5 * number % (photograph.height - width * 3 // 4 + 1)
    box = (left, top, left + width, top + width * 3 // 4)
    return photograph.resize(SIZE, Image.Resampling.LANCZOS, box=box)


def exposed(picture: Image.Image, ev: float) -> Image.Image:
    """As if exposed `ev` stops more. sRGB (IEC 61966-2-1) in and out."""
    encoded = np.asarray(picture) / 255.0
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) * 2.0**ev
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.rint(255 * encoded.clip(0, 1)).astype(np.uint8))


def exif_of(iso: int, number: int, build: int) -> Image.Exif:
    """What the camera would have written."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Demo", "Phone One"
    exif[ExifTags.Base.Software] = f"build {build}"
    settings = exif.get_ifd(ExifTags.IFD.Exif)
    settings[ExifTags.Base.ISOSpeedRatings] = iso
    settings[ExifTags.Base.ExposureTime] = IFDRational(1, 125 if iso == 100 else 30)
    settings[ExifTags.Base.DateTimeOriginal] = f"2026:07:14 10:{number:02}:00"
    return exif


def main() -> None:
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("builds"))
    folder = parser.parse_args().folder
    for build in (41, 42):
        (folder / f"build{build}").mkdir(parents=True, exist_ok=True)
        for number in range(SCENES):
            iso = 800 if number % 2 else 100
            picture = scene(number)
            if build == 42 and iso == 800:
                picture = exposed(picture, FAULT_EV)
            path = folder / f"build{build}" / f"scene_{number:02}.jpg"
            picture.save(path, quality=92, exif=exif_of(iso, number, build))
    print(f"made {folder}/build41 and {folder}/build42, {SCENES} scenes each")


if __name__ == "__main__":
    main()

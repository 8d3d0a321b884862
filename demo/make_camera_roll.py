#!/usr/bin/env python3
# ruff: noqa: T201 - a script that says what it made
"""Make a small camera folder to try `iqa assess` on: `python demo/make_camera_roll.py [FOLDER]`.

Twenty frames are cut from the two photographs that scikit-learn ships (china.jpg, flower.jpg). Eight of them
stay as they are; the others are changed in tone by a known amount, in linear light, before they are saved as
a camera would save them: JPEG with EXIF, one of them rotated by the orientation tag, one HEIC, one PNG. Four
files are broken as files on memory cards are: cut off, empty, overwritten with noughts, no picture at all.

Needs scikit-learn, numpy, Pillow and pillow-heif. The same libraries write the same bytes every time.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational
from sklearn.datasets import load_sample_image

Linear = NDArray[np.float64]
"""(H, W, 3) linear light, 0 black, 1 display white."""
Tone = Callable[[Linear], Linear]

MIDDLE_GREY = 0.18
JPEG_QUALITY = 92


def exposed(ev: float) -> Tone:
    """As if exposed `ev` stops more; what passes display white is clipped."""
    return lambda light: light * 2.0**ev


def hazed(transmission: float, airlight: float = 0.6) -> Tone:
    """Seen through haze: Koschmieder's law, the share `transmission` of the scene and the rest airlight."""
    return lambda light: transmission * light + (1.0 - transmission) * airlight


def contrasted(gamma: float) -> Tone:
    """Contrast raised about middle grey by the power `gamma`."""
    return lambda light: MIDDLE_GREY * (light / MIDDLE_GREY) ** gamma


def greyed(ceiling: float, knee: float) -> Tone:
    """Highlights above `knee` are pressed together below `ceiling`, as overdone highlight recovery does."""

    def tone(light: Linear) -> Linear:
        span = ceiling - knee
        above = np.maximum(light - knee, 0.0)
        return np.minimum(light, knee) + span * (1.0 - np.exp(-above / span))

    return tone


@dataclasses.dataclass(frozen=True)
class Frame:
    """A part of one photograph, in the size that it is saved in, as it looks upright."""

    photograph: str
    left: int
    top: int
    width: int
    height: int
    saved_as: tuple[int, int] = (1600, 1200)


WIDE = (1920, 1080)
PORTRAIT = (1200, 1600)

TEMPLE = Frame("china.jpg", 0, 0, 569, 427)
TEMPLE_WIDE = Frame("china.jpg", 0, 40, 640, 360, WIDE)
TEMPLE_PORTRAIT = Frame("china.jpg", 50, 12, 310, 413, PORTRAIT)
TEMPLE_ROOF = Frame("china.jpg", 60, 20, 320, 240)
LAKE = Frame("china.jpg", 200, 97, 440, 330)
TREES = Frame("china.jpg", 320, 130, 320, 240)
FLOWER = Frame("flower.jpg", 40, 0, 569, 427)
FLOWER_CLOSE = Frame("flower.jpg", 140, 65, 340, 255)
FLOWER_PORTRAIT = Frame("flower.jpg", 160, 40, 280, 373, PORTRAIT)


@dataclasses.dataclass(frozen=True)
class Shot:
    """One file of the folder: which frame, and what went wrong with it."""

    name: str
    frame: Frame
    tones: tuple[Tone, ...] = ()
    bias_ev: float = 0.0
    """Exposure compensation that the camera notes; the shutter time follows it."""
    orientation: int = 1
    """1 upright, or 6: stored a quarter turn anticlockwise, to be turned back by the reader."""


@dataclasses.dataclass(frozen=True)
class Camera:
    """What a camera writes into every file; both cameras are made up."""

    make: str
    model: str
    lens: str
    f_number: float
    iso: int
    shutter_s: float
    first_shot: dt.datetime


PHONE = Camera(
    make="Demo",
    model="Phone One",
    lens="Phone One main camera",
    f_number=1.8,
    iso=50,
    shutter_s=1 / 500,
    first_shot=dt.datetime(2026, 7, 14, 10, 15, 12),  # noqa: DTZ001 - cameras write no zone
)
COMPACT = Camera(
    make="Demo",
    model="Compact Two",
    lens="24-70mm",
    f_number=4.0,
    iso=100,
    shutter_s=1 / 125,
    first_shot=dt.datetime(2026, 7, 16, 18, 2, 40),  # noqa: DTZ001 - cameras write no zone
)

ROLLS: dict[str, tuple[Camera, tuple[Shot, ...]]] = {
    "100PHONE": (
        PHONE,
        (
            Shot("IMG_20260714_101512.jpg", TEMPLE),
            Shot("IMG_20260714_101648.jpg", TEMPLE, (exposed(-3.0),), bias_ev=-3.0),
            Shot("IMG_20260714_101824.jpg", TEMPLE, (exposed(2.5),), bias_ev=2.5),
            Shot("IMG_20260714_102000.jpg", TEMPLE_WIDE),
            Shot("IMG_20260714_102136.jpg", TEMPLE_WIDE, (hazed(0.3),)),
            Shot("IMG_20260714_102312.jpg", TEMPLE_PORTRAIT, orientation=6),
            Shot("IMG_20260714_102448.jpg", TEMPLE_PORTRAIT, (contrasted(2.2),)),
            Shot("IMG_20260714_102624.jpg", LAKE, (greyed(0.35, 0.15),)),
            Shot("IMG_20260714_102800.jpg", TREES),
            Shot("IMG_20260714_102936.jpg", TREES, (exposed(-2.0), contrasted(1.6)), bias_ev=-2.0),
            Shot("IMG_20260714_103112.heic", TEMPLE_ROOF),
            Shot("IMG_20260714_103248.png", LAKE),
        ),
    ),
    "101CAMRA": (
        COMPACT,
        (
            Shot("DSC_0041.JPG", FLOWER),
            Shot("DSC_0042.JPG", FLOWER, (exposed(3.0),), bias_ev=3.0),
            Shot("DSC_0043.JPG", FLOWER, (exposed(-3.0),), bias_ev=-3.0),
            Shot("DSC_0044.JPG", FLOWER_CLOSE),
            Shot("DSC_0045.JPG", FLOWER_CLOSE, (hazed(0.25, airlight=0.3),)),
            Shot("DSC_0046.JPG", FLOWER_CLOSE, (contrasted(2.0),)),
            Shot("DSC_0047.JPG", FLOWER_PORTRAIT, (greyed(0.22, 0.10),)),
            Shot("DSC_0048.JPG", TEMPLE, (exposed(1.5), hazed(0.5, airlight=0.8)), bias_ev=1.5),
        ),
    ),
}


def rendered(frame: Frame, tones: tuple[Tone, ...]) -> Image.Image:
    """The frame, upright, enlarged, changed by each tone in turn. sRGB (IEC 61966-2-1) in and out."""
    photograph = Image.fromarray(load_sample_image(frame.photograph))
    box = (frame.left, frame.top, frame.left + frame.width, frame.top + frame.height)
    picture = photograph.resize(frame.saved_as, Image.Resampling.LANCZOS, box=box)
    if not tones:
        return picture
    encoded = np.asarray(picture) / 255.0
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    for tone in tones:
        light = np.clip(tone(light), 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.rint(encoded * 255.0).astype(np.uint8))


def exif_of(camera: Camera, shot: Shot, taken_at: dt.datetime, size: tuple[int, int]) -> Image.Exif:
    """The tags that the camera would have written."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = camera.make
    exif[ExifTags.Base.Model] = camera.model
    exif[ExifTags.Base.Orientation] = shot.orientation
    exif[ExifTags.Base.DateTime] = taken_at.strftime("%Y:%m:%d %H:%M:%S")
    settings = exif.get_ifd(ExifTags.IFD.Exif)
    settings[ExifTags.Base.ExifVersion] = b"0232"
    settings[ExifTags.Base.DateTimeOriginal] = taken_at.strftime("%Y:%m:%d %H:%M:%S")
    settings[ExifTags.Base.ExposureTime] = IFDRational(1, round(1 / (camera.shutter_s * 2.0**shot.bias_ev)))
    settings[ExifTags.Base.FNumber] = IFDRational(round(camera.f_number * 10), 10)
    settings[ExifTags.Base.ISOSpeedRatings] = camera.iso
    settings[ExifTags.Base.ExposureBiasValue] = IFDRational(round(shot.bias_ev * 10), 10)
    settings[ExifTags.Base.Flash] = 0
    settings[ExifTags.Base.LensModel] = camera.lens
    settings[ExifTags.Base.ExifImageWidth], settings[ExifTags.Base.ExifImageHeight] = size
    return exif


def save(path: Path, camera: Camera, shot: Shot, taken_at: dt.datetime) -> None:
    """Write one shot in the format of its suffix."""
    picture = rendered(shot.frame, shot.tones)
    if shot.orientation == 6:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    exif = exif_of(camera, shot, taken_at, picture.size)
    suffix = path.suffix.lower()
    if suffix == ".heic":
        pillow_heif.from_pillow(picture).save(path, quality=JPEG_QUALITY, exif=exif.tobytes())
    elif suffix == ".png":
        picture.save(path, exif=exif)
    else:
        picture.save(path, quality=JPEG_QUALITY, exif=exif)


def break_some(folder: Path, good: Path) -> int:
    """Four files that no reader can take for a photo. Gives their number."""
    whole = good.read_bytes()
    broken = {
        "IMG_20260714_103424.jpg": whole[: len(whole) * 2 // 5],  # the card was pulled out while it was written
        "IMG_20260714_103600.jpg": b"",  # the disk was full
        "IMG_20260714_103736.jpg": bytes(len(whole)),  # "recovered" from an erased card
        "IMG_20260714_103912.jpg": b"This is not a photograph.\n",
    }
    for name, data in broken.items():
        (folder / name).write_bytes(data)
    return len(broken)


def make(root: Path) -> str:
    """Write the folder; files of an earlier run are overwritten. Gives one line that says what there is."""
    written: list[tuple[Path, Shot]] = []
    for folder_name, (camera, shots) in ROLLS.items():
        folder = root / folder_name
        folder.mkdir(parents=True, exist_ok=True)
        for number, shot in enumerate(shots):
            path = folder / shot.name
            save(path, camera, shot, camera.first_shot + number * dt.timedelta(seconds=96))
            written.append((path, shot))
    first = written[0][0]
    n_broken = break_some(first.parent, first)
    n_fine = sum(not shot.tones for _, shot in written)
    return (
        f"made {root}: {len(written) + n_broken} files, {n_fine} photos as they were, "
        f"{len(written) - n_fine} changed in tone, {n_broken} broken files"
    )


def main() -> None:
    """Read the one argument and make the folder."""
    parser = argparse.ArgumentParser(description="Make a small camera folder to try iqa on.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "DCIM")
    print(make(parser.parse_args().folder))


if __name__ == "__main__":
    main()

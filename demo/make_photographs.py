#!/usr/bin/env python3
# ruff: noqa: T201 - a script that says what it made
"""Make a small folder of good photographs to train on: `python demo/make_photographs.py [FOLDER]`.

Twelve photographs that scikit-image and scikit-learn ship and that anybody may use: see `SOURCES`. They are written
as PNG, whole, each a scene of its own. `configs/quick.toml` learns from them.

Needs scikit-image and scikit-learn, which the train extra brings. Nothing is fetched.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_image

SOURCES = {
    "astronaut": "NASA, no known copyright restrictions",
    "brick": "CC0",
    "camera": "Lav Varshney, CC0",
    "chelsea": "Stefan van der Walt, CC0",
    "clock": "Stefan van der Walt, public domain",
    "coffee": "Rachel Michetti, CC0",
    "coins": "Brooklyn Museum, no known copyright restrictions",
    "grass": "CC0",
    "gravel": "CC0",
    "rocket": "SpaceX, public domain",
    "china.jpg": "danielbuechele, CC BY 2.0",
    "flower.jpg": "vultilion, CC BY 2.0",
}
"""What each is called where it comes from, and its licence; names with a suffix come with scikit-learn."""


def photograph(name: str) -> Image.Image:
    """One of `SOURCES`, in colours."""
    pixels = load_sample_image(name) if name.endswith(".jpg") else getattr(skimage.data, name)()
    return Image.fromarray(np.asarray(pixels, np.uint8)).convert("RGB")


def make(folder: Path) -> str:
    """Write them all. Gives one line that says what there is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        photograph(name).save(folder / f"{name.removesuffix('.jpg')}.png")
    return f"made {folder}: {len(SOURCES)} photographs to learn from"


def main() -> None:
    """Read the one argument and make the folder."""
    parser = argparse.ArgumentParser(description="Make a small folder of good photographs to train on.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "photographs")
    print(make(parser.parse_args().folder))


if __name__ == "__main__":
    main()

"""How far scores of a camera's preview are from those of the picture: `python benchmarks/previews.py PHOTOS`.

A HEIC file is judged from its preview by `--decode auto` where no level would change if all scores moved up or down by
a margin. This fits the margins of a checkpoint, for `preview` on its card, and says what they are worth. Every
photograph is coded with HEVC as it is and with a fault drawn in code, and has a preview of 320 pixels made as cameras
make it: shrunk by some filter, coded with HEVC. Margins are fitted on one half of the photographs, as MARGIN times the
root of the mean square of the differences of a label's scores; agreement is measured on the other half:

    equal    levels that are the same as those of the picture, of all
    decoded  photographs of which the picture is decoded after all, and so all levels are the same
    far      levels that are wrong by more than one
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from PIL import Image

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.models.prepare import views
from iqa_cli.models.runner import OnnxModel
from iqa_cli.paths import checkpoint_folder
from iqa_cli.photos.decode import decode
from iqa_cli.photos.discover import discover
from iqa_cli.pipeline.decide import Decider
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.checkpoint import Checkpoint

MARGIN = 1.5
FACTORS = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Margins that are tried beside it."""
LONG_SIDE = 320
PICTURE_QUALITY = 90
PREVIEW_QUALITY = (45, 80)
FILTERS = (
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
)


def main() -> None:
    """Draw, score, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="photographs, or folders of them")
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--count", type=int, default=300, help="photographs that are taken, by chance")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    checkpoint = load_checkpoint(checkpoint_folder(options.checkpoint))
    rng = np.random.default_rng(options.seed)
    found = discover(options.photos).photos
    taken = [found[number] for number in rng.permutation(len(found))[: options.count]]
    pictures = [photo.rgb for photo in map(decode, taken) if isinstance(photo, Photo)]
    if len(pictures) < 2:
        parser.error(f"{len(pictures)} photographs can be read; two are the fewest")
    model = OnnxModel(checkpoint)

    def scored(rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return [model.photo_scores(views(one, checkpoint.preprocessing))[0] for one in picture_and_preview(rgb, rng)]

    good = np.array([scored(rgb) for rgb in pictures])
    faulty = np.array([scored(with_fault(rgb, rng)) for rgb in pictures])
    report(checkpoint, good, faulty)


def with_fault(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A photograph exposed wrongly, in haze, with another contrast, or with its highlights pressed down; some as it is.

    rgb      (H, W, 3) sRGB
    returns  the same
    """
    light = rgb.astype(np.float64) / 255
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    kind = rng.integers(6)
    if kind in (1, 2):
        light *= 2 ** rng.uniform(-3.0, 2.2)
    elif kind == 3:
        haze = rng.uniform(0.1, 0.8)
        light = light * (1 - haze) + haze * rng.uniform(0.4, 0.9)
    light = light.clip(0, 1)
    seen = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    if kind == 4:
        seen = (seen - 0.5) * rng.uniform(0.3, 2.5) + 0.5
    elif kind == 5:
        knee = rng.uniform(0.3, 0.9)
        seen = np.where(seen > knee, knee + (seen - knee) * rng.uniform(0.1, 0.6), seen)
    result: NDArray[np.uint8] = np.rint(255 * seen.clip(0, 1)).astype(np.uint8)
    return result


def picture_and_preview(rgb: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], ...]:
    """Both as a camera codes them and iqa decodes them, (H, W, 3) each."""
    picture = Image.fromarray(rgb)
    scale = LONG_SIDE / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    preview = picture.resize(size, FILTERS[rng.integers(len(FILTERS))])
    return coded(picture, PICTURE_QUALITY), coded(preview, int(rng.integers(*PREVIEW_QUALITY)))


def coded(image: Image.Image, quality: int) -> NDArray[np.uint8]:
    """What HEVC leaves of a picture. (H, W, 3)."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=quality)
    return np.asarray(pillow_heif.open_heif(io.BytesIO(buffer.getvalue())).to_pillow().convert("RGB"))


def report(checkpoint: Checkpoint, good: NDArray[np.float32], faulty: NDArray[np.float32]) -> None:
    """Print what there is to know. good, faulty: (P, 2, N) scores of pictures and of their previews."""
    graph, decider = checkpoint.graph, Decider(checkpoint)
    half = len(good) // 2
    fitted = np.concatenate([good[:half], faulty[:half]])
    of_label = np.repeat(np.arange(len(graph.labels)), [count - 1 for count in graph.n_levels])
    squares = (fitted[:, 1].astype(np.float64) - fitted[:, 0]) ** 2
    deviations = np.array([np.sqrt(squares[:, of_label == label].mean()) for label in range(len(graph.labels))])
    print(f"{len(good)} photographs, {half} of them for the margins; the others:")
    for factor in FACTORS:
        for name, scores in (("as they are", good[half:]), ("with faults", faulty[half:])):
            equal, decoded, far = agreement(decider, scores, factor * deviations)
            print(f"margin {factor:g}  {name}  equal {equal:.2%}, decoded {decoded:.1%}, far {far}")
    margins = np.round(MARGIN * deviations, 2)
    by_label = dict(zip(graph.label_names, deviations.round(3).tolist(), strict=True))
    print("deviations", json.dumps(by_label))
    print("for the card", json.dumps({"margins": dict(zip(graph.label_names, margins.tolist(), strict=True))}))


def agreement(decider: Decider, scores: NDArray[np.float32], margins: NDArray[np.float64]) -> tuple[float, float, int]:
    """Shares of equal levels and of decoded photographs, and the number of levels that are far off."""
    differences, decoded = [], 0
    for of_picture, of_preview in scores:
        if decider.is_settled(of_preview[None], margins):
            levels = [decider.decision(one[None]).levels for one in (of_picture, of_preview)]
            differences += [abs(levels[0][name] - levels[1][name]) for name in levels[0]]
        else:
            decoded += 1
            differences += [0] * len(decider.decision(of_picture[None]).levels)
    return float(np.mean(np.array(differences) == 0)), decoded / len(scores), sum(one > 1 for one in differences)


if __name__ == "__main__":
    main()

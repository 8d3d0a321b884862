"""Part: does a photo keep its levels when it is decoded, mirrored, saved or sized another way?"""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from iqa_cli.photos.discover import discover
from iqa_cli.pipeline import Auditor
from quality_parts.document import Cell, Failure, Goal, Part, Table, Verdict, share, share_of_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iqa_cli.records import PhotoReport
    from quality_parts.judges import Judge

GOAL = Goal(0.02, at_most=True)
"""Below this share of decisions may change; each way by itself."""
FINE = 95
"""JPEG quality of copies that are about something else than their quality; colour is kept at full size."""


def _saved(image: Image.Image, path: Path, quality: int, **options: int) -> Path:
    image.save(path, "JPEG", quality=quality, icc_profile=image.info.get("icc_profile"), **options)
    return path


COPIES: dict[str, Callable[[Image.Image, Path], Path]] = {
    "copy turned by 180 degrees": lambda image, path: _saved(
        image.transpose(Image.Transpose.ROTATE_180), path, FINE, subsampling=0
    ),
    "mirrored copy": lambda image, path: _saved(ImageOps.mirror(image), path, FINE, subsampling=0),
    "JPEG saved again, quality 75": lambda image, path: _saved(image, path, 75),
    "frame moved by 3 %": lambda image, path: _saved(_moved(image), path, FINE, subsampling=0),
    "half-size copy": lambda image, path: _saved(_halved(image), path, FINE, subsampling=0),
}


def stability_part(folders: Sequence[Path], judges: Sequence[Judge]) -> Part:
    """Compare every photo of the folders that is judged with status `ok` with its copies.

    Photos that plain Pillow cannot copy, such as those cut off, are only decoded in full.
    """
    refs = discover(folders).photos
    scaled = {judge.name: Auditor(judge.checkpoint, decode="scaled", jobs=1) for judge in judges}
    full = {judge.name: Auditor(judge.checkpoint, jobs=1, decode="full") for judge in judges}
    changed: dict[tuple[str, str], list[tuple[int, int]]] = {
        (judge.name, way): [] for way in ("full decode", *COPIES) for judge in judges
    }
    doubted = dict.fromkeys(changed, 0)
    leaps = dict.fromkeys(changed, 0)
    failures: list[Failure] = []
    photos, uncopied = 0, 0
    main = judges[0].name
    with tempfile.TemporaryDirectory() as temporary:
        for ref in refs:
            first = {name: auditor.photo(ref.path) for name, auditor in scaled.items()}
            if first[main].status != "ok":
                continue
            photos += 1
            copies = dict(_copies(ref.path, Path(temporary)))
            uncopied += not copies
            for name, report in first.items():
                others = {"full decode": full[name].photo(ref.path)}
                others |= {way: scaled[name].photo(path) for way, path in copies.items()}
                for way, other in others.items():
                    differing = list(_differing(report, other))
                    changed[name, way].append((len(differing), len(report.findings)))
                    doubted[name, way] += other.status != report.status
                    leaps[name, way] += _leaps(report, other)
                    if name == main and differing:
                        failures.append(Failure(f"{ref.source_file}, {way}", ", ".join(differing)))
    rows: list[tuple[Cell, ...]] = []
    verdicts: list[Verdict] = []
    for way in ("full decode", *COPIES):
        cells = [share_of_groups(*_columns(changed[judge.name, way])) for judge in judges]
        rows.append((way, *cells, "< 2 %", GOAL.met(cells[0].value)))
        figures = {judge.name: cell for judge, cell in zip(judges, cells, strict=True)}
        verdicts.append(Verdict(f"levels that change: {way}", GOAL, figures, "< 2 %"))
    note = (
        "Share of (photo, label) decisions whose level differs from that of the scaled decode of the original, over "
        f"{photos} photos that `{main}` judges with status ok; {uncopied} of them could not be copied. Mirrored and "
        f"half-size copies are JPEGs of quality {FINE}, all upright; a frame moved by 3 % lacks that much at the left "
        "and below, as the next frame of a hand-held burst does. Intervals: 95 %, resampled photos."
    )
    statuses: tuple[tuple[Cell, ...], ...] = tuple(
        (way, *(share(doubted[judge.name, way], len(changed[judge.name, way])) for judge in judges))
        for way in ("full decode", *COPIES)
    )
    far: tuple[tuple[Cell, ...], ...] = tuple(
        (
            way,
            *(share(leaps[judge.name, way], sum(of for _, of in changed[judge.name, way])) for judge in judges),
        )
        for way in ("full decode", *COPIES)
    )
    names = tuple(judge.name for judge in judges)
    levels = Table("Levels", ("scaled decode against", *names, "goal", "met"), tuple(rows))
    leap = Table("Changes by two levels or more", ("scaled decode against", *names), far)
    tables = (levels, leap, Table("Status", ("scaled decode against", *names), statuses))
    return Part(
        "stability",
        "Stability",
        (note,),
        tables,
        tuple(failures),
        "Levels that changed",
        verdicts=tuple(verdicts),
    )


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [hits for hits, _ in pairs], [of for _, of in pairs]


def _copies(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copies of a photo, upright, each beside the way it was made; none if Pillow cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what it reads all the same
            image = ImageOps.exif_transpose(_opened(path.read_bytes()))
            if image.mode not in ("RGB", "L", "CMYK"):
                image = image.convert("RGB")
            for number, (way, make) in enumerate(COPIES.items()):
                yield way, make(image, folder / f"{number}.jpg")
    except (OSError, ValueError, SyntaxError):  # what Pillow raises for damaged files
        return


def _opened(data: bytes) -> Image.Image:
    """By Pillow, HEIF by its own library; no opener is registered for the whole process."""
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        return pillow_heif.open_heif(data).to_pillow()


def _moved(image: Image.Image) -> Image.Image:
    across, down = round(0.03 * image.width), round(0.03 * image.height)
    return image.crop((across, 0, image.width, image.height - down))


def _halved(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)


def _leaps(report: PhotoReport, other: PhotoReport) -> int:
    """Labels whose level is two or more away."""
    return sum(abs(one.level - two.level) >= 2 for one, two in zip(report.findings, other.findings, strict=False))


def _differing(report: PhotoReport, other: PhotoReport) -> Iterator[str]:
    """Labels whose level differs; all of them if the other was not judged."""
    if not other.findings:
        yield from (f"{finding.label}: {other.error}" for finding in report.findings)
        return
    for before, after in zip(report.findings, other.findings, strict=True):
        if before.level != after.level:
            chances = f"{before.probability:.2f} to {after.probability:.2f}"
            yield f"{before.label} {before.level} to {after.level} ({chances})"

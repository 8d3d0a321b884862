"""Whether camera settings are read as exiftool reads them: `python benchmarks/exif_agreement.py FOLDER...`.

exiftool's value is the one from EXIF, or else from XMP; the size is that of the file itself. Each setting of each photo
is

    equal      the same value
    neither    not there for either; 0 where it is no value, 0000:00:00 and the like are not there
    elsewhere  only where we do not look: maker notes, the second directory, IPTC
    left out   there for exiftool, and told by us as left out or damaged
    missing    there for exiftool, and we say nothing
    ours only  there for us, and not for exiftool
    different  not the same value

The last four are listed one by one. Needs exiftool on the path.
"""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import json
import math
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_cli.photos.exif import EXIF_DAMAGED, LEFT_OUT, TURNED_BY_XMP, XMP_DAMAGED, capture_of_header
from iqa_cli.photos.files import SIGNATURE_BYTES, sniff
from iqa_cli.photos.headers import read_header

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS = {
    "Make": "make",
    "Model": "model",
    "LensModel": "lens_model",
    "DateTimeOriginal": "taken_at",
    "ExposureTime": "exposure_time_s",
    "FNumber": "f_number",
    "ISO": "iso",
    "ExposureCompensation": "exposure_bias_ev",
    "Flash": "flash_fired",
    "Orientation": "orientation",
    "ImageWidth": "image_width",
    "ImageHeight": "image_height",
    "FocalLength": "focal_length_mm",
}
EQUAL, NEITHER, ELSEWHERE = "equal", "neither", "elsewhere"
LISTED = ("left out", "missing", "ours only", "different")
SETTINGS = ("ExifIFD", "IFD0", "XMP-exif", "XMP-tiff", "XMP-exifEX")
MAIN = ("IFD0", "ExifIFD", "XMP-tiff", "XMP-exif", "XMP-exifEX")
SIZE = ("File", "PNG", "RIFF", "Meta", "QuickTime", "Track1")
GROUPS = {"Make": MAIN, "Model": MAIN, "Orientation": MAIN, "ImageWidth": SIZE, "ImageHeight": SIZE}
"""Where exiftool's value is taken from, the first that has one."""
ZERO_IS_NONE = frozenset({"ExposureTime", "FNumber", "FocalLength", "ISO", "Orientation", "ImageWidth", "ImageHeight"})


def main() -> None:
    """Compare and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of photos, searched to the bottom")
    options = parser.parse_args()
    files = (path for folder in options.folders for path in sorted(folder.rglob("*")))
    photos = {str(path): kind for path in files if (kind := kind_of(path))}
    counts = {field: collections.Counter[str]() for field in FIELDS}
    lines = []
    for name, found in by_exiftool(photos).items():
        capture, notes = capture_of_header(read_header(photos[name], Path(name).read_bytes()))
        for field, attribute in FIELDS.items():
            ours, (theirs, group) = getattr(capture, attribute), value_of(found, field)
            verdict = judged(field, ours, theirs, group, notes)
            counts[field][verdict] += 1
            if verdict in LISTED:
                lines.append(
                    f"- {name}: {field} {verdict}: exiftool {theirs!r} ({group}), iqa {ours!r} {'; '.join(notes)}"
                )
    kinds = (EQUAL, NEITHER, ELSEWHERE, *LISTED)
    print(f"{len(photos)} photos\n\n| setting | {' | '.join(kinds)} |\n|---{'|---' * len(kinds)}|")
    for field, count in counts.items():
        print(f"| `{field}` | {' | '.join(str(count[kind]) for kind in kinds)} |")
    print("\n".join(["", *lines]))


def kind_of(path: Path) -> Any:
    """The format of a photo that iqa reads; None for any other file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return sniff(file.read(SIGNATURE_BYTES))


def by_exiftool(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What exiftool finds in each file, by group and name."""
    command = ["exiftool", "-n", "-a", "-json", "-G1", "-q", "-q", *(f"-{field}" for field in FIELDS), "-@", "-"]
    listed = subprocess.run(command, input="\n".join(names), capture_output=True, text=True, check=False)
    return {found["SourceFile"]: found for found in json.loads(listed.stdout)}


def value_of(found: dict[str, Any], field: str) -> tuple[Any, str]:
    """The value and its group; one from anywhere else if there is none where we look."""
    values = {key.rpartition(":")[0]: value for key, value in found.items() if key.rpartition(":")[2] == field}
    for group in (*GROUPS.get(field, SETTINGS), *values):
        if group in values and not says_nothing(field, values[group]):
            return values[group], group
    return None, ""


def says_nothing(field: str, value: Any) -> bool:
    """Whether a value means that nothing is known: blanks, undefined fractions, zeros where 0 is no value."""
    text = str(value).strip()
    if field == "DateTimeOriginal":
        return not re.search("[1-9]", text)
    return text in ("", "undef", "inf") or (field in ZERO_IS_NONE and not text.strip("0. "))


def judged(field: str, ours: Any, theirs: Any, group: str, notes: tuple[str, ...]) -> str:
    """How the two go together, in the words of the table."""
    if theirs is None:
        return NEITHER if ours is None else "ours only"
    if group not in GROUPS.get(field, SETTINGS):
        return ELSEWHERE if ours is None else "ours only"
    if ours is not None:
        return EQUAL if same(ours, theirs) else "different"
    if field == "Orientation" and group.startswith("XMP"):
        return NEITHER if theirs == 1 else "left out" if TURNED_BY_XMP in notes else "missing"
    is_named = any(note.startswith(LEFT_OUT) and f" {field} (" in note for note in notes)
    return "left out" if is_named or EXIF_DAMAGED in notes or XMP_DAMAGED in notes else "missing"


def same(ours: Any, theirs: Any) -> bool:
    """Whether both mean the same: numbers to four digits, the first of a list that is not 0, times to the second."""
    if isinstance(ours, dt.datetime):
        return re.findall(r"\d+", str(theirs))[:6] == ours.strftime("%Y %m %d %H %M %S").split()
    if isinstance(ours, str):
        return ours.split() == str(theirs).split()
    try:
        numbers = [float(part) for part in str(theirs).split()]
    except ValueError:
        return False
    number = next((number for number in numbers if number), 0.0)
    if isinstance(ours, bool):
        return ours == bool(int(number) & 1)
    return math.isclose(ours, number, rel_tol=1e-4, abs_tol=1e-9)


if __name__ == "__main__":
    main()

"""Puts the photographs of configs/default.toml together again, from local snapshots of the repositories they come from.

    python configs/photographs/collect.py --snapshots DIR --out ../photographs [--have FOLDER ...]

`sources.csv` beside this script lists every photograph: which part of the recipe it is for, repository, commit, path,
licence, size and hash of the original, and what it shows. None of them is part of this repository. `labels.csv`
says what the recipe is told of the labelled ones, and how often each is drawn.

DIR holds a git clone of each repository, bare or not, in a folder called owner+name. FOLDERS hold photographs that were
collected before, with a SOURCES.csv (file, repo, commit, path) of their own; they are looked through first. What is
found is written to OUT/ladder and OUT/labelled. What is not is named, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCES = Path(__file__).with_name("sources.csv")
LONG_SIDE = 512
"""Pixels: the working picture of `iqa assess` is as large."""

Key = tuple[str, str]
"""Repository and path: what a photograph is called, whatever its commit."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect; 0 if everything was found, 1 if something is missing."""
    options = _options(arguments)
    with SOURCES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    collected = dict(_collected(options.have))
    missing = []
    for row in rows:
        target = options.out / row["part"] / row["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        known = collected.get((row["repository"], row["path"]))
        if known is not None:
            target.write_bytes(known.read_bytes())
            continue
        try:
            small(original(options.snapshots, row)).save(target, quality=92)
        except (OSError, ValueError) as error:
            missing.append(f"{row['part']}/{row['file']}: {row['repository']} {row['path']}: {error}")
    for line in missing:
        print(line, file=sys.stderr)
    print(f"{len(rows) - len(missing)} of {len(rows)} photographs are in {options.out}")
    return 1 if missing else 0


def original(snapshots: Path | None, row: dict[str, str]) -> bytes:
    """The file as it is in its repository, checked against its hash where that is known.

    raises  ValueError  if there is no snapshot, the snapshot lacks it, or it is another file
    """
    folder = None if snapshots is None else snapshots / row["repository"].replace("/", "+")
    if folder is None or not folder.is_dir():
        raise ValueError(f"no snapshot; clone it to a folder called {row['repository'].replace('/', '+')}")
    command = ["git", "-C", str(folder), "show", f"{row['commit']}:{row['path']}"]
    shown = subprocess.run(command, capture_output=True, check=False)
    if shown.returncode:
        raise ValueError(f"not in the snapshot ({shown.stderr.decode(errors='replace').strip()})")
    if row["sha256"] and hashlib.sha256(shown.stdout).hexdigest() != row["sha256"]:
        raise ValueError("another file than the one that was learned from")
    return shown.stdout


def small(data: bytes) -> Image.Image:
    """Upright, RGB, with a long side of at most `LONG_SIDE`."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    large = max(picture.size) > 2 * LONG_SIDE
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BOX if large else Image.Resampling.LANCZOS)
    return picture


def _collected(folders: Sequence[Path]) -> Iterator[tuple[Key, Path]]:
    for folder in folders:
        with (folder / "SOURCES.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield (row["repo"], row["path"]), folder / row["file"]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snapshots", type=Path, help="folder with a clone of each repository, called owner+name")
    parser.add_argument("--have", type=Path, nargs="*", default=[], help="folders of photographs collected before")
    parser.add_argument("--out", type=Path, required=True, help="where ladder/ and labelled/ are written")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""How good is a checkpoint? One document of figures with intervals, beside simpler judges, wrong judgements named.

    python benchmarks/quality.py --photos ../shared/photos --real ../shared/real_dev --dcim ../shared/dcim
        [--checkpoint default] [--other NAME=FOLDER ...] [--ladder-samples 6000] [--json quality.json]

What is not given is left out: `--photos` brings the tone ladder, `--real` real photographs of known kind, `--dcim`
camera files labelled by eye, either of these two the stability of levels; cost is always measured. CleanVision is
judged beside them where it is installed. Markdown goes to standard output, progress to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from quality_parts.document import Document
from quality_parts.judges import Judge

from iqa_cli import IqaError, __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quality_parts.document import Part

PARTS = ("ladder", "real", "camera", "stability", "cost")


def parts(options: argparse.Namespace, judges: Sequence[Judge]) -> Iterator[Part]:
    """The parts that were asked for and for which there is data. Each is imported when its turn comes: the ladder needs
    torch, the others do not.
    """
    folders = [folder for folder in (options.real, options.dcim) if folder is not None]
    if "ladder" in options.parts and options.photos is not None:
        from quality_parts.ladder import ladder_part

        yield ladder_part(
            options.photos, judges, samples=options.ladder_samples, learning_samples=options.learning_samples
        )
    if "real" in options.parts and options.real is not None:
        from quality_parts.real import real_part

        yield real_part(options.real, judges)
    if "camera" in options.parts and options.dcim is not None:
        from quality_parts.camera import camera_part

        yield camera_part(options.dcim, options.dcim_labels, judges)
    if "stability" in options.parts and folders:
        from quality_parts.stability import stability_part

        yield stability_part(folders, judges)
    if "cost" in options.parts:
        from quality_parts.cost import cost_part

        yield cost_part(judges)


def about(options: argparse.Namespace, judges: Sequence[Judge]) -> dict[str, str]:
    """What was run on what."""
    found = {
        f"`{judge.name}`": (
            f"made {judge.checkpoint.card.get('created', 'at an unknown time')}, graph {judge.checkpoint.graph.name}, "
            f"{judge.checkpoint.preprocessing.size} pixels"
        )
        for judge in judges
    }
    versions = ", ".join(f"{name} {_version(name)}" for name in ("onnxruntime", "torch", "scikit-learn", "cleanvision"))
    return {**found, "iqa": __version__, "libraries": versions, "parts": ", ".join(options.parts)}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _named(text: str) -> tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER, got {text!r}")
    return name, folder


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts, print the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="default", help="name or folder of what is judged")
    parser.add_argument("--other", type=_named, action="append", default=[], metavar="NAME=FOLDER", help="more of them")
    parser.add_argument("--photos", type=Path, help="photographs that the checkpoint was trained from")
    parser.add_argument("--real", type=Path, help="real photographs with labels.csv")
    parser.add_argument("--dcim", type=Path, help="camera files")
    parser.add_argument(
        "--dcim-labels", type=Path, default=Path(__file__).with_name("dcim_labels.csv"), help="their labels"
    )
    parser.add_argument("--ladder-samples", type=int, default=6000, help="ladder pictures to judge")
    parser.add_argument("--learning-samples", type=int, default=20_000, help="for the histogram model to learn from")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="only these")
    parser.add_argument("--failures", type=int, default=15, help="wrong judgements that a part names")
    parser.add_argument("--json", type=Path, help="the same as JSON, with all wrong judgements")
    options = parser.parse_args(arguments)
    found = []
    try:
        named = [(Path(options.checkpoint).name, options.checkpoint), *options.other]
        judges = [Judge.load(name, where) for name, where in named]
        started = time.monotonic()
        for part in parts(options, judges):
            found.append(part)
            print(f"{part.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    except (IqaError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    document = Document(about(options, judges), tuple(found))
    if options.json is not None:
        options.json.write_text(json.dumps(document.json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(document.markdown(options.failures), end="")


if __name__ == "__main__":
    main()

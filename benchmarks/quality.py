"""How good is a checkpoint? One document of figures with intervals, beside simpler judges, wrong judgements named.

    python benchmarks/quality.py --photos ../shared/photos --real ../shared/real_dev --real ../shared/real_dev2
        --dcim ../shared/dcim [--surroundings ../shared/photos] [--hdr ../shared/photos] [--checkpoint default]
        [--other NAME=FOLDER ...] [--parts real ...] [--front front.csv] [--ladder-samples 6000] [--json quality.json]

What is not given is left out: `--photos` brings the tone ladder, `--real` real photographs of known kind (as often as
there are folders) and the front of operating points on them, `--dcim` camera files labelled by eye, either of these two
the stability of levels, `--surroundings` good photographs with bars and borders around them, `--hdr` copies of good
photographs in PQ and HLG; cost is always measured. CleanVision is judged beside them where it is installed. Markdown
goes to standard output, progress to standard error.

`--parts real` judges the photographs of known kind and the camera files only: half a minute, for a checkpoint that is
still being worked on. `--parts suppression`, with `--photos`, is a study of one label, and only done if it is named.
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

PARTS = ("ladder", "real", "front", "camera", "stability", "surroundings", "hdr", "cost")
ALSO = ("suppression",)
"""Parts that run only if they are named."""
BROUGHT = {"real": ("front", "camera")}
"""What a part brings along if it is named: these take seconds."""


def parts(options: argparse.Namespace, judges: Sequence[Judge]) -> Iterator[Part]:
    """The parts that were asked for and for which there is data. Each is imported when its turn comes: the ladder needs
    torch, the others do not.
    """
    asked = {brought for part in options.parts for brought in (part, *BROUGHT.get(part, ()))}
    folders = [*options.real, *([] if options.dcim is None else [options.dcim])]
    if "ladder" in asked and options.photos is not None:
        from quality_parts.ladder import ladder_part

        yield ladder_part(
            options.photos, judges, samples=options.ladder_samples, learning_samples=options.learning_samples
        )
    if "suppression" in asked and options.photos is not None:
        from quality_parts.suppression import suppression_part

        yield suppression_part(
            options.photos, judges[0], samples=options.ladder_samples, learning_samples=options.learning_samples
        )
    yield from _of_real_photographs(options, judges, asked)
    if "stability" in asked and folders:
        from quality_parts.stability import stability_part

        yield stability_part(folders, judges)
    if "surroundings" in asked and options.surroundings:
        from quality_parts.surroundings import surroundings_part

        yield surroundings_part(options.surroundings, judges)
    if "hdr" in asked and options.hdr is not None:
        from quality_parts.hdr import hdr_part

        yield hdr_part(options.hdr, judges, photographs=options.hdr_photographs)
    if "cost" in asked:
        from quality_parts.cost import cost_part

        yield cost_part(judges)


def _of_real_photographs(options: argparse.Namespace, judges: Sequence[Judge], asked: set[str]) -> Iterator[Part]:
    """Those that look at photographs of known kind and camera files, which are judged once for all of them."""
    judged = camera = None
    if options.real and asked & {"real", "front"}:
        from quality_parts.folders import judge_folders

        judged = judge_folders(options.real, judges)
    if options.dcim is not None and "camera" in asked:
        from quality_parts.camera import judge_camera

        camera = judge_camera(options.dcim, options.dcim_labels, judges)
    if judged is not None and "real" in asked:
        from quality_parts.real import real_part

        yield real_part(judged, judges)
    if camera is not None:
        from quality_parts.camera import camera_part

        yield camera_part(camera, judges)
    if judged is not None and "front" in asked:
        from quality_parts.front import front_part

        yield front_part(judged, judges, camera, options.front)


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
    parser.add_argument(
        "--real",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="real photographs with labels.csv; may be given again",
    )
    parser.add_argument("--front", type=Path, metavar="FILE.csv", help="the front of operating points, as a table")
    parser.add_argument("--dcim", type=Path, help="camera files")
    parser.add_argument(
        "--dcim-labels", type=Path, default=Path(__file__).with_name("dcim_labels.csv"), help="their labels"
    )
    parser.add_argument(
        "--surroundings",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="good photographs, to be put between bars and the like; may be given again",
    )
    parser.add_argument("--hdr", type=Path, help="good photographs, to be copied in PQ and HLG")
    parser.add_argument("--hdr-photographs", type=int, default=200, help="how many of them")
    parser.add_argument("--ladder-samples", type=int, default=6000, help="ladder pictures to judge")
    parser.add_argument("--learning-samples", type=int, default=20_000, help="for the histogram model to learn from")
    parser.add_argument("--parts", nargs="+", choices=(*PARTS, *ALSO), default=PARTS, help="only these")
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

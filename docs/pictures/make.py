# ruff: noqa: INP001, T201 - a script beside documents, no package; it says what it made
"""Makes the pictures of commands that the documents show: `make pictures`, or `python docs/pictures/make.py [NAME...]`.

Each command runs in a folder that is drawn by code: a camera folder (`demo/make_camera_roll.py`), tables of labels, a
graph with a mistake in it. What it prints is kept as an SVG file beside this script. Times, versions and the place of
the cache are replaced by fixed ones, so that the same program gives the same files. The sample in the README is cut
from the first picture. `tests/test_pictures.py` makes all of it again and compares.

Needs the `[train]` and `[test]` extras. `page` is the picture of the page that `iqa assess --html` makes; it needs a
Chromium besides and is only made when it is named.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import importlib.util
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
README = ROOT / "README.md"

WIDTH = 92
"""Columns of the terminal."""
CACHE = "cache"
LABELS = ("bright", "dark", "high_contrast", "low_contrast", "overexposed", "over_suppressed")


@dataclasses.dataclass(frozen=True)
class Picture:
    """One command and what it prints."""

    name: str
    """Of the file, without suffix."""
    command: str
    """As it is typed; the last one of its line that is run."""
    before: tuple[str, ...] = ()
    """What has to be run first; not shown."""
    figures_vary: bool = False
    """Whether another machine may print other numbers: weights that were learned there are not the same."""
    width: int = WIDTH
    """Columns of the terminal."""
    messages: Literal["none", "before", "after"] = "none"
    """Where what goes to stderr is shown. In most commands that is the bar, which is gone when they have ended."""


PICTURES = (
    Picture("assess", "iqa assess DCIM --top 3"),
    Picture("assess-blocking", "iqa assess DCIM --min-severity blocking --top 4", before=("iqa assess DCIM",)),
    Picture("compare", "iqa compare build41 build42 --top 2"),
    Picture("cache", "iqa cache info", before=("iqa assess DCIM",)),
    Picture(
        "pick",
        "iqa pick audit.csv --min-severity blocking --move-to rejected --dry-run",
        before=("iqa assess DCIM --csv audit.csv",),
        messages="after",
    ),
    Picture("split", 'iqa split shots.csv --by "regex:^[^_]+" --out splits'),
    Picture(
        "train",
        "iqa train --config run.toml",
        before=('iqa split drawn.csv --images drawn --by "regex:^[^_]+" --out parts',),
        figures_vary=True,
        width=104,
        messages="before",
    ),
    Picture("eval", "iqa eval labels.csv --images DCIM"),
    Picture("graph-check", "iqa graph-check my-graph.json"),
    Picture("checkpoint-check", "iqa checkpoint-check default"),
)

# ---- The folder that the commands run in -----------------------------------------------------------------------------

MY_GRAPH = """\
{
  "levels": {"1": "none", "2": "ordinary", "3": "severe", "4": "blocking"},
  "nodes": [
    {"label": "clipped", "levels": [1, 2, 3, 4]},
    {"label": "over-suppressed", "levels": [1, 2, 3, 4]},
    {"label": "sky clipped", "levels": [1, 2, 3, 4]}
  ],
  "exclusions": [
    {"label_a": "clipped", "a_levels": [2, 3, 4], "label_b": "over-suppressed", "b_levels": [2, 3, 4]}
  ],
  "subsumptions": [
    {"label_a": "sky clipped", "label_b": "clipped", "map": [[2, 2]]},
    {"label_a": "sky clipped", "label_b": "over-suppressed", "map": [[3, 2]]}
  ]
}
"""

RUN_TOML = """\
[data]
labels = "parts/train.csv"
validation = "parts/val.csv"
test = "parts/test.csv"
images = "drawn"
scene = "regex:^[^_]+"

[model]
backbone = "iqa-small"
pretrained = false

[optim]
lr_visual = 2e-3
lr_head = 2e-3
epochs = 8
batch_size = 8

[run]
out = "mine"
"""


def make_workplace(folder: Path) -> None:
    """Everything that the commands read."""
    rolls = _script(ROOT / "demo" / "make_camera_roll.py")
    rolls.make(folder / "DCIM")
    _write_labels(folder / "labels.csv", rolls)
    _render_builds(folder, rolls)
    _write_shots(folder / "shots.csv")
    _draw_scenes(folder)
    (folder / "my-graph.json").write_text(MY_GRAPH, encoding="utf-8")
    (folder / "run.toml").write_text(RUN_TOML, encoding="utf-8")


def _script(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # a dataclass looks for its module there
    spec.loader.exec_module(module)
    return module


def _write_rows(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("filename", *LABELS), *rows])


def _write_labels(path: Path, rolls: ModuleType) -> None:
    """The levels of the camera folder's photos, measured against the frames as they were: docs/severity.md."""
    import torch

    from iqa_cli.training.severity import deviation

    def small(picture: Image.Image) -> torch.Tensor:
        values = np.asarray(picture.resize((96, 96), Image.Resampling.BOX))
        return torch.from_numpy(values.transpose(2, 0, 1).copy())[None]

    rows = []
    for folder, (_, shots) in rolls.ROLLS.items():
        for shot in shots:
            good, taken = (small(rolls.rendered(shot.frame, tones)) for tones in ((), shot.tones))
            levels = deviation(good, taken).positions(LABELS)[0].tolist()
            rows.append((f"{folder}/{shot.name}", *map(str, levels)))
    _write_rows(path, rows)


def _render_builds(folder: Path, rolls: ModuleType) -> None:
    """The camera folder's frames as two builds would render them: build42/ is 1.6 EV darker than build41/."""
    for build, tones in (("build41", ()), ("build42", (rolls.exposed(-1.6),))):
        (folder / build).mkdir()
        shots = [shot for _, shots in rolls.ROLLS.values() for shot in shots]
        for number, shot in enumerate(shots):
            picture = rolls.rendered(shot.frame, tones)
            picture.save(folder / build / f"{number:02d}.jpg", quality=rolls.JPEG_QUALITY)


def _write_shots(path: Path) -> None:
    """Labels of 480 photos in 120 scenes, most of them fine."""
    chance = random.Random(7)  # noqa: S311 - a table to look at
    rows = []
    for number in range(480):
        levels = [0] * len(LABELS)
        if chance.random() < 0.3:
            levels[chance.randrange(len(LABELS))] = chance.choices((1, 2, 3), weights=(6, 3, 1))[0]
        rows.append((f"{number // 4:03d}_{'abcd'[number % 4]}.jpg", *map(str, levels)))
    _write_rows(path, rows)


def _draw_scenes(folder: Path) -> None:
    """Twenty-four drawn scenes, each once as it is and once much darker: drawn/ and drawn.csv."""
    (folder / "drawn").mkdir()
    rows = []
    down, across = np.mgrid[0:96, 0:128] / 96
    for scene in range(24):
        rng = np.random.default_rng(scene)
        picture = np.where(down[..., None] < 0.5, [0.6, 0.7, 0.85], [0.4, 0.42, 0.3]) * (0.7 + 0.2 * across[..., None])
        for _ in range(5):
            y, x, radius = rng.uniform(0.1, 0.9, 3) * [1, 1.3, 0.2]
            is_inside = (down - y) ** 2 + (across - x) ** 2 < radius**2
            picture = np.where(is_inside[..., None], rng.uniform(0.1, 0.9, 3), picture)
        for shot, gain, dark in (("a", 1.0, "0"), ("b", 0.12, "3")):
            name = f"{scene:03d}_{shot}.jpg"
            Image.fromarray((255 * gain * picture).clip(0, 255).astype(np.uint8)).save(folder / "drawn" / name)
            rows.append((name, "0", dark, "0", "0", "0", "0"))
    _write_rows(folder / "drawn.csv", rows)


# ---- What a command prints -------------------------------------------------------------------------------------------

STEADY = (
    (re.compile(r"^(?:\x1b\[[\d;]*m)*\.\.\. .*\n", re.MULTILINE), ""),  # what is said where nothing was for long
    (re.compile(r"\bin \d+(?:\.\d+)? s\b"), "in 0.4 s"),
    (re.compile(r"\d+ s, \d+:\d\d:\d\d left"), "2 s, 0:00:02 left"),
    (re.compile(r"last used \d{4}-\d\d-\d\d"), "last used 2026-07-20"),
    (re.compile(r'("checkpoint":"[0-9a-f]{8})[0-9a-f]{56}"'), r'\1..."'),
    (re.compile(r'("(?:PIL|iqa|numpy|onnxruntime|pillow_heif)":")[^"]+"'), r'\1..."'),
    (re.compile(r"\d+ kB\b"), "61 kB"),
)
"""What is looked for, and what stands there instead."""


def commands() -> set[str]:
    """The commands that this version of iqa has."""
    from typer.main import get_command

    from iqa_cli.cli.app import app

    return set(getattr(get_command(app), "commands", {}))


def there_are() -> list[Picture]:
    """The pictures whose command there is."""
    known = commands()
    return [picture for picture in PICTURES if shlex.split(picture.command)[1] in known]


def printed(picture: Picture, workplace: Path, *, is_terminal: bool = True) -> str:
    """What the command prints in the folder, colours and all, with what is not steady replaced.

    raises  RuntimeError  if it fails where it should not
    """
    columns = picture.width if is_terminal else None
    shutil.rmtree(workplace / CACHE, ignore_errors=True)  # what another picture's command left
    for command in picture.before:
        _run(command, workplace, columns)
    report, messages = _run(picture.command, workplace, columns)
    if picture.messages == "before":
        return f"{messages}\n{report}"
    return report + messages if picture.messages == "after" else report


def _run(command: str, workplace: Path, columns: int | None) -> tuple[str, str]:
    """What one command prints to stdout and to stderr, on a terminal so wide or in a pipe."""
    cache = workplace / CACHE
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")},
        "IQA_CACHE_DIR": str(cache),
        "PYTHONWARNINGS": "ignore",
        **({"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(columns)} if columns else {}),
    }
    program, *arguments = shlex.split(command)
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-m", "iqa_cli", *arguments],
        cwd=workplace,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if program != "iqa" or done.returncode not in (0, 1):
        raise RuntimeError(f"{command}: exit code {done.returncode}\n{done.stderr}")
    return _steady(done.stdout, workplace), _steady(done.stderr, workplace)


def _steady(text: str, workplace: Path) -> str:
    """The text without what depends on the machine, the day or a library's release."""
    text = text.replace(str(workplace / CACHE), "~/.cache/iqa").replace(f"{workplace}{os.sep}", "")
    for pattern, instead in STEADY:
        text = pattern.sub(instead, text)
    return text


# ---- Drawn -----------------------------------------------------------------------------------------------------------

SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font: 15px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's own, without the font that it would have fetched from elsewhere."""


def drawn(picture: Picture, text: str) -> str:
    """The command and what it printed as an SVG picture."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(
            record=True,
            width=picture.width,
            file=nowhere,
            force_terminal=True,
            color_system="truecolor",
            legacy_windows=False,
        )
        console.print(Text.assemble(("$ ", "green"), (picture.command, "bold")), soft_wrap=True)
        console.print(Text.from_ansi(text.rstrip("\n")))
        svg = console.export_svg(title="", code_format=SVG, unique_id=f"iqa-{picture.name}")
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def lines_in(svg: str) -> list[str]:
    """The text of a picture, line by line, without the spaces that only place it."""
    by_height: dict[float, list[str]] = {}
    for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314 - our own picture
        by_height.setdefault(float(element.get("y", "0")), []).append(element.text or "")
    return [" ".join(" ".join(by_height[y]).split()) for y in sorted(by_height)]


# ---- The sample in the README ----------------------------------------------------------------------------------------

SAMPLE = re.compile(r"(?<=<!-- make pictures -->\n```text\n)[^`]*(?=^```$)", re.MULTILINE)
SAMPLE_WIDTH = 100


def sample(text: str) -> str:
    """The report of the first picture's command, cut short: three problems, two photos, one unreadable file."""
    blocks = [block.splitlines() for block in text.rstrip().split("\n\n")]
    title, table, worst, unreadable, closing = blocks
    photos = [number for number, line in enumerate(worst) if line.startswith("  ") and line[2] != " "]
    parts = [
        title,
        [*table[:5], " ..."],
        [*worst[: photos[2]], "  ..."],
        [*unreadable[:3], "  ..."],
        closing,
    ]
    lines = [line for part in parts for line in [*part, ""]]
    return "\n".join(_cut(line) for line in lines).rstrip() + "\n"


def _cut(line: str) -> str:
    """The line, at most as wide as fits beside it on a page."""
    if len(line) <= SAMPLE_WIDTH:
        return line
    return line[: SAMPLE_WIDTH - 4].rpartition(" ")[0].rstrip(" ,") + " ..."


# ---- The page --------------------------------------------------------------------------------------------------------

PAGE = HERE / "page.png"
PAGE_PLACE = (ROOT / "docs" / "cleaning-a-camera-roll.md", "<!-- pictures/page.png -->\n")
"""Where the picture of the page belongs: this line is replaced when it is made for the first time."""
PAGE_SHOWN = """\
![The page: a table of problems, distributions, filters, and a card for each photo](pictures/page.png)

The photographs are cut from two that come with scikit-learn under [CC BY 2.0](https://creativecommons.org/licenses/by/2.0/):
[the building](https://www.flickr.com/photos/danielbuechele/6061409035/) by danielbuechele and
[the flower](https://www.flickr.com/photos/vultilion/6056698931/) by vultilion. Their tone was changed.
"""
PAGE_SOURCES = ROOT / "iqa_cli" / "report" / "audit" / "html"
_MADE_FROM = "made-from"


def page_sources() -> str:
    """What the page looks like depends on this: a hash of its template, style and script."""
    files = sorted(path for path in PAGE_SOURCES.glob("page.*") if path.is_file())
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def made_from(picture: Path) -> str:
    """The hash of what the picture was made from."""
    with Image.open(picture) as image:
        return str(image.info.get(_MADE_FROM, ""))


def photograph_page(workplace: Path, target: Path = PAGE) -> None:
    """Save what a browser shows of the page that `iqa assess --html` makes of the camera folder.

    raises  RuntimeError  if this iqa makes no page, or there is no Chromium
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if browser is None:
        raise RuntimeError("no Chromium found; on Debian and Ubuntu: apt install chromium")
    _run("iqa assess DCIM --html audit.html", workplace, None)
    options = ("--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1")
    subprocess.run(  # noqa: S603 - the browser of this machine
        [
            browser,
            *options,
            f"--user-data-dir={workplace / 'browser'}",
            "--window-size=1280,1500",
            "--virtual-time-budget=5000",
            f"--screenshot={target}",
            (workplace / "audit.html").as_uri(),
        ],
        check=True,
        capture_output=True,
    )
    kept = PngInfo()
    kept.add_text(_MADE_FROM, page_sources())
    with Image.open(target) as shot:  # a palette: a quarter of the size
        shot.convert("RGB").quantize(256).save(target, optimize=True, pnginfo=kept)


def show_page() -> None:
    """Put the picture of the page into its document, if it is not there yet."""
    document, place = PAGE_PLACE
    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace(place, PAGE_SHOWN), encoding="utf-8")


def main() -> None:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description="Make the documents' pictures of commands.")
    parser.add_argument("name", nargs="*", help="assess, cache, ... or page; all but page if none is named")
    wanted = set(parser.parse_args().name)
    known = {picture.name for picture in PICTURES} | {"page"}
    if wanted - known:
        parser.error(f"no picture {', '.join(sorted(wanted - known))}; there are {', '.join(sorted(known))}")
    with tempfile.TemporaryDirectory() as folder:
        workplace = Path(folder)
        make_workplace(workplace)
        for picture in there_are():
            if wanted and picture.name not in wanted:
                continue
            (HERE / f"{picture.name}.svg").write_text(drawn(picture, printed(picture, workplace)), encoding="utf-8")
            print(f"made docs/pictures/{picture.name}.svg")
        if not wanted or "assess" in wanted:
            text = README.read_text(encoding="utf-8")
            made = sample(printed(PICTURES[0], workplace, is_terminal=False))
            README.write_text(SAMPLE.sub(lambda _: made, text, count=1), encoding="utf-8")
            print("made the sample in README.md")
        if "page" in wanted:
            photograph_page(workplace)
            show_page()
            print("made docs/pictures/page.png")


if __name__ == "__main__":
    main()

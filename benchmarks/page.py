"""What the page of `iqa assess --html` costs, and how quickly it answers: `python benchmarks/page.py --photos FOLDER`.

    cost    processor seconds of an audit of FOLDER with and without a page, in turns, best of three each, cache off
    memory  peak memory of the page's writer over 2,000 and 20,000 photos
    speed   a page of 10,000 photos with problems in headless Chromium: until the first paint with content, until the
            script is ready, and how long filters take from the event to the next frame (median of ten)

The last two need no photographs. Chromium is that of the system, driven by playwright (test extra).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from iqa_cli.hexgraph import read_graph
from iqa_cli.paths import find_graph
from iqa_cli.photometry import examine
from iqa_cli.pipeline.thumbnail import thumbnail_of
from iqa_cli.provenance import Provenance
from iqa_cli.records import Capture, Finding, PhotoReport
from iqa_cli.report.audit.html.writer import HtmlWriter

GRAPH = read_graph(find_graph("smartphone-6"))
EVIDENCE = "L* spans 33 of 100"
PROVENANCE = Provenance(("DCIM",), "default", "scaled", "normal", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of photographs for the cost; left out, it is not measured")
    parser.add_argument("--write", nargs=2, metavar=("N", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(int(options.write[0]), Path(options.write[1]))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    if options.photos:
        cost(options.photos)
    with tempfile.TemporaryDirectory() as folder:
        memory(Path(folder))
        speed(Path(folder) / "10000.html")


def cost(photos: Path) -> None:
    """Processor seconds with and without a page."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(3):
            for has_page in (False, True):
                page = ["--html", f"{folder}/audit.html"] if has_page else []
                command = [sys.executable, "-m", "iqa_cli", "assess", str(photos), "--no-cache", *page]
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(command, check=True, capture_output=True)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                seconds[has_page].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    without, with_page = min(seconds[False]), min(seconds[True])
    more = with_page / without - 1
    print(f"| cost over {photos.name} | {without:.1f} CPU-s without, {with_page:.1f} with: {more:+.0%} |")


def memory(folder: Path) -> None:
    """Peak memory of a process that writes a page."""
    for count in (2_000, 10_000, 20_000):
        page = folder / f"{count}.html"
        command = [sys.executable, __file__, "--write", str(count), str(page)]
        peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        beside = sum(entry.stat().st_size for entry in page.with_name(f"{count}_files").glob("*"))
        sizes = f"page {page.stat().st_size / 1e6:.1f} MB, beside it {beside / 1e6:.0f} MB"
        print(f"| {count:,} photos | {peak / 1024:.0f} MB at most, {sizes} |")


def write(count: int, path: Path) -> None:
    """A page of so many photos, all with a problem, each with a picture as large as those of photographs."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(40, 215, (12, 16, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize((512, 384), Image.Resampling.BICUBIC)).astype(int)
    picture = (picture + random.integers(-12, 13, picture.shape)).clip(0, 255).astype(np.uint8)
    seen = examine(picture)
    thumbnail = thumbnail_of(picture, seen)
    with HtmlWriter(path, GRAPH, "en", PROVENANCE) as page:
        for number in range(count):
            levels = 1 + (random.random(6) < 0.3) * random.integers(1, 4, 6)
            levels[number % 6] = 2 + number % 3
            findings = tuple(
                Finding(label, int(level), float(random.random()), EVIDENCE)
                for label, level in zip(GRAPH.label_names, levels, strict=True)
            )
            taken = dt.datetime(2020 + number % 6, 1 + number % 12, 1)  # noqa: DTZ001 - as in EXIF
            capture = Capture("Maker", f"Phone {number % 9}", taken_at=taken, iso=100)
            name = f"DCIM/{number % 20:02}/IMG_{number:06}.jpg"
            report = PhotoReport(name, "ok", findings=findings, capture=capture)
            page.write(dataclasses.replace(report, measurements=seen.measurements, thumbnail=thumbnail))
        page.finish()


TIMED = """([name, value]) => new Promise((done) => {
  const field = document.querySelector(`#filters [name=${name}]`);
  const begun = performance.now();
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})"""


def speed(page: Path) -> None:
    """How quickly a browser shows and filters it."""
    from playwright.sync_api import sync_playwright

    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        paints, ready = [], []
        for _ in range(3):
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-ready]")
            paints.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            ready.append(tab.evaluate("performance.timing.domInteractive - performance.timing.navigationStart"))
        print(f"| first paint, script done | {min(paints):.0f} ms, {min(ready):.0f} ms |")
        for name, values in {
            "label": "0123450123",
            "level": "2342342342",
            "month": None,
            "sort": ["name", "dark"] * 5,
        }.items():
            options = values or [f"202{year}-0{1 + year}" for year in range(6)] + [""] * 4
            times = [tab.evaluate(TIMED, [name, value]) for value in options]
            tab.evaluate(TIMED, [name, ""])
            print(f"| {name} | {statistics.median(times):.0f} ms, at most {max(times):.0f} |")
        browser.close()


if __name__ == "__main__":
    main()

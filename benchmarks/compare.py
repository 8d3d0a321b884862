"""What `iqa compare` costs, and whether its intervals and tests hold what they say: `python benchmarks/compare.py`.

    cost      seconds and peak memory of comparing two reports of 20,000 photos, all four outputs but the page
    coverage  how often the interval of a mean change holds the true one, 500 repeats of samples of several sizes
    groups    what counting 20,000 photos of 2,000 folders costs, and testing them (`iqa assess --by folder`)
    errors    how often two builds that do not differ are called different, and how often the smallest difference that
              the closing sentence names is found

Needs no photographs.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.comparison.comparing import mean_changes
from iqa_cli.grouping import grouping_of
from iqa_cli.hexgraph import read_graph
from iqa_cli.paths import find_graph
from iqa_cli.photometry.measure import MEASUREMENT_NAMES
from iqa_cli.provenance import Ending, Provenance
from iqa_cli.records import Capture, Finding, Measurement, PhotoReport
from iqa_cli.report.audit.groups import Groups
from iqa_cli.report.audit.jsonl import JsonLinesWriter
from iqa_cli.report.output import OutputFile
from iqa_cli.significance import ALPHA, detectable_shift, holm, sign_test

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS = read_graph(find_graph("smartphone-6")).label_names
REPEATS = 500


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20_000, help="pairs of the comparison that is timed")
    options = parser.parse_args()
    cost(options.pairs)
    groups(options.pairs)
    coverage()
    errors()


def cost(pairs: int) -> None:
    """Time and memory of the command in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side, shift in (("a", 0.0), ("b", 0.02)):
            write_report(folder / f"{side}.jsonl", pairs, shift)
        megabytes = sum((folder / f"{side}.jsonl").stat().st_size for side in "ab") / 1e6
        command = ["-m", "iqa_cli", "compare", "a.jsonl", "b.jsonl", "--json", "c.json", "--csv", "c.csv"]
        started = time.perf_counter()
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen([sys.executable, *command], cwd=folder, stdout=said, env=environment())
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise SystemExit(f"iqa compare ended with {status}")
        print(
            f"| pairs | reports, MB | seconds | CPU seconds | peak memory, MB |\n|---|---|---|---|---|\n| {pairs:,} ",
            end="",
        )
        cpu = usage.ru_utime + usage.ru_stime
        print(f"| {megabytes:.0f} | {seconds:.1f} | {cpu:.1f} | {usage.ru_maxrss / 1024:.0f} |\n")


def groups(photos: int) -> None:
    """Time and memory of groups, ten photos in each."""
    counted = Groups(grouping_of("folder"))
    made = [
        dataclasses.replace(report, source_file=f"DCIM/{number // 10:05}/{number}.jpg")
        for number, report in enumerate(reports(photos, 0.0))
    ]
    tracemalloc.start()
    for report in made:
        counted.add(report)
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    counted = Groups(grouping_of("folder"))
    started = time.process_time()
    for report in made:
        counted.add(report)
    added = time.process_time()
    rows = counted.rows(read_graph(find_graph("smartphone-6")))
    tested = time.process_time()
    print("| photos | groups told apart | memory, MB | CPU ms a photo | CPU s of the tests |\n|---|---|---|---|---|")
    print(
        f"| {photos:,} | {len(rows):,} | {megabytes:.0f} | {1e3 * (added - started) / photos:.3f} "
        f"| {tested - added:.1f} |\n"
    )


def environment() -> dict[str, str]:
    """That of this process, with the package that it measures."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def reports(photos: int, shift: float) -> Iterator[PhotoReport]:
    """Of photos that do not exist."""
    chance = np.random.default_rng(1)
    for number in range(photos):
        findings, marginals = [], {}
        for label in LABELS:
            p = float(np.clip(chance.beta(0.3, 2.0) + shift, 0, 1))
            row = (1 - p, p / 2, p / 3, p / 6)
            level = 1 + int(p > 0.5) + int(p > 0.7) + int(p > 0.9)
            findings.append(Finding(label, level, min(1.0, sum(row[1:])), "mean L* 78 (usual at this level: 65 to 96)"))
            marginals[label] = row
        measurements = tuple(Measurement(name, float(chance.random()), "fraction") for name in MEASUREMENT_NAMES)
        capture = Capture("Maker", "Phone 1", "Main camera", None, 0.01, 1.8, 100, 0.0, False, 1, 4000, 3000)
        yield PhotoReport(
            f"DCIM/{number // 1000:03}/{number:06}.jpg",
            "ok",
            findings=tuple(findings),
            marginals=marginals,
            independent=marginals,
            measurements=measurements,
            capture=capture,
        )


def write_report(path: Path, photos: int, shift: float) -> None:
    """A report as `iqa assess --jsonl` writes it."""
    with OutputFile(path) as sink:
        begun = dt.datetime.now().astimezone()
        writer = JsonLinesWriter(sink, Provenance((path.stem,), "default", "scaled", "normal", begun))
        for report in reports(photos, shift):
            writer.write(report)
        writer.finish(Ending(begun, 0.0, 0, {"ok": photos}))
        sink.commit()


def coverage() -> None:
    """Of the 95 % interval, for changes of levels (mostly 0) and for a measurement."""
    print("| pairs | level, 10 % rise and 5 % fall | measurement, normal |\n|---|---|---|")
    for pairs in (50, 100, 300, 1_000):
        held = np.zeros(2)
        for repeat in range(REPEATS):
            chance = np.random.default_rng([pairs, repeat])
            levels = chance.choice([0.0, 1.0, -1.0], pairs, p=[0.85, 0.1, 0.05])
            values = np.stack([levels, chance.normal(0.3, 1.0, pairs)], axis=1)
            for column, (mean, true) in enumerate(zip(mean_changes(values, seed=repeat), (0.05, 0.3), strict=True)):
                held[column] += mean.interval is not None and mean.interval[0] <= true <= mean.interval[1]
        print(f"| {pairs:,} | {held[0] / REPEATS:.1%} | {held[1] / REPEATS:.1%} |")
    print()


def errors() -> None:
    """False alarms over all labels together, and the power at what the sentence says could have been shown."""
    print("| pairs | false alarms of no difference | smallest difference | found |\n|---|---|---|---|")
    labels = len(LABELS) + 1  # and the worst of all
    for pairs in (30, 100, 1_000):
        chance = np.random.default_rng(pairs)
        back_and_forth = 0.06
        shift = detectable_shift(pairs, back_and_forth, labels)
        if shift is None:
            raise SystemExit(f"{pairs} pairs show nothing")
        even = back_and_forth / 2
        alarms = found = 0
        for _ in range(4 * REPEATS):
            still = [shown(chance, pairs, even, even) for _ in range(labels - 1)]
            alarms += min(holm([*still, shown(chance, pairs, even, even)])) <= ALPHA
            found += holm([*still, shown(chance, pairs, even, even + shift)])[-1] <= ALPHA
        print(f"| {pairs:,} | {alarms / (4 * REPEATS):.1%} | {shift:.1%} | {found / (4 * REPEATS):.1%} |")


def shown(chance: np.random.Generator, pairs: int, better: float, worse: float) -> float:
    """The p of one sample."""
    counts = chance.multinomial(pairs, [better, worse, 1 - better - worse])
    return sign_test(int(counts[0]), int(counts[1]))


if __name__ == "__main__":
    main()

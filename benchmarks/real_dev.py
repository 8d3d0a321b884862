"""How a checkpoint does on real photographs whose fault is known.

    python benchmarks/real_dev.py ../shared/real_dev [--checkpoint default] [--failures]

The folder holds pictures and `labels.csv` with file, kind, confidence, order, scene. `kind` is what is known of a
picture, not a label of ours, so each kind has its own question; only clear cases (`confidence` high) count for it.
Within a bracketed scene the order of exposure is certain: the brighter frame must not be judged the darker one.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections import defaultdict
from pathlib import Path

from iqa_cli import PhotoReport, assess

QUESTIONS = {
    "dark": ("called dark", {"dark"}, 2),
    "bright_overexposed": ("called bright or overexposed", {"bright", "overexposed"}, 2),
    "low_contrast": ("called low_contrast", {"low_contrast"}, 2),
    "high_contrast_backlit": (
        "called high_contrast, overexposed or dark",
        {"high_contrast", "overexposed", "dark"},
        2,
    ),
    "normal": ("called severe or worse in anything (wrong)", None, 3),
    "normal ": ("called ordinary or worse in anything (wrong)", None, 2),
}
"""Kind, question, the labels that answer it (None: any), and the level from which they do."""
EXPOSURE_ORDER = {"under": -1.0, "over": 1.0, "order 1 of 2": 0.0, "order 2 of 2": 1.0}


def brightness(report: PhotoReport) -> float:
    """Expected level of bright minus that of dark: where a photo stands between too dark and too bright."""
    expected = {
        label: sum(level * share for level, share in enumerate(report.marginals[label])) for label in ("bright", "dark")
    }
    return expected["bright"] - expected["dark"]


def main() -> None:
    """Judge the folder and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", default="default")
    parser.add_argument("--failures", action="store_true", help="name the photographs that were judged wrongly")
    arguments = parser.parse_args()
    with (arguments.folder / "labels.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    paths = {row["file"]: arguments.folder / row["file"] for row in rows}
    reports = {report.source_file: report for report in assess(paths.values(), checkpoint=arguments.checkpoint)}

    print(f"{'kind':24} {'cases':8} {'share':>12}   question")
    for kind, (question, labels, level) in QUESTIONS.items():
        for clear in (True, False):
            asked = [row for row in rows if row["kind"] == kind.strip() and (row["confidence"] == "high") == clear]
            if not asked:
                continue
            found = {
                row["file"]: any(
                    finding.level >= level and (labels is None or finding.label in labels)
                    for finding in reports[str(paths[row["file"]])].findings
                )
                for row in asked
            }
            hits = sum(found.values())
            cases = "clear" if clear else "mild"
            print(f"{kind:24} {cases:8} {hits:3}/{len(asked):<3} {hits / len(asked):4.0%}   {question}")
            if arguments.failures:
                wanted = labels is not None
                for file, hit in found.items():
                    if hit != wanted:
                        present = [f for f in reports[str(paths[file])].findings if f.level > 1]
                        said = ", ".join(f"{f.label} {f.level} ({f.probability:.2f})" for f in present)
                        print(f"    {file}: {said or 'nothing'}")

    right = pairs = 0
    scenes: dict[str, list[tuple[float, PhotoReport]]] = defaultdict(list)
    for row in rows:
        order = EXPOSURE_ORDER.get(row["order"])
        if order is None and row["order"][:1] in "+-" and row["order"]:
            order = float(row["order"])
        if order is not None and row["scene"]:
            scenes[row["scene"]].append((order, reports[str(paths[row["file"]])]))
    for frames in scenes.values():
        for (order, report), (other_order, other) in itertools.combinations(frames, 2):
            if order != other_order:
                pairs += 1
                right += (brightness(report) < brightness(other)) == (order < other_order)
    print(f"{'same scene':24} {'':8} {right:3}/{pairs:<3} {right / max(1, pairs):4.0%}   exposure order right")


if __name__ == "__main__":
    main()

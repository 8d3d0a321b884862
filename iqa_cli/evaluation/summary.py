"""Several evaluations to one: mean and standard deviation of every figure, as papers print repeated splits."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import InvalidInput, UsageError
from iqa_cli.metrics.records import FIGURES, Spread, Summary
from iqa_cli.regular import read_regular
from iqa_cli.report.evaluation.json_file import FORMAT_VERSION
from iqa_cli.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MOST_BYTES = 64 * 2**20
"""Of one file; that of 53 labels has a tenth of a megabyte, and a thousand photos that could not be read as much."""
_HINT = "`iqa eval ... --json FILE` writes such files"


def summary_of(files: Sequence[str | Path]) -> Summary:
    """Mean and standard deviation over the JSON documents of `iqa eval --json`.

    files   two or more, of the same labels, in any order of theirs
    raises  UsageError    for fewer than two, or if one is named twice
            InvalidInput  naming the file, if it cannot be read, is no such document, or has other labels than the first
    """
    paths = [Path(file) for file in files]
    if len(paths) < 2:
        raise UsageError("a summary needs two evaluations or more", hint="iqa eval --summary 1.json 2.json ...")
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError(f"a file is named twice: {', '.join(map(str, paths))}")
    documents = [_read(path) for path in paths]
    labels = list(documents[0]["labels"])
    for path, document in zip(paths[1:], documents[1:], strict=True):
        if set(document["labels"]) != set(labels):
            differing = sorted(set(document["labels"]) ^ set(labels))
            raise InvalidInput(
                f"{path}: not the labels of {paths[0]}",
                problems=shortened(differing),
                hint="name evaluations of one graph",
            )
    return Summary(
        files=tuple(map(str, paths)),
        labels={label: _spreads([document["labels"][label] for document in documents]) for label in labels},
        mean=_spreads([document["mean"] for document in documents]),
        caveats=tuple(dict.fromkeys(caveat for document in documents for caveat in document["caveats"])),
    )


def _read(path: Path) -> dict[str, Any]:
    """The part of a document that counts; InvalidInput if it is none."""
    try:
        document = json.loads(read_regular(path, _MOST_BYTES))
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: not JSON ({error})", hint=_HINT) from None
    if not isinstance(document, dict) or not {"labels", "mean", "verdict"} <= document.keys():
        raise InvalidInput(f"{path}: not an evaluation of iqa", hint=_HINT)
    if document.get("format_version") != FORMAT_VERSION:
        raise InvalidInput(
            f"{path}: format_version is {document.get('format_version')!r}, this iqa reads {FORMAT_VERSION}", hint=_HINT
        )
    labels, caveats = document["labels"], document.get("caveats", [])
    if not isinstance(labels, dict) or not labels:
        raise InvalidInput(f"{path}: labels: expected an object with a label", hint=_HINT)
    figures = {**{f"labels.{label}": entry for label, entry in labels.items()}, "mean": document["mean"]}
    problems = [
        f"{place}.{name}: expected a number or null"
        for place, entry in figures.items()
        for name in FIGURES
        if not isinstance(entry, dict) or not _is_figure(entry.get(name, ""))
    ]
    if not isinstance(caveats, list) or not all(isinstance(caveat, str) for caveat in caveats):
        problems.append("caveats: expected a list of texts")
    if problems:
        raise InvalidInput(f"{path}: not an evaluation of iqa", problems=shortened(problems), hint=_HINT)
    return {"labels": labels, "mean": document["mean"], "caveats": caveats}


def _is_figure(value: object) -> bool:
    """A number of the usual size, or null; whole numbers beyond the floats are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (type(value) is int and abs(value) < 2**63)


def _spreads(entries: Iterable[Mapping[str, Any]]) -> dict[str, Spread]:
    entries = list(entries)
    return {name: _spread([float(entry[name]) for entry in entries if entry[name] is not None]) for name in FIGURES}


def _spread(values: Sequence[float]) -> Spread:
    return Spread(
        mean=statistics.fmean(values) if values else math.nan,
        sd=statistics.stdev(values) if len(values) > 1 else math.nan,
        n=len(values),
    )

"""A comparison as one JSON document: every count, test and interval, and the names of what was not compared.

`docs/formats.md` has it key by key. Numbers are rounded to six decimals, p to ten significant digits.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from iqa_cli._version import __version__
from iqa_cli.report.run import run_as_json
from iqa_cli.report.text import utf8
from iqa_cli.significance import ALPHA, CONFIDENCE, POWER

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from iqa_cli.comparison import Side
    from iqa_cli.comparison.pairing import Why
    from iqa_cli.comparison.records import LabelChange, Mean, PairChange, Turn
    from iqa_cli.comparison.shots import Shot
    from iqa_cli.report.comparison.sentences import Sentences

FORMAT_VERSION = 1


def comparison_json(say: Sentences, *, top: int, made: dt.datetime) -> bytes:
    """The document as it is written: UTF-8, indented, a line feed at the end.

    say   the comparison, and its closing sentence
    top   how many pairs to name either way
    made  when
    """
    found = say.found
    labels = found.a.labels
    document = {
        "format_version": FORMAT_VERSION,
        "SourceFile": "none",
        "comparison": {"iqa": __version__, "made": made.isoformat(timespec="seconds"), "pairing": utf8(found.pairing)},
        "verdict": found.verdict,
        "sentence": utf8(say.verdict()),
        "regression": found.is_regression,
        "severe_regression": found.is_severe_regression,
        "detectable": _rounded(found.detectable),
        "conventions": {"alpha": ALPHA, "confidence": CONFIDENCE, "power": POWER},
        "judged_differently": [
            {"what": entry.what, "a": utf8(entry.a), "b": utf8(entry.b)} for entry in found.differences
        ],
        "a": _side(found.a, found.pairs.alone_a),
        "b": _side(found.b, found.pairs.alone_b),
        "pairs": {
            "found": len(found.pairs.pairs),
            "compared": len(found.judged),
            "set_apart": [
                {"a": utf8(a.source_file), "status_a": a.status, "b": utf8(b.source_file), "status_b": b.status}
                for a, b in found.pairs.pairs
                if (a.status, b.status) != ("ok", "ok")
            ],
        },
        "labels": [_label(change) for change in found.labels],
        "worst_level": {key: value for key, value in _label(found.worst).items() if key != "label"},
        "measurements": [
            {
                "name": entry.name,
                "unit": entry.unit,
                "mean_a": _rounded(entry.mean_a),
                "mean_b": _rounded(entry.mean_b),
                "change": _mean(entry.change),
            }
            for entry in found.measured
        ],
        "groups": [
            {
                "by": utf8(grouped.by),
                "keys": [utf8(name) for name in grouped.names],
                "groups": [
                    {
                        "values": [utf8(value) or None for value in group.values],
                        "pairs": group.pairs,
                        "labels": [
                            {"label": utf8(label), **_turn(turn)}
                            for label, turn in zip(labels, group.turns, strict=True)
                        ],
                    }
                    for group in grouped.groups
                ],
            }
            for grouped in found.grouped
        ],
        "regressions": [_pair(pair, labels) for pair in found.regressions(top)],
        "gains": [_pair(pair, labels) for pair in found.gains(top)],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2).encode("utf-8") + b"\n"


def _side(side: Side, alone: Sequence[tuple[Shot, Why]]) -> dict[str, Any]:
    statuses = [shot.status for shot in side.shots]
    names: dict[Why, list[str]] = {"none": [], "several": [], "unplaced": []}
    for shot, why in alone:
        names[why].append(utf8(shot.source_file))
    return {
        "name": utf8(side.name),
        "run": run_as_json(side.runs[-1]) if side.runs else None,
        "cut_short": side.is_cut_short,
        "photos": len(statuses),
        "status": {status: statuses.count(status) for status in ("ok", "uncertain", "damaged", "unreadable")},
        "without_partner": names["none"],
        "several_partners": names["several"],
        "not_placed": names["unplaced"],
    }


def _label(change: LabelChange) -> dict[str, Any]:
    return {
        "label": utf8(change.label),
        "transitions": [list(row) for row in change.transitions],
        **_turn(change.level),
        "same": change.same,
        "severe": _turn(change.severe),
        "level": _mean(change.change),
        "expected_level": _mean(change.expected),
        "detectable": _rounded(change.detectable),
    }


def _turn(turn: Turn) -> dict[str, Any]:
    p, p_holm = (float(f"{value:.10g}") for value in (turn.p, turn.p_holm))
    return {"better": turn.better, "worse": turn.worse, "p": p, "p_holm": p_holm, "shown": turn.shown}


def _mean(mean: Mean) -> dict[str, Any]:
    return {
        "mean_change": _rounded(mean.value),
        "interval": None if mean.interval is None else [_rounded(end) for end in mean.interval],
    }


def _pair(pair: PairChange, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "a": utf8(pair.a.source_file),
        "b": utf8(pair.b.source_file),
        "changes": [
            {"label": utf8(label), "level_a": before, "level_b": after}
            for label, before, after in zip(labels, pair.a.levels, pair.b.levels, strict=True)
            if before != after
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)

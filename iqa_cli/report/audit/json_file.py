"""An audit as one JSON document: what the terminal's table counts, and all of it.

format_version  1; changes when a key changes its meaning or goes, new keys may join without
SourceFile      "none": without this key `exiftool -json=` would take the document for a photo's
run             where the numbers come from, from its begin to its end: see `report/run.py`
photos          {"found", "judged", "flawed", "fine", "uncertain", "damaged", "unreadable"}; judged is flawed and
                fine, and found is judged and the last three
labels          per label in graph order {"label", "levels"}: how many of the judged photos have it at each level
worst_levels    how many of the judged photos have each level as their worst
reasons         status: [{"reason", "photos"}], the first ones to come up; the reason null is all others
groups          per --by {"by", "keys", "groups", "photos_beyond"}: each group {"values", "photos", "judged", "labels",
                "measurements"}, each of its labels {"label", "rates"}, each rate {"level", "photos", "share",
                "interval", "p", "p_holm", "differs"}, of that level or worse
passed_over     {"kinds": suffix: files, "copies": keeper: folders, "hidden", "excluded",
                "not_searched": [{"folder", "reason"}]}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iqa_cli.report.run import ending_as_json, run_as_json
from iqa_cli.report.text import utf8

if TYPE_CHECKING:
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.photos.discover import Discovery
    from iqa_cli.provenance import Ending, Provenance
    from iqa_cli.report.audit.groups import Groups, Rate
    from iqa_cli.report.audit.tally import ReasonGroups, Tally

FORMAT_VERSION = 1


def audit_json(tally: Tally, graph: HexGraph, found: Discovery, run: Provenance, ending: Ending) -> bytes:
    """The document as it is written: UTF-8, indented, a line feed at the end.

    tally   of a finished run
    graph   whose labels and levels the photos were judged by
    found   what the search found and passed over
    run     where the judgements come from
    ending  of the run
    """
    document = {
        "format_version": FORMAT_VERSION,
        "SourceFile": "none",
        "run": {**run_as_json(run), **ending_as_json(ending)},
        "photos": {
            "found": tally.photos,
            "judged": tally.judged,
            "flawed": tally.problems.total(),
            "fine": tally.fine,
            "uncertain": tally.uncertain.total,
            "damaged": tally.damaged.total,
            "unreadable": tally.unreadable.total,
        },
        "labels": [
            {
                "label": utf8(label.name),
                "levels": {str(level): tally.levels[label.name, level] for level in label.levels},
            }
            for label in graph.labels
        ],
        "worst_levels": _worst_levels(tally, graph),
        "reasons": {
            "uncertain": _reasons(tally.uncertain),
            "damaged": _reasons(tally.damaged),
            "unreadable": _reasons(tally.unreadable),
        },
        "groups": [_groups(groups, graph) for groups in tally.groups],
        "passed_over": {
            "kinds": {utf8(suffix): count for suffix, count in sorted(found.left_out.kinds.items())},
            "copies": {utf8(keeper): count for keeper, count in sorted(found.left_out.copies.items())},
            "hidden": found.left_out.hidden,
            "excluded": found.left_out.excluded,
            "not_searched": [{"folder": utf8(folder), "reason": utf8(reason)} for folder, reason in found.skipped],
        },
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2).encode("utf-8") + b"\n"


def _groups(groups: Groups, graph: HexGraph) -> dict[str, Any]:
    return {
        "by": utf8(groups.grouping.text),
        "keys": [utf8(name) for name in groups.grouping.names],
        "groups": [
            {
                "values": [utf8(value) or None for value in row.values],
                "photos": row.photos,
                "judged": row.judged,
                "labels": [
                    {"label": utf8(label), "rates": [_rate(rate, row.judged) for rate in rates]}
                    for label, rates in row.rates.items()
                ],
                "measurements": {name: round(mean, 6) for name, mean in row.means.items()},
            }
            for row in groups.rows(graph)
        ],
        "photos_beyond": groups.beyond,
    }


def _rate(rate: Rate, judged: int) -> dict[str, Any]:
    return {
        "level": rate.level,
        "photos": rate.count,
        "share": round(rate.count / judged, 6) if judged else None,
        "interval": None if rate.interval is None else [round(end, 6) for end in rate.interval],
        "p": float(f"{rate.p:.10g}"),
        "p_holm": float(f"{rate.p_holm:.10g}"),
        "differs": rate.differs,
    }


def _worst_levels(tally: Tally, graph: HexGraph) -> dict[str, int]:
    levels = sorted({level for label in graph.labels for level in label.levels})
    return {str(level): tally.fine if level == levels[0] else tally.problems[level] for level in levels}


def _reasons(groups: ReasonGroups) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"reason": utf8(reason), "photos": group.count} for reason, group in groups.groups.items()
    ]
    return [*told, {"reason": None, "photos": groups.others}] if groups.others else told

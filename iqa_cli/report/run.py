"""The run behind a document, as all machine formats have it.

iqa            version of iqa
checkpoint     its name, and card_sha256, which has the hashes of all its files: the same hash is the same model
graph          its name, and graph_sha256: the same hash is the same labels, levels and rules
places         what was audited, as the user named it
decode, strictness, lang   as the options of that name; a strictness that has no name is a text like "+0.5"
command        the words of the command line, or []; what UTF-8 cannot hold is spelled out
machine        {"platform", "processors", "python", "libraries": name: version} or null
started        ISO 8601 with its zone

And what is known at its end: `ended` (likewise), `seconds`, `remembered`: photos known from an earlier run.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, get_args

from iqa_cli.machine import Machine
from iqa_cli.provenance import Provenance
from iqa_cli.records import Status
from iqa_cli.report.text import utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.provenance import Ending

RUN_KEY, END_KEY = "iqa.run", "iqa.end"
"""Where a file that has metadata of its own keeps them."""


def run_as_json(run: Provenance) -> dict[str, Any]:
    """What is known when it begins, ready for `json.dumps`."""
    machine = run.machine
    return {
        "iqa": run.iqa,
        "checkpoint": utf8(run.checkpoint),
        "card_sha256": run.card_sha256,
        "graph": utf8(run.graph),
        "graph_sha256": run.graph_sha256,
        "places": [utf8(place) for place in run.places],
        "decode": run.decode,
        "strictness": run.strictness,
        "lang": run.lang,
        "command": [utf8(word) for word in run.command],
        "machine": None
        if machine is None
        else {
            "platform": utf8(machine.platform),
            "processors": machine.processors,
            "python": utf8(machine.python),
            "libraries": dict(machine.libraries),
        },
        "started": run.made.isoformat(timespec="seconds"),
    }


def ending_as_json(ending: Ending) -> dict[str, Any]:
    """What is known at its end, without the counts."""
    return {
        "ended": ending.at.isoformat(timespec="seconds"),
        "seconds": round(ending.seconds, 3),
        "remembered": ending.remembered,
    }


def counts_as_json(ending: Ending) -> dict[str, int]:
    """How many photos there are, and how many of each status."""
    return {
        "found": sum(ending.photos.values()),
        **{status: ending.photos.get(status, 0) for status in get_args(Status)},
    }


def run_from_json(document: Mapping[str, Any]) -> Provenance:
    """The run that a document tells of; keys that are not known are passed over.

    raises  KeyError, TypeError or ValueError  if it is none
    """
    machine = document["machine"]
    return Provenance(
        places=tuple(map(_text, document["places"])),
        checkpoint=_text(document["checkpoint"]),
        decode=_text(document["decode"]),
        strictness=_text(document["strictness"]),
        made=dt.datetime.fromisoformat(document["started"]),
        card_sha256=_text(document["card_sha256"]),
        graph=_text(document["graph"]),
        graph_sha256=_text(document["graph_sha256"]),
        lang=_text(document["lang"]),
        command=tuple(map(_text, document["command"])),
        machine=None
        if machine is None
        else Machine(
            platform=_text(machine["platform"]),
            processors=int(machine["processors"]),
            python=_text(machine["python"]),
            libraries={_text(name): _text(version) for name, version in machine["libraries"].items()},
        ),
        iqa=_text(document["iqa"]),
    )


def _text(value: object) -> str:
    """A text that UTF-8 can hold. Raises TypeError or ValueError for anything else."""
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")
    return value

"""Checked checkpoints as JSON: one document for all of them, for programs.

    format_version   1
    checkpoints      per checkpoint, in the order of the command line:
        checkpoint       as it was named
        sound            whether nothing bad was found
        checks           {"name", "outcome", "said", "problems", "hint"}; outcome is ok, bad, note or skipped, hint is
                         null where there is none
        files            {"name", "kind", "bytes"} of what lies in the folder, up to a thousand
        contents         see `iqa_cli.inspection.contents`; {} if the card cannot be read

New keys may join without a new `format_version`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iqa_cli.report.checks import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iqa_cli.inspection import CheckpointReport

FORMAT_VERSION = 1


def checkpoint_reports_json(reports: Iterable[CheckpointReport]) -> bytes:
    """The document in UTF-8, with a line feed at its end; what no encoding can hold is a JSON escape."""
    document = {"format_version": FORMAT_VERSION, "checkpoints": [_checkpoint(report) for report in reports]}
    try:
        return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair in a name: JSON can say it, UTF-8 cannot
        return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode("ascii")


def _checkpoint(report: CheckpointReport) -> dict[str, Any]:
    return {
        "checkpoint": report.name,
        "sound": report.sound,
        "checks": [as_json(check) for check in report.checks],
        "files": [{"name": file.name, "kind": file.kind, "bytes": file.size} for file in report.files],
        "contents": dict(report.contents),
    }

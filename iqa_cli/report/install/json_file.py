"""An installation as JSON.

    format_version  1
    about           what this runs on, texts: iqa, python, system, processors, memory
    healthy         whether nothing is broken
    checks          by section (libraries, formats, model, extras, cache) a list of {"name", "outcome", "said",
                    "problems", "hint"}; outcome is ok, bad or note, hint is null where there is none

New keys may join without a new `format_version`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iqa_cli.report.checks import as_json
from iqa_cli.report.text import utf8

if TYPE_CHECKING:
    from iqa_cli.inspection.install import InstallReport

FORMAT_VERSION = 1


def install_report_json(report: InstallReport) -> bytes:
    """The document in UTF-8, with a line feed at its end."""
    document = {
        "format_version": FORMAT_VERSION,
        "about": dict(report.about),
        "healthy": not report.bad,
        "checks": {section: [as_json(check) for check in checks] for section, checks in report.checks.items()},
    }
    return (utf8(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n").encode("utf-8")

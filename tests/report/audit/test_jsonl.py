"""JSON lines: complete, versioned, one valid object per line."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable

from iqa_cli.records import Finding, Influence, Measurement, PhotoReport
from iqa_cli.report.audit.jsonl import FORMAT_VERSION, JsonLinesWriter, report_as_json
from iqa_cli.report.output import OutputStream

Make = Callable[..., PhotoReport]


def test_a_report_survives_the_way_through_json(judged: Make) -> None:
    report = judged("夜景\n1.jpg", {"dark": 3}, notes=("a note",))
    stream = io.BytesIO()
    JsonLinesWriter(OutputStream(stream)).write(report)
    assert stream.getvalue().count(b"\n") == 1
    document = json.loads(stream.getvalue())
    assert document["format_version"] == FORMAT_VERSION == 1
    assert (document["source_file"], document["status"], document["error"]) == ("夜景\n1.jpg", "ok", None)
    assert document["notes"] == ["a note"]
    assert document["SourceFile"] == "none"
    assert document["worst"] == {"label": "dark", "level": 3}
    assert [Finding(**finding) for finding in document["findings"]] == list(report.findings)
    assert list(document["marginals"]) == list(report.marginals)
    assert document["marginals"]["dark"] == [0.1, 0.9, 0.0, 0.0]
    assert [Measurement(name, **rest) for name, rest in document["measurements"].items()] == list(report.measurements)
    assert document["capture"]["taken_at"] == "2026-07-04T09:05:03"
    assert document["capture"]["flash_fired"] is False
    assert document["capture"]["iso"] == 100
    assert document["capture"]["lens_model"] is None


def test_a_finding_tells_its_margin_and_what_was_measured(judged: Make) -> None:
    report = judged("a.jpg", {"dark": 3})
    close = Finding("dark", 3, 0.9, "mean L* 14", margin=0.02, nearly=2, measured="less")
    document = report_as_json(dataclasses.replace(report, findings=(close,)))
    assert document["findings"] == [
        {
            "label": "dark",
            "level": 3,
            "probability": 0.9,
            "evidence": "mean L* 14",
            "margin": 0.02,
            "nearly": 2,
            "measured": "less",
        }
    ]


def test_the_rules_that_changed_something_are_told(judged: Make) -> None:
    entry = Influence(("/exclusions/0",), ("bright", "dark"), "dark", level=2, before=0.5, without=0.4, after=0.1)
    report = dataclasses.replace(judged("a.jpg"), independent={"dark": (0.5, 0.5, 0.0, 0.0)}, influence=(entry,))
    document = report_as_json(report)
    assert document["independent"] == {"dark": [0.5, 0.5, 0.0, 0.0]}
    assert document["influence"] == [
        {
            "rules": ["/exclusions/0"],
            "between": ["bright", "dark"],
            "label": "dark",
            "level": 2,
            "before": 0.5,
            "without": 0.4,
            "after": 0.1,
        }
    ]


def test_an_unreadable_photo_has_the_same_keys(judged: Make, unreadable: Make) -> None:
    document = report_as_json(unreadable("b.jpg", "cut off"))
    assert list(document) == list(report_as_json(judged("a.jpg")))
    assert (document["error"], document["worst"], document["findings"]) == ("cut off", None, [])


def test_lone_surrogates_never_reach_the_file(unreadable: Make) -> None:
    stream = io.BytesIO()
    JsonLinesWriter(OutputStream(stream)).write(unreadable("caf\udce9.jpg"))
    assert json.loads(stream.getvalue().decode("utf-8"))["source_file"] == "caf\\udce9.jpg"

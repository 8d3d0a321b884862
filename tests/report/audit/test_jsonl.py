"""JSON lines: complete, versioned, one valid object per line."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable

from drawn_run import ENDING, RUN

from iqa_cli._version import __version__
from iqa_cli.records import Finding, Influence, Measurement, PhotoReport
from iqa_cli.report.audit.jsonl import FORMAT_VERSION, JsonLinesWriter, report_as_json
from iqa_cli.report.output import OutputStream
from iqa_cli.report.run import run_as_json, run_from_json

Make = Callable[..., PhotoReport]


def test_a_report_survives_the_way_through_json(judged: Make) -> None:
    report = judged("夜景\n1.jpg", {"dark": 3}, notes=("a note",))
    stream = io.BytesIO()
    JsonLinesWriter(OutputStream(stream), RUN).write(report)
    assert stream.getvalue().count(b"\n") == 2
    document = json.loads(stream.getvalue().splitlines()[1])
    assert (document["format_version"], document["type"]) == (FORMAT_VERSION, "photo") == (2, "photo")
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
    JsonLinesWriter(OutputStream(stream), RUN).write(unreadable("caf\udce9.jpg"))
    assert json.loads(stream.getvalue().decode("utf-8").splitlines()[1])["source_file"] == "caf\\udce9.jpg"


def test_the_first_record_tells_of_the_run_and_the_last_of_its_end(judged: Make) -> None:
    stream = io.BytesIO()
    writer = JsonLinesWriter(OutputStream(stream), dataclasses.replace(RUN, places=("caf\udce9",)))
    assert stream.getvalue() == b""
    writer.write(judged("a.jpg"))
    writer.finish(ENDING)
    first, _, last = map(json.loads, stream.getvalue().decode("utf-8").splitlines())
    assert {record["SourceFile"] for record in (first, last)} == {"none"}
    assert first["type"] == "run"
    assert first["run"] == {
        "iqa": __version__,
        "checkpoint": "default",
        "card_sha256": "c" * 64,
        "graph": "smartphone-6",
        "graph_sha256": "9" * 64,
        "places": ["caf\\udce9"],
        "decode": "scaled",
        "strictness": "normal",
        "lang": "en",
        "command": ["iqa", "assess", "DCIM"],
        "machine": {
            "platform": "Linux-6.1-x86_64",
            "processors": 4,
            "python": "3.11.7",
            "libraries": {"pillow": "13.0.0"},
        },
        "started": "2026-07-04T09:05:00+02:00",
    }
    assert (last["type"], last["ended"], last["seconds"]) == ("end", "2026-07-04T09:05:12+02:00", 12.0)
    assert last["photos"] == {"found": 2, "ok": 1, "uncertain": 0, "damaged": 0, "unreadable": 1}


def test_a_run_over_nothing_still_tells_of_itself() -> None:
    stream = io.BytesIO()
    JsonLinesWriter(OutputStream(stream), RUN).finish(ENDING)
    assert [json.loads(line)["type"] for line in stream.getvalue().splitlines()] == ["run", "end"]


def test_a_run_is_read_back_as_it_was() -> None:
    for run in (RUN, dataclasses.replace(RUN, machine=None, command=())):
        assert run_from_json(json.loads(json.dumps(run_as_json(run)))) == run

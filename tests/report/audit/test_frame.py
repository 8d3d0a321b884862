"""The pandas table holds what the CSV holds."""

from __future__ import annotations

from iqa_cli.records import Capture, Finding, Measurement, PhotoReport
from iqa_cli.report.audit.frame import to_frame


def report(name: str, level: int) -> PhotoReport:
    return PhotoReport(
        name,
        "ok",
        findings=(Finding("dark", level, 0.25 * level, ""),),
        measurements=(Measurement("luma_median", 0.5, "luma"),),
        capture=Capture(make="NA", iso=100),
    )


def test_numbers_are_numbers_and_the_unknown_is_missing() -> None:
    unreadable = PhotoReport("c.jpg", "unreadable", error="the file is empty (0 bytes)")
    frame = to_frame(iter([report("a.jpg", 1), report("b.jpg", 3), unreadable]))
    assert frame["SourceFile"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert frame["dark_level"].tolist()[:2] == [1, 3]
    assert frame["dark_p"].tolist()[:2] == [0.25, 0.75]
    assert frame["Make"].tolist()[:2] == ["NA", "NA"]
    assert frame.loc[2, ["dark_level", "luma_median", "ISO"]].isna().all()
    assert frame.loc[2, "error"] == "the file is empty (0 bytes)"


def test_texts_that_look_like_something_else_stay_what_they_are() -> None:
    capture = Capture(make="True", model="007", lens_model="=1+1")
    unreadable = PhotoReport("123", "unreadable", error="1e5", capture=capture)
    frame = to_frame([unreadable])
    columns = ["SourceFile", "error", "Make", "Model", "LensModel"]
    assert frame.loc[0, columns].tolist() == ["123", "1e5", "True", "007", "=1+1"]


def test_no_report_at_all_gives_an_empty_table_with_its_columns() -> None:
    frame = to_frame([])
    assert len(frame) == 0
    assert {"SourceFile", "status", "luma_median", "Make"} <= set(frame.columns)

"""Which photos conditions leave, and how what users write is understood."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from drawn import TAKEN, as_csv, photo

from iqa_cli.errors import InvalidInput, UsageError
from iqa_cli.picking.conditions import Conditions, select
from iqa_cli.picking.report import read_report
from iqa_cli.picking.wishes import iso_range, known_label, known_labels, moment, read_list

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.picking.rows import Report

DAY = dt.timedelta(days=1)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Photos from fine to blocking, of every status."""
    (tmp_path / "audit.csv").write_bytes(
        as_csv(
            [
                photo("D/1/fine.jpg", 1, 0.1, make="Canon", model="Canon EOS 5", iso=100, taken_at=TAKEN - DAY),
                photo("D/1/ordinary.jpg", 2, 0.4, make="Google", model="Pixel 8", iso=200, taken_at=TAKEN),
                photo("D/2/severe.jpg", 3, 0.8, make="Google", model="Pixel 8 Pro", iso=400, taken_at=TAKEN + DAY),
                photo("D/2/blocking.jpg", 4, 0.95),
                photo("D/2/unsure.jpg", 4, 0.99, status="uncertain", model="Pixel 8"),
                photo("D/22/hurt.jpg", 3, 0.9, status="damaged"),
                photo("D/22/none.jpg", status="unreadable", make="google"),
            ]
        )
    )
    return read_report(tmp_path / "audit.csv")


def picked(report: Report, **conditions: Any) -> str:
    """The names of the photos that are left, in order, without folder and suffix."""
    rows = select(report, Conditions(**conditions)).rows
    return " ".join(row.source_file.rpartition("/")[2].removesuffix(".jpg") for row in rows)


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({}, "ordinary severe blocking"),
        ({"labels": ("dark",)}, "ordinary severe blocking"),
        ({"labels": ("bright",)}, ""),
        ({"labels": ("bright", "dark")}, "ordinary severe blocking"),
        ({"min_level": 3}, "severe blocking"),
        ({"labels": ("dark",), "min_level": 4}, "blocking"),
        ({"min_probability": 0.8}, "severe blocking"),
        ({"min_probability": 0.0}, "ordinary severe blocking"),
        ({"min_level": 3, "statuses": frozenset({"ok", "damaged"})}, "severe blocking hurt"),
        ({"labels": ("dark",), "statuses": frozenset({"uncertain", "unreadable"})}, "unsure"),
        ({"statuses": frozenset({"ok"})}, "fine ordinary severe blocking"),
        ({"statuses": frozenset({"unreadable"})}, "none"),
        ({"camera": "pixel 8"}, "ordinary unsure"),
        ({"camera": "Pixel 8*"}, "ordinary severe unsure"),
        ({"camera": "GOOGLE"}, "ordinary severe none"),
        ({"camera": "Google  Pixel 8"}, "ordinary"),
        ({"camera": "Pixel"}, ""),
        ({"iso": (200, 400)}, "ordinary severe"),
        ({"iso": (None, 100)}, "fine"),
        ({"iso": (300, None)}, "severe"),
        ({"since": TAKEN}, "ordinary severe"),
        ({"until": TAKEN}, "fine"),
        ({"since": TAKEN, "until": TAKEN + DAY}, "ordinary"),
        ({"under": "D/2"}, "severe blocking unsure"),
        ({"under": "./D/2/"}, "severe blocking unsure"),
        ({"under": "D"}, "fine ordinary severe blocking unsure hurt none"),
        ({"under": "."}, "fine ordinary severe blocking unsure hurt none"),
        ({"under": "D/2", "min_level": 4}, "blocking"),
        ({"paths": ("D/22/none.jpg", "D/1/fine.jpg\r")}, "fine none"),
        ({"paths": ("D/1/fine.jpg", "D/2/severe.jpg"), "min_level": 2}, "severe"),
    ],
)
def test_conditions_leave_photos_in_the_reports_order(report: Report, conditions: dict[str, Any], left: str) -> None:
    assert picked(report, **conditions) == left


def test_a_label_needs_its_own_probability(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv([photo("a.jpg", 2, 0.3)]).replace(b",1,0.0010,", b",2,0.9900,"))
    report = read_report(tmp_path / "a.csv")
    assert picked(report, labels=("dark",), min_probability=0.5) == ""
    assert picked(report, labels=("dark", "bright"), min_probability=0.5) == "a"


def test_a_folder_is_found_from_the_base_and_from_here(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "D").mkdir()
    monkeypatch.chdir(tmp_path / "D")
    for under in ("D/1", "1", f"{tmp_path}/D/1"):
        rows = select(report, Conditions(under=under), str(tmp_path)).rows
        assert [row.source_file for row in rows] == ["D/1/fine.jpg", "D/1/ordinary.jpg"]


def test_what_the_list_names_and_the_report_does_not_is_told_once(report: Report) -> None:
    selection = select(report, Conditions(paths=("x.jpg", "D/1/fine.jpg", "x.jpg", "D/1")))
    assert [row.source_file for row in selection.rows] == ["D/1/fine.jpg"]
    assert selection.not_listed == ("x.jpg", "D/1")


def test_a_listed_path_is_known_with_the_apostrophe_of_a_csv_and_without(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv([photo("=a.jpg"), photo("b.jpg")]))
    report = read_report(tmp_path / "a.csv")
    for path in ("=a.jpg", "'=a.jpg"):
        assert [row.source_file for row in select(report, Conditions(paths=(path,))).rows] == ["=a.jpg"]


def test_a_listed_path_is_known_as_other_systems_spell_it_unless_two_are_alike(tmp_path: Path) -> None:
    apart, joined = (unicodedata.normalize(form, "Kühe") for form in ("NFD", "NFC"))
    names = (f"D/{apart}.jpg", "D/a.jpg", f"E/{apart}.jpg", f"E/{joined}.jpg", "D/b\\c.jpg")
    (tmp_path / "a.csv").write_bytes(as_csv([photo(name) for name in names]))
    report = read_report(tmp_path / "a.csv")

    def listed(*paths: str) -> list[str]:
        return [row.source_file for row in select(report, Conditions(paths=paths)).rows]

    assert listed(f"D/{joined}.jpg") == listed(f"D\\{joined}.jpg\r") == [names[0]]
    assert listed("D\\a.jpg", "D/b\\c.jpg") == ["D/a.jpg", "D/b\\c.jpg"]
    assert listed(names[2]) == [names[2]]
    assert listed(f"E\\{joined}.jpg") == []
    assert listed("D/A.jpg") == []


@pytest.mark.parametrize("start", ["./", "", "/photos/"])
def test_a_path_is_the_same_with_and_without_the_dot_of_its_folder(tmp_path: Path, start: str) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv([photo(f"{start}DCIM/a.jpg"), photo(f"{start}DCIM/b.jpg")]))
    there = read_report(tmp_path / "a.csv")
    absolute = start if start.startswith("/") else ""
    for spelled in (f"{absolute}DCIM/a.jpg", f"{absolute or './'}DCIM/a.jpg", f"{absolute}DCIM/.//a.jpg"):
        assert picked(there, paths=(spelled,)) == "a", spelled
    assert select(there, Conditions(paths=(f"{absolute}DCIM/../DCIM/a.jpg",))).not_listed != ()
    for folder in (f"{absolute}DCIM", f"{absolute or './'}DCIM/", f"{absolute}DCIM/."):
        assert picked(there, under=folder) == "a b", folder


@pytest.mark.parametrize(
    ("text", "bounds"), [("100-400", (100, 400)), ("100-", (100, None)), ("-400", (None, 400)), (" 64 ", (64, 64))]
)
def test_ranges(text: str, bounds: tuple[int | None, int | None]) -> None:
    assert iso_range(text) == bounds


@pytest.mark.parametrize("text", ["", "-", "a-b", "400-100", "1-2-3", "1.5-2", "9" * 30])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--iso"):
        iso_range(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01", "2025-01-01"),
        ("2024-12", "2024-12-01", "2025-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2024:02:29", "2024-02-29", "2024-03-01"),
        ("2024-02-29T23:59", "2024-02-29T23:59", "2024-03-01"),
        ("2024-02-29 23:59:59", "2024-02-29T23:59:59", "2024-03-01"),
    ],
)
def test_moments(text: str, start: str, end: str) -> None:
    assert moment("--since", text, after=False) == dt.datetime.fromisoformat(start)
    assert moment("--until", text, after=True) == dt.datetime.fromisoformat(end)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13", "2023-02-29", "0000", "9999-12-31", "2024-05-01T25:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--until"):
        moment("--until", text, after=True)


def test_labels_are_known_by_spelling_and_name_in_any_case(report: Report) -> None:
    names = {"too dark": "dark", "整体偏暗": "dark"}
    for text in ("dark", "Dark", "too dark", "Too-Dark", "整体偏暗"):
        assert known_label(report, text, names) == "dark"
    assert known_label(report, "Over suppressed", names) == "over_suppressed"


def test_several_labels_may_stand_behind_one_option(report: Report) -> None:
    names = {"too dark": "dark", "bright, all over": "bright"}
    assert known_labels(report, "dark", names) == ("dark",)
    assert known_labels(report, "bright, Too dark,", names) == ("bright", "dark")
    assert known_labels(report, "bright, all over", names) == ("bright",)  # a name with a comma is one name
    for text in (",", "dark,brigth"):
        with pytest.raises(UsageError, match="has no label"):
            known_labels(report, text, names)


def test_an_unknown_label_is_refused_with_the_nearest(report: Report) -> None:
    with pytest.raises(UsageError) as caught:
        known_label(report, "brigth", {})
    first, second = str(caught.value).splitlines()
    assert first == f'{report.name} has no label "brigth" (did you mean "bright"?)'
    assert second == "hint: its labels: bright, dark, over_suppressed"


@pytest.mark.parametrize(
    ("content", "paths"),
    [
        ("a.jpg\nb c.jpg\n", ("a.jpg", "b c.jpg")),
        ("\na.jpg\n \n# b.jpg", ("a.jpg", "# b.jpg")),
        ("a\nb.jpg\0c.jpg\0", ("a\nb.jpg", "c.jpg")),
        ("\ufeffa.jpg\r\n\r\n", ("a.jpg\r",)),
        ("雪.jpg\n", ("雪.jpg",)),
    ],
)
def test_lists(tmp_path: Path, content: str, paths: tuple[str, ...]) -> None:
    (tmp_path / "list").write_text(content, encoding="utf-8", newline="")
    assert read_list(tmp_path / "list") == paths


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_list_that_a_shell_of_windows_wrote(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list").write_text("D\\a.jpg\r\n雪.jpg\r\n", encoding=encoding, newline="")
    assert read_list(tmp_path / "list") == ("D\\a.jpg\r", "雪.jpg\r")


def test_bytes_that_are_no_utf8_are_spelled_as_in_a_report(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"caf\xe9.jpg\n")
    assert read_list(tmp_path / "list") == ("caf\\xe9.jpg",)


@pytest.mark.parametrize(("content", "said"), [(b"\n \n", "names no photo"), (None, "cannot be read")])
def test_a_list_without_a_path_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        read_list(tmp_path / "list")

"""Reports come back exactly as they were."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from remembered import bits, recall, remember, report_of

from iqa_cli.cache import codec
from iqa_cli.records import Measurement, PhotoRef, PhotoReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_report_comes_back_bit_for_bit(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    assert bits(recall(folder, ref)) == bits(report_of(ref.source_file))


@pytest.mark.parametrize("text", ["", "\udcff half", "\ud83d\ude00", "😀 很亮", "a\0b\r\n\u2028", '"\\'], ids=ascii)
def test_any_text_comes_back(text: str) -> None:
    report = report_of("x.jpg", evidence=text)
    assert codec.unpack(codec.pack(report), "x.jpg") == report


def test_no_field_of_the_reports_is_left_out_of_these_tests() -> None:
    full = report_of("x.jpg")
    default = PhotoReport("", "ok", findings=full.findings[1:])
    for field in dataclasses.fields(PhotoReport):
        if field.name not in ("status", "error"):  # of which unreadable photos have others
            assert getattr(full, field.name) != getattr(default, field.name), f"{field.name}: give it a value above"


def test_numbers_of_numpy_are_refused_unless_they_are_floats() -> None:
    numpy = pytest.importorskip("numpy")
    report = report_of("x.jpg")
    as_float = dataclasses.replace(report, measurements=(Measurement("luma", numpy.float64(0.1), "luma"),))
    assert codec.unpack(codec.pack(as_float), "x.jpg") == as_float
    with pytest.raises(TypeError):
        codec.pack(dataclasses.replace(report, measurements=(Measurement("luma", numpy.float32(0.1), "luma"),)))


def test_another_shape_of_the_records_is_another_context(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = photo()
    remember(folder, ref)
    monkeypatch.setattr(codec, "records_key", lambda: "other")
    assert recall(folder, ref) is None


def test_the_key_of_the_records_tells_fields_apart() -> None:
    known = codec._fields_of(PhotoReport, {})
    assert set(known) == {"PhotoReport", "Finding", "Influence", "Measurement", "Capture"} | set(known)
    assert "exposure_bias_ev" in known["Capture"]
    assert len(codec.records_key()) == 16


def test_a_field_that_cannot_be_remembered_says_so() -> None:
    with pytest.raises(TypeError, match="complex"):
        codec._steps(complex)

"""From tags to settings: read what says something, name what cannot be read, say nothing of what says nothing."""

import datetime as dt
import math

import pytest

from iqa_cli.photos import tiff
from iqa_cli.photos.settings import settings_of


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2024:05:31 18:03:59", 18),
        ("2024-05-31T18:03:59", 18),
        ("2024-05-31T06:03:59Z", 6),
        ("2024/05/31 6.03.59", 6),
        ("2024:05:31 18:03:59.123+02:00", 18),
        ("2024:05:31 18:03:59-05:00", 18),
        ("2024:05:31 06:03:59 am", 6),
        ("2024:05:31 06:03:59 pm", 18),
        ("2024:05:31 06:03:59PM", 18),
        ("2024:05:31 06:03:59 p.m.", 18),
        ("2024:05:31 06:03:59 p", 18),
        ("2024:05:31 06:03:59 下午", 18),
        ("2024:05:31 06:03:59 午後", 18),
        ("2024:05:31 06:03:59 오후", 18),
        ("2024:05:31 下午 06:03:59", 18),
        ("2024:05:31 上午06:03:59", 6),
        ("2024:05:31 PM 6:03:59", 18),
        ("2024:05:31 12:03:59 am", 0),
        ("2024:05:31 12:03:59 pm", 12),
        ("2024:05:31 00:03:59 am", 0),
        ("2024:05:31 18:03:59 pm", 18),
        ("2024:05:31 18:03:59 μ.μ.", 18),
    ],
)
def test_a_half_of_the_day_is_understood(written: str, hour: int) -> None:
    found = settings_of({tiff.TAKEN: written.encode()})
    assert found.values == {"taken_at": dt.datetime(2024, 5, 31, hour, 3, 59)}  # noqa: DTZ001 - EXIF knows no zone
    assert found.left_out == {}


@pytest.mark.parametrize(
    "written",
    [
        "2024:05:31 24:03:59",
        "2024:05:31 24:00:00",
        "2024:05:31 18:60:59",
        "2024:05:31 18:03:60",
        "2024:02:30 18:03:59",
        "2024:05:31 18:03",
        "2024:05:31",
        "31/05/2024 18:03:59",
        "1717178639",
        "2024:05:31 06:03:59 μ.μ.",
        "2024:05:31 00:03:59 pm",
        "2024:05:31 18:03:59 am",
        "2024:05:31 am 06:03:59 pm",
    ],
)
def test_a_time_that_is_none_or_may_be_two_is_left_out_by_name(written: str) -> None:
    found = settings_of({tiff.TAKEN: written.encode()})
    assert found.values == {}
    assert found.left_out == {"taken_at": f'DateTimeOriginal ("{written}")'}


def test_a_word_in_another_encoding_may_say_which_half_of_the_day_it_is() -> None:
    found = settings_of({tiff.TAKEN: b"2024:05:31 06:03:59 " + "下午".encode("gbk")})
    assert found.left_out == {"taken_at": "DateTimeOriginal (text that is not UTF-8)"}


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "latin-1", "utf-16"])
def test_text_in_another_encoding_is_left_out_by_name_and_not_in_parts(encoding: str) -> None:
    written = {"gbk": "华为 P9", "shift_jis": "富士フイルム", "latin-1": "König", "utf-16": "X"}[encoding]
    found = settings_of({tiff.MAKE: written.encode(encoding), tiff.MODEL: b"P9"})
    assert found.values == {"model": "P9"}
    assert found.left_out == {"make": "Make (text that is not UTF-8)"}


@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [
        (tiff.ISO, b"400", 400),
        (tiff.ISO, (0, 400), 400),
        (tiff.ISO, (400.0,), 400),
        (tiff.EXPOSURE_TIME, b"1/125", 0.008),
        (tiff.EXPOSURE_TIME, b"0.008", 0.008),
        (tiff.EXPOSURE_BIAS, b"-0.7", -0.7),
        (tiff.EXPOSURE_BIAS, b"+2", 2.0),
        (tiff.EXPOSURE_BIAS, (0.0,), 0.0),
        (tiff.FLASH, (0,), False),
        (tiff.FLASH, (0x19,), True),
        (tiff.ORIENTATION, (6,), 6),
    ],
)
def test_numbers_are_read_from_numbers_and_texts(tag: int, value: tiff.Value, expected: float) -> None:
    assert list(settings_of({tag: value}).values.values()) == [expected]


@pytest.mark.parametrize(
    ("tag", "value", "named"),
    [
        (tiff.EXPOSURE_TIME, b"1/0", 'ExposureTime ("1/0")'),
        (tiff.EXPOSURE_TIME, (4294967295,), "ExposureTime (4.29497e+09)"),
        (tiff.EXPOSURE_TIME, (-0.5,), "ExposureTime (-0.5)"),
        (tiff.F_NUMBER, b"f/5,6", 'FNumber ("f/5,6")'),
        (tiff.F_NUMBER, (math.inf,), "FNumber (inf)"),
        (tiff.ISO, (0.5,), "ISO (0.5)"),
        (tiff.EXPOSURE_BIAS, (-2147483648.0,), "ExposureCompensation (-2.14748e+09)"),
        (tiff.FLASH, (9969,), "Flash (9969)"),
        (tiff.ORIENTATION, (9,), "Orientation (9)"),
        (tiff.ORIENTATION, b"Rotate 90 CW", 'Orientation ("Rotate 90 CW")'),
        (tiff.MODEL, (77, 88), "Model (77 88)"),
        (tiff.LENS_MODEL, None, "LensModel (unreadable)"),
        (tiff.ISO, "\N{RIGHT-TO-LEFT OVERRIDE}x\x1b[2J".encode(), 'ISO ("x[2J")'),
        (tiff.ISO, b"x" * 900, f'ISO ("{"x" * 40}")'),
    ],
)
def test_what_is_no_value_is_left_out_by_name(tag: int, value: tiff.Value, named: str) -> None:
    found = settings_of({tag: value})
    assert found.values == {}
    assert list(found.left_out.values()) == [named]


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (tiff.MAKE, b""),
        (tiff.MAKE, b"   \n"),
        (tiff.TAKEN, b"0000:00:00 00:00:00"),
        (tiff.TAKEN, b"    :  :     :  :  "),
        (tiff.EXPOSURE_TIME, (math.nan,)),
        (tiff.EXPOSURE_TIME, (0,)),
        (tiff.F_NUMBER, (0.0,)),
        (tiff.ISO, (0, 0)),
        (tiff.ISO, ()),
        (tiff.EXPOSURE_BIAS, (math.nan,)),
        (tiff.ORIENTATION, (0,)),
    ],
)
def test_nothing_is_said_of_what_says_nothing(tag: int, value: tiff.Value) -> None:
    found = settings_of({tag: value})
    assert (found.values, found.left_out) == ({}, {})

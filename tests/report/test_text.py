"""Text from outside: shown without side effects, stored without surprises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.report.text import plain_number, shown, utf8


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_0001.jpg", "IMG_0001.jpg"),
        ("夜景 №1 é.jpg", "夜景 №1 é.jpg"),
        ("a\nb\x1b[31m.jpg", "a\\x0ab\\x1b[31m.jpg"),
        ("cod.\u202egpj", "cod.\\u202egpj"),
        ("\udce9t\udce9.jpg", "\\udce9t\\udce9.jpg"),
        ("\U000e0041.jpg", "\\U000e0041.jpg"),
        (
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467.jpg",
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467.jpg",
        ),
    ],
)
def test_names_are_shown_without_moving_the_cursor(name: str, expected: str) -> None:
    assert shown(name) == expected


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_valid_utf8_and_honest_text_stays(text: str) -> None:
    assert utf8(text).encode("utf-8").decode("utf-8") == utf8(text)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert utf8(text) == text


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (1 / 8000, 9, "0.000125"),
        (1 / 60, 9, "0.016666667"),
        (100.0, 0, "100"),
        (2.80, 3, "2.8"),
        (-0.0001, 3, "0"),
        (True, 0, "1"),
        (float("nan"), 3, ""),
        (float("inf"), 3, ""),
    ],
)
def test_numbers_are_plain(value: float, digits: int, expected: str) -> None:
    assert plain_number(value, digits) == expected

"""The walk along the markers of a JPEG file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_cli.photos import jpeg

# Few kinds of bytes, so that markers, stuffed bytes, restarts and fill bytes come about often.
coded = st.lists(st.sampled_from([0xFF, 0x00, 0xD0, 0xD7, 0xD9, 0xDA, 0x41]), max_size=40).map(bytes)


@given(coded, st.integers(0, 45), st.sampled_from([1, 2, 3, 7, 1024]))
@settings(deadline=None)
def test_the_end_of_coded_data_is_found_as_by_the_standard(data: bytes, at: int, at_once: int) -> None:
    """T.81, B.1.1.2: 0xFF and a byte that is neither 0 nor 0xFF; RST0 to RST7 stand within the data."""
    expected = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL).search(data, at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg, "_SHORT_SCAN", at_once)
        patch.setattr(jpeg, "_SEARCHED_AT_ONCE", at_once)
        assert jpeg._next_marker(data, at) == (-1 if expected is None else expected.start())


def test_no_more_scans_are_kept_than_would_be_decoded() -> None:
    scan = bytes.fromhex("ffda0008010100003f00")
    layout = jpeg.read_layout(b"\xff\xd8" + scan * 3000 + b"\xff\xd9")
    assert len(layout.scans) == jpeg.MAX_SCANS + 1

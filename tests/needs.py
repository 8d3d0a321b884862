"""Programs that some tests need beside Python."""

from __future__ import annotations

import os
import shutil

import pytest


def need_exiftool() -> None:
    """Skip without exiftool, and fail where everything is to be tested."""
    if shutil.which("exiftool") is None:
        missing = pytest.fail if os.environ.get("IQA_TEST_EVERYTHING") == "1" else pytest.skip
        missing("exiftool is not installed; Debian has it in libimage-exiftool-perl")

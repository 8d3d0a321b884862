"""Programs and libraries that some tests need."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest


def need_exiftool() -> None:
    """Skip without exiftool, and fail where everything is to be tested."""
    need("exiftool", "libimage-exiftool-perl")


def need(program: str, package: str) -> str:
    """Where a program is; skip without it, and fail where everything is to be tested.

    package  of Debian that has it
    """
    found = shutil.which(program)
    if found is None:
        missing = pytest.fail if os.environ.get("IQA_TEST_EVERYTHING") == "1" else pytest.skip
        missing(f"{program} is not installed; Debian has it in {package}")
    return str(found)


def need_libraries(*names: str) -> None:
    """Skip without these of the extras scale and test, and fail where everything is to be tested."""
    gone = [name for name in names if importlib.util.find_spec(name) is None]
    if gone:
        missing = pytest.fail if os.environ.get("IQA_TEST_EVERYTHING") == "1" else pytest.skip
        missing(f"{', '.join(gone)}: not installed; the extras scale and test bring it")

"""What the tests of the page share: the browser of the system, hostile texts, and the names that a page shows.

Imported first by every test here: without a browser it skips them, unless everything is to be tested.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED = os.environ.get("IQA_TEST_EVERYTHING") == "1"
if not REQUIRED:
    if BROWSER is None:
        pytest.skip("no Chromium is installed", allow_module_level=True)
    pytest.importorskip("playwright", reason="playwright drives the browser")

IMAGE_NAME = "<img src=x onerror=alert(1)>.jpg"
SCRIPT = "</script><script>document.title='hacked'</script>"
COMMENT = "a \"quote\", an 'apostrophe' and \u2028 a line separator"


def names(page: Page) -> list[str]:
    """The photos shown, in order."""
    return [text.removeprefix("DCIM/") for text in page.locator("#cards .name").all_text_contents()]

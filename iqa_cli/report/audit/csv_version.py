"""The column that tells the version of an audit's CSV, and keeps exiftool from writing the table into photos.

`exiftool -csv=audit.csv` takes columns for tags. Without this one it turned photos, because a plain 1 is not how it
writes an orientation of 1, and gave each the Status "ok". A table with a name that no tag can have it refuses whole.
"""

from __future__ import annotations

VERSION_COLUMN = "iqa.format_version"
FORMAT_VERSION = 1
"""Changes when a column changes its meaning or goes; new ones may join without."""

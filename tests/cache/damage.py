"""What may be wrong with the file of a cache."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def zeros(file: Path) -> None:
    file.write_bytes(b"\0" * 5000)


def text(file: Path) -> None:
    file.write_text("notes of somebody else, long enough to be taken for a header\n" * 3)


def foreign_database(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE photos (key TEXT)")
    connection.close()


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)


def lacks_a_table(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE contexts")
    connection.close()

"""Photos with what belongs to them, moved away and back: what the tests of both share."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from drawn import photo, plan_of, spelled

from iqa_cli.picking import copying
from iqa_cli.picking.move import move
from iqa_cli.writing import placing

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from iqa_cli.picking.carry import Outcome
    from iqa_cli.picking.plan import Plan

PHOTOS = (
    b"D/1/IMG_1.JPG",
    b"D/2/IMG_1.JPG",
    b"D/1/caf\xe9.jpg",
    b"D/1/caf\\xe9.jpg",
    b"D/\xff\xfe/a\nb.png",
    "D/雪/=x.heic".encode(),
)
COMPANIONS = (b"D/1/IMG_1.MOV", b"D/1/img_1.dng", b"D/1/IMG_1.JPG.xmp", b"D/\xff\xfe/a\nb.png.json")
OTHERS = (b"D/1/other.jpg", b"D/2/IMG_10.MOV", b"D/1/caf.jpg")


def planned(target: str = "out") -> Plan:
    return plan_of(map(photo, spelled(*PHOTOS)), target)


def moved(plan: Plan) -> tuple[list[Outcome], Path]:
    lists: list[Path] = []
    outcomes = list(move(plan, lists.append))
    return outcomes, lists[0]


def across(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every move between folders look like one between file systems."""

    def place(source: str, to: str) -> None:
        if os.path.dirname(os.path.abspath(source)) != os.path.dirname(os.path.abspath(to)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        placing.place(source, to)

    monkeypatch.setattr(copying, "place", place)

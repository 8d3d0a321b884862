"""How a checkpoint's model looks at a photo, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping


def several_views(preprocessing: Mapping[str, Any]) -> str:
    """The views of a card's `preprocessing`, if there are several; empty if a photo is looked at once."""
    views = preprocessing.get("views")
    if views is None:
        return ""
    crops, square = counted(len(views["crops"]), "crop"), views["square"]
    return f"the mean of the whole and {crops} of {square} x {square} pixels"

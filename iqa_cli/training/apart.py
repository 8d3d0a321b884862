"""Photographs that must not be learned from: found among those that are, by content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.errors import ConfigError
from iqa_cli.training.data import WHOLE, Share
from iqa_cli.training.distributed import found_anywhere
from iqa_cli.training.likeness import alike
from iqa_cli.training.photographs import load_photographs
from iqa_cli.wording import SHOWN, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

_SIDE = 64
"""Pixels: twice the size at which scenes are compared."""


def refuse_watched(
    learned: Sequence[tuple[str, Sequence[str], Tensor]], folders: Sequence[Path], share: Share = WHOLE
) -> None:
    """A model that has seen a photograph, or another frame of its scene, tells nothing when it is judged by it.

    learned  what is learned from: the config's key, names, (M, 3, P, P) uint8
    folders  photographs that the model will be judged by
    share    which process this is; all refuse what one of them finds
    raises   ConfigError  naming every photograph that is in both, whatever its name, size or exposure is there
    """
    if not folders:
        return
    problems = []
    for folder in folders:
        watched = load_photographs(folder, _SIDE, "data.apart_from", least=1)
        for key, names, pictures in learned:
            problems += [
                f"{key}: {names[row]!r} shows the scene of {watched.names[place]!r} in {folder}"
                for row, place in alike(pictures, watched.pictures)
            ]
    problems = found_anywhere(problems, share)
    if problems:
        raise ConfigError(
            f"data.apart_from: {len(problems)} photographs are learned from that are to be kept apart",
            problems=shortened(problems[:SHOWN], len(problems)),
            hint="take them out of what is learned from; figures on photographs that were learned from mean nothing",
        )

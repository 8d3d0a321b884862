"""What stands on the page of a graph's picture, and where, in pixels, y downwards."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from iqa_cli.report.graph.groups import Box, Kind, Levels, Line

ROW = 18
"""Height of a level's row."""
NAME_LINE = 16
"""Height of one line of a label's name."""
NAME_PAD = 7
"""Space above and below a name."""
PAD = 10
"""Between a box and what is in it."""
HEADER = 20
"""Height of a box's own words."""
GAP = 26
"""Between boxes."""
CARD_GAP = 10
"""Between the cards of a box."""
LANE = 7
"""Width of a lane: the strip beside a card in which a bar shows the levels that a line speaks of."""

Section = Literal["linked", "boxed", "alone"]
Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Card:
    """A label as it stands on the page."""

    label: int
    """Position in the graph."""
    x: float
    """Left."""
    y: float
    """Top."""
    name: tuple[str, ...]
    """Its name, line by line."""
    levels: Levels
    """Rising; the highest is the top row."""
    width: float
    """Of the card without its lanes."""
    name_lines: int
    """Lines that the name has room for: as many as the longest name beside it."""

    @property
    def rows_y(self) -> float:
        """Top of the first level row."""
        return self.y + 2 * NAME_PAD + NAME_LINE * self.name_lines

    @property
    def height(self) -> float:
        """From the top of the name to the foot of the lowest level."""
        return self.rows_y - self.y + ROW * len(self.levels)

    def row_y(self, level: int) -> float:
        """Top of a level's row."""
        return self.rows_y + ROW * (len(self.levels) - 1 - self.levels.index(level))


@dataclasses.dataclass(frozen=True)
class Frame:
    """A box on the page."""

    box: Box
    """What it holds."""
    x: float
    """Left."""
    y: float
    """Top."""
    width: float
    """With its lanes."""
    height: float
    """With its header."""
    cards: tuple[Card, ...]
    """In the box's order."""

    def moved(self, dx: float, dy: float) -> Frame:
        """The same at another place."""
        cards = tuple(dataclasses.replace(card, x=card.x + dx, y=card.y + dy) for card in self.cards)
        return dataclasses.replace(self, x=self.x + dx, y=self.y + dy, cards=cards)


@dataclasses.dataclass(frozen=True)
class Bar:
    """The levels that the end of a line speaks of, shown beside the card."""

    kind: Kind
    """Of the line."""
    label: int
    """Whose levels."""
    levels: Levels
    """Which."""
    x: float
    """Centre of the lane."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """A line on the page."""

    line: Line
    """The rule it stands for."""
    points: tuple[Point, ...]
    """Start, then three points for each Bezier piece."""


@dataclasses.dataclass(frozen=True)
class Page:
    """Everything in its place."""

    width: float
    """Of the page without margins."""
    height: float
    """Of the page without margins."""
    headings: tuple[tuple[Section, float], ...]
    """Sections and the base lines of their headings; none if there is only one section."""
    frames: tuple[Frame, ...]
    """All boxes."""
    bars: tuple[Bar, ...]
    """All ends of lines, equal ones once."""
    curves: tuple[Curve, ...]
    """All lines."""


@dataclasses.dataclass(frozen=True)
class Block:
    """Frames and lines that keep their places to each other, from (0, 0) on."""

    width: float
    """With the lines, which may lead around the frames."""
    height: float
    """The same."""
    frames: tuple[Frame, ...]
    """Its boxes."""
    bars: tuple[Bar, ...] = ()
    """Ends of its lines."""
    curves: tuple[Curve, ...] = ()
    """Its lines."""

    def moved(self, dx: float, dy: float) -> Block:
        """The same at another place."""
        frames = tuple(frame.moved(dx, dy) for frame in self.frames)
        bars = tuple(dataclasses.replace(bar, x=bar.x + dx) for bar in self.bars)
        curves = tuple(
            dataclasses.replace(curve, points=tuple((x + dx, y + dy) for x, y in curve.points)) for curve in self.curves
        )
        return dataclasses.replace(self, frames=frames, bars=bars, curves=curves)

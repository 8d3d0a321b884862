"""Where the parts of a graph's picture go, in pixels, y downwards.

Boxes that lines join are laid out by Graphviz, left to right along the subsumptions, each connected set by
itself; everything is then set out in rows under three headings. The same graph gives the same layout.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import math
from typing import TYPE_CHECKING, Literal

from iqa_cli.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iqa_cli.report.graph_groups import Box, End, Kind, Levels, Line, Parts

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
HEADING = 40
"""Height of a section's heading."""
RANK_GAP = 84
"""Room for lines between two columns of boxes."""
LANDSCAPE = 1.5
"""Width to height that the page aims at, as screens and paper on its side."""
NARROWEST = 640
"""The page is at least this wide: the legend has to fit."""

Section = Literal["linked", "boxed", "alone"]
Point = tuple[float, float]
Size = tuple[float, float]
Side = Literal["left", "right"]


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
class _Block:
    """Frames and lines that keep their places to each other, from (0, 0) on."""

    width: float
    height: float
    frames: tuple[Frame, ...]
    bars: tuple[Bar, ...] = ()
    curves: tuple[Curve, ...] = ()

    def moved(self, dx: float, dy: float) -> _Block:
        frames = tuple(_moved_frame(frame, dx, dy) for frame in self.frames)
        bars = tuple(dataclasses.replace(bar, x=bar.x + dx) for bar in self.bars)
        curves = tuple(
            dataclasses.replace(curve, points=tuple((x + dx, y + dy) for x, y in curve.points)) for curve in self.curves
        )
        return dataclasses.replace(self, frames=frames, bars=bars, curves=curves)


def lay_out(parts: Parts, names: Sequence[tuple[str, ...]], levels: Sequence[Levels], card_width: float) -> Page:
    """The page.

    names       (L,) the labels' names, broken into lines that fit `card_width`
    levels      (L,) the labels' levels, rising
    card_width  of every card

    raises  MissingExtra  if there are lines and Graphviz is not installed
    """

    def card(label: int, name_lines: int | None = None) -> Card:
        lines = name_lines or len(names[label])
        return Card(label, 0.0, 0.0, names[label], levels[label], card_width, lines)

    linked = []
    free: dict[Section, list[Box]] = {"boxed": [], "alone": []}
    for boxes, lines in _components(parts):
        if lines:
            linked.append(_linked(boxes, lines, card))
        else:
            free["boxed" if boxes[0].marked else "alone"] += boxes
    sections: dict[Section, list[_Block]] = {"linked": linked}
    for section, boxes in free.items():
        longest = max((len(names[label]) for box in boxes for label in box.labels), default=0)
        sections[section] = [_grid(box, [card(label, longest) for label in box.labels]) for box in boxes]
    return _in_rows({section: blocks for section, blocks in sections.items() if blocks})


def _components(parts: Parts) -> Iterable[tuple[list[Box], list[Line]]]:
    """Boxes that lines join, with those lines, in the order of their first labels."""
    home = {label: k for k, box in enumerate(parts.boxes) for label in box.labels}
    near: dict[int, set[int]] = collections.defaultdict(set)
    for line in parts.lines:
        a, b = home[line.a.label], home[line.b.label]
        near[a].add(b)
        near[b].add(a)
    seen: set[int] = set()
    for start in range(len(parts.boxes)):
        if start in seen:
            continue
        reached, stack = {start}, [start]
        while stack:
            fresh = near[stack.pop()] - reached
            reached |= fresh
            stack += fresh
        seen |= reached
        yield (
            [parts.boxes[k] for k in sorted(reached)],
            [line for line in parts.lines if home[line.a.label] in reached],
        )


def _grid(box: Box, cards: list[Card]) -> _Block:
    """A box that no line touches: its cards side by side, or in a square if there are many."""
    pad, header = (PAD, HEADER) if box.marked else (0, 0)
    columns = len(cards) if len(cards) <= 4 else math.ceil(math.sqrt(len(cards)))
    placed, y = [], float(pad + header)
    for start in range(0, len(cards), columns):
        row = cards[start : start + columns]
        for column, card in enumerate(row):
            placed.append(dataclasses.replace(card, x=pad + column * (card.width + CARD_GAP), y=y))
        y += max(card.height for card in row) + CARD_GAP
    width, height = max(card.x + card.width for card in placed) + pad, y - CARD_GAP + pad
    return _Block(width, height, (Frame(box, 0.0, 0.0, width, height, tuple(placed)),))


def _moved_frame(frame: Frame, dx: float, dy: float) -> Frame:
    cards = tuple(dataclasses.replace(card, x=card.x + dx, y=card.y + dy) for card in frame.cards)
    return dataclasses.replace(frame, x=frame.x + dx, y=frame.y + dy, cards=cards)


def _in_rows(sections: dict[Section, list[_Block]]) -> Page:
    """The sections one below the other, each packed into the width of the page."""
    blocks = [block for found in sections.values() for block in found]
    area = sum((block.width + GAP) * (block.height + GAP) for block in blocks)
    limit = max(NARROWEST, math.sqrt(LANDSCAPE * area), *(block.width for block in blocks))
    placed: list[_Block] = []
    headings: list[tuple[Section, float]] = []
    y = 0.0
    for section, found in sections.items():
        if len(sections) > 1:
            headings.append((section, y + HEADING - 16))
            y += HEADING
        places = _packed([(block.width, block.height) for block in found], limit)
        placed += (block.moved(x, y + dy) for block, (x, dy) in zip(found, places, strict=True))
        y += max(dy + block.height for block, (_, dy) in zip(found, places, strict=True)) + GAP
    frames = tuple(frame for block in placed for frame in block.frames)
    curves = tuple(curve for block in placed for curve in block.curves)
    right = [frame.x + frame.width for frame in frames] + [x for curve in curves for x, _ in curve.points]
    return Page(
        width=max(NARROWEST, *right),
        height=y - GAP,
        headings=tuple(headings),
        frames=frames,
        bars=tuple(bar for block in placed for bar in block.bars),
        curves=curves,
    )


def _packed(sizes: list[Size], limit: float) -> list[Point]:
    """Places for rectangles in a page `limit` wide, each as high up and then as far left as it fits.

    Of those that fit equally well the earlier comes first, so that rectangles of one size keep their order. Keeps the
    sky line, the lower edge of what is placed, as steps (x, y) from left to right.
    """
    sky: list[Point] = [(0.0, 0.0)]
    waiting: dict[Size, collections.deque[int]] = collections.defaultdict(collections.deque)
    for k, size in enumerate(sizes):
        waiting[size].append(k)
    places = [(0.0, 0.0)] * len(sizes)
    while waiting:
        y, x, k = min(
            (max(sy for _, sy in _under(sky, x, x + size[0] + GAP)), x, queue[0])
            for size, queue in waiting.items()
            for x, _ in sky
            if x + size[0] <= limit
        )
        places[k] = (x, y)
        (width, height), queue = sizes[k], waiting[sizes[k]]
        queue.popleft()
        if not queue:
            del waiting[sizes[k]]
        right = x + width + GAP
        after = next(sy for sx, sy in reversed(sky) if sx <= right)
        sky = sorted([step for step in sky if step[0] < x or step[0] > right] + [(x, y + height + GAP), (right, after)])
    return places


def _under(sky: list[Point], left: float, right: float) -> list[Point]:
    """The steps of a sky line between two heights of x."""
    ends = [x for x, _ in sky[1:]] + [math.inf]
    return [step for step, end in zip(sky, ends, strict=True) if step[0] < right and end > left]


# Boxes with lines ---------------------------------------------------------------------------------------------


def _linked(boxes: list[Box], lines: list[Line], card: Callable[[int], Card]) -> _Block:
    """Boxes and the lines between them, by Graphviz: cards one below the other, so that every row has two free ends."""
    ways = _ways(boxes, lines)
    lanes: dict[tuple[int, Side], dict[tuple[Kind, Levels], None]] = collections.defaultdict(dict)
    for line, start, end in ways:
        lanes[start.label, "right"][line.kind, start.levels] = None
        lanes[end.label, "left"][line.kind, end.levels] = None
    frames = [_stack(box, [card(label) for label in box.labels], lanes) for box in boxes]
    places, routes = _graphviz(frames, ways)
    frames = [_moved_frame(frame, *place) for frame, place in zip(frames, places, strict=True)]
    cards = {one.label: one for frame in frames for one in frame.cards}
    bars = {
        (label, side, kind, levels): Bar(
            kind,
            label,
            levels,
            cards[label].x - LANE * (k + 0.5)
            if side == "left"
            else cards[label].x + card(label).width + LANE * (k + 0.5),
        )
        for (label, side), found in lanes.items()
        for k, (kind, levels) in enumerate(found)
    }
    curves = [
        _joined(
            line,
            route,
            (bars[start.label, "right", line.kind, start.levels].x, anchor_y(cards[start.label], line.kind, start)),
            (bars[end.label, "left", line.kind, end.levels].x, anchor_y(cards[end.label], line.kind, end)),
        )
        for (line, start, end), route in zip(ways, routes, strict=True)
    ]
    return _to_origin(frames, list(bars.values()), curves)


def anchor_level(kind: Kind, levels: Levels) -> int:
    """Where a line meets a bar: at the threshold of a subsumption, in the middle of an exclusion's levels."""
    return levels[0] if kind == "subsumption" else levels[len(levels) // 2]


def anchor_y(card: Card, kind: Kind, end: End) -> float:
    """The same as a height on the page."""
    return card.row_y(anchor_level(kind, end.levels)) + ROW / 2


def _ways(boxes: list[Box], lines: list[Line]) -> list[tuple[Line, End, End]]:
    """Every line with its left and right end: subsumptions from what implies, exclusions from the earlier column."""
    home = {label: k for k, box in enumerate(boxes) for label in box.labels}
    column = [0] * len(boxes)
    arrows = [(home[line.a.label], home[line.b.label]) for line in lines if line.kind == "subsumption"]
    for _ in boxes:  # longest paths; a cycle stops when every box had its turn
        moved = [(a, b) for a, b in arrows if column[b] <= column[a]]
        for a, b in moved:
            column[b] = max(column[b], column[a] + 1)
        if not moved:
            break

    def ends(line: Line) -> tuple[End, End]:
        if line.kind == "exclusion":
            a, b = home[line.a.label], home[line.b.label]
            if (column[b], b) < (column[a], a):
                return line.b, line.a
        return line.a, line.b

    return [(line, *ends(line)) for line in lines]


def _stack(box: Box, cards: list[Card], lanes: dict[tuple[int, Side], dict[tuple[Kind, Levels], None]]) -> Frame:
    """A box with its cards one below the other and room for the lanes at both sides."""
    pad, header = (PAD, HEADER) if box.marked else (0, 0)
    left = pad + LANE * max(len(lanes.get((card.label, "left"), ())) for card in cards)
    right = pad + LANE * max(len(lanes.get((card.label, "right"), ())) for card in cards)
    placed, y = [], float(pad + header)
    for card in cards:
        placed.append(dataclasses.replace(card, x=left, y=y))
        y += card.height + CARD_GAP
    return Frame(box, 0.0, 0.0, left + cards[0].width + right, y - CARD_GAP + pad, tuple(placed))


def _graphviz(frames: list[Frame], ways: list[tuple[Line, End, End]]) -> tuple[list[Point], list[list[Point]]]:
    """Top left corners of the frames, and the points of each line from border to border.

    Graphviz sees sizes and ports, no text of the graph, so that no name can mean something to it.
    """
    try:
        import pygraphviz
    except ImportError as error:
        raise MissingExtra("a picture with lines between labels", error.name or "pygraphviz", "draw") from error
    home = {card.label: k for k, frame in enumerate(frames) for card in frame.cards}
    text = [
        "digraph {",
        f"graph [rankdir=LR, nodesep={GAP / 72:.3f}, ranksep={RANK_GAP / 72:.3f}]",
        "node [shape=plain]",
    ]
    text += [f"n{k} [label=<{_table(frame)}>]" for k, frame in enumerate(frames)]
    for k, (line, start, end) in enumerate(ways):
        tail = f"n{home[start.label]}:{_port(start.label, anchor_level(line.kind, start.levels))}:e"
        head = f"n{home[end.label]}:{_port(end.label, anchor_level(line.kind, end.levels))}:w"
        text.append(f"{tail} -> {head} [id={k}, dir=none, weight={3 if line.kind == 'subsumption' else 1}]")
    text.append("}")
    with pygraphviz.AGraph(string="\n".join(text)) as drawn:
        answer = json.loads(drawn.draw(format="json0", prog="dot"))
    top = float(answer["bb"].split(",")[3])
    centres = {node["name"]: _point(node["pos"], top) for node in answer["objects"]}
    places = [
        (centres[f"n{k}"][0] - frame.width / 2, centres[f"n{k}"][1] - frame.height / 2)
        for k, frame in enumerate(frames)
    ]
    edges = sorted(answer["edges"], key=lambda edge: int(edge["id"]))
    return places, [[_point(pair, top) for pair in edge["pos"].split()] for edge in edges]


def _table(frame: Frame) -> str:
    """A box for Graphviz: a table with one port per level, the rows at the heights that they have on the page."""
    cells, y = [], 0.0
    for card in frame.cards:
        cells.append((card.rows_y - y, ""))
        cells += [(ROW, f' PORT="{_port(card.label, level)}"') for level in reversed(card.levels)]
        y = card.y + card.height
    if frame.height > y:
        cells.append((frame.height - y, ""))
    rows = "".join(
        f'<TR><TD{port} FIXEDSIZE="TRUE" WIDTH="{frame.width:.0f}" HEIGHT="{height:.0f}"></TD></TR>'
        for height, port in cells
    )
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'


def _port(label: int, level: int) -> str:
    return f"p{label}l{level}"


def _point(text: str, top: float) -> Point:
    x, y = text.split(",")
    return float(x), top - float(y)


def _joined(line: Line, route: list[Point], start: Point, end: Point) -> Curve:
    """A line from bar to bar: Graphviz leads it from border to border, straight pieces lead on to the lanes."""
    return Curve(line, (start, start, route[0], *route, route[-1], end, end))


def _to_origin(frames: list[Frame], bars: list[Bar], curves: list[Curve]) -> _Block:
    """A block whose top left corner is (0, 0), whatever way the lines took."""
    xs = [x for curve in curves for x, _ in curve.points] + [x for f in frames for x in (f.x, f.x + f.width)]
    ys = [y for curve in curves for _, y in curve.points] + [y for f in frames for y in (f.y, f.y + f.height)]
    block = _Block(max(xs) - min(xs), max(ys) - min(ys), tuple(frames), tuple(bars), tuple(curves))
    return block.moved(-min(xs), -min(ys))

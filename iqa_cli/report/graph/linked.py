"""Boxes that lines join, laid out by Graphviz, left to right along the subsumptions."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import TYPE_CHECKING, Literal

from iqa_cli.errors import MissingExtra
from iqa_cli.report.graph.page import CARD_GAP, GAP, HEADER, LANE, PAD, ROW, Bar, Block, Curve, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.report.graph.groups import Box, End, Kind, Levels, Line
    from iqa_cli.report.graph.page import Card, Point

Side = Literal["left", "right"]

RANK_GAP = 84
"""Room for lines between two columns of boxes."""


def linked_block(boxes: list[Box], lines: list[Line], card: Callable[[int], Card]) -> Block:
    """Boxes and the lines between them, by Graphviz: cards one below the other, so that every row has two free ends."""
    ways = _ways(boxes, lines)
    lanes: dict[tuple[int, Side], dict[tuple[Kind, Levels], None]] = collections.defaultdict(dict)
    for line, start, end in ways:
        lanes[start.label, "right"][line.kind, start.levels] = None
        lanes[end.label, "left"][line.kind, end.levels] = None
    frames = [_stack(box, [card(label) for label in box.labels], lanes) for box in boxes]
    places, routes = _graphviz(frames, ways)
    frames = [frame.moved(*place) for frame, place in zip(frames, places, strict=True)]
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


def _to_origin(frames: list[Frame], bars: list[Bar], curves: list[Curve]) -> Block:
    """A block whose top left corner is (0, 0), whatever way the lines took."""
    xs = [x for curve in curves for x, _ in curve.points] + [x for f in frames for x in (f.x, f.x + f.width)]
    ys = [y for curve in curves for _, y in curve.points] + [y for f in frames for y in (f.y, f.y + f.height)]
    block = Block(max(xs) - min(xs), max(ys) - min(ys), tuple(frames), tuple(bars), tuple(curves))
    return block.moved(-min(xs), -min(ys))

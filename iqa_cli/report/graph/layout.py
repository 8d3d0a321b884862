"""Where the parts of a graph's picture go: everything in rows under three headings.

Boxes that lines join come as blocks from `graph_linked`, the others are set out here. One graph gives one page.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import TYPE_CHECKING

from iqa_cli.report.graph.linked import linked_block
from iqa_cli.report.graph.page import CARD_GAP, GAP, HEADER, PAD, Block, Card, Frame, Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iqa_cli.report.graph.groups import Box, Levels, Line, Parts
    from iqa_cli.report.graph.page import Point, Section

    Size = tuple[float, float]

HEADING = 40
"""Height of a section's heading."""
LANDSCAPE = 1.5
"""Width to height that the page aims at, as screens and paper on its side."""
NARROWEST = 640
"""The page is at least this wide: the legend has to fit."""


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
            linked.append(linked_block(boxes, lines, card))
        else:
            free["boxed" if boxes[0].marked else "alone"] += boxes
    sections: dict[Section, list[Block]] = {"linked": linked}
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


def _grid(box: Box, cards: list[Card]) -> Block:
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
    return Block(width, height, (Frame(box, 0.0, 0.0, width, height, tuple(placed)),))


def _in_rows(sections: dict[Section, list[Block]]) -> Page:
    """The best of a few widths of the page: a little more room often saves a row that is half empty."""
    blocks = [block for found in sections.values() for block in found]
    area = sum((block.width + GAP) * (block.height + GAP) for block in blocks)
    limit = max(NARROWEST, math.sqrt(LANDSCAPE * area), *(block.width for block in blocks))
    return min((_in_rows_of(sections, limit * factor) for factor in (1.0, 1.1, 1.25, 1.5)), key=_waste)


def _waste(page: Page) -> float:
    """The page's area, the dearer the further it is from its intended shape."""
    shape = page.width / page.height / LANDSCAPE
    return page.width * page.height * math.sqrt(max(shape, 1 / shape))


def _in_rows_of(sections: dict[Section, list[Block]], limit: float) -> Page:
    """The sections one below the other, each packed into a width."""
    placed: list[Block] = []
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

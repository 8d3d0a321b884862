"""A label graph as an SVG picture: what excludes what, what implies what, and which levels can never occur.

Every label is a card with its levels, the gravest on top. Labels of which at most one can occur share a dashed box,
with the levels that are meant tinted; every other rule is a line between bars that stand beside the levels that
are meant. Colours are told apart by shape too: dashes and a crossed circle exclude, an arrow implies, a dead level
is filled and crossed out.
"""

from __future__ import annotations

import collections
import itertools
import math
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from iqa_cli.errors import GraphError
from iqa_cli.report.graph.groups import marked_alike, parts
from iqa_cli.report.graph.layout import lay_out
from iqa_cli.report.graph.page import LANE, NAME_LINE, NAME_PAD, PAD, ROW
from iqa_cli.report.graph.text import safe, width_px, wrapped
from iqa_cli.report.graph.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.report.graph.groups import Box, End, Kind, Levels, Parts
    from iqa_cli.report.graph.page import Bar, Card, Curve, Frame, Page, Point

MOST_LABELS = 400
"""More labels than this are refused: nobody finds anything on such a page."""
MOST_LINES = 400
"""More rules that no box tells are refused: they would be one tangle, and laying them out takes minutes."""

MARGIN = 28.0
HEAD = 56.0
KEY_WIDTH = 58.0
LEGEND_STEP = 26.0
HEAD_INDENT = 18.0
NARROWEST_CARD, WIDEST_CARD = 110.0, 196.0
FONT = 13.0
SMALL = 11.5

# Okabe and Ito's blue and vermilion, darkened until they hold 4.5:1 against white; shapes tell them apart as well.
INK, MUTED, EDGE = "#1f2933", "#52606d", "#9aa5b1"
EXCLUDES, TINT, IMPLIES, DEAD = "#a84300", "#fde8d7", "#0067a5", "#c1121f"

STYLE = f"""
text {{ font-family: "Helvetica Neue", Helvetica, Arial, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
"Source Han Sans SC", "WenQuanYi Micro Hei", "DejaVu Sans", sans-serif; font-size: {SMALL}px; fill: {INK}; }}
.title {{ font-size: 20px; font-weight: 600; }}
.sub, .key {{ font-size: {FONT}px; fill: {MUTED}; }}
.key {{ fill: {INK}; }}
.heading {{ font-size: 14px; font-weight: 600; fill: {MUTED}; }}
.name {{ font-size: {FONT}px; font-weight: 600; }}
.spelling {{ fill: {MUTED}; }}
.card {{ fill: #ffffff; stroke: {EDGE}; }}
.rule {{ stroke: #e4e7eb; }}
.excluded {{ fill: {TINT}; }}
.dead {{ fill: {DEAD}; }}
.dead-text {{ fill: #ffffff; font-weight: 600; }}
.box {{ fill: #fffaf5; stroke: {EXCLUDES}; stroke-width: 1.6; stroke-dasharray: 6 4; }}
.box-text {{ fill: {EXCLUDES}; font-weight: 600; }}
.exclusion {{ fill: none; stroke: {EXCLUDES}; stroke-width: 1.8; stroke-dasharray: 6 4; }}
.subsumption {{ fill: none; stroke: {IMPLIES}; stroke-width: 1.8; }}
.bar-exclusion {{ stroke: {EXCLUDES}; stroke-width: 4; }}
.bar-subsumption {{ stroke: {IMPLIES}; stroke-width: 4; }}
.gap {{ stroke-width: 1; }}
.arrow {{ fill: {IMPLIES}; }}
.dead-cross {{ fill: none; stroke: #ffffff; stroke-width: 2; }}
.badge-cross {{ fill: none; stroke: {EXCLUDES}; stroke-width: 1.6; }}
.ladder {{ fill: {EDGE}; }}
.badge {{ fill: #ffffff; stroke: {EXCLUDES}; stroke-width: 1.8; }}
"""


def draw_graph(graph: HexGraph, dead: Collection[tuple[str, int]] = (), lang: str = "en") -> str:
    """The graph as an SVG document; the same graph gives the same text.

    dead  (label, level) that no legal state has, drawn in red
    lang  of the names of labels and levels; the picture's own words are English unless it is zh

    raises  GraphError    if the graph is too large for a page, or a dead level is none of its levels
            MissingExtra  if rules join labels outside boxes and Graphviz, which lays them out, is not installed
    """
    if len(graph.labels) > MOST_LABELS:
        raise _too_large(graph, f"{len(graph.labels)} labels", MOST_LABELS)
    for label, level in dead:
        if level not in graph.labels[graph.index(label)].levels:
            raise GraphError(f"graph {graph.name!r}: {label!r} has no level {level}, so it cannot be dead")
    found = parts(graph)
    if len(found.lines) > MOST_LINES:
        raise _too_large(graph, f"{len(found.lines)} rules between labels", MOST_LINES)
    return _Drawing(graph, frozenset(dead), lang).draw(found)


def _too_large(graph: HexGraph, what: str, limit: int) -> GraphError:
    return GraphError(
        f"graph {graph.name!r}: {what} are too many for a picture (at most {limit})",
        hint="draw the part in question: a file with its labels and rules alone",
    )


class _Drawing:
    """One picture in the making."""

    def __init__(self, graph: HexGraph, dead: frozenset[tuple[str, int]], lang: str) -> None:
        self.graph = graph
        self.dead = dead
        self.lang = lang
        self.words = words_of(lang)
        self.root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})

    def draw(self, found: Parts) -> str:
        """The whole document."""
        width = self._card_width(found)
        names = [self._name(i, width) for i in range(len(self.graph.labels))]
        page = lay_out(found, names, [label.levels for label in self.graph.labels], width)
        self._head()
        body = _add(self.root, "g", transform=f"translate({_n(MARGIN)} {_n(MARGIN + HEAD)})")
        for section, y in page.headings:
            _add(body, "text", self.words.sections[section], cls="heading", x=0, y=y)
        for frame in page.frames:
            self._frame(body, frame)
        for bar in page.bars:
            self._bar(body, bar, {card.label: card for frame in page.frames for card in frame.cards}[bar.label])
        between = collections.Counter(_pair(curve) for curve in page.curves)
        drawn: collections.Counter[frozenset[int]] = collections.Counter()
        for curve in page.curves:
            drawn[_pair(curve)] += 1
            self._curve(body, curve, drawn[_pair(curve)] / (between[_pair(curve)] + 1))
        foot = self._legend(page, MARGIN + HEAD + page.height + 22)
        full = (_n(page.width + 2 * MARGIN), _n(foot + MARGIN - 10))
        self.root.attrib.update(width=full[0], height=full[1], viewBox=f"0 0 {full[0]} {full[1]}")
        ET.indent(self.root, " ")
        return ET.tostring(self.root, encoding="unicode") + "\n"

    def _card_width(self, found: Parts) -> float:
        """Wide enough for every level's name and most labels' names, up to a limit, and for the heads of boxes."""
        labels = self.graph.labels
        names = max(width_px(safe(label.display(self.lang)), FONT) for label in labels)
        levels = max(width_px(self._level_text(level), SMALL) for label in labels for level in label.levels)
        text = min(WIDEST_CARD, max(NARROWEST_CARD, names + 2 * NAME_PAD, levels + 3 * NAME_PAD))
        joined = {end.label for line in found.lines for end in (line.a, line.b)}
        stacks = (box for box in found.boxes if joined.intersection(box.labels))
        heads = max((width_px(self._box_head(box), SMALL) + HEAD_INDENT for box in stacks), default=0.0)
        return float(math.ceil(max(text, heads)))

    def _box_head(self, box: Box) -> str:
        """What a box says of its labels."""
        if not box.marked:
            return ""
        level = marked_alike(box, self.graph)
        return self.words.tinted if level is None else self.words.from_level.format(level=level)

    def _level_text(self, level: int) -> str:
        name = safe(self.graph.level_name(level, self.lang))
        return str(level) if name == str(level) else f"{level}  {name}"

    def _name_lines(self, i: int, card_width: float) -> tuple[str, ...]:
        return wrapped(safe(self.graph.labels[i].display(self.lang)), FONT, card_width - 2 * NAME_PAD, 3)

    def _name(self, i: int, card_width: float) -> tuple[str, ...]:
        """A label's name in lines, then its spelling if that is another."""
        label = self.graph.labels[i]
        lines = self._name_lines(i, card_width)
        if label.display(self.lang) == label.name:
            return lines
        return (*lines, *wrapped(safe(label.name), SMALL, card_width - 2 * NAME_PAD, 2))

    def _head(self) -> None:
        """Title, counts, style and the white page."""
        graph = self.graph
        between = sum(rule.label_a != rule.label_b for rule in graph.subsumptions)
        counts = self.words.counts.format(
            labels=len(graph.labels), exclusions=len(graph.exclusions), subsumptions=between
        )
        if self.dead:
            counts += self.words.dead.format(dead=len(self.dead))
        _add(self.root, "title", safe(graph.name))
        _add(self.root, "desc", counts)
        _add(self.root, "style", STYLE)
        _add(self.root, "rect", width="100%", height="100%", fill="#ffffff")
        _add(self.root, "text", safe(graph.name), cls="title", x=MARGIN, y=MARGIN + 14)
        _add(self.root, "text", counts, cls="sub", x=MARGIN, y=MARGIN + 36)

    def _frame(self, parent: ET.Element, frame: Frame) -> None:
        """A box with its head, and its cards."""
        box = _add(parent, "g")
        marked: tuple[Levels, ...] = frame.box.marked or ((),)
        if frame.box.marked:
            ends = zip(frame.box.labels, marked, strict=True)
            _add(box, "title", " ⊘ ".join(self._set(label, levels) for label, levels in ends))
            _add(box, "rect", cls="box", x=frame.x, y=frame.y, width=frame.width, height=frame.height, rx=8)
            _badge(box, (frame.x + PAD + 6, frame.y + PAD + 5))
            x, y = frame.x + PAD + HEAD_INDENT, frame.y + PAD + 9
            _add(box, "text", self._box_head(frame.box), cls="box-text", x=x, y=y)
        for card, levels in zip(frame.cards, marked, strict=True):
            self._card(box, card, levels)

    def _card(self, parent: ET.Element, card: Card, marked: Levels) -> None:
        """A label: its name, then a row per level."""
        label = self.graph.labels[card.label]
        group = _add(parent, "g")
        _add(group, "title", self._about(card.label))
        _add(group, "rect", cls="card", x=card.x, y=card.y, width=card.width, height=card.height, rx=4)
        named = len(self._name_lines(card.label, card.width))
        for k, line in enumerate(card.name):
            style = "name" if k < named else "spelling"
            _add(group, "text", line, cls=style, x=card.x + NAME_PAD, y=card.y + NAME_PAD + NAME_LINE * k + 12)
        for level in card.levels:
            y = card.row_y(level)
            dead = (label.name, level) in self.dead
            if dead or level in marked:
                style = "dead" if dead else "excluded"
                _add(group, "rect", cls=style, x=card.x + 1, y=y + 0.5, width=card.width - 2, height=ROW - 1)
            _add(group, "line", cls="rule", x1=card.x + 1, x2=card.x + card.width - 1, y1=y, y2=y)
            text = wrapped(self._level_text(level), SMALL, card.width - 2 * NAME_PAD - 12 * dead, 1)[0]
            attributes = {"cls": "dead-text"} if dead else {}
            _add(group, "text", text, x=card.x + NAME_PAD, y=y + ROW - 5, **attributes)
            if dead:
                _cross(group, (card.x + card.width - 11, y + ROW / 2), 3.5, "dead-cross")

    def _about(self, i: int) -> str:
        """What a card says when the pointer rests on it: spelling, names, rules of the label about itself."""
        label = self.graph.labels[i]
        about = [safe(label.name), *(f"{safe(code)}: {safe(name)}" for code, name in label.names.items())]
        own = [rule.map for rule in self.graph.subsumptions if rule.label_a == rule.label_b == label.name]
        return "\n".join([*about, *(", ".join(f"≥ {x} → ≥ {y}" for x, y in pairs) for pairs in own)])

    def _set(self, i: int, levels: Levels) -> str:
        """A label at some of its levels: `bright ≥ 2` or `bright {2, 4}`."""
        own = self.graph.labels[i].levels
        name = safe(self.graph.labels[i].name)
        if own[own.index(levels[0]) :] == levels:
            return f"{name} ≥ {levels[0]}"
        return f"{name} {{{', '.join(map(str, levels))}}}"

    def _bar(self, parent: ET.Element, bar: Bar, card: Card) -> None:
        """The levels of one end of a line; a thin line spans the gaps."""
        tops = [card.row_y(level) for level in bar.levels]
        style = f"bar-{bar.kind}"
        if len(tops) > 1:
            _add(parent, "line", cls=f"{style} gap", x1=bar.x, x2=bar.x, y1=min(tops) + 3, y2=max(tops) + ROW - 3)
        for top in tops:
            _add(parent, "line", cls=style, x1=bar.x, x2=bar.x, y1=top + 2, y2=top + ROW - 2)

    def _curve(self, parent: ET.Element, curve: Curve, share: float) -> None:
        """A rule between two labels: an arrow, or a dashed line with a crossed circle at a share of its way."""
        line = curve.line
        sign = "→" if line.kind == "subsumption" else "⊘"
        group = _add(parent, "g")
        _add(group, "title", f"{self._end(line.a)} {sign} {self._end(line.b)}")
        _line(group, curve.points, line.kind)
        if line.kind == "exclusion":
            _badge(group, _on_the_way(curve.points, share))

    def _end(self, end: End) -> str:
        return self._set(end.label, end.levels)

    def _legend(self, page: Page, y: float) -> float:
        """The signs that occur in this picture and what they mean; returns where it ends."""
        kinds = {curve.line.kind for curve in page.curves}
        keys: list[tuple[bool, str, Callable[[ET.Element, float], None]]] = [
            (True, self.words.key_levels, _key_levels),
            (any(frame.box.marked for frame in page.frames), self.words.key_box, _key_box),
            ("subsumption" in kinds, self.words.key_subsumption, _key_subsumption),
            ("exclusion" in kinds, self.words.key_exclusion, _key_exclusion),
            (bool(self.dead), self.words.key_dead, _key_dead),
        ]
        limit = page.width - KEY_WIDTH
        group = _add(self.root, "g", transform=f"translate({_n(MARGIN)} 0)")
        _add(group, "line", cls="rule", x1=0, x2=page.width, y1=y, y2=y)
        y += LEGEND_STEP
        for wanted, text, sample in keys:
            if not wanted:
                continue
            sample(group, y)
            for line in wrapped(text, FONT, limit, 4):
                _add(group, "text", line, cls="key", x=KEY_WIDTH, y=y + 4.5)
                y += NAME_LINE + 2
            y += LEGEND_STEP - NAME_LINE - 2
        return y


def _key_levels(group: ET.Element, y: float) -> None:
    _add(group, "rect", cls="card", x=0, y=y - 10, width=44, height=20, rx=2)
    for row in range(4):
        _add(group, "rect", cls="ladder", x=4, y=y - 7.5 + 4 * row, width=30 - 8 * row, height=2.4)


def _key_box(group: ET.Element, y: float) -> None:
    _add(group, "rect", cls="box", x=0, y=y - 9, width=44, height=18, rx=4)
    _add(group, "rect", cls="excluded", x=7, y=y - 4, width=12, height=8)
    _add(group, "rect", cls="excluded", x=25, y=y - 4, width=12, height=8)


def _key_subsumption(group: ET.Element, y: float) -> None:
    _add(group, "line", cls="bar-subsumption", x1=2, x2=2, y1=y - 8, y2=y + 8)
    _add(group, "line", cls="bar-subsumption", x1=42, x2=42, y1=y - 8, y2=y + 8)
    _line(group, ((2.0, y), (12.0, y), (30.0, y), (42.0, y)), "subsumption")


def _key_exclusion(group: ET.Element, y: float) -> None:
    _add(group, "line", cls="bar-exclusion", x1=2, x2=2, y1=y - 8, y2=y + 8)
    _add(group, "line", cls="bar-exclusion", x1=42, x2=42, y1=y - 8, y2=y + 8)
    _line(group, ((2.0, y), (12.0, y), (30.0, y), (42.0, y)), "exclusion")
    _badge(group, (22.0, y))


def _key_dead(group: ET.Element, y: float) -> None:
    _add(group, "rect", cls="dead", x=0, y=y - 8, width=44, height=16)
    _cross(group, (33.0, y), 3.5, "dead-cross")


def _line(parent: ET.Element, points: tuple[Point, ...], kind: Kind) -> None:
    """Bezier pieces through the points; a subsumption ends in an arrow head, which always lies level."""
    *_, (x, y) = points
    if kind == "subsumption":
        points = (*points[:-1], (x - LANE, y))
    start, *rest = (f"{_n(px)} {_n(py)}" for px, py in points)
    _add(parent, "path", cls=kind, d=f"M{start} C{' '.join(rest)}")
    if kind == "subsumption":
        x -= 2  # the bar is 4 wide, the head touches it
        _add(parent, "path", cls="arrow", d=f"M{_n(x)} {_n(y)} l-9 -4.5 v9 z")


def _badge(parent: ET.Element, at: Point) -> None:
    """The crossed circle that says "not together"."""
    _add(parent, "circle", cls="badge", cx=at[0], cy=at[1], r=6)
    _cross(parent, at, 3.0, "badge-cross")


def _cross(parent: ET.Element, at: Point, r: float, style: str) -> None:
    (x, y), d = at, _n(2 * r)
    _add(parent, "path", cls=style, d=f"M{_n(x - r)} {_n(y - r)} l{d} {d} m0 -{d} l-{d} {d}")


def _on_the_way(points: tuple[Point, ...], share: float) -> Point:
    """The point at a share (0..1) of a line's length, by its Bezier points."""
    steps = [points[0]]
    for k in range(0, len(points) - 1, 3):
        steps += (_bezier(points[k : k + 4], t / 8) for t in range(1, 9))
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(steps)]
    way = itertools.accumulate(lengths, initial=0.0)
    return min(zip(way, steps, strict=True), key=lambda place: abs(place[0] - share * sum(lengths)))[1]


def _bezier(points: tuple[Point, ...], t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    return (
        sum(w * x for w, (x, _) in zip(weights, points, strict=True)),
        sum(w * y for w, (_, y) in zip(weights, points, strict=True)),
    )


def _pair(curve: Curve) -> frozenset[int]:
    """The labels that a line joins."""
    return frozenset((curve.line.a.label, curve.line.b.label))


def _add(
    parent: ET.Element, tag: str, text: str | None = None, *, cls: str = "", **attributes: float | str
) -> ET.Element:
    """A child element; numbers are rounded to tenths, so that the text of the picture stays short and stable."""
    element = ET.SubElement(parent, tag, {"class": cls} if cls else {})
    for key, value in attributes.items():
        element.set(key, value if isinstance(value, str) else _n(value))
    element.text = text
    return element


def _n(value: float) -> str:
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.0f}"

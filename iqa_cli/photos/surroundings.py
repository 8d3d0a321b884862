"""Where the picture is, and what was put around it: bars, a border, the strip with text that phones put below.

Surroundings are drawn, not taken: one even colour, from the outermost row on, up to a hard edge that is straight over
the whole length. A night sky, a black foreground or a white studio ground are as even, but what ends them is a roof, a
hill or a thing and not a straight line; so it is the edge that is asked, and evenness alone never cuts.

Every question is put to all four sides alike: `view` below is the picture turned so that the side in question lies on
top, (rows from that side, along it). The result turns and mirrors with the picture.

Around a camera's preview the place of bars is known: there `without_bars` only asks whether they are there.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from iqa_cli.records import UnclearSurroundings

    Box = tuple[int, int, int, int]
    """Left, top, right, bottom, as Pillow counts: the last two are the first that are outside."""

# Shapes within so much are the same: encoders round the shorter side of a preview, to whole blocks at worst.
SAME_SHAPE = 0.03

_NEAR = 12
"""Of 255: what is as near to the colour of a bar belongs to it. JPEG of quality 75 rings by less, beyond a few pixels
of the edge."""
_RINGING = 40
"""The same within `_RINGING_ROWS` of the edge, in a small picture badly compressed."""
_RINGING_ROWS = 16
"""JPEG codes colour in blocks of this side."""
_EVEN = 0.98
"""Share of a row that is near the colour of a bar."""
_FEWEST_ROWS = 3
"""Thinner strips are left: scanners and encoders leave a dark row or two, which nobody sees and no number feels."""
_EDGE_ROWS = 4
"""An edge is over within so many rows: scaling and coded colour blur it by two, ringing costs another."""
_MARGIN = 2
"""So many rows of the picture are cut off with its surroundings, because they are mixed with them."""

_STRAIGHT = 0.8
"""Share of an edge where the picture differs from its surroundings: rounded corners and dark parts take some."""
_DEAD_STRAIGHT = 0.95
"""The same for a bar that stands alone: a level horizon below a burnt sky or above black ground reaches 0.6."""
_OF_A_PAIR = 0.3
"""The same for bars of one colour and one width on opposite sides: no landscape is black at both ends alike."""
_OF_A_FRAME = 0.4
"""The same for four strips of one colour and width."""
_EXACT = 0.97
"""Share of a bar within `_FINE` of its colour that drawn bars have, and noise has not."""
_FINE = 3

_BLACK_UP_TO, _WHITE_FROM = 12, 243

_MOST_INK = 0.3
"""Share of a strip that letters and logos may take."""
_MOST_SIGNS = 0.1
"""Share that letters and signs may take of an even ground with a picture in the middle."""
_LARGEST_STRIP = 0.45
"""Of the side: behind it lies no picture on a screen."""
_LARGEST_CAPTION = 0.25
"""Of the side, if the edge is none for sure."""
_LEAST_PICTURE = 0.12
"""Share of the whole below which what is left is no picture with surroundings."""
_LEAST_SIDE = 32
"""Pixels of the working picture."""
_MOST_LAYERS = 6

_IN_PREVIEW = 24
"""Of 255: the same as `_NEAR` in a preview, whose few pixels are all near an edge."""
_NEUTRAL = 16
"""Of 255: channels of a grey bar differ by no more."""

_SMOOTH = 4
"""Of 255: steps between neighbours that a blurred copy of a picture stays below nearly everywhere."""
_NOT_SMOOTH = 0.1
"""Share of a blurred copy where it does not."""
_JUMP = 8
"""Of 255: a step over the edge between a picture and its blurred copy."""
_OF_A_COPY = 0.6
"""Share of that edge with such a step, on both sides."""


@dataclasses.dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found around a picture."""

    box: Box | None = None
    """The picture alone; None if nothing is to be cut off."""
    unclear: UnclearSurroundings | None = None
    """Why it is not safe to say what is picture, if so."""

    def note(self, width: int, height: int) -> str:
        """What a reader of the report should know; "" if nothing is cut off.

        width, height  of the picture in which they were found
        """
        if self.box is None:
            return ""
        left, top, right, bottom = self.box
        share = round(100 * (right - left) * (bottom - top) / (width * height))
        cut = {"top": top > 0, "bottom": bottom < height, "left": left > 0, "right": right < width}
        sides = ", ".join(side for side, is_cut in cut.items() if is_cut)
        return f"judged without the even surroundings ({sides}): {share} % of the frame is picture"


NOTHING = Surroundings()


@dataclasses.dataclass(frozen=True, slots=True)
class _Strip:
    """One side that begins with an even row."""

    rows: int
    """Of one colour, from the outermost on; 0 for a side that is not even."""
    straight: float = 0.0
    """Share of the edge behind them where the picture differs, 0..1."""
    is_exact: bool = False
    """Whether the rows are as even as only drawn ones are."""
    has_ink: bool = False
    """Whether there are letters in it."""
    is_clipped: bool = False
    """Whether it is black or white, as the sky and the dark are in photographs, too."""


_NO_STRIP = _Strip(0)


def find_surroundings(rgb: NDArray[np.uint8]) -> Surroundings:
    """The picture inside bars, borders and strips, layer by layer.

    rgb      (H, W, 3) uint8, the working picture
    returns  `NOTHING` for nearly every photograph, after a look at its four outermost rows and columns
    """
    height, width = rgb.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return NOTHING
    left, top, right, bottom = 0, 0, width, height
    unclear: UnclearSurroundings | None = None
    for _ in range(_MOST_LAYERS):
        inside, is_doubtful = _layer(rgb[top:bottom, left:right])
        if is_doubtful:
            unclear = "edge"
        if inside is None:
            break
        left, top, right, bottom = left + inside[0], top + inside[1], left + inside[2], top + inside[3]
    if unclear is None and _has_blurred_copies(rgb[top:bottom, left:right]):
        unclear = "blurred"
    if (left, top, right, bottom) == (0, 0, width, height):
        return NOTHING if unclear is None else Surroundings(None, unclear)
    share = (right - left) * (bottom - top) / (width * height)
    if share < _LEAST_PICTURE:
        return Surroundings(None, "small")
    return Surroundings((left, top, right, bottom), unclear)


def _layer(rgb: NDArray[np.uint8]) -> tuple[Box | None, bool]:
    """What lies inside the outermost layer, None for no layer; and whether there may be one all the same."""
    height, width = rgb.shape[:2]
    colours = [_even_colour(view[:_FEWEST_ROWS]) for view in _views(rgb)]
    if all(colour is None for colour in colours):
        return None, False
    masks = _masks(rgb, colours)
    views = [None if mask is None else _views(mask)[side] for side, mask in enumerate(masks)]
    rows = [0 if view is None else _even_rows(view) for view in views]
    turned = _views(rgb)
    upto = [
        0 if colour is None else count + _ringing_rows(view[count:], colour)
        for view, count, colour in zip(turned, rows, colours, strict=True)
    ]
    if upto[0] + upto[1] >= height or upto[2] + upto[3] >= width:
        upto = rows  # a dark picture may come as near to black as ringing does
    if rows[0] + rows[1] >= height or rows[2] + rows[3] >= width:
        return None, False  # nothing but ground
    spans = [slice(upto[2], width - upto[3])] * 2 + [slice(upto[0], height - upto[1])] * 2
    strips = [
        _NO_STRIP if view is None or colour is None else _strip(view[:, span], ends, pixels[:, span], colour)
        for view, span, ends, colour, pixels in zip(
            views, spans, zip(rows, upto, strict=True), colours, turned, strict=True
        )
    ]
    cut = _cut(strips, colours)
    box: Box | None = None
    if any(cut):
        top, bottom, left, right = (count + _MARGIN if count else 0 for count in cut)
        box = (left, top, width - right, height - bottom)
    elif (
        colours[0] is not None
        and masks[0] is not None
        and all(mask is masks[0] for mask in masks)
        and all(strip.is_exact for strip in strips)
    ):
        box = _rectangle(masks[0], _near(rgb, colours[0], _RINGING))
    if box is not None and min(box[2] - box[0], box[3] - box[1]) >= _LEAST_SIDE:
        return box, _is_half_cut(strips, cut, colours)
    return None, box is None and any(_is_doubtful(strip) for strip in strips)


def _masks(rgb: NDArray[np.uint8], colours: list[NDArray[np.int16] | None]) -> list[NDArray[np.bool_] | None]:
    """Where the ground of each side is, (H, W); the same array for sides of one colour."""
    known: list[tuple[NDArray[np.int16], NDArray[np.bool_]]] = []
    masks: list[NDArray[np.bool_] | None] = []
    for colour in colours:
        mask = None
        if colour is not None:
            mask = next((mask for other, mask in known if int(np.abs(other - colour).max()) <= _FINE), None)
            if mask is None:
                mask = _near(rgb, colour, _NEAR)
                known.append((colour, mask))
        masks.append(mask)
    return masks


def _views(picture: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(rows, along, ...) from the top, the bottom, the left and the right."""
    across = picture.swapaxes(0, 1)
    return picture, picture[::-1], across, across[::-1]


def _even_colour(rows: NDArray[np.uint8]) -> NDArray[np.int16] | None:
    """The colour of the outermost rows (`_FEWEST_ROWS`, along, 3), (3,); None if they are not of one."""
    few, half = int(rows.shape[1] * (1 - _EVEN) / 2), rows.shape[1] // 2
    middle = np.empty(3, np.int16)
    for channel in (1, 0, 2):  # green tells most pictures from bars, and the others need not be sorted
        ordered = np.sort(rows[0, :, channel])
        if int(ordered[-1 - few]) - int(ordered[few]) > 2 * _NEAR:
            return None
        middle[channel] = ordered[half]
    near = np.count_nonzero(_near(rows, middle, _NEAR), axis=1)
    return middle if near.min() >= _EVEN * rows.shape[1] else None


def _near(rgb: NDArray[np.uint8], colour: NDArray[np.int16], by: int) -> NDArray[np.bool_]:
    """Where all channels are within `by` of a colour, (H, W)."""
    low, high = (colour - by).clip(0, 255).astype(np.uint8), (colour + by).clip(0, 255).astype(np.uint8)
    # One comparison instead of two: what is below `low` wraps to far above. Channel by channel: numpy takes ten times
    # as long to ask three neighbours at once.
    near = [rgb[..., channel] - low[channel] <= high[channel] - low[channel] for channel in range(3)]
    return np.asarray(near[0] & near[1] & near[2])


def _even_rows(view: NDArray[np.bool_]) -> int:
    """How many rows from the outermost on are ground."""
    ground = np.count_nonzero(view, axis=1) >= _EVEN * view.shape[1]
    return len(ground) if ground.all() else int(np.argmin(ground))


def _ringing_rows(rows: NDArray[np.uint8], colour: NDArray[np.int16]) -> int:
    """How many of the rows behind even ones are those of the strip as well, only badly compressed."""
    return 0 if not len(rows) else _even_rows(_near(rows[:_RINGING_ROWS], colour, _RINGING))


def _strip(
    view: NDArray[np.bool_], ends: tuple[int, int], pixels: NDArray[np.uint8], colour: NDArray[np.int16]
) -> _Strip:
    """A strip and the edge behind it.

    view    (rows, along) ground, only where the picture inside has this edge
    ends    rows that are ground, and the same with those that ring
    pixels  (rows, along, 3), the same part
    """
    rows, upto = ends
    if rows < _FEWEST_ROWS or view.shape[1] < _LEAST_SIDE:
        return _NO_STRIP
    ground = view.mean(axis=1)
    straight = _straight(ground, rows)
    if straight < _DEAD_STRAIGHT and _is_hard(ground, upto) and _straight(ground, upto) > straight:
        rows, straight = upto, _straight(ground, upto)
    has_ink = False
    if straight < _STRAIGHT:
        behind = _behind_ink(ground, rows, pixels, colour)
        if behind is not None:
            rows, has_ink, straight = behind, True, _straight(ground, behind)
            if not _is_hard(ground, behind):
                straight = min(straight, _STRAIGHT)  # enough for a doubt, not to cut
    sure = max(_FEWEST_ROWS, rows - _RINGING_ROWS)
    is_exact = _near(pixels[:sure], colour, _FINE).mean() >= (1 - _MOST_INK if has_ink else _EXACT)
    is_clipped = bool((colour <= _BLACK_UP_TO).all() or (colour >= _WHITE_FROM).all())
    return _Strip(rows, straight, bool(is_exact), has_ink, is_clipped)


def _straight(ground: NDArray[np.float64], rows: int) -> float:
    """How much of the edge behind so many rows is one, 0..1; `ground` is the share of each row."""
    return 1.0 - float(ground[rows : rows + _EDGE_ROWS].min(initial=1.0))


def _is_hard(ground: NDArray[np.float64], rows: int) -> bool:
    """Whether the edge behind so many rows is over within two: a sky fades into a hill more slowly."""
    first = max(0, rows - _EDGE_ROWS + 1)
    before, after = ground[first : rows + _EDGE_ROWS - 2], ground[first + 2 : rows + _EDGE_ROWS]
    return bool(((before[: len(after)] >= _STRAIGHT) & (after <= 1 - _STRAIGHT)).any())


def _behind_ink(
    ground: NDArray[np.float64], rows: int, pixels: NDArray[np.uint8], colour: NDArray[np.int16]
) -> int | None:
    """The rows of a strip with letters: up to the first hard edge behind even rows; None if there is none."""
    last = int(_LARGEST_STRIP * len(ground))
    even = _near(pixels[:last], colour, _RINGING).mean(axis=1) >= _EVEN
    for row in range(rows + 2, last):
        is_edge = even[row - 1] and even[row - 2] and not even[row] and not even[rows:row].all()
        if is_edge and _straight(ground, row) >= _STRAIGHT:
            is_strip = _straight(ground, row) >= _DEAD_STRAIGHT or row <= _LARGEST_CAPTION * len(ground)
            return row if is_strip and ground[:row].mean() >= 1 - _MOST_INK else None
    return None


def _cut(strips: list[_Strip], colours: list[NDArray[np.int16] | None]) -> list[int]:
    """How many rows are surely none of the picture: top, bottom, left, right."""
    cut = [
        strip.rows
        if strip.is_exact and strip.straight >= _DEAD_STRAIGHT and (strip.has_ink or not strip.is_clipped)
        else 0
        for strip in strips
    ]
    for one, other in ((0, 1), (2, 3)):
        if not _alike(colours[one], colours[other]):
            continue
        first, second = strips[one], strips[other]
        weaker, stronger = sorted((first, second), key=lambda strip: strip.straight)
        is_between = not any(strips[side].rows for side in range(4) if side not in (one, other))
        if weaker.straight >= _STRAIGHT:
            cut[one], cut[other] = first.rows, second.rows
        elif is_between and weaker.is_exact and stronger.is_exact:
            if weaker.straight >= _OF_A_PAIR and (
                abs(first.rows - second.rows) <= 1 or stronger.straight >= _DEAD_STRAIGHT
            ):
                cut[one], cut[other] = first.rows, second.rows
            elif stronger.straight >= _DEAD_STRAIGHT and weaker.rows >= stronger.rows and not stronger.has_ink:
                # The picture begins as dark as its bar: bars are of one width.
                cut[one] = cut[other] = stronger.rows
    if all(strip.rows for strip in strips) and all(_alike(colours[0], colour) for colour in colours):
        rows, straight = [strip.rows for strip in strips], [strip.straight for strip in strips]
        is_frame = max(rows) - min(rows) <= 2 and min(straight) >= _OF_A_FRAME
        if is_frame or (sorted(straight)[1] >= _STRAIGHT and min(straight) >= _OF_A_PAIR):
            return rows
        if min(straight) < _STRAIGHT:
            return [0] * 4  # a thing on an even ground
    return cut


def _alike(one: NDArray[np.int16] | None, other: NDArray[np.int16] | None) -> bool:
    return one is not None and other is not None and int(np.abs(one - other).max()) <= _NEAR


def _is_doubtful(strip: _Strip) -> bool:
    return strip.is_exact and strip.straight >= _STRAIGHT


def _is_half_cut(strips: list[_Strip], cut: list[int], colours: list[NDArray[np.int16] | None]) -> bool:
    """Whether a strip with letters went and one of its colour stays opposite: a screen with a picture in the middle,
    whose other edge is lost in the dark or in white, or a night with a caption.
    """
    return any(
        cut[one] > 0
        and strips[one].has_ink
        and not cut[other]
        and strips[other].is_exact
        and _alike(colours[one], colours[other])
        for one, other in ((0, 1), (1, 0), (2, 3), (3, 2))
    )


def _rectangle(ground: NDArray[np.bool_], ringing: NDArray[np.bool_]) -> Box | None:
    """A picture in the middle of an even ground with a few letters and signs around it, as on the screen of a phone.

    ground   (H, W), also at all four sides
    ringing  the same with what may be so in a badly compressed picture
    """
    filled = ~ground
    rows, columns = slice(None), slice(None)
    for _ in range(2):  # letters beside the picture blur the first look
        rows = _longest(filled[:, columns].mean(axis=1))
        columns = _longest(filled[rows].mean(axis=0))
    top, bottom, left, right = rows.start, rows.stop, columns.start, columns.stop
    outside = filled.copy()
    outside[rows, columns] = False
    free = ground.size - (bottom - top) * (right - left)
    if min(bottom - top, right - left) < _LEAST_SIDE or np.count_nonzero(outside) > _MOST_SIGNS * free:
        return None
    counts = (top, len(ground) - bottom, left, ground.shape[1] - right)
    edges = zip(_views(ground), _views(ringing), (columns, columns, rows, rows), counts, strict=True)
    for view, around, along, count in edges:
        before = around[max(0, count - _EDGE_ROWS) : count, along].mean(axis=1)
        if not len(before) or before.max() < _EVEN or _straight(view[:, along].mean(axis=1), count) < _STRAIGHT:
            return None
    return left + _MARGIN, top + _MARGIN, right - _MARGIN, bottom - _MARGIN


def _longest(share: NDArray[np.float64]) -> slice:
    """The longest run where the share is at least half of its largest."""
    is_in = np.concatenate([[False], share >= 0.5 * share.max(initial=0.0), [False]])
    changes = np.flatnonzero(is_in[1:] != is_in[:-1])
    starts, stops = changes[::2], changes[1::2]
    widest = int(np.argmax(stops - starts))
    return slice(int(starts[widest]), int(stops[widest]))


def _has_blurred_copies(rgb: NDArray[np.uint8]) -> bool:
    """Whether two opposite sides are smooth up to straight edges in the same distance, as in a video for phones."""
    top, bottom, left, right = _views(rgb)
    return _blurred_pair(top, bottom) or _blurred_pair(left, right)


def _blurred_pair(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    if not (_is_smooth(first[0]) and _is_smooth(second[0])):
        return False
    greys = [_sums(view[: len(view) // 2]) for view in (first, second)]
    # Over two rows: scaling puts a mixed one between.
    jumps = [np.mean(np.abs(grey[2:] - grey[:-2]) > 3 * _JUMP, axis=1) for grey in greys]
    both = np.minimum(*jumps)
    at = int(np.argmax(both >= _OF_A_COPY))
    if both[at] < _OF_A_COPY or at < 2 * _EDGE_ROWS:
        return False
    return all(
        np.mean(np.abs(np.diff(grey[: at - 1], axis=1)) > 3 * _SMOOTH) <= _NOT_SMOOTH
        and np.mean(jump[: at - 1] >= 0.5 * jump[at]) <= _NOT_SMOOTH
        for grey, jump in zip(greys, jumps, strict=True)
    )


def _is_smooth(line: NDArray[np.uint8]) -> bool:
    """Whether neighbours in a line of pixels (n, 3) are nearly alike."""
    sums = _sums(line)
    return int(np.count_nonzero(np.abs(sums[1:] - sums[:-1]) > 3 * _SMOOTH)) <= _NOT_SMOOTH * len(line)


def _sums(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(..., 3) to (...,): the channels added up."""
    return np.asarray(rgb[..., 0].astype(np.int16) + rgb[..., 1] + rgb[..., 2])


def without_bars(image: Image.Image, width: int, height: int) -> Image.Image | None:
    """A camera's preview without bars, or None if it cannot be a picture of that shape.

    Many cameras write every preview as 160 x 120 and fill what a wider picture leaves free. The picture's shape says
    where those bars must be, and the pixels are only asked whether they are there; if not, the preview shows something
    else than the picture does.

    image          the preview as stored, any mode that converts to RGB
    width, height  pixels of the picture as stored
    returns        the same image if its shape is the picture's within `SAME_SHAPE`; else what is left between two
                   even, neutral bars of equal width at top and bottom or left and right
    """
    stretch = (image.width * height) / (image.height * width)  # above 1: the preview is the wider one
    if abs(math.log(stretch)) <= math.log1p(SAME_SHAPE):
        return image
    is_upright = stretch < 1  # bars above and below
    across, down = image.size if is_upright else image.size[::-1]
    bar = (down - down * min(stretch, 1 / stretch)) / 2
    outer, inner = math.floor(bar) - 1, math.ceil(bar) + 1  # JPEG blurs the border by about a pixel on either side
    if outer < 1 or 2 * inner >= down:
        return None
    views = _views(np.asarray(image.convert("RGB")))
    colours = [_bar_colour(view[:outer]) for view in (views[:2] if is_upright else views[2:])]
    if not _alike(*colours):
        return None
    return image.crop((0, inner, across, down - inner) if is_upright else (inner, 0, down - inner, across))


def _bar_colour(rows: NDArray[np.uint8]) -> NDArray[np.int16] | None:
    """The colour of a bar (rows, along, 3), (3,); None if it is not of one grey."""
    colour = np.median(rows.reshape(-1, 3), axis=0).astype(np.int16)
    is_grey = int(np.ptp(colour)) <= _NEUTRAL
    return colour if is_grey and _near(rows, colour, _IN_PREVIEW).mean() >= _EVEN else None

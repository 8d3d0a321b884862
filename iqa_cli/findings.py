"""From probabilities and measurements to words: the only place where numbers become sentences.

Every label of a graph gives one finding. The level and the probability are the model's, after the graph's
rules; the evidence is what was measured in the pixels and what the camera noted, so that a person can check
the claim. A label whose subject nothing here measures (a label of somebody's own graph) gets no evidence,
never a made-up one.

A checkpoint's card may tell what was measured at each level of each label on pictures of known levels. Then the
evidence leads with what tells this label's levels apart best, says what is usual at the level, and a measurement far
from it is said to speak against the level. A measurement that is as usual without the problem is no evidence of it:
another one leads where it is, and where there is none the sentence says so.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from iqa_cli.errors import CheckpointError
from iqa_cli.records import Finding

if TYPE_CHECKING:
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.parts import Label
    from iqa_cli.photometry import Doubt
    from iqa_cli.records import Capture, Language, Measured, Measurement, Unclear

Values = Mapping[str, float]
Usual = Mapping[str, Mapping[str, Mapping[int, tuple[float, float, float]]]]
"""Per label and measurement, the best one first: at each level the 1st percentile, median and 99th percentile."""

NARROW_MARGIN = 0.1
"""A level hangs by a hair if it is less than this likelier than its likelier neighbour. Of ladder pictures so marked
63 % have another level, of the others 5 %; see docs/decisions/0071."""


def find(
    graph: HexGraph,
    marginals: Sequence[Sequence[float]],
    levels: Sequence[int],
    measurements: Sequence[Measurement],
    capture: Capture,
    lang: Language = "en",
    usual: Usual | None = None,
    named: Sequence[Sequence[float]] | None = None,
) -> tuple[Finding, ...]:
    """One finding per label, in graph order.

    graph         whose labels the rows below stand for
    marginals     per label the probability of each of its levels, lowest first; each row sums to 1
    levels        per label the level of the best legal state, at the operating point if there is one, by the
                  graph's number
    measurements  of the same photo
    capture       of the same photo; an exposure compensation is evidence about brightness
    lang          of the evidence
    usual         what was measured at each level, see `read_usual`
    named         the marginals at the operating point, by which levels hang by a hair; None if there is none
    """
    values = {measurement.name: measurement.value for measurement in measurements}
    found = [
        _finding(label, row, beside, int(level), values, capture, lang, (usual or {}).get(label.name, {}))
        for label, row, beside, level in zip(graph.labels, marginals, named or marginals, levels, strict=True)
    ]
    if any(finding.level > 1 and evidence_names(finding.label) in (_BRIGHT, _DARK) for finding in found):
        # Contrast and highlights are judged at equal exposure: a dark picture measures flat and grey, and is not.
        found = [
            dataclasses.replace(finding, measured=None)
            if finding.measured == "more" and evidence_names(finding.label) in (_CONTRAST, _HIGHLIGHTS)
            else finding
            for finding in found
        ]
    return tuple(found)


def _finding(
    label: Label,
    row: Sequence[float],
    named: Sequence[float],
    level: int,
    values: Values,
    capture: Capture,
    lang: Language,
    usual: Mapping[str, Mapping[int, tuple[float, float, float]]],
) -> Finding:
    margin, neighbour = _margin(named, level, label.levels)
    lead = next((name for name in usual if name in evidence_names(label.name) and name in values), None)
    measured = (
        None if lead is None else _measured(values[lead], _MARGINS[_unit(lead)], level, label.levels, usual[lead])
    )
    return Finding(
        label=label.name,
        level=level,
        probability=min(1.0, max(0.0, 1.0 - float(row[0]))),
        evidence=_evidence(label.name, level, values, capture, lang, usual, leads=measured in ("less", "more")),
        margin=margin,
        nearly=neighbour if margin < NARROW_MARGIN else None,
        measured=measured,
    )


def _margin(row: Sequence[float], level: int, levels: Sequence[int]) -> tuple[float, int]:
    """How much likelier a level is than the likelier of its neighbours, and which that is."""
    place = levels.index(level)
    beside = [(float(row[other]), levels[other]) for other in (place - 1, place + 1) if 0 <= other < len(levels)]
    best, neighbour = max(beside)
    return float(row[place]) - best, neighbour


def _measured(
    value: float,
    margin: float,
    level: int,
    levels: Sequence[int],
    usual: Mapping[int, tuple[float, float, float]],
) -> Measured | None:
    """Whether a measurement is far from everything that was seen at a level.

    None if that level was not seen, nor any that the measurement may speak for.
    """
    if level not in usual:
        return None
    low, _, high = usual[level]
    if low - margin <= value <= high + margin:
        return "fits"
    first, last = min(usual), max(usual)
    if first == last:
        return None  # nobody knows which way more is
    rises = usual[last][1] > usual[first][1]
    speaks_for_more = (value > high) == rises
    if level == (last if speaks_for_more else first):
        # Beyond the graph's last level there is none, and it is this one all the more.
        return "fits" if level == (levels[-1] if speaks_for_more else levels[0]) else None
    return "more" if speaks_for_more else "less"


def read_usual(entry: object, graph: HexGraph, source: str) -> Usual:
    """The `measured` entry of a checkpoint's card.

    entry    as read from JSON; None, as in cards that have none, gives no ranges
    graph    labels that it does not have are passed over
    source   names the card in errors
    raises   CheckpointError  naming the first thing that is wrong
    """
    if entry is None:
        return {}
    usual: dict[str, dict[str, dict[int, tuple[float, float, float]]]] = {}
    try:
        labels = entry["labels"]  # type: ignore[index]  # whatever is wrong is told below
        for label in graph.label_names:
            for name, levels in labels.get(label, {}).items():
                _unit(name)
                ranges = {int(level): _range(percentiles) for level, percentiles in levels["levels"].items()}
                usual.setdefault(label, {})[name] = ranges
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(
            f"{source}: measured: not as `iqa train` writes it ({error!r:.200})",
            hint="restore the checkpoint, or take `measured` off its card: without it no sentence says what is usual",
        ) from None
    return usual


def _range(percentiles: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = map(float, percentiles)
    if not (math.isfinite(low) and math.isfinite(high) and low <= median <= high):
        raise ValueError(f"not three rising numbers: {percentiles}")
    return low, median, high


def evidence_names(label: str) -> tuple[str, ...]:
    """Measurements that may speak about a label, in the order in which they do by default; empty for a foreign one."""
    return _SUBJECTS.get(label.casefold().replace("_", " ").replace("-", " "), ())


def disagreement_notes(graph: HexGraph, findings: Sequence[Finding], lang: Language = "en") -> tuple[str, ...]:
    """A note for every finding whose level the measurements speak against."""
    return tuple(
        _DISAGREEMENT[lang][finding.measured].format(
            label=graph.labels[graph.index(finding.label)].display(lang), level=graph.level_name(finding.level, lang)
        )
        for finding in findings
        if finding.measured in ("less", "more")
    )


def too_small_note(width: int, height: int, lang: Language = "en") -> str:
    """The note on a picture with too few pixels to be judged."""
    return {
        "en": f"only {width} x {height} pixels: too small to judge",
        "zh": f"只有 {width} x {height} 像素：太小，无法可靠判断",
    }[lang]


def no_photograph_note(doubt: Doubt, lang: Language = "en") -> str:
    """The note on a picture that seems to be no photograph."""
    return _NO_PHOTOGRAPH[lang][doubt]


def unclear_note(unclear: Unclear, lang: Language = "en") -> str:
    """The note on a picture of which it is not safe to say where it ends, or how it looks."""
    return _UNCLEAR[lang][unclear]


def in_percent(fraction: float) -> str:
    """A share in as many digits as mean something, never none or all of it without being so: <0.1%, 3.2%, 41%, >99%.

    fraction  0..1
    """
    percent = 100.0 * fraction
    if 0.0 < percent < 0.1:
        return "<0.1%"
    if 99.0 < percent < 100.0:
        return ">99%"
    return f"{percent:.1f}%" if 0.0 < percent < 9.95 else f"{percent:.0f}%"


def _evidence(
    label: str,
    level: int,
    values: Values,
    capture: Capture,
    lang: Language,
    usual: Mapping[str, Mapping[int, tuple[float, float, float]]],
    *,
    leads: bool,
) -> str:
    """What speaks for a level.

    leads  whether the best measurement stays the first whatever it shows, because a note is about it
    """
    names = evidence_names(label)
    if not names or not values:
        return ""
    known = [name for name in usual if name in names]
    if level > 1 and not leads:
        known.sort(key=lambda name: _doubts(values[name], level, usual[name]))  # of equals the best stays first
    parts = [_PHRASES[name][lang].format(_shown(name, values[name])) for name in (known or names)[:_CITED]]
    channels = (in_percent(values[f"clipped_fraction_{channel}"]) for channel in "rgb")
    of_channels = _CHANNELS[lang].format(*channels) if names == _CLIPPING else ""
    if level > 1 and known and level in usual[known[0]]:
        low, _, high = (_shown(known[0], value) for value in usual[known[0]][level])
        said = _USUAL[lang].format(low, high) + _DOUBTS[lang][_doubts(values[known[0]], level, usual[known[0]])]
        parts[0] += _BRACKETS[lang].format(said)
        parts += [of_channels] if of_channels else []
    elif of_channels:
        parts[0] += _BRACKETS[lang].format(of_channels)
    exposure_bias_ev = round(capture.exposure_bias_ev or 0.0, 1)  # what rounds to zero is not worth a word
    if names in (_BRIGHT, _DARK) and exposure_bias_ev:
        bias = f"{exposure_bias_ev:+.1f} EV"
        parts.append({"en": f"exposure compensation {bias}", "zh": f"曝光补偿 {bias}"}[lang])
    return {"en": ", ", "zh": "，"}[lang].join(parts)


def _doubts(value: float, level: int, usual: Mapping[int, tuple[float, float, float]]) -> int:
    """How much a measurement leaves it open whether there is the problem of a level.

    returns  0  it is not usual without the problem; or nobody knows what is
             1  it is, but is nearer to the middle of what is measured at the level
             2  it is, and is nearer to the middle of what is measured without the problem
    """
    if 1 not in usual or level not in usual:
        return 0
    low, without, high = usual[1]
    own = usual[level][1]
    rises = own > without
    if value > high if rises else value < low:
        return 0
    middle = (own + without) / 2
    return 1 if (value > middle if rises else value < middle) else 2


def _unit(name: str) -> str:
    """Unit of a measurement, see `records.Measurement`.

    raises  ValueError  for one that is not cited
    """
    if name not in _PHRASES:
        raise ValueError(f"no measurement is called {name!r}")
    return "fraction" if name.endswith("fraction") else name.partition("_")[0]


def _shown(name: str, value: float) -> str:
    """A measurement in as many digits as mean something."""
    match _unit(name):
        case "fraction":
            return in_percent(value)
        case "luma":
            return f"{value:.2f}"
        case _:
            return f"{value:.1f}" if name == "lstar_top_tenth_std" else f"{value:.0f}"


_CITED = 2
"""Measurements in one line of evidence."""
_MARGINS = {"lstar": 5.0, "luma": 0.06, "fraction": 0.04}
"""How far beyond the usual is far. Ranges are measured on pictures of the model's input size; of the same photo in 512
pixels most measurements are off by less than this. For shares it is small enough that severe clipping without clipped
pixels is objected to: of 1,203 photographs seven findings are, all of them doubtful."""

_BRIGHT = ("luma_median", "clipped_fraction", "lstar_mean")
_DARK = ("luma_median", "dark_fraction", "lstar_mean")
_CONTRAST = ("lstar_p5_p95_spread", "lstar_std")
_CLIPPING = ("clipped_fraction",)
_HIGHLIGHTS = ("lstar_top_tenth_mean", "lstar_top_tenth_std")

_PHRASES: dict[str, dict[Language, str]] = {
    "luma_median": {"en": "median luma {}", "zh": "亮度中位数 {}"},
    "clipped_fraction": {"en": "{} of pixels clipped", "zh": "{} 的像素已过曝"},
    "dark_fraction": {"en": "{} of pixels darker than 2% luma", "zh": "{} 的像素亮度低于 2%"},
    "lstar_mean": {"en": "mean L* {}", "zh": "平均 L* {}"},
    "lstar_p5_p95_spread": {"en": "L* spans {} of 100", "zh": "L* 跨度 {}"},
    "lstar_std": {"en": "L* standard deviation {}", "zh": "L* 标准差 {}"},
    "lstar_top_tenth_mean": {"en": "brightest tenth at L* {}", "zh": "最亮的十分之一像素平均 L* {}"},
    "lstar_top_tenth_std": {
        "en": "L* standard deviation {} within the brightest tenth",
        "zh": "最亮的十分之一像素 L* 标准差 {}",
    },
}
_USUAL: dict[Language, str] = {"en": "usual at this level: {} to {}", "zh": "此等级通常为 {} 至 {}"}
_DOUBTS: dict[Language, tuple[str, str, str]] = {
    "en": ("", "; seen without the problem, too", "; alone it would not show the problem"),
    "zh": ("", "；没有此问题时也可能如此", "；仅凭此值看不出此问题"),
}
"""By what `_doubts` gives."""
_CHANNELS: dict[Language, str] = {"en": "red {}, green {}, blue {}", "zh": "红 {}，绿 {}，蓝 {}"}
_BRACKETS: dict[Language, str] = {"en": " ({})", "zh": "（{}）"}
_DISAGREEMENT: dict[Language, dict[Measured, str]] = {
    "en": {
        "less": "{label}, {level}: the measurements fit a milder level",
        "more": "{label}, {level}: the measurements fit a worse level",
    },
    "zh": {
        "less": "{label}（{level}）：实测值更符合较轻的等级",
        "more": "{label}（{level}）：实测值更符合较重的等级",
    },
}

_NO_PHOTOGRAPH: dict[Language, dict[Doubt, str]] = {
    "en": {
        "flat": "one even colour: nothing to judge",
        "noise": "looks like random noise, not like a photograph",
        "gradient": "looks like a drawn gradient, not like a photograph",
        "drawing": "looks like a drawing, a screenshot or text, not like a photograph",
    },
    "zh": {
        "flat": "几乎只有一种颜色：无从评判",
        "noise": "看起来是随机噪声，不像照片",
        "gradient": "看起来是绘制的渐变，不像照片",
        "drawing": "看起来是图形、截图或文字，不像照片",
    },
}

_UNCLEAR: dict[Language, dict[Unclear, str]] = {
    "en": {
        "edge": "an even strip at the edge may not belong to the picture: cut it off to have the rest judged",
        "small": "nearly all of it is even surroundings: too little picture to judge",
        "blurred": "blurred copies of the picture seem to lie on two sides of it: cut them off to have it judged",
        "coding": "how light its colours are cannot be told here: save it as sRGB to have it judged",
    },
    "zh": {
        "edge": "边缘的纯色条带可能不属于照片：请裁掉后再评判",
        "small": "几乎全是纯色边框：照片部分太小，无法可靠判断",
        "blurred": "两侧似乎是照片自身的模糊副本：请裁掉后再评判",
        "coding": "无法得知其颜色编码对应的明暗：请另存为 sRGB 后再评判",
    },
}

# The spellings of the shipped graphs and of the label sets they go back to, in lower case with blanks.
_SUBJECTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("bright", "too bright", "整体偏亮"), _BRIGHT),
    **dict.fromkeys(("dark", "too dark", "整体偏暗"), _DARK),
    **dict.fromkeys(("high contrast", "contrast too high", "整体对比度高"), _CONTRAST),
    **dict.fromkeys(("low contrast", "contrast too low", "整体对比度低"), _CONTRAST),
    **dict.fromkeys(("overexposed", "highlight clipped", "highlights clipped", "高光过曝"), _CLIPPING),
    **dict.fromkeys(
        ("over suppressed", "highlight over suppressed", "highlights over suppressed", "高光压制过度"),
        _HIGHLIGHTS,
    ),
}

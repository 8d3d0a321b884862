"""From probabilities and measurements to words: the only place where numbers become sentences.

Every label of a graph gives one finding. The level and the probability are the model's, after the graph's
rules; the evidence is what was measured in the pixels and what the camera noted, so that a person can check
the claim. A label whose subject nothing here measures (a label of somebody's own graph) gets no evidence,
never a made-up one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from iqa_cli.records import Finding

if TYPE_CHECKING:
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.photometry import Doubt
    from iqa_cli.records import Capture, Language, Measurement

Values = Mapping[str, float]
Writer = Callable[[Values, "Language"], str]


def find(
    graph: HexGraph,
    marginals: Sequence[Sequence[float]],
    levels: Sequence[int],
    measurements: Sequence[Measurement],
    capture: Capture,
    lang: Language = "en",
) -> tuple[Finding, ...]:
    """One finding per label, in graph order.

    graph         whose labels the rows below stand for
    marginals     per label the probability of each of its levels, lowest first; each row sums to 1
    levels        per label the level of the best legal state, 1..K
    measurements  of the same photo
    capture       of the same photo; an exposure compensation is evidence about brightness
    lang          of the evidence
    """
    values = {measurement.name: measurement.value for measurement in measurements}
    return tuple(
        Finding(
            label=name,
            level=int(level),
            probability=min(1.0, max(0.0, 1.0 - float(row[0]))),
            evidence=_evidence(name, values, capture, lang),
        )
        for name, row, level in zip(graph.label_names, marginals, levels, strict=True)
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


def _evidence(label: str, values: Values, capture: Capture, lang: Language) -> str:
    subject = _SUBJECTS.get(label.casefold().replace("_", " ").replace("-", " "))
    if subject is None or not values:
        return ""
    parts = [subject(values, lang)]
    exposure_bias_ev = round(capture.exposure_bias_ev or 0.0, 1)  # what rounds to zero is not worth a word
    if subject in (_brightness_high, _brightness_low) and exposure_bias_ev:
        bias = f"{exposure_bias_ev:+.1f} EV"
        parts.append({"en": f"exposure compensation {bias}", "zh": f"曝光补偿 {bias}"}[lang])
    return {"en": ", ", "zh": "，"}[lang].join(parts)


def _brightness_high(values: Values, lang: Language) -> str:
    median, clipped = f"{values['luma_median']:.2f}", in_percent(values["clipped_fraction"])
    return {
        "en": f"median luma {median}, {clipped} of pixels clipped",
        "zh": f"亮度中位数 {median}，{clipped} 的像素已过曝",
    }[lang]


def _brightness_low(values: Values, lang: Language) -> str:
    median, dark = f"{values['luma_median']:.2f}", in_percent(values["dark_fraction"])
    return {
        "en": f"median luma {median}, {dark} of pixels darker than 2% luma",
        "zh": f"亮度中位数 {median}，{dark} 的像素亮度低于 2%",
    }[lang]


def _contrast(values: Values, lang: Language) -> str:
    spread, std = f"{values['lstar_p5_p95_spread']:.0f}", f"{values['lstar_std']:.0f}"
    return {
        "en": f"L* spread {spread} of 100 (5th to 95th percentile), standard deviation {std}",
        "zh": f"L* 跨度 {spread}（第 5 至第 95 百分位，满幅 100），标准差 {std}",
    }[lang]


def _clipping(values: Values, lang: Language) -> str:
    pixels = in_percent(values["clipped_fraction"])
    red, green, blue = (in_percent(values[f"clipped_fraction_{channel}"]) for channel in "rgb")
    return {
        "en": f"{pixels} of pixels clipped (red {red}, green {green}, blue {blue})",
        "zh": f"{pixels} 的像素已过曝（红 {red}，绿 {green}，蓝 {blue}）",
    }[lang]


def _highlights(values: Values, lang: Language) -> str:
    mean, std = f"{values['lstar_top_tenth_mean']:.0f}", f"{values['lstar_top_tenth_std']:.1f}"
    return {
        "en": f"brightest tenth at L* {mean}, standard deviation {std}",
        "zh": f"最亮的十分之一像素平均 L* {mean}，标准差 {std}",
    }[lang]


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

# The spellings of the shipped graphs and of the label sets they go back to, in lower case with blanks.
_SUBJECTS: dict[str, Writer] = {
    **dict.fromkeys(("bright", "too bright", "整体偏亮"), _brightness_high),
    **dict.fromkeys(("dark", "too dark", "整体偏暗"), _brightness_low),
    **dict.fromkeys(("high contrast", "contrast too high", "整体对比度高"), _contrast),
    **dict.fromkeys(("low contrast", "contrast too low", "整体对比度低"), _contrast),
    **dict.fromkeys(("overexposed", "highlight clipped", "highlights clipped", "高光过曝"), _clipping),
    **dict.fromkeys(
        ("over suppressed", "highlight over suppressed", "highlights over suppressed", "高光压制过度"),
        _highlights,
    ),
}

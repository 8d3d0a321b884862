"""How two models differ, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.metrics.differences import Difference, Right
    from iqa_cli.metrics.records import Interval

_SMALLEST_SHOWN = 0.001


def difference_verdict(found: Difference) -> str:
    """Whether the first model is better, worse, both, or no difference can be shown, and what speaks for it.

    "new is better than old in dark (right on 31 photos more and wrong on 8, of 200, p 0.0023); mean kappa +0.08 (95%
    interval +0.02 to +0.14)."
    """
    first, second = (shown(utf8(name)) for name in (found.first_name, found.second_name))
    if not found.photos.n:
        return "Nothing can be said: not one level of these photos is known."
    said = {way: _and([_label(found, label) for label in labels]) for way, labels in found.shown.items()}
    kappa = _kappa(found)
    match found.verdict:
        case "mixed":
            return f"{first} is better than {second} in {said['better']}, and worse in {said['worse']}{kappa}."
        case "better" | "worse" as way:
            where = "" if found.shown[way] == ("",) else "in "
            return f"{first} is {way} than {second} {where}{said[way]}{kappa}."
        case _:
            shown_by = f"can be shown on {_photos(found)}{kappa}.{_detectable(found)}"
            return f"No difference between {first} and {second} {shown_by}"


def _label(found: Difference, label: str) -> str:
    if not label:
        return f"over all labels together ({_counts(found.photos, 'more levels right')})"
    return f"{shown(utf8(label))} ({_counts(found.labels[label].right, 'right')})"


def _counts(right: Right, what: str) -> str:
    """'right on 31 photos that the other has wrong, 8 the other way round; p 0.0023'."""
    return f"{what} on {right.gained:,} photos, the other on {right.lost:,}; p {p_said(right.p_holm)}"


def p_said(p: float) -> str:
    """'0.032', '<0.001', '1'."""
    if p < _SMALLEST_SHOWN:
        return f"<{_SMALLEST_SHOWN}"
    return "1" if p >= 0.9995 else f"{p:.3f}"


def _kappa(found: Difference) -> str:
    value = found.mean["qwk"]
    if value != value:  # undefined: a constant in truth and prediction
        return ""
    interval: Interval | None = found.mean_intervals.get("qwk")
    within = (
        f" ({100 * found.first.confidence:g}% interval {interval.low:+.3f} to {interval.high:+.3f})" if interval else ""
    )
    return f"; mean quadratic weighted kappa {value + 0.0:+.3f}{within}"


def _detectable(found: Difference) -> str:
    share = found.detectable
    if share is None:
        return " So few photos could not have shown any difference."
    return f" One of {100 * share:.1f} % of the photos in a label would have been shown in 4 cases of 5."


def _photos(found: Difference) -> str:
    return f"{found.first.n:,} photo{'' if found.first.n == 1 else 's'}"


def _and(parts: Sequence[str]) -> str:
    *first, last = parts or [""]
    return " and ".join([*([", ".join(first)] if first else []), last])

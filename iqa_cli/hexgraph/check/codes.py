"""The kinds of findings: a code is a promise that scripts may key on, so none is ever given a second meaning.

The letter is the severity. 1xx: the file as text and its shape; 2xx: a rule by itself or beside another on the same
labels; 3xx: what all rules together mean; 4xx: how large the graph is.
"""

from __future__ import annotations

CODES = {
    "E101": "not strict JSON",
    "E102": "missing or misspelt field, or a wrong type",
    "E103": "label or alias given twice",
    "W104": "labels that look alike",
    "E105": "unknown label",
    "E106": "unknown level",
    "E107": "levels that do not rise, or too few",
    "I108": "label without rules towards others",
    "W201": "rule given twice",
    "W202": "rule covered by another of the same labels",
    "I203": "rule that forbids nothing",
    "E204": "label that excludes itself",
    "W205": "exclusion of a level without the worse ones",
    "W206": "exclusion of the lowest level",
    "W207": "label without a map of its own levels, where others have one",
    "I207": "labels without maps of their own levels",
    "E208": "level that would imply a worse one of the same label",
    "I209": "map of a label's own levels with gaps",
    "W210": "map that lists some of the worse levels",
    "I210": "map that lists thresholds only",
    "W211": "map that falls",
    "W212": "map that starts at the lowest level",
    "E301": "rules that contradict each other",
    "E302": "level that can never occur",
    "E303": "level implied and excluded at once",
    "W304": "level or threshold that holds for every photo",
    "W305": "photo without any problem is not allowed",
    "I306": "levels that always occur together",
    "I307": "rule implied by the others",
    "I308": "consequence that no rule states",
    "W309": "question that could not be decided",
    "I310": "search that was not finished",
    "I401": "size: components",
    "I402": "size: treewidth and cliques",
    "W403": "large: inference will be slow",
    "E404": "too large for exact inference",
    "I405": "size: legal states",
}
"""What each code stands for, in a few words."""

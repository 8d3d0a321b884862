"""What a zero is worth beside a found problem: PrISM's weak zeros.

An annotator who writes down what is wrong with a photo names what catches the eye. A 0 beside a problem that was named
may so mean "nothing that matters beside that one": none or ordinary. In the group of the problem itself, and in photos
without any, a 0 was looked at. After `_weakify_zero_labels` of PrISM-IQA's published code (arXiv 2606.31626).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.hexgraph import HexGraph


def exclusion_groups(graph: HexGraph) -> NDArray[np.intp]:
    """(L,) the group of each label, by its first label's position: what exclusions tie together, directly or not.

    Such labels are the ways in which one thing can be wrong: too bright and too dark, the four colour casts.
    """
    group = np.arange(len(graph.labels))
    for rule in graph.exclusions:
        one, other = (group[graph.index(label)] for label in (rule.label_a, rule.label_b))
        group[group == max(one, other)] = min(one, other)
    return group


def weak_zeros(positions: NDArray[np.int64], graph: HexGraph) -> NDArray[np.bool_]:
    """(n, L) zeros that stand beside a found problem of another group, and none of their own.

    positions  (n, L) int64 0..K-1, "this or worse" by its lowest level; -1 = unobserved, which is no found problem
    """
    group = exclusion_groups(graph)
    members = group[:, None] == np.arange(len(group))  # (L, groups); most columns are empty
    in_group = ((positions > 0).astype(np.intp) @ members)[:, group]  # (n, L) found problems of the label's own group
    found = (positions > 0).any(axis=1, keepdims=True)
    weak: NDArray[np.bool_] = (positions == 0) & (in_group == 0) & found
    return weak

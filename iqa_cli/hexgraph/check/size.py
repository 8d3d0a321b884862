"""How large a graph is: exact numbers of its compiled plan, and a refusal that names the labels to blame."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from iqa_cli.errors import ContradictionError, GraphTooWideError
from iqa_cli.hexgraph.check.findings import GraphSize
from iqa_cli.hexgraph.check.width import LARGE_FROM, far_too_wide
from iqa_cli.hexgraph.check.wording import listed
from iqa_cli.hexgraph.plan import HexPlan, compile_plan
from iqa_cli.hexgraph.problems import Problem, quote
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iqa_cli.hexgraph.check.logic import Logic
    from iqa_cli.hexgraph.graph import HexGraph

SLOW_FROM = 100_000
"""Legal states of all cliques from which inference is slow: about 0.1 s for a photo, and 1 GB for a batch of 256."""

BATCH = 256
"""Photos of the batch whose memory is told."""


def measure(graph: HexGraph, logic: Logic, max_states: int) -> tuple[GraphSize, list[Problem]]:
    """The size of a graph, and what there is to say about it.

    max_states  legal states of all cliques from which the graph is refused
    """
    rules = len(graph.exclusions) + sum(rule.label_a != rule.label_b for rule in graph.subsumptions)
    known = GraphSize(labels=len(graph.labels), rules=rules, components=len(logic.parts))
    if logic.broken:
        return dataclasses.replace(known, legal_states=0), []
    if len(graph.labels) >= LARGE_FROM:
        wide = far_too_wide(graph.n_levels, logic.rules, max_states)
        if wide is not None:
            names = tuple(graph.labels[v].name for v in wide)
            return dataclasses.replace(known, max_clique_labels=names), [_refusal(graph, names, max_states)]
    try:
        plan = compile_plan(graph, max_states=max_states)
    except GraphTooWideError as error:
        return dataclasses.replace(known, max_clique_labels=error.labels), [_refusal(graph, error.labels, max_states)]
    except ContradictionError:  # of a part that was left undecided, which then is no more
        return dataclasses.replace(known, legal_states=0), []
    stats = plan.stats
    size = dataclasses.replace(
        known,
        treewidth=stats.treewidth,
        heuristic=stats.heuristic,
        depth=stats.depth,
        total_states=stats.total_states,
        max_clique_states=stats.max_clique_states,
        max_clique_labels=stats.widest_clique,
        legal_states=plan.n_legal_states,
        bytes_at_batch_256=stats.estimated_bytes(BATCH),
    )
    return size, list(_sizes(size, plan))


def _refusal(graph: HexGraph, labels: Sequence[str], max_states: int) -> Problem:
    names = listed(map(quote, labels), 8)
    if math.prod(len(graph.labels[graph.index(name)].levels) for name in labels) <= max_states:
        why = f"no labels hang together more closely than {names}, but all {len(graph.labels):,} labels add up"
        hint = "split the graph where no rule ties it, or allow more states (--max-states)"
    else:
        why = f"{counted(len(labels), 'label')} hang together, {names}"
        hint = "take out rules between these labels, or allow more states (--max-states)"
    return Problem("E404", (), f"more than {max_states:,} states to look at: {why}", tuple(labels), hint)


def _sizes(size: GraphSize, plan: HexPlan) -> Iterator[Problem]:
    stats = plan.stats
    widest = listed(map(quote, stats.widest_clique), 8)
    yield Problem("I401", (), f"{counted(size.components or 0, 'component')} of labels that rules connect")
    yield Problem(
        "I402",
        (),
        f"treewidth at most {stats.treewidth} ({stats.heuristic}), {stats.total_states:,} clique states,"
        f" {stats.max_clique_states:,} in the largest clique ({widest}), depth {stats.depth}",
        stats.widest_clique,
    )
    if stats.total_states > SLOW_FROM:
        # Small cliques that add up are nobody's fault: taking out rules of the largest would change nothing.
        adds_up = stats.max_clique_states <= stats.total_states // 10
        yield Problem(
            "W403",
            (),
            f"{stats.total_states:,} clique states make inference slow; the largest clique, {widest},"
            f" has {stats.max_clique_states:,} of them",
            stats.widest_clique,
            "split the graph, or leave out labels" if adds_up else "take out rules between these labels",
        )
    yield Problem("I405", (), f"{short_count(plan.n_legal_states)} legal states")


def short_count(number: int) -> str:
    """A whole number for people: grouped, or as `1.15e+23` from sixteen digits on."""
    if number < 10**15:
        return f"{number:,}"
    # Not float(): it ends at 1e308, and the conversion of all digits takes the square of their number.
    exponent = _digits(number) - 1
    mantissa = number // 10 ** (exponent - 3)
    if mantissa >= 9995:
        return f"1.00e+{exponent + 1}"
    return f"{(mantissa + 5) // 10 / 100:.2f}e+{exponent}"


def all_digits(number: int) -> str:
    """A whole number of any length in decimal; Python's own conversion refuses more than 4300 digits."""
    if number < 10**4000:
        return str(number)
    half = _digits(number) // 2
    high, low = divmod(number, 10**half)
    return all_digits(high) + all_digits(low).zfill(half)


def _digits(number: int) -> int:
    """How many decimal digits a positive number has."""
    digits = max(1, int((number.bit_length() - 1) * math.log10(2)))
    while number >= 10**digits:
        digits += 1
    return digits

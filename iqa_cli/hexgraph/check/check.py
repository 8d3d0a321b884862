"""`check_graph`: everything there is to say about a graph, as one report. It shows nothing and raises for no graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check import edges
from iqa_cli.hexgraph.check.contradictions import Contradictions
from iqa_cli.hexgraph.check.findings import Finding, GraphReport, GraphSize, Severity
from iqa_cli.hexgraph.check.logic import Logic
from iqa_cli.hexgraph.check.places import Places
from iqa_cli.hexgraph.check.rectangles import pair_rules
from iqa_cli.hexgraph.check.redundancy import Redundancy, consequences, equivalences
from iqa_cli.hexgraph.check.size import measure
from iqa_cli.hexgraph.graph import HexGraph
from iqa_cli.hexgraph.plan import MAX_STATES
from iqa_cli.hexgraph.problems import Problem, Problems, pointer
from iqa_cli.hexgraph.read import SECTIONS, read_parts
from iqa_cli.hexgraph.strictjson import JsonText, NotJsonError, read_json

if TYPE_CHECKING:
    from iqa_cli.hexgraph.read import GraphParts

_ALWAYS_TRUE = ("E301", "E302", "E303", "W304", "W305")
"""Findings that hold whatever the rules say that could not be read: more rules allow less."""

_OF_THE_TEXT = ("E101", "E102", "E103", "E105", "E106", "E107", "E204", "E208")
"""Findings of the reader, which do not say by themselves where they are."""

_ORDER = list(Severity)


def check_graph(
    source: HexGraph | str | Path, *, max_states: int = MAX_STATES, with_consequences: bool = False
) -> GraphReport:
    """Check a graph.

    source             a graph, or its file; of a file that is wrong all is checked that could be read
    max_states         legal states of all cliques from which the graph is refused
    with_consequences  list strong facts that follow from the rules and that no rule states (I308)

    returns  findings with their place in the file; of a graph without a file the place is that in `HexGraph.to_json`
    """
    if isinstance(source, HexGraph):
        return _Checked(source.name, None, max_states, with_consequences).of_graph(source, Places.of(source))
    path = Path(source)
    try:
        text = read_json(path)
    except NotJsonError as error:
        line, column = error.position or (None, None)
        wrong = Finding("E101", "", line, column, error.message, hint=error.hint)
        return GraphReport(str(source), (wrong,), GraphSize(), is_graph=False)
    return _Checked(str(source), text, max_states, with_consequences).of_text(text, path.stem)


class _Checked:
    """Gathers problems and turns them into a report."""

    def __init__(self, file: str, text: JsonText | None, max_states: int, with_consequences: bool) -> None:
        self._file = file
        self._text = text
        self._max_states = max_states
        self._with_consequences = with_consequences
        self._problems = Problems()

    def of_text(self, text: JsonText, name: str) -> GraphReport:
        parts = read_parts(text.value, name, text)
        self._problems.extend(parts.problems)
        self._problems.counts.update(parts.problems.omitted)
        document = text.value if isinstance(text.value, dict) else {}
        if not any(str(key).lower() in SECTIONS for key in document):
            return self._report(GraphSize(), is_graph=False)
        if not parts.problems:
            graph = parts.graph()
            nodes = {label.name: steps for steps, label in parts.labels}
            exclusions, subsumptions = [s for s, _ in parts.exclusions], [s for s, _ in parts.subsumptions]
            return self.of_graph(graph, Places(nodes, exclusions, subsumptions), document)
        self._of_the_rest(parts)
        not_json = parts.problems.counts["E101"] > 0
        return self._report(GraphSize(labels=len(parts.labels)), is_graph=not not_json)

    def of_graph(self, graph: HexGraph, places: Places, document: dict[str, object] | None = None) -> GraphReport:
        add = self._problems.extend
        rules = pair_rules(graph, places.rules)
        add(edges.look_alikes(graph, places))
        add(edges.lonely(graph, rules, places))
        add(edges.own_maps(graph, places))
        add(edges.rule_spelling(graph, places))
        twice = list(edges.said_twice(rules))
        add(problem for _, problem in twice)
        # Rules that others cover change nothing, and would only hide which rule implies which.
        idle = {r for r, _ in twice}
        logic = Logic(graph, [rule for r, rule in enumerate(rules) if r not in idle], self._max_states)
        add(Contradictions(logic, places).problems())
        add(Redundancy(logic).problems())
        add(equivalences(logic, places))
        if self._with_consequences:
            add(consequences(logic, places))
        size, problems = measure(graph, logic, self._max_states)
        add(problems)
        return self._report(size, graph, logic, document)

    def _of_the_rest(self, parts: GraphParts) -> None:
        """What holds of the labels and rules without mistakes, whatever the others turn out to mean."""
        wrong = {problem.steps[:2] for problem in parts.problems}
        labels = {label.name: (steps, label) for steps, label in parts.labels if steps[:2] not in wrong}
        if not labels or parts.problems.omitted:
            return
        nodes = {name: steps for name, (steps, _) in labels.items()}

        def is_right(steps: tuple[str | int, ...], a: str, b: str) -> bool:
            return steps[:2] not in wrong and a in labels and b in labels

        exclusions = [(s, rule) for s, rule in parts.exclusions if is_right(s, rule.label_a, rule.label_b)]
        subsumptions = [(s, rule) for s, rule in parts.subsumptions if is_right(s, rule.label_a, rule.label_b)]
        graph = HexGraph(
            parts.name,
            tuple(label for _, label in labels.values()),
            exclusions=tuple(rule for _, rule in exclusions),
            subsumptions=tuple(rule for _, rule in subsumptions),
        )
        places = Places(nodes, [s for s, _ in exclusions], [s for s, _ in subsumptions])
        self._problems.extend(edges.look_alikes(graph, places))
        self._problems.extend(edges.rule_spelling(graph, places))
        rules = pair_rules(graph, places.rules)
        self._problems.extend(problem for _, problem in edges.said_twice(rules))
        logic = Logic(graph, rules, self._max_states)
        found = Contradictions(logic, places).problems()
        self._problems.extend(problem for problem in found if problem.code in _ALWAYS_TRUE)

    def _report(
        self,
        size: GraphSize,
        graph: HexGraph | None = None,
        logic: Logic | None = None,
        document: dict[str, object] | None = None,
        *,
        is_graph: bool = True,
    ) -> GraphReport:
        findings = [self._finding(problem) for problem in self._problems]
        findings.sort(key=lambda f: (_ORDER.index(f.severity), f.code, f.line or 0, f.column or 0, f.pointer))
        return GraphReport(
            self._file,
            tuple(findings),
            size,
            graph=graph,
            is_graph=is_graph,
            dead=logic.dead if logic is not None else frozenset(),
            omitted=self._problems.omitted,
            document=document,
        )

    def _finding(self, problem: Problem) -> Finding:
        line: int | None = None
        column: int | None = None
        steps = problem.steps
        rules = problem.rules
        if self._text is not None:
            line, column, steps = self._text.locate(steps, at_key=problem.at_key)
            rules = tuple(self._text.locate(rule).steps for rule in rules)
        message = f"{problem.place}: {problem.message}" if problem.code in _OF_THE_TEXT else problem.message
        return Finding(
            problem.code,
            pointer(steps),
            line,
            column,
            message,
            problem.labels,
            problem.levels,
            problem.hint,
            problem.witness,
            tuple(map(pointer, rules)),
        )

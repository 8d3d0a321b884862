"""Marginals by pyAgrum, an independent library, for benchmarks and tests.

    python benchmarks/agrum.py GRAPH.json UNARY.npy OUT.npy

In a process of its own where onnx or onnxruntime is loaded: pyAgrum 3.3 crashes beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph import compile_plan, read_graph

if TYPE_CHECKING:
    from iqa_cli.hexgraph import HexPlan


class Agrum:
    """pyAgrum's Shafer-Shenoy inference on the same factors, one photo at a time."""

    def __init__(self, plan: HexPlan) -> None:
        import pyagrum

        self.plan = plan
        self.field = pyagrum.MarkovRandomField()
        self.names = [f"v{v}" for v in range(plan.n_labels)]
        for name, count in zip(self.names, plan.level_counts.tolist(), strict=True):
            self.field.add(pyagrum.RangeVariable(name, name, 0, count - 1))
        for name in self.names:
            self.field.addFactor([name])
        tables: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for one, other in plan.forbidden.tolist():
            a, b = int(plan.cell_label[one]), int(plan.cell_label[other])
            tables.setdefault((a, b), []).append((one - int(plan.cell_start[a]), other - int(plan.cell_start[b])))
        for (a, b), cells in tables.items():
            factor = self.field.addFactor([self.names[a], self.names[b]])
            factor.fillWith(1.0)
            for x, y in cells:
                factor[{self.names[a]: x, self.names[b]: y}] = 0.0
        self.pyagrum = pyagrum

    def load(self, unary: np.ndarray) -> None:
        """Set the factors of one photo, (C,)."""
        for v, name in enumerate(self.names):
            start, count = int(self.plan.cell_start[v]), int(self.plan.level_counts[v])
            score = unary[start : start + count]
            self.field.factor([name]).fillWith(np.exp(score - score.max()).tolist())

    def run(self) -> None:
        """Infer anew."""
        self.inference = self.pyagrum.ShaferShenoyMRFInference(self.field)
        self.inference.makeInference()

    def marginals(self) -> np.ndarray:
        """(C,) after `run`."""
        return np.concatenate([self.inference.posterior(name).toarray() for name in self.names])


def main() -> None:
    """(C,) marginals of (C,) unaries."""
    graph, unary, out = map(Path, sys.argv[1:])
    other = Agrum(compile_plan(read_graph(graph)))
    other.load(np.load(unary))
    other.run()
    np.save(out, other.marginals())


if __name__ == "__main__":
    main()

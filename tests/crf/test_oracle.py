"""Against pyAgrum, a library that shares no line with us."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_graphs import random_tree, shared_graph

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph import compile_plan

if importlib.util.find_spec("pyagrum") is None:  # not imported here: it does not live with every other library
    pytest.skip("pyAgrum is not installed", allow_module_level=True)

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "agrum.py"


@pytest.mark.parametrize("name", ["prism-53", "tree"])
def test_marginals_equal_those_of_pyagrum(tmp_path, name):
    graph = random_tree(1000) if name == "tree" else shared_graph(name)
    plan = compile_plan(graph)
    unary = np.random.default_rng(0).normal(size=(1, plan.n_cells)) * 2
    (tmp_path / "graph.json").write_text(json.dumps(graph.to_json()), encoding="utf-8")
    np.save(tmp_path / "unary.npy", unary[0])
    command = [sys.executable, str(SCRIPT), *(str(tmp_path / file) for file in ("graph.json", "unary.npy", "out.npy"))]
    subprocess.run(command, check=True, capture_output=True)
    expected = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(NumpyCRF(plan).marginals(unary)[0], expected, rtol=0, atol=1e-9)

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import Case, cases, chain, quick, shared_graph
from hypothesis import given

from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph import HexPlan, compile_plan

pytest.importorskip("onnx")

import onnxruntime

from iqa_cli.crf.onnx_export import GRAPH_HASH_KEY, crf_onnx


def session(plan: HexPlan, dtype: str = "float64") -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = crf_onnx(plan, dtype=dtype).SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@given(cases())
@quick(15)
def test_it_equals_enumeration_for_any_batch(case: Case):
    run = session(compile_plan(case.graph))
    for batch in (1, 3):
        unary = case.unary(batch)
        log_partition, marginals, best = run.run(None, {"unary": unary})
        np.testing.assert_allclose(log_partition, case.log_partition(unary), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(marginals, case.marginals(unary), rtol=1e-10, atol=1e-10)
        assert all(case.graph.is_legal(levels) for levels in best.tolist())
        np.testing.assert_array_equal(best, NumpyCRF(compile_plan(case.graph)).infer(unary).levels)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("name", ["prism-53", "chain"])
def test_it_equals_numpy_on_large_graphs(name, dtype, tolerance):
    plan = compile_plan(chain(40) if name == "chain" else shared_graph(name))
    unary = (np.random.default_rng(0).normal(size=(20, plan.n_cells)) * 5).astype(dtype)
    log_partition, marginals, best = session(plan, dtype).run(None, {"unary": unary})
    beliefs = NumpyCRF(plan).infer(unary)
    assert (log_partition.dtype, marginals.dtype, best.dtype) == (np.float64, np.dtype(dtype), np.int64)
    np.testing.assert_allclose(log_partition, beliefs.log_partition, rtol=tolerance)
    np.testing.assert_allclose(marginals, beliefs.marginals, atol=tolerance)
    np.testing.assert_array_equal(best, beliefs.levels)


def test_an_empty_batch_stays_empty_and_the_graph_is_named():
    plan = compile_plan(shared_graph("prism-53"))
    run = session(plan)
    shapes = [part.shape for part in run.run(None, {"unary": np.zeros((0, plan.n_cells))})]
    assert shapes == [(0,), (0, plan.n_cells), (0, plan.n_labels)]
    assert run.get_modelmeta().custom_metadata_map == {GRAPH_HASH_KEY: plan.graph_hash}

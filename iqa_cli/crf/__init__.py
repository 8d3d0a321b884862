"""Inference in a conditional random field over a label graph.

p(x | u) = exp(sum of the unaries of the chosen levels) / Z for the assignments x that the graph allows, else
0. One plan (`iqa_cli.hexgraph.HexPlan`), one text of the passes over it (`passes`), run by two executors: `numpy_crf`
needs numpy alone and serves `assess`, `torch_crf` is differentiable and serves training. `onnx_export` writes the same
passes down as an ONNX graph.

Axes, in every docstring of the project:

    B  photos of a batch
    L  labels
    K  levels of one label (may differ between labels)
    T  thresholds of one label, K - 1
    N  nodes: thresholds of all labels, sum of K - 1; node of threshold k is on when the level is k or more
    C  cells: levels of all labels, sum of K
    S  legal states
    D  width of an embedding
    H  pixels down
    W  pixels across

Nodes and cells run label after label in graph order, low levels first. A *position* is a level counted from 0
within its label; a *level* is the number that the graph file gives it.
"""

"""Label graphs: reading them, and compiling them into the plan that inference runs on.

A HEX graph (hierarchy and exclusion; Deng et al., ECCV 2014) says which combinations of levels can occur
together. `read_graph` makes a `HexGraph` of a JSON file, `compile_plan` makes a `HexPlan` of a graph: a
junction tree laid out in integer arrays, which `iqa_cli.crf` runs in numpy and in torch. Nothing here knows
about scores or probabilities.
"""

from iqa_cli.hexgraph.graph import HexGraph
from iqa_cli.hexgraph.parts import Exclusion, Label, Subsumption
from iqa_cli.hexgraph.plan import HexPlan, PlanStats, compile_plan
from iqa_cli.hexgraph.read import parse_graph, read_graph

__all__ = [
    "Exclusion",
    "HexGraph",
    "HexPlan",
    "Label",
    "PlanStats",
    "Subsumption",
    "compile_plan",
    "parse_graph",
    "read_graph",
]

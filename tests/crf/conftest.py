"""Makes `drawn_graphs` importable, which lies with the tests of graphs."""

import sys
from pathlib import Path

_FOLDER = str(Path(__file__).parents[1] / "hexgraph")
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

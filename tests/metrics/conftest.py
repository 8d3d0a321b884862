"""Makes `drawn_predictions` importable for the tests of metrics."""

import sys
from pathlib import Path

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

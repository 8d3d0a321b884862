"""Makes `drawn_graphs`, in the folder above, importable here."""

import sys
from pathlib import Path

_FOLDER = str(Path(__file__).parents[1])
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)

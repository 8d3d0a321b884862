"""Two audits of the same scenes compared: which photo belongs to which, what changed, and what that proves.

`shots` has what is kept of a photo, `pairing` finds the pairs, `comparing` counts and tests, `records` has what comes
out. Nothing here opens a photo or a file.
"""

from iqa_cli.comparison.comparing import compare
from iqa_cli.comparison.pairing import Pairing, pairing_of
from iqa_cli.comparison.records import Comparison
from iqa_cli.comparison.shots import Side

__all__ = ["Comparison", "Pairing", "Side", "compare", "pairing_of"]

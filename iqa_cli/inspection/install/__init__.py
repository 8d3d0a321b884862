"""Looking at this installation: what `iqa doctor` does. Nothing may end it: what is broken is a line that says so."""

from iqa_cli.inspection.install.records import InstallReport
from iqa_cli.inspection.install.visit import examine

__all__ = ["InstallReport", "examine"]

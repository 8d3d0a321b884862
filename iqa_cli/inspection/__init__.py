"""Looking at a checkpoint without trusting it: what `iqa checkpoint-check` does."""

from iqa_cli.inspection.check import check_checkpoint
from iqa_cli.inspection.records import Check, CheckpointReport, FoundFile, Outcome

__all__ = ["Check", "CheckpointReport", "FoundFile", "Outcome", "check_checkpoint"]

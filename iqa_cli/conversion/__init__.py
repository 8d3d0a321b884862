"""Checkpoints of the published research code as checkpoints of ours: what `iqa convert` does."""

from iqa_cli.conversion.convert import Conversion, convert

__all__ = ["Conversion", "convert"]

"""Pixels to unary scores: preparation, the exported model's runner, and the torch model it was exported from."""

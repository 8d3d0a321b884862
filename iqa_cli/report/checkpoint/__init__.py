"""Renderers of what `iqa checkpoint-check` found."""

"""Learning: the tone ladder, labels, the trainer, metrics. Needs the `train` extra.

Axes: B photos, L labels, N nodes (label thresholds), S the side of a square picture in pixels.
"""

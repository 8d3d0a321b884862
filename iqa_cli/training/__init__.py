"""Learning: the tone ladder, what severity means, what cannot be trained, the trainer and its state, metrics.

Needs the `train` extra.

Axes: B photos, L labels, N nodes (label thresholds), S the side of a square picture in pixels.
"""

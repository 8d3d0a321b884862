"""Minus infinity made finite, and how far a product of weights may reach.

logsumexp over nothing but -inf has no gradient (it is NaN), so the impossible gets a floor instead: far below
anything a model scores, and far from the end of the floats even when summed over a thousand labels.
"""

FLOOR = -1e30
"""Log-potential of the impossible."""

IMPOSSIBLE = -1e29
"""A log-partition below this contains the floor: the evidence leaves no legal state."""

LIMIT = 1e20
"""Largest magnitude of a unary; beyond it the floor would not be a floor."""

REACH = {"float64": 650.0, "float32": 75.0}
"""How far apart, in nats, the products of a component's weights may lie before they are added as logarithms
instead: below what the smallest normal number of the type allows (708 and 87), so nothing is ever lost."""

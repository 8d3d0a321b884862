"""How good predictions of ordered levels are: records, figures by scikit-learn, bootstrap intervals.

Importing this package or its `records` needs numpy only; `ordinal` needs scikit-learn, which the eval extra brings.
"""

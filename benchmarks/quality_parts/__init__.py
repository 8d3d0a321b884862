"""The parts of `benchmarks/quality.py`: each takes judges and data and gives a `Part` of the document."""

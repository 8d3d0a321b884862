"""The parts of `benchmarks/assess.py`, a module each."""

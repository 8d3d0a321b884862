"""A label graph: what its check found, and the graph drawn as SVG."""

"""A split of labels into parts: the table of what is in each."""

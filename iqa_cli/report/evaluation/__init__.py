"""How good predictions are: a table, a CSV file, a JSON document."""

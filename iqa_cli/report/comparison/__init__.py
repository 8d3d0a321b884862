"""Two audits compared: the table on the terminal, the JSON document, a CSV row for each pair, the page.

Each of them reads a `Comparison` and nothing else. `words` has what they say, `sentences` puts it together.
"""

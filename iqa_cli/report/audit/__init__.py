"""The audit of photos: the CSV file, the JSON lines, the table on the terminal, a pandas table.

Each of them reads `PhotoReport`s and nothing else, so that no two of them can disagree. The files are written row by
row while the audit runs; the table needs the whole run and keeps only a `Tally` of it.
"""

"""Acting on a report instead of judging again: which photos are meant, where they are, and what is done with them.

    report                     a report of `iqa assess` to rows: `read_report`
    conditions, wishes         which rows are meant: `select`; what users write for it
    places                     from the paths of rows to files: `base_of`, `find`, `Structure`
    companions, plan           what goes along, and where everything goes: `make_plan`
    carry, move, undo          doing it: `link`, `copy_to`, `move`; `undo` and `tidy` by the list of a move
    sidecars                   XMP beside photos: `write_sidecars`

In Python:

    report = read_report("audit.csv")
    base = base_of(report)
    rows = select(report, Conditions(labels=("dark",), min_level=3), base).rows
    plan = make_plan(find(rows, report, base), Structure(report, base), "../too-dark", "move")
    for outcome in move(plan, tell=print):
        ...

Photos are never deleted and never edited. A move is written down before it is made, so that it can be undone even if
the process is killed. Nothing here prints.
"""

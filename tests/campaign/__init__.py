"""Attacks on `iqa` that are drawn at random, bounded, repeatable from a seed: `python tests/campaign --help`.

    attacks --case by case--> arena (the command, in a place of its own, under limits) --> promise --> summary

`arena` runs commands and sees what they leave; `promise` says which of our promises was broken; `plan` runs the cases
of an attack, keeps what was found, and counts. What is thrown at the commands is drawn in code: `photographs` of all
formats, a `camera_roll` of them, `pieces` of a file, `mutation` of both, and the `corpus` of what was once found.
docs/reliability.md has the promises and what each attack does.
"""

"""The `iqa` command: options in, one call of the library, a report out. No work is done in here."""

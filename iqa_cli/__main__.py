"""`python -m iqa_cli` and `iqa` are the same command."""


def main() -> None:
    """Run the command line.

    The imports are in here because processes that judge photos load this module again, and need no command line. What
    comes first needs little, so that a signal finds a handler, and no file takes the place of a closed stream.
    """
    from iqa_cli.cli.signals import INTERRUPTED, leave, listen

    listen()
    try:
        from iqa_cli.cli.descriptors import fill_closed, set_libraries_apart

        fill_closed()
        set_libraries_apart()
        from iqa_cli.cli.app import main as run

        run()
    except KeyboardInterrupt:
        leave(INTERRUPTED)
    except SystemExit as leaving:
        leave(leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1)


if __name__ == "__main__":
    main()

"""`python -m iqa_cli` and `iqa` are the same command."""


def main() -> None:
    """Run the command line.

    The import is in here because processes that judge photos load this module again, and need no command line.
    """
    from iqa_cli.cli.app import main as run

    run()


if __name__ == "__main__":
    main()

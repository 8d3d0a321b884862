"""`python -m iqa_cli` is the `iqa` command."""

from iqa_cli.cli.app import main

if __name__ == "__main__":
    main()

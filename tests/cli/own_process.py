"""Runs a command of `iqa` in a process of its own, to see what it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import iqa_cli

ROOT = Path(iqa_cli.__file__).parents[1]


def loaded_by(*arguments: str) -> set[str]:
    """Top-level packages that are loaded once the command has left; the environment is the test's."""
    code = (
        "import sys\n"
        f"sys.argv = ['iqa', *{list(arguments)!r}]\n"
        "from iqa_cli.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print('LOADED', *sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    return {name.split(".")[0] for name in out.rsplit("LOADED", 1)[1].split()}

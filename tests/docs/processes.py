"""Python in a process of its own, as a reader of the documentation starts it."""

import os
import subprocess
import sys
from pathlib import Path

from .pages import REPOSITORY


def run_python(folder: Path, *arguments: object) -> str:
    """Run Python in a folder, and return what it printed and logged.

    Raises:
        AssertionError: If it fails, with the end of what it reported.
    """
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=580,
        env={'OMP_NUM_THREADS': '1', **os.environ, 'PYTHONPATH': str(REPOSITORY)},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout + result.stderr

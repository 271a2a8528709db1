"""A fresh interpreter for what depends on the state of the import system."""

import os
import os.path as osp
import subprocess
import sys

import pytest

from mmgroupmix import compat


@pytest.fixture
def run_python(tmp_path):
    """Run code, or a command line, in a new process that sees the same packages.

    Returns a function of the code (str) or the arguments (list) that gives the
    completed process, with what it printed in ``stdout``.
    """

    def run(code, *, check=True, **environment):
        arguments = ['-W', 'ignore', '-c', code] if isinstance(code, str) else code
        # The first entry is the directory of a script, which has no say here.
        paths = [os.getcwd(), *(path for path in sys.path if path)]
        process = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **os.environ,
                'OMP_NUM_THREADS': '1',
                'PYTHONPATH': os.pathsep.join(paths),
                **environment,
            },
        )
        if check:
            assert process.returncode == 0, process.stderr
        return process

    return run


@pytest.fixture
def compat_alone():
    """Code that imports and applies ``compat`` without the rest of the package."""
    return f"""
import sys, types
sys.modules['mmgroupmix'] = types.ModuleType('mmgroupmix')
sys.modules['mmgroupmix'].__path__ = [{osp.dirname(osp.dirname(compat.__file__))!r}]
from mmgroupmix import compat
compat.apply()
"""

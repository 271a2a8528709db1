"""Fixtures: a new interpreter to import in, and mmcv's compiled operators."""

import importlib
import os
import os.path as osp
import subprocess
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from mmgroupmix import compat
from mmgroupmix.compat.mmcv_ext import StandInModule


@pytest.fixture
def run_python(tmp_path):
    """Run code, or a command line, in a new process with the same packages.

    Returns a function that takes the code (str) or the arguments (list) and returns the
    completed process with its ``stdout``.
    """

    def run(code, *, check=True, **environment):
        arguments = ['-W', 'ignore', '-c', code] if isinstance(code, str) else code
        # An empty entry is the working directory, which is another one there.
        paths = [os.getcwd(), *(path for path in sys.path if path)]
        process = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
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


@pytest.fixture(scope='module')
def compiled():
    """mmcv's compiled module.

    It is that of the installed mmcv if it has compiled operators, else the module that
    the environment variable ``MMCV_COMPILED_EXT`` names.
    """
    try:
        installed = importlib.import_module('mmcv._ext')
    except ImportError:
        installed = None
    if installed is not None and not isinstance(installed, StandInModule):
        return installed
    path = os.environ.get('MMCV_COMPILED_EXT')
    if not path:
        pytest.skip(
            'no compiled mmcv: run tests/compat/compile_mmcv_operators.py and set '
            'MMCV_COMPILED_EXT to the path that it prints'
        )
    loader = ExtensionFileLoader('_ext', path)
    module = module_from_spec(spec_from_loader('_ext', loader))
    loader.exec_module(module)
    return module

"""Runs of a few iterations, made once and looked at by many tests."""

import pytest

from ..commands import CONFIGS, SHORT, run_tool, shipped_config


@pytest.fixture(scope='session')
def workspace(tmp_path_factory):
    """An empty folder to work in; mini datasets are made in it once."""
    return tmp_path_factory.mktemp('workspace')


@pytest.fixture
def in_workspace(workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    return workspace


def _demo(task, workspace):
    result = run_tool(
        'train.py',
        shipped_config(CONFIGS[task]),
        '--demo',
        '--work-dir',
        f'run_{task}',
        '--cfg-options',
        *SHORT[task],
        cwd=workspace,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result


@pytest.fixture(scope='session')
def seg_run(workspace):
    return _demo('seg', workspace)


@pytest.fixture(scope='session')
def det_run(workspace):
    return _demo('det', workspace)


@pytest.fixture(scope='session')
def cls_run(workspace):
    return _demo('cls', workspace)

"""Runs of a few iterations, made once and looked at by many tests."""

import pytest

from ..commands import run_short_demo


@pytest.fixture(scope='session')
def workspace(tmp_path_factory):
    """An empty folder to work in; mini datasets are made in it once."""
    return tmp_path_factory.mktemp('workspace')


@pytest.fixture
def in_workspace(workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    return workspace


@pytest.fixture(scope='session')
def seg_run(workspace):
    return run_short_demo('seg', workspace)


@pytest.fixture(scope='session')
def det_run(workspace):
    return run_short_demo('det', workspace)


@pytest.fixture(scope='session')
def cls_run(workspace):
    return run_short_demo('cls', workspace)

"""Runs of a few iterations, made once and looked at by many tests."""

import pytest

from ..commands import run_short_demo, share_mini_data


@pytest.fixture(scope='session')
def workspace(tmp_path_factory):
    """A folder to work in, empty but for the mini datasets of demos."""
    folder = tmp_path_factory.mktemp('workspace')
    share_mini_data(folder, tmp_path_factory)
    return folder


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

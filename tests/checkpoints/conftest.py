"""Fixtures of the tests of checkpoints."""

import pytest
import torch

from .small_run import build_runner


@pytest.fixture
def marker(tmp_path):
    """A file that every payload creates; the test fails if one did."""
    path = tmp_path / 'the_payload_ran'
    yield path
    assert not path.exists()


@pytest.fixture
def file(tmp_path):
    """The path of a checkpoint that a test writes."""
    return tmp_path / 'file.pth'


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """A function that gives the content of a checkpoint that a short run saved."""
    folder = tmp_path_factory.mktemp('saved')
    build_runner(folder).train()
    return lambda: torch.load(folder / 'run' / 'epoch_1.pth', weights_only=False)


@pytest.fixture(scope='module')
def groupmixformer_file(groupmixformer_golden):
    """The state dict of the published GroupMixFormer-T."""
    return groupmixformer_golden.state_dict()


@pytest.fixture(scope='module')
def poolformer_file(poolformer_golden):
    """The state dict of the published PoolFormer-S12."""
    return poolformer_golden.state_dict()

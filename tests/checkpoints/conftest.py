"""Fixtures of the tests of checkpoints."""

import pytest


@pytest.fixture(scope='module')
def groupmixformer_file(groupmixformer_golden):
    """The state dict of the published GroupMixFormer-T."""
    return groupmixformer_golden.state_dict()


@pytest.fixture(scope='module')
def poolformer_file(poolformer_golden):
    """The state dict of the published PoolFormer-S12."""
    return poolformer_golden.state_dict()

"""Fixtures and settings of the whole suite."""

import os
from contextlib import contextmanager

import pytest
import torch
from hypothesis import HealthCheck, settings
from mmengine.registry import DefaultScope

from .goldens import Golden

# Examples take milliseconds alone and seconds on a busy machine: no limit for one.
_SLOW_EXAMPLES = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run, so that the suite does not fail by chance ...
settings.register_profile(
    'suite', max_examples=10, derandomize=True, database=None, **_SLOW_EXAMPLES
)
# ... and new ones in every run: see CONTRIBUTING.md.
settings.register_profile('long', max_examples=500, print_blob=True, **_SLOW_EXAMPLES)
settings.load_profile('suite')  # pytest's --hypothesis-profile replaces it


def pytest_configure(config):
    """Divide the cores among the test processes, so that their threads do not compete."""
    if not hasattr(config, 'workerinput'):
        return
    threads = max((os.cpu_count() or 1) // config.workerinput['workercount'], 1)
    torch.set_num_threads(threads)
    os.environ.setdefault('OMP_NUM_THREADS', str(threads))


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker('gpu'):
            item.add_marker(pytest.mark.skip(reason='needs a CUDA device'))


@contextmanager
def restored_default_scopes():
    before = dict(DefaultScope._instance_dict)
    try:
        yield
    finally:
        DefaultScope._instance_dict.clear()
        DefaultScope._instance_dict.update(before)


@pytest.fixture(autouse=True)
def restore_default_scopes():
    """A runner in a test sets the scope in which the following tests would look up."""
    with restored_default_scopes():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    """The same for a runner in a fixture that several tests share."""
    if fixturedef.scope == 'function':
        return (yield)
    with restored_default_scopes():
        return (yield)


@pytest.fixture(scope='session')
def groupmixformer_golden():
    return Golden('groupmixformer_t')


@pytest.fixture(scope='session')
def poolformer_golden():
    return Golden('poolformer_s12')


@pytest.fixture(scope='session')
def eamlp_golden():
    return Golden('eamlp_7')

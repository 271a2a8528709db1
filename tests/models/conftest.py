"""What tests of several kinds of models share."""

import copy
import pickle

import pytest


@pytest.fixture(
    params=[copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=['deepcopy', 'pickle'],
)
def copy_module(request):
    """A way to copy a module."""
    return request.param

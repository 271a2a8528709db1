"""Shared fixtures: the published models, as data."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

DATA = Path(__file__).parent / 'data'


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker('gpu'):
            item.add_marker(pytest.mark.skip(reason='needs a CUDA device'))


@pytest.fixture(autouse=True)
def no_scope_is_left_behind():
    """A runner in a test sets the scope in which the following tests would look up."""
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


def load_fill():
    """The module that defines the goldens' weights and inputs."""
    spec = importlib.util.spec_from_file_location('fill', DATA / 'goldens' / 'fill.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Golden:
    """What a published implementation computes, see data/goldens."""

    def __init__(self, name):
        self.fill = load_fill()
        content = json.loads((DATA / 'goldens' / f'{name}.json').read_text())
        self.params = content['params']
        self.trainable = content.get('trainable', self.params)
        self.cases = content['cases']
        self.keys = content['keys']
        self.dense_keys = content.get('feat_keys', {})

    def state_dict(self):
        """The published checkpoint: names and tensors."""
        return {
            key: torch.from_numpy(self.fill.fill(key, shape))
            for key, shape in self.keys.items()
        }

    def dense_state_dict(self):
        """Names and tensors of the norms that dense prediction has beside."""
        return {
            key: torch.from_numpy(self.fill.fill(key, shape))
            for key, shape in self.dense_keys.items()
        }

    def image(self, case):
        """The input of case 'HxW', (1, 3, H, W)."""
        return torch.from_numpy(self.fill.golden_input(*map(int, case.split('x'))))

    @staticmethod
    def distance(output, expected):
        """Relative L2 distance of the stored values; the shape must be equal."""
        assert list(output.shape) == expected['shape']
        values = output.detach().flatten()[torch.tensor(expected['idx'])]
        target = torch.tensor(expected['val'])
        return float((values - target).norm() / target.norm())


@pytest.fixture(scope='session')
def groupmixformer_golden():
    return Golden('groupmixformer_t')


@pytest.fixture(scope='session')
def poolformer_golden():
    return Golden('poolformer_s12')


@pytest.fixture(scope='session')
def eamlp_golden():
    return Golden('eamlp_7')

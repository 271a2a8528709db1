"""What the published implementations compute, see data/goldens."""

import importlib.util
import json
from pathlib import Path

import torch

DATA = Path(__file__).parent / 'data'


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

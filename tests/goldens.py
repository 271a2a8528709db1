"""Outputs of the papers' published implementations, stored in data/goldens."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

DATA = Path(__file__).parent / 'data'


def load_fill() -> ModuleType:
    """Load the module that defines weights and inputs of the goldens."""
    spec = importlib.util.spec_from_file_location('fill', DATA / 'goldens' / 'fill.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Golden:
    """Weights, inputs and outputs of a published implementation.

    Args:
        name (str): The name of the file in data/goldens, without suffix.

    Attributes:
        params (int): Number of parameters of the published model.
        trainable (int): Number of those that are trained.
        cases (dict): Outputs by input, such as '224x224'.
        keys (dict): Published names and shapes.
        dense_keys (dict): Names and shapes of the norms that the published model for
            dense prediction has in addition.
    """

    def __init__(self, name: str) -> None:
        self.fill = load_fill()
        content = json.loads((DATA / 'goldens' / f'{name}.json').read_text())
        self.params = content['params']
        self.trainable = content.get('trainable', self.params)
        self.cases = content['cases']
        self.keys = content['keys']
        self.dense_keys = content.get('feat_keys', {})

    def state_dict(self) -> dict[str, Tensor]:
        """The published checkpoint."""
        return self._fill(self.keys)

    def dense_state_dict(self) -> dict[str, Tensor]:
        """The additional norms of the published model for dense prediction."""
        return self._fill(self.dense_keys)

    def image(self, case: str) -> Tensor:
        """The input of a case 'HxW', of shape (1, 3, H, W)."""
        return torch.from_numpy(self.fill.golden_input(*map(int, case.split('x'))))

    def _fill(self, keys: dict[str, list[int]]) -> dict[str, Tensor]:
        return {
            key: torch.from_numpy(self.fill.fill(key, shape))
            for key, shape in keys.items()
        }

    @staticmethod
    def distance(output: Tensor, expected: dict) -> float:
        """The relative L2 distance of the stored values; the shapes must be equal."""
        assert list(output.shape) == expected['shape']
        values = output.detach().flatten()[torch.tensor(expected['idx'])]
        target = torch.tensor(expected['val'])
        return float((values - target).norm() / target.norm())

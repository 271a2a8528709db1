"""Content of published checkpoint files, for the tests that load them."""

from pathlib import Path

import torch
from torch import nn

from mmgroupmix.models import GroupMixFormer


class TrainingConfig:
    """An object that training scripts pickle together with the weights."""

    def __init__(self):
        self.learning_rate = 0.1

    def __setstate__(self, state):
        print('code of the checkpoint ran')


def save(content: object, folder: Path) -> Path:
    """Save a checkpoint in a folder and return its path."""
    path = folder / 'file.pth'
    torch.save(content, path)
    return path


def load_pretrained(path: Path | str, arch: str = 't', **cfg: str) -> nn.Module:
    """A GroupMixFormer that was initialised from a file by ``init_cfg``."""
    init_cfg = dict(type='Pretrained', checkpoint=str(path), **cfg)
    backbone = GroupMixFormer(arch, init_cfg=init_cfg)
    backbone.init_weights()
    return backbone


def assert_same_state(module: nn.Module, expected: dict[str, torch.Tensor]) -> None:
    """Compare every tensor of a module with a state dict in our names."""
    for name, value in module.state_dict().items():
        assert torch.equal(value, expected[name]), name

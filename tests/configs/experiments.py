"""The configs, read and built as the tools do. What is expensive is done once."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmgroupmix.models import GroupMixFormer

REPOSITORY = Path(__file__).parents[2]

CONFIGS = REPOSITORY / 'configs'


def read(name: str) -> Config:
    """Return the config of an experiment, given by its path below configs/ without '.py'.

    The config belongs to the caller, who may change it.
    """
    return deepcopy(_read_once(str(name)))


@cache
def _read_once(name: str) -> Config:
    return Config.fromfile(CONFIGS / f'{name}.py')


def build(cfg: Config, device: str = 'cpu') -> nn.Module:
    """Build the model with random weights. On the device 'meta', it needs no memory."""
    model = cfg.model.copy()
    if 'backbone' in model:
        model.backbone = dict(model.backbone, init_cfg=None)
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device(device):
        return revert_sync_batchnorm(MODELS.build(model))


def num_parameters(cfg: Config) -> int:
    """Count the parameters as the papers' tables do, without buffers."""
    key = cfg.default_scope + repr(cfg.model)
    if key not in _counts:
        try:
            model = build(cfg, 'meta')
        except RuntimeError:  # some toolboxes' transformers compute with values
            model = build(cfg)
        _counts[key] = sum(p.numel() for p in model.parameters())
    return _counts[key]


_counts: dict[str, int] = {}


def find_unused_parameters(model: nn.Module, outputs: list[torch.Tensor]) -> list[str]:
    """Return the names of trainable parameters on which the outputs do not depend.

    Distributed training waits for the gradients of all of them, and fails.
    """
    sum(output.sum() for output in outputs).backward()
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]


def find_groupmixformer_weights(letter: str) -> str:
    """Return the file that dense GroupMixFormers start from: published but for L."""
    if letter == 'l':
        return 'work_dirs/gmf_l_in1k/epoch_300.pth'
    return f'pretrained/groupmixformer_{GroupMixFormer.arch_aliases[letter]}.pth'


def describe_optimizer(cfg: Config) -> tuple:
    """Return type, learning rate, momentum and weight decay of SGD."""
    optimizer = cfg.optim_wrapper.optimizer
    return optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay


def list_dilations(stage: nn.Module) -> list[int]:
    """Return the dilation of each block in a stage of a ResNet."""
    return [block.conv2.dilation[0] for block in stage]

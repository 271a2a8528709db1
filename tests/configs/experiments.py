"""The configs, read and built as the tools do."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

REPOSITORY = Path(__file__).parents[2]

CONFIGS = REPOSITORY / 'configs'


def read(name):
    """The config of an experiment: a name below configs/, without '.py'."""
    return Config.fromfile(CONFIGS / f'{name}.py')


def build(cfg, device='cpu'):
    """The model from random weights; on the device 'meta' it costs no memory."""
    model = cfg.model.copy()
    model.backbone = dict(model.backbone, init_cfg=None)
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device(device):
        return revert_sync_batchnorm(MODELS.build(model))


def num_parameters(cfg):
    """int: What the paper's tables count, all weights but no buffers."""
    return sum(p.numel() for p in build(cfg, 'meta').parameters())


def without_gradient(model, outputs):
    """The trained parameters that do not take part in ``outputs``, a list of tensors.

    Distributed training waits for the gradient of every one of them, and stops.
    """
    sum(output.sum() for output in outputs).backward()
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]

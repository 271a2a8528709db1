"""Changes of a demo to the model: no downloads, a size that fits, fewer regions."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from ..config.tree import as_list, type_name, walk
from ..tasks import Task

#: Regions per image that the second stage of a detector learns from.
NUM_REGIONS = 64


def drop_missing_pretrained(cfg: Config) -> list[str]:
    """Drop pretrained weights whose file does not exist on this machine, in place.

    Args:
        cfg (Config): The config; ``init_cfg`` of type 'Pretrained' and ``pretrained``
            at any depth of the model, and ``load_from``.

    Returns:
        list[str]: The files that were dropped.
    """
    dropped = []
    for _, node in walk(cfg.model):
        if _is_missing(node.get('pretrained')):
            dropped.append(node['pretrained'])
            node['pretrained'] = None
        kept = []
        for init_cfg in as_list(node.get('init_cfg')):
            checkpoint = init_cfg.get('checkpoint')
            if type_name(init_cfg).startswith('Pretrained') and _is_missing(checkpoint):
                dropped.append(checkpoint)
            else:
                kept.append(init_cfg)
        if len(kept) < len(as_list(node.get('init_cfg'))):
            node['init_cfg'] = kept or None
    if _is_missing(cfg.get('load_from')):
        dropped.append(cfg.load_from)
        cfg.load_from = None
    return list(dict.fromkeys(dropped))


def reduce_regions(cfg: Config) -> str:
    """Let a two-stage detector learn from fewer regions per image, in place.

    On a CPU the heads of regions take most of the time, and mini images hold three
    objects instead of seven.

    Args:
        cfg (Config): The config.

    Returns:
        str: The change, for the user, or ''.
    """
    changes = []
    for _, node in walk((cfg.model.get('train_cfg') or {}).get('rcnn')):
        sampler = node.get('sampler') or {}
        number = sampler.get('num', 0)
        if number > NUM_REGIONS:
            sampler['num'] = NUM_REGIONS
            changes.append(f'{number} per image -> {NUM_REGIONS}')
    return ', '.join(dict.fromkeys(changes))


def supports_size(cfg: Config, task: Task, small: int, original: int) -> bool:
    """Whether the model works on images of the smaller size.

    Some architectures are bound to one size (absolute positions, window sizes, linear
    layers over a flattened map). Trying it on random pixels tells.

    Args:
        cfg (Config): The config, with nothing to download.
        task (Task): Its task.
        small (int): Side of the image to try, in pixels.
        original (int): Side that the config was written for.

    Returns:
        bool: False only if the model fails on ``small`` and works on ``original``.
    """
    with DefaultScope.overwrite_default_scope(task.toolbox):
        # Building a detector writes into its config.
        settings = deepcopy(cfg.model)
        if cfg.get('data_preprocessor') and not settings.get('data_preprocessor'):
            settings['data_preprocessor'] = cfg.data_preprocessor
        # A model that cannot be built at all is reported by the run itself.
        try:
            model = revert_sync_batchnorm(MODELS.build(settings))
        except Exception:
            return True
    return _runs(model, task, small) or not _runs(model, task, original)


def _runs(model: nn.Module, task: Task, side: int) -> bool:
    try:
        with torch.no_grad():
            task.probe(model, torch.rand(2, 3, side, side))
    except Exception:
        return False
    return True


def _is_missing(file: Any) -> bool:
    return isinstance(file, str) and not Path(file).is_file()

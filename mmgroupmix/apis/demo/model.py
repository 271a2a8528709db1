"""What a demo must know of, and change in, the model: no download, a fitting size."""

import os
from copy import deepcopy

import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

from ..config.tree import type_name, walk

# Regions of an image that the second stage of a detector learns from.
NUM_REGIONS = 64


def drop_missing_pretrained(cfg):
    """Drop weights to start from whose file is not on this disk, in place.

    Args:
        cfg (Config): The config; ``init_cfg`` of type 'Pretrained' and ``pretrained``
            at any depth of the model, and ``load_from``.

    Returns:
        list[str]: What was dropped.
    """
    dropped = []
    for _, node in walk(cfg.model):
        if _is_missing(node.get('pretrained')):
            dropped.append(node['pretrained'])
            node['pretrained'] = None
        init_cfg = node.get('init_cfg')
        many = isinstance(init_cfg, (list, tuple))
        kept = []
        for one in init_cfg if many else [init_cfg]:
            if type_name(one).startswith('Pretrained') and _is_missing(
                one.get('checkpoint')
            ):
                dropped.append(one['checkpoint'])
            else:
                kept.append(one)
        if many and len(kept) < len(init_cfg):
            node['init_cfg'] = kept or None
        elif not many and not kept:
            node['init_cfg'] = None
    if _is_missing(cfg.get('load_from')):
        dropped.append(cfg.load_from)
        cfg.load_from = None
    return list(dict.fromkeys(dropped))


def take_fewer_regions(cfg):
    """Let a two-stage detector learn from fewer regions of an image, in place.

    On a CPU the heads of regions take most of the time, and mini images hold three
    objects, not seven.

    Args:
        cfg (Config): The config.

    Returns:
        str: What was changed, '' if nothing.
    """
    train_cfg = cfg.model.get('train_cfg') or {}
    changes = []
    for _, node in walk(train_cfg.get('rcnn')):
        number = (node.get('sampler') or {}).get('num', 0)
        if number > NUM_REGIONS:
            node['sampler']['num'] = NUM_REGIONS
            changes.append(f'{number} an image -> {NUM_REGIONS}')
    return ', '.join(dict.fromkeys(changes))


def takes_size(cfg, scope, small, original):
    """Whether the model works on images of the smaller size.

    Some architectures are bound to one size (absolute positions, window sizes, linear
    layers over a flattened map). They are found by trying, on random pixels.

    Args:
        cfg (Config): The config, with nothing to download.
        scope (str): The toolbox.
        small (int): Side of the image to try, in pixels.
        original (int): Side that the config was written for.

    Returns:
        bool: False only if the model fails on ``small`` and works on ``original``.
    """
    with DefaultScope.overwrite_default_scope(scope):
        # Building a detector writes into its config.
        settings = deepcopy(cfg.model)
        if cfg.get('data_preprocessor') and not settings.get('data_preprocessor'):
            settings['data_preprocessor'] = cfg.data_preprocessor
        # A model that cannot be built at all is reported by the run itself.
        try:
            model = revert_sync_batchnorm(MODELS.build(settings))
        except Exception:
            return True
    return _runs(model, small, scope) or not _runs(model, original, scope)


def _runs(model, side, scope):
    forward = model.extract_feat if scope == 'mmdet' else model
    try:
        with torch.no_grad():
            forward(torch.rand(2, 3, side, side))
    except Exception:
        return False
    return True


def _is_missing(file):
    return isinstance(file, str) and not os.path.isfile(file)

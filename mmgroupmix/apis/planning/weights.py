"""The weights that a run starts from, and whether their files are there."""

import os
from collections.abc import Callable, Iterator
from functools import partial

from mmengine.config import Config

from ..config.tree import as_list, type_name, walk


def find_weights(cfg: Config) -> list[tuple[str, str, Callable[[], None]]]:
    """Find the checkpoints that the parts of a model load.

    Args:
        cfg (Config): The config.

    Returns:
        list[tuple[str, str, Callable]]: Place, file or address, and a function that drops
        it from the config.
    """
    return list(_iter_weights(cfg))


def drop_missing_weights(cfg: Config) -> list[str]:
    """Drop checkpoints whose file does not exist, in place.

    Args:
        cfg (Config): The config.

    Returns:
        list[str]: One problem for each file.
    """
    problems = []
    for place, checkpoint, drop in find_weights(cfg):
        if not is_remote(checkpoint) and not os.path.isfile(checkpoint):
            problems.append(
                f'pretrained weights not found: {checkpoint} ({place}). Download them '
                f'(docs/train.md), or start from random weights: {place}=None'
            )
            drop()
    load_from = cfg.get('load_from')
    if load_from and not is_remote(load_from) and not os.path.isfile(load_from):
        problems.append(f'load_from: checkpoint not found: {load_from}')
        cfg.load_from = None
    return problems


def is_remote(checkpoint: str) -> bool:
    """Whether a checkpoint is an address, or a name such as torchvision's."""
    return '://' in checkpoint


def _iter_weights(cfg: Config) -> Iterator[tuple[str, str, Callable[[], None]]]:
    for place, node in list(walk(cfg.model, 'model')):
        if isinstance(node.get('pretrained'), str):
            drop = partial(node.__setitem__, 'pretrained', None)
            yield f'{place}.pretrained', node['pretrained'], drop
        entries = as_list(node.get('init_cfg'))
        for entry in entries:
            if type_name(entry).startswith('Pretrained') and entry.get('checkpoint'):
                others = [other for other in entries if other is not entry]
                drop = partial(node.__setitem__, 'init_cfg', others or None)
                yield f'{place}.init_cfg', entry['checkpoint'], drop

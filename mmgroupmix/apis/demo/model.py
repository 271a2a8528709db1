"""Changes of a demo to the model: no downloads, fewer regions."""

from typing import Any

from mmengine.config import Config

from ...checkpoints.file_checks import check_file
from ...errors import CheckpointNotFoundError
from ..config.tree import as_list, type_name, walk

#: Regions per image that the second stage of a detector learns from.
NUM_REGIONS = 64


def drop_missing_pretrained(cfg: Config) -> str:
    """Drop pretrained weights whose file does not exist on this machine, in place.

    Args:
        cfg (Config): The config; ``init_cfg`` of type 'Pretrained' and ``pretrained``
            at any depth of the model, and ``load_from``.

    Returns:
        str: The change, for the user, or ''.

    Raises:
        CheckpointError: If something else than a file is there.
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
    return f'{", ".join(dict.fromkeys(dropped))} -> none' if dropped else ''


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


def _is_missing(file: Any) -> bool:
    """Whether a file is not on this machine; what is there must be a file."""
    if not isinstance(file, str):
        return False
    try:
        check_file(file)
    except CheckpointNotFoundError:
        return True
    return False

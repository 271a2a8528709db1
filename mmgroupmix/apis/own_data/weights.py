"""Published weights from which a classifier of few images starts."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.config import Config

from ..config.tree import type_name, walk

POOLFORMER = 'https://github.com/sail-sg/poolformer/releases/download/v1.0/'
#: The weights that the configs of this package for other tasks start from.
PUBLISHED = {
    **{
        ('PoolFormer', arch): f'{POOLFORMER}poolformer_{arch}.pth.tar'
        for arch in ('s12', 's24', 's36', 'm36', 'm48')
    },
    **{
        ('GroupMixFormer', name[0]): f'pretrained/groupmixformer_{name}.pth'
        for name in ('mobile', 'tiny', 'small', 'base')
    },
}
SECONDS = 3


def start_from_published(cfg: Config, options: Mapping) -> str:
    """Let a backbone without weights start from published ones, in place.

    Args:
        cfg (Config): The config.
        options (Mapping): The user's options, by dotted names; a choice there counts.

    Returns:
        str: What the training starts from, for the user, or ''.
    """
    backbone = cfg.model.get('backbone') or {}
    chosen = cfg.get('load_from') or any(
        key == 'load_from' or key.startswith('model.backbone.init_cfg') for key in options
    )
    named = any(node.get('checkpoint') for _, node in walk(cfg.model))
    weights = PUBLISHED.get((type_name(backbone), str(backbone.get('arch'))))
    if chosen or named or not weights or backbone.get('in_channels', 3) != 3:
        return ''
    if is_available(weights):
        backbone['init_cfg'] = dict(type='Pretrained', checkpoint=weights)
        return f'the published ImageNet weights {weights}; the class layer from scratch'
    return (
        f'random weights, since {weights} is not here. For few images, get it and add '
        '--cfg-options model.backbone.init_cfg.type=Pretrained '
        f'model.backbone.init_cfg.checkpoint={weights}'
    )


def is_available(weights: str) -> bool:
    """Whether a file is here, was downloaded before, or can be now."""
    url = urlparse(weights)
    if not url.scheme:
        return os.path.isfile(weights)
    cached = Path(torch.hub.get_dir()) / 'checkpoints' / Path(url.path).name
    if cached.is_file():
        return True
    try:
        with socket.create_connection((url.hostname, url.port or 443), SECONDS):
            return True
    except OSError:
        return False

"""The batch norm that a config chooses."""

from collections.abc import Mapping

from mmcv.cnn import build_norm_layer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import UserError


def build_batch_norm(norm_cfg: Mapping, channels: int) -> nn.Module:
    """Build the batch norm of ``norm_cfg``.

    Args:
        norm_cfg (dict): As mmcv's ``build_norm_layer`` takes it.
        channels (int): Channels of the input.

    Returns:
        nn.Module: The norm.

    Raises:
        UserError: If it is no batch norm: published weights hold the statistics of one,
            and folding needs them.
    """
    expected = "expected a batch norm: dict(type='BN'), or dict(type='SyncBN')"
    try:
        norm = build_norm_layer(dict(norm_cfg), channels)[1]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f'norm_cfg={norm_cfg!r}, {expected}. ({error})') from error
    if not isinstance(norm, _BatchNorm):
        raise UserError(f'norm_cfg={norm_cfg!r} is a {type(norm).__name__}, {expected}.')
    return norm

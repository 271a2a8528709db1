"""Norms built from a config, applied to tokens, and folded into convolutions."""

from collections.abc import Mapping
from typing import TypeGuard

import torch
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...arguments import check_argument
from ...errors import UserError
from .activation import BUILD_ERRORS
from .layout import to_map, to_tokens


def build_norm(
    norm_cfg: Mapping | None, channels: int, name: str = 'norm_cfg'
) -> nn.Module:
    """Build the norm of ``norm_cfg``.

    Args:
        norm_cfg (dict, optional): Config of the norm, as mmcv's ``build_norm_layer``
            takes it. A group norm with one group has statistics over tokens and channels
            (the MetaFormer paper's "modified layer norm"), a layer norm over the channels
            of each token. None for no norm.
        channels (int): Channels of the input.
        name (str): Name of the argument, for the message. Defaults to 'norm_cfg'.

    Returns:
        nn.Module: The norm, for :func:`apply_norm`.

    Raises:
        UserError: If mmcv has no such norm, or it does not take such an input.
    """
    if norm_cfg is None:
        return nn.Identity()
    try:
        norm = build_norm_layer(dict(norm_cfg), channels)[1]
        if type(norm).__module__.startswith('torch.nn.'):
            apply_once(norm, channels)
    except BUILD_ERRORS as error:
        raise UserError(
            f"{name}={norm_cfg!r}, expected a norm of mmcv: dict(type='GN', "
            "num_groups=1), dict(type='LN'), dict(type='BN'), dict(type='SyncBN'), ... "
            f'({error})'
        ) from error
    return norm


def apply_once(norm: nn.Module, channels: int) -> None:
    """Apply a norm to a few tokens: PyTorch checks most of its arguments only then."""
    with torch.no_grad():
        apply_norm(norm.eval(), torch.zeros(1, 2, 2, channels))
    norm.train()


def build_batch_norm(norm_cfg: Mapping | None, channels: int) -> nn.Module:
    """Build the batch norm of ``norm_cfg``.

    Args:
        norm_cfg (dict): Config of the batch norm, as :func:`build_norm` takes it.
        channels (int): Channels of the input.

    Returns:
        nn.Module: The batch norm.

    Raises:
        UserError: If it is not a batch norm. Published weights have the statistics of
            one, and folding needs them.
    """
    norm = build_norm(norm_cfg, channels)
    expected = f"a batch norm, 'BN' or 'SyncBN', not a norm of type {type(norm).__name__}"
    check_argument(isinstance(norm, _BatchNorm), 'norm_cfg', norm_cfg, expected)
    return norm


def apply_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """Apply a norm to tokens.

    Args:
        norm (nn.Module): A norm that :func:`build_norm` has built.
        x (Tensor): Tokens, (B, H, W, C).

    Returns:
        Tensor: Normalised tokens, (B, H, W, C).
    """
    if type(norm) in (nn.LayerNorm, nn.Identity):
        return norm(x)
    # Group and batch norms take (B, C, H, W), and so do the toolboxes' layer norms.
    return to_tokens(norm(to_map(x)))


def has_statistics(norm: nn.Module) -> TypeGuard[_BatchNorm]:
    """Whether it is a batch norm that uses running statistics in eval mode."""
    return isinstance(norm, _BatchNorm) and norm.running_mean is not None


def fold_batch_norm(conv: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    """Fold a batch norm in eval mode into the convolution before it.

    Args:
        conv (nn.Conv2d): The convolution.
        norm (nn.Module): The norm after it.

    Returns:
        tuple[nn.Conv2d, nn.Module]: The folded convolution and an identity; the two
        arguments if the norm is not a batch norm with statistics.
    """
    if not has_statistics(norm):
        return conv, norm
    return fuse_conv_bn_eval(conv, norm), nn.Identity()

"""The norms that a config chooses, on tokens and on maps."""

from collections.abc import Mapping

from mmcv.cnn import build_norm_layer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import UserError
from .layout import to_map, to_tokens

_EXAMPLES = "dict(type='GN', num_groups=1), dict(type='LN') or dict(type='BN')"
_BATCH_NORM = "a batch norm: dict(type='BN'), or dict(type='SyncBN')"


def build_norm(norm_cfg: Mapping | None, channels: int) -> nn.Module:
    """Build the norm of ``norm_cfg``.

    Args:
        norm_cfg (dict, optional): As mmcv's ``build_norm_layer`` takes it. A group norm
            with one group has statistics over tokens and channels (the MetaFormer
            paper's "modified layer norm"), a layer norm over the channels of each token.
            None for no norm.
        channels (int): Channels of the input.

    Returns:
        nn.Module: The norm; :func:`norm_tokens` applies it.

    Raises:
        UserError: If mmcv knows no such norm.
    """
    if norm_cfg is None:
        return nn.Identity()
    return _build_norm(norm_cfg, channels, f'{_EXAMPLES}, or None for no norm')


def norm_tokens(norm: nn.Module, x: Tensor) -> Tensor:
    """Apply a norm to tokens.

    Args:
        norm (nn.Module): What :func:`build_norm` built.
        x (Tensor): Tokens, (B, H, W, C).

    Returns:
        Tensor: Normalised tokens, (B, H, W, C).
    """
    if type(norm) in (nn.LayerNorm, nn.Identity):
        return norm(x)
    # Group and batch norms take (B, C, H, W), and so do the toolboxes' layer norms.
    return to_tokens(norm(to_map(x)))


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
    norm = _build_norm(norm_cfg, channels, _BATCH_NORM)
    if not isinstance(norm, _BatchNorm):
        raise UserError(
            f'norm_cfg={norm_cfg!r} is a {type(norm).__name__}, expected {_BATCH_NORM}.'
        )
    return norm


def _build_norm(norm_cfg: Mapping, channels: int, expected: str) -> nn.Module:
    try:
        return build_norm_layer(dict(norm_cfg), channels)[1]
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'norm_cfg={norm_cfg!r}, expected {expected}. ({error})'
        ) from error

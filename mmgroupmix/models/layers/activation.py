"""Activations built from a config."""

from collections.abc import Mapping

from mmcv.cnn import build_activation_layer
from torch import nn

from ...errors import UserError


def build_activation(act_cfg: Mapping) -> nn.Module:
    """Build the activation of ``act_cfg``.

    Args:
        act_cfg (dict): Config of the activation, as mmcv's ``build_activation_layer``
            takes it.

    Returns:
        nn.Module: The activation.

    Raises:
        UserError: If mmcv has no such activation.
    """
    try:
        return build_activation_layer(dict(act_cfg))
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"act_cfg={act_cfg!r}, expected an activation of mmcv: dict(type='GELU'), "
            f"dict(type='ReLU'), dict(type='SiLU'), ... ({error})"
        ) from error

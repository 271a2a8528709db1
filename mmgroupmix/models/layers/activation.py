"""Activations built from a config."""

from collections.abc import Mapping

import torch
from mmcv.cnn import build_activation_layer
from torch import nn

from ...errors import UserError

#: What mmcv and PyTorch raise for a config of a layer that they cannot build or apply.
BUILD_ERRORS = (
    ArithmeticError,
    AssertionError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def build_activation(act_cfg: Mapping) -> nn.Module:
    """Build the activation of ``act_cfg``.

    Args:
        act_cfg (dict): Config of the activation, as mmcv's ``build_activation_layer``
            takes it.

    Returns:
        nn.Module: The activation.

    Raises:
        UserError: If mmcv has no such activation, or PyTorch cannot apply it.
    """
    try:
        activation = build_activation_layer(dict(act_cfg))
        with torch.no_grad():
            activation(torch.zeros(1, 1))  # checks most of its arguments only here
    except BUILD_ERRORS as error:
        raise UserError(
            f"act_cfg={act_cfg!r}, expected an activation of mmcv: dict(type='GELU'), "
            f"dict(type='ReLU'), dict(type='SiLU'), ... ({error})"
        ) from error
    return activation

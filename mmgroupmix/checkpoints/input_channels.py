"""Adaptation of published RGB weights of a stem to images with other channels.

As in timm: one channel takes the sum over R, G and B, so that a grey image gives what it
gives as RGB; n channels take R, G, B, R, ... in turn, scaled by 3 / n.
"""

import functools
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import PretrainedInit
from torch import Tensor, nn

#: Channels of the images that all published models were trained on.
RGB = 3


def adapt_convolution(weight: Tensor, in_channels: int) -> Tensor:
    """Adapt the kernels of a convolution.

    Args:
        weight (Tensor): Of shape (O, 3, h, w).
        in_channels (int): The new number of channels.

    Returns:
        Tensor: Of shape (O, in_channels, h, w) and the same type.
    """
    kernels = weight.float()
    if in_channels == 1:
        return kernels.sum(dim=1, keepdim=True).to(weight.dtype)
    turn = torch.arange(in_channels, device=weight.device) % RGB
    return (kernels[:, turn] * (RGB / in_channels)).to(weight.dtype)


def adapt_normed_projection(
    tensors: Mapping[str, Tensor], norm: str, linear: str, in_channels: int
) -> dict[str, Tensor]:
    """Adapt a layer norm and the linear layer behind it, both over unfolded windows.

    A linear layer over windows is a convolution. Its norm scales every value of a window
    by a factor of its own; these are folded into the linear layer first, so that a grey
    image gives exactly what it gives as RGB.

    Args:
        tensors (Mapping[str, Tensor]): A state dict.
        norm (str): Name of the norm, over windows of 3 channels.
        linear (str): Name of the linear layer.
        in_channels (int): The new number of channels.

    Returns:
        dict[str, Tensor]: The new tensors of both layers.
    """
    weight = tensors[f'{linear}.weight']  # (O, 3 * area), the channels outside
    scale, shift = (tensors[f'{norm}.{part}'].float() for part in ('weight', 'bias'))
    folded = (weight.float() * scale).unflatten(1, (RGB, -1))[..., None]
    adapted = adapt_convolution(folded, in_channels).flatten(1).to(weight.dtype)
    bias = tensors[f'{linear}.bias']
    return {
        f'{norm}.weight': scale.new_ones(adapted.shape[1]).to(bias.dtype),
        f'{norm}.bias': scale.new_zeros(adapted.shape[1]).to(bias.dtype),
        f'{linear}.weight': adapted,
        f'{linear}.bias': (bias.float() + weight.float() @ shift).to(bias.dtype),
    }


def describe_adaptation(in_channels: int) -> str:
    """Say how the weights of a stem were adapted, for the log."""
    if in_channels == 1:
        return 'its stem takes 1 channel: the RGB weights were summed over R, G and B'
    return (
        f'its stem takes {in_channels} channels: the RGB weights were repeated (R, G, B, '
        f'R, ...) and scaled by {RGB}/{in_channels}'
    )


def adapt_pretrained_stems() -> None:
    """Let ``init_cfg`` adapt the stems of the toolboxes' backbones; may be repeated.

    mmengine leaves out a stem of another shape, which then keeps its random weights, as
    that of an EANet's ResNet.
    """
    initialize = PretrainedInit.__call__
    if hasattr(initialize, '__wrapped__'):
        return

    @functools.wraps(initialize)
    def adapt_and_initialize(self: PretrainedInit, module: nn.Module) -> None:
        stem = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
        if stem is None or stem.in_channels == RGB or stem.groups != 1:
            initialize(self, module)
            return
        hook = stem._register_load_state_dict_pre_hook(_adapt_on_load, with_module=True)
        try:
            initialize(self, module)
        finally:
            hook.remove()

    PretrainedInit.__call__ = adapt_and_initialize


def _adapt_on_load(
    stem: nn.Conv2d, state_dict: dict[str, Tensor], prefix: str, *_: Any
) -> None:
    """Adapt the weight that is about to be loaded into a convolution."""
    name, expected = f'{prefix}weight', stem.weight.shape
    given = state_dict.get(name)
    if given is not None and given.shape == (expected[0], RGB, *expected[2:]):
        state_dict[name] = adapt_convolution(given, stem.in_channels)
        adaptation = describe_adaptation(stem.in_channels)
        print_log(f'backbone: {adaptation}.', logger='current')

"""Weights that are not numbers: found by name, and refused."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..errors import CheckpointError

#: Names that a message lists.
SHOWN_NAMES = 3


def find_nonfinite(
    named_tensors: Iterable[tuple[str, Tensor]], allow_infinite: bool = False
) -> list[str]:
    """Find tensors with NaN or infinite values.

    Args:
        named_tensors (Iterable[tuple[str, Tensor]]): Names and tensors, such as
            ``model.named_parameters()`` or ``state_dict.items()``. Integers and tensors
            without data (on the device ``meta``) are finite.
        allow_infinite (bool): Whether only NaN counts: a buffer may hold infinity on
            purpose, such as a mask of attention. Defaults to False.

    Returns:
        list[str]: The names of those tensors, in the order given.
    """
    return [
        name
        for name, tensor in named_tensors
        if not _is_finite(tensor.detach(), allow_infinite)
    ]


def check_finite_weights(model: nn.Module, origin: str) -> None:
    """Check that no parameter holds NaN or infinity, and no buffer NaN.

    Args:
        model (nn.Module): A model that has loaded its weights.
        origin (str): The checkpoint, for the message.

    Raises:
        CheckpointError: Naming the checkpoint and the first such tensors.
    """
    names = find_nonfinite(model.named_parameters())
    names += find_nonfinite(model.named_buffers(), allow_infinite=True)
    if names:
        more = len(names) - SHOWN_NAMES
        shown = ', '.join(names[:SHOWN_NAMES]) + (f' and {more} more' if more > 0 else '')
        raise CheckpointError(
            f'{origin} holds NaN or infinite weights: {shown}. The training had '
            'diverged when it was saved: give an earlier checkpoint.'
        )


def _is_finite(tensor: Tensor, allow_infinite: bool) -> bool:
    if tensor.is_meta or not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.layout != torch.strided:
        tensor = tensor.coalesce().values() if tensor.is_sparse else tensor.values()
    if tensor.is_floating_point() and tensor.element_size() == 1:
        tensor = tensor.float()  # few functions support eight bits
    if allow_infinite:
        return not bool(tensor.isnan().any())
    return bool(tensor.isfinite().all())
